#include "s3gw/ops/handlers.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace kelp::s3 {
namespace {

/// What comes of an operation.
enum class Support : std::uint8_t { kWorks, kKept, kStub };

/// A row of routes.inc.
struct Row {
  Operation operation;
  Handler handler;
  Support support;
};

constexpr Row kRows[] = {
#define KELP_ROUTE(method, target, query, also, when, operation, handler, support) \
  {Operation::k##operation, handler, Support::support},
#include "s3gw/core/routes.inc"
};

constexpr std::size_t index_of(Operation operation) {
  return static_cast<std::size_t>(operation);
}

constexpr std::array<Handler, kOperationCount> kHandlers = [] {
  std::array<Handler, kOperationCount> handlers{};
  for (const Row& row : kRows) handlers[index_of(row.operation)] = row.handler;
  return handlers;
}();

static_assert(std::ranges::find(kHandlers, nullptr) == kHandlers.end(), "all are routed");
static_assert(std::ranges::all_of(kRows, [](const Row& row) {
  const bool stub = row.handler == not_implemented;
  return kHandlers[index_of(row.operation)] == row.handler &&
         stub == (row.support == Support::kStub);
}));

}  // namespace

Handler handler_of(Operation operation) {
  return kHandlers[index_of(operation)];
}

}  // namespace kelp::s3
