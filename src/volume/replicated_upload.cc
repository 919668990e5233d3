#include "volume/replicated_upload.h"

#include <fmt/core.h>

#include "async/all.h"

namespace kelp {
namespace {

/// One copy being written, and who has it.
struct Copy {
  std::string node_id;
  std::unique_ptr<NeedleUpload> upload;
};

Result<void> first_error(const std::vector<Result<void>>& results,
                         const std::vector<Copy>& copies) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].has_value()) continue;
    const Error& error = results[i].error();
    return Error(error.code(), fmt::format("copy at {}: {}", copies[i].node_id, error.detail()),
                 error.reason());
  }
  return {};
}

class ReplicatedUpload final : public NeedleUpload {
 public:
  explicit ReplicatedUpload(std::vector<Copy> copies) : copies_(std::move(copies)) {}

  Task<Result<void>> append(ByteSpan bytes) override {
    std::vector<Task<Result<void>>> tasks;
    for (const Copy& copy : copies_) tasks.push_back(copy.upload->append(bytes));
    co_return first_error(co_await all(std::move(tasks)), copies_);
  }

  Task<Result<void>> finish() override {
    std::vector<Task<Result<void>>> tasks;
    for (const Copy& copy : copies_) tasks.push_back(copy.upload->finish());
    co_return first_error(co_await all(std::move(tasks)), copies_);
  }

 private:
  const std::vector<Copy> copies_;
};

}  // namespace

Task<Result<std::unique_ptr<NeedleUpload>>> open_replicated(std::unique_ptr<NeedleUpload> local,
                                                            VolumeNodes& peers,
                                                            OpenNeedle request) {
  const std::vector<VolumeMember> members = std::exchange(request.members, {});
  std::vector<std::shared_ptr<VolumeNode>> nodes;
  std::vector<Task<Result<std::unique_ptr<NeedleUpload>>>> opens;
  for (std::size_t i = 1; i < members.size(); ++i) {
    nodes.push_back(peers.at(members[i].address));
    opens.push_back(nodes.back()->open(request));
  }
  auto opened = co_await all(std::move(opens));
  std::vector<Copy> copies;
  copies.push_back({members.front().node_id, std::move(local)});
  for (std::size_t i = 0; i < opened.size(); ++i) {
    const std::string& node_id = members[i + 1].node_id;
    if (!opened[i].has_value()) {
      const Error& error = opened[i].error();
      co_return Error(error.code(), fmt::format("copy at {}: {}", node_id, error.detail()),
                      error.reason());
    }
    copies.push_back({node_id, *std::move(opened[i])});
  }
  co_return std::make_unique<ReplicatedUpload>(std::move(copies));
}

}  // namespace kelp
