#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "client/volume_nodes.h"
#include "wire/packed_place.h"

namespace kelp::master {

/// The needles of one member's copy by key, a page at a time; behind those of a packed volume its
/// extents, if asked for.
class NeedleWalk {
 public:
  NeedleWalk(std::shared_ptr<VolumeNode> node, VolumeId volume, bool extents)
      : node_(std::move(node)), volume_(volume), extents_(extents) {}
  /// Nothing at the end.
  Task<Result<std::optional<NeedleInfo>>> next() {
    while (at_ == page_.size() && !ended_) {
      if (!page_.empty()) after_ = page_.back().key;
      KELP_CO_TRY(page_, co_await node_->list_needles(volume_, after_, kPage));
      at_ = 0;
      if (!page_.empty()) continue;
      ended_ = !extents_ || after_ >= kLastNeedleKey;
      after_ = std::max(after_, kLastNeedleKey);
    }
    if (ended_) co_return std::nullopt;
    co_return page_[at_++];
  }

 private:
  static constexpr std::uint32_t kPage = 1000;
  const std::shared_ptr<VolumeNode> node_;
  const VolumeId volume_;
  const bool extents_;
  std::vector<NeedleInfo> page_;
  std::size_t at_ = 0;
  NeedleKey after_;
  bool ended_ = false;
};

}  // namespace kelp::master
