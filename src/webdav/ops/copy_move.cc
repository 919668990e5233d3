#include "s3gw/core/header_text.h"
#include "webdav/ops/handlers.h"
#include "webdav/permission.h"
#include "webdav/transfer.h"

namespace kelp::webdav {
namespace {

Outcome<TransferPlan> read_plan(const Visit& visit, bool move) {
  TransferPlan plan{.move = move};
  const std::string_view depth = visit.call.header("depth").value_or("infinity");
  plan.deep = s3::equals_lower(depth, "infinity");
  if (!plan.deep && (move || depth != "0")) return failed(400, "Depth is not one of this method");
  const std::string_view overwrite = visit.call.header("overwrite").value_or("T");
  plan.overwrite = s3::equals_lower(overwrite, "t");
  if (!plan.overwrite && !s3::equals_lower(overwrite, "f")) {
    return failed(400, "Overwrite is neither T nor F");
  }
  return plan;
}

Task<Outcome<void>> run(Visit& visit, bool is_move) {
  KELP_DAV_CO_TRY(const TransferPlan plan, read_plan(visit, is_move));
  const auto destination = visit.call.header("destination");
  if (!destination) co_return failed(400, "there is no Destination");
  const std::string_view host = visit.call.header("host").value_or("");
  KELP_DAV_CO_TRY(const Place to, parse_place_of_url(*destination, host));
  KELP_DAV_CO_TRY(const Found source, co_await look_up(visit, visit.place));
  if (source.kind == Found::Kind::kNothing) {
    co_return std::unexpected(co_await nothing_there(visit, visit.place, "nothing is here"));
  }
  KELP_DAV_CO_TRY(const bool replaced, co_await transfer(visit, source, to, plan));
  co_await reply_empty(visit, replaced ? 204 : 201);
  co_return Outcome<void>{};
}

}  // namespace

Task<Outcome<void>> copy(Visit& visit) {
  return run(visit, false);
}

Task<Outcome<void>> move(Visit& visit) {
  return run(visit, true);
}

}  // namespace kelp::webdav
