#include "async/work_pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/assert.h"

namespace kelp {
namespace {

class ThreadPool final : public WorkPool {
 public:
  explicit ThreadPool(ThreadPoolOptions options) : queue_limit_(options.queue_limit) {
    KELP_ASSERT(options.threads > 0, "a pool needs a thread");
    for (std::size_t i = 0; i < options.threads; ++i) threads_.emplace_back([this] { run(); });
  }

  ~ThreadPool() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  bool try_post(Work work) override {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || queue_.size() >= queue_limit_) return false;
      queue_.push_back(std::move(work));
    }
    wake_.notify_one();
    return true;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;  // stopping, and everything accepted has run
      Work work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
    }
  }

  const std::size_t queue_limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<WorkPool> make_thread_pool(ThreadPoolOptions options) {
  return std::make_unique<ThreadPool>(options);
}

bool run_detached(WorkPool::Work work) {
  try {
    std::thread(std::move(work)).detach();
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

}  // namespace kelp
