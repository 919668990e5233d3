#include "async/runtime.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>

#include "base/assert.h"

namespace kelp {

struct Runtime::Thread {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
  std::thread thread{[this] { context.run(); }};
};

Runtime::Runtime(std::size_t threads) {
  KELP_ASSERT(threads > 0, "a runtime needs a thread");
  for (std::size_t i = 0; i < threads; ++i) threads_.push_back(std::make_unique<Thread>());
}

Runtime::~Runtime() {
  stop();
}

std::size_t Runtime::size() const {
  return threads_.size();
}

Executor Runtime::executor(std::size_t index) const {
  return threads_.at(index)->context.get_executor();
}

void Runtime::run(Task<void> task) {
  asio::co_spawn(executor(0), std::move(task), asio::use_future).get();
}

void Runtime::stop() {
  for (auto& thread : threads_) {
    thread->context.stop();
    if (thread->thread.joinable()) thread->thread.join();
  }
}

}  // namespace kelp
