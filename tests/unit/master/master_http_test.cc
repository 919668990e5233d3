#include "master/http/master_http.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "base/encoding.h"
#include "master/http/answers.h"
#include "tests/support/client_fakes.h"
#include "tests/support/run_coro.h"
#include "tests/unit/master/fakes.h"

namespace kelp::master {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

class NoBody final : public BodyReader {
 public:
  Task<Result<std::size_t>> read_some(MutableByteSpan) override { co_return std::size_t{0}; }
};

/// Keeps the one answer that is sent at once.
class Kept final : public ResponseWriter {
 public:
  Task<Result<void>> send(HttpResponse head, std::string the_body) override {
    status = head.status();
    body = std::move(the_body);
    co_return Result<void>();
  }
  Task<Result<void>> send_head(HttpResponse head, std::optional<std::uint64_t>) override {
    status = head.status();
    co_return Result<void>();
  }
  void start(HttpResponse, std::optional<std::uint64_t>) override {}
  Task<Result<void>> write(ByteSpan) override { co_return Result<void>(); }
  Task<Result<void>> write_pages(PinnedPages) override { co_return Result<void>(); }
  Task<Result<void>> finish() override { co_return Result<void>(); }
  [[nodiscard]] bool started() const override { return status != 0; }

  int status = 0;
  std::string body;
};

/// The masters' HTTP over a master that answers what a seed draws.
struct HttpRig {
  test::FakeMaster master;
  test::ManualClock clock;
  GroupView group{1, 2, {{1, "a:1"}, {2, "b:1"}, {3, "c:1"}}};
  MasterHttpOptions options{.open = false, .spread = {0, 0, 1}};
  int status = 0;

  std::vector<HttpHeader> headers;

  json::value ask(std::string_view target, std::string_view method = "GET",
                  std::string_view peer = "127.0.0.1") {
    MasterHttpParts parts{master,
                          master,
                          [this] { return known(); },
                          [] { return 0xabcU; },
                          [](const FileId& fid) { return "remove " + to_string(fid); },
                          clock};
    MasterHttp http(std::move(parts), options);
    HttpRequest request;
    request.method = method;
    request.target = target;
    request.headers = headers;
    request.remote_address = peer;
    NoBody body;
    Kept kept;
    test::run_coro(http.handle({request, body, kept}));
    status = kept.status;
    return method == "HEAD" ? json::value() : json::parse(kept.body);
  }
  std::string error(std::string_view target, std::string_view method = "GET",
                    std::string_view peer = "127.0.0.1") {
    return ask(target, method, peer).at("error").as_string().c_str();
  }
  Task<GroupView> known() { co_return group; }
};

TEST(MasterHttpAnswers, NameAFileIdAsScriptsKnowIt) {
  WriteLease lease;
  lease.volume = VolumeId{3};
  lease.first_key = NeedleKey{1};
  lease.key_count = 5;
  lease.members = {{"n", "10.0.0.1:18080"}};
  lease.token = "to";
  const json::value answer = assign_answer(lease, Cookie{0x637037d6});
  EXPECT_EQ(json::serialize(answer),
            R"({"fid":"3,01637037d6","url":"10.0.0.1:18080","publicUrl":"10.0.0.1:18080",)"
            R"("count":5,"auth":"dG8="})");
}

TEST(MasterHttpAnswers, ShowNodesByDataCentreAndRackWithTheirRoom) {
  ClusterView view;
  NodeView node;
  node.identity = {"id-1", "10.0.0.1:18080", "dc1", "r1", {}};
  node.alive = true;
  node.total_bytes = 100;
  node.free_bytes = 55;
  node.volumes = 4;
  view.nodes = {node};
  for (const std::uint32_t id : {1U, 2U, 3U, 7U}) {
    VolumeView volume;
    volume.location.volume = VolumeId{id};
    volume.location.members = {{"id-1", "10.0.0.1:18080"}};
    volume.location.writable = id == 7;
    volume.spread = {0, 0, 1};
    volume.bytes = id;
    view.volumes.push_back(volume);
  }
  const json::value status = dir_status_answer(view, 10);
  EXPECT_EQ(status.at("Topology").at("Free").as_uint64(), 5U);
  EXPECT_EQ(status.at("Topology").at("Max").as_uint64(), 10U);
  const json::value& centre = status.at("Topology").at("DataCenters").at(0);
  EXPECT_EQ(centre.at("Id").as_string(), "dc1");
  EXPECT_EQ(centre.at("Racks").at(0).at("Id").as_string(), "r1");
  const json::value& found = centre.at("Racks").at(0).at("DataNodes").at(0);
  EXPECT_EQ(found.at("Url").as_string(), "10.0.0.1:18080");
  EXPECT_EQ(found.at("VolumeIds").as_string(), "1-3 7");
  const json::value& layout = status.at("Topology").at("Layouts").at(0);
  EXPECT_EQ(layout.at("replication").as_string(), "001");
  EXPECT_EQ(json::serialize(layout.at("writables")), "[7]");
  const json::value volumes = volume_status_answer(view);
  const json::value& copies =
      volumes.at("Volumes").at("DataCenters").at("dc1").at("r1").at("10.0.0.1:18080");
  ASSERT_EQ(copies.as_array().size(), 4U);
  EXPECT_EQ(copies.at(3).at("Id").as_uint64(), 7U);
  EXPECT_FALSE(copies.at(3).at("ReadOnly").as_bool());
  EXPECT_TRUE(copies.at(0).at("ReadOnly").as_bool());
}

TEST(MasterHttp, PassesWhatARequestAsksForToTheLeader) {
  HttpRig rig;
  const json::value given = rig.ask("/dir/assign?count=3&collection=a%20b&rack=r&replication=001");
  EXPECT_EQ(rig.status, 200);
  for (const char* member : {"fid", "url", "publicUrl", "count", "auth"}) {
    EXPECT_TRUE(given.as_object().contains(member)) << member;
  }
  LeaseRequest asked;
  asked.key_count = 3;
  asked.collection = "a b";
  asked.rack = "r";
  EXPECT_EQ(rig.master.script.last(), encode_message(asked));
  static_cast<void>(rig.ask("/dir/lookup?volumeId=3,01637037d6"));
  EXPECT_EQ(rig.status, 200);
  EXPECT_EQ(rig.master.script.last(), encode_message(LocateVolume{VolumeId{3}}));
  static_cast<void>(rig.ask("/vol/grow?count=2&collection=c", "POST"));
  EXPECT_EQ(rig.status, 200);
  EXPECT_EQ(rig.master.script.last(), encode_message(GrowVolumes{"c", 2}));
}

TEST(MasterHttp, KnowsByItselfWhoLeads) {
  HttpRig rig;
  const json::value follower = rig.ask("/cluster/status");
  EXPECT_EQ(json::serialize(follower),
            R"({"IsLeader":false,"Leader":"b:1","Peers":["a:1","c:1"]})");
  static_cast<void>(rig.ask("/cluster/healthz"));
  EXPECT_EQ(rig.status, 200);
  rig.group.leader.reset();
  EXPECT_FALSE(rig.ask("/cluster/status").as_object().contains("Leader"));
  EXPECT_THAT(rig.error("/cluster/healthz"), HasSubstr("no master leads"));
  EXPECT_EQ(rig.status, 503);
  EXPECT_EQ(rig.master.script.calls(), 0) << "nobody else was asked";
}

TEST(MasterHttp, ChangesNothingForStrangersUnlessItIsOpen) {
  HttpRig rig;
  for (const char* target : {"/dir/assign", "/vol/grow", "/vol/vacuum", "/col/delete"}) {
    EXPECT_THAT(rig.error(target, "GET", "10.1.1.1"), HasSubstr("master.http_open")) << target;
    EXPECT_EQ(rig.status, 403);
  }
  EXPECT_EQ(rig.master.script.calls(), 0);
  static_cast<void>(rig.ask("/dir/lookup?volumeId=3", "GET", "10.1.1.1"));
  EXPECT_EQ(rig.status, 200);
  static_cast<void>(rig.ask("/dir/assign", "GET", "::1"));
  EXPECT_EQ(rig.status, 200);
  rig.options.open = true;
  static_cast<void>(rig.ask("/dir/assign", "GET", "10.1.1.1"));
  EXPECT_EQ(rig.status, 200);
}

TEST(MasterHttp, AnswersNoPageOfAnotherSite) {
  HttpRig rig;
  rig.options.open = true;
  for (const auto& [site, status] :
       {std::pair("cross-site", 403), {"same-site", 403}, {"none", 200}, {"same-origin", 200}}) {
    rig.headers = {{"sec-fetch-site", site}};
    static_cast<void>(rig.ask("/dir/assign"));
    EXPECT_EQ(rig.status, status) << site;
  }
  EXPECT_EQ(rig.master.script.calls(), 4) << "a lease, and where HTTP is, for two of them";
}

// A token for removal is a change, though the question only looks.
TEST(MasterHttp, GivesTheRightToRemoveOnlyToThoseWhoMayChangeThings) {
  HttpRig rig;
  const std::string token = base64_encode("remove 3,01637037d6");
  EXPECT_EQ(rig.ask("/dir/lookup?fileId=3,01637037d6").at("auth").as_string(), token);
  EXPECT_FALSE(rig.ask("/dir/lookup?volumeId=3").as_object().contains("auth"));
  EXPECT_FALSE(
      rig.ask("/dir/lookup?fileId=3,01637037d6", "GET", "10.1.1.1").as_object().contains("auth"));
  rig.options.open = true;
  EXPECT_EQ(rig.ask("/dir/lookup?fileId=3,01637037d6", "GET", "10.1.1.1").at("auth").as_string(),
            token);
}

TEST(MasterHttp, SaysClearlyWhatKelpDoesNotDo) {
  HttpRig rig;
  const auto refused = [&rig](std::string_view target, int status) {
    const std::string why = rig.error(target);
    EXPECT_EQ(rig.status, status) << target;
    return why;
  };
  EXPECT_THAT(refused("/vol/vacuum?garbageThreshold=0.1", 501), HasSubstr("vacuum"));
  EXPECT_THAT(refused("/col/delete?collection=c", 501), HasSubstr("collection"));
  EXPECT_THAT(refused("/dir/assign?ttl=3m", 501), HasSubstr("ttl"));
  EXPECT_THAT(refused("/dir/assign?dataCenter=dc1", 501), HasSubstr("dataCenter"));
  EXPECT_THAT(refused("/dir/assign?replication=010", 400), HasSubstr("001"));
  EXPECT_EQ(rig.master.script.calls(), 0);
  EXPECT_THAT(refused("/3,01637037d6", 501), HasSubstr("speaks HTTP"));
}

TEST(MasterHttp, RefusesWhatIsWrongWithAFittingStatus) {
  HttpRig rig;
  const auto status_of = [&rig](std::string_view target, std::string_view method = "GET") {
    EXPECT_FALSE(rig.error(target, method).empty());
    return rig.status;
  };
  EXPECT_EQ(status_of("/"), 404);
  EXPECT_EQ(status_of("/dir/other"), 404);
  EXPECT_EQ(status_of("/dir/status", "DELETE"), 405);
  static_cast<void>(rig.ask("/dir/assign", "HEAD"));
  EXPECT_EQ(rig.status, 405) << "HEAD would give ids away unseen";
  EXPECT_EQ(status_of("/dir/lookup"), 400);
  EXPECT_EQ(status_of("/dir/lookup?volumeId=x"), 400);
  EXPECT_EQ(status_of("/dir/lookup?volumeId=3%"), 400);
  EXPECT_EQ(status_of("/dir/assign?count=many"), 400);
  const std::pair<Errc, int> errors[] = {{Errc::kNotFound, 404},         {Errc::kNoSpace, 507},
                                         {Errc::kUnavailable, 503},      {Errc::kConflict, 409},
                                         {Errc::kDeadlineExceeded, 504}, {Errc::kInternal, 500},
                                         {Errc::kInvalidArgument, 400}};
  for (const auto& [code, status] : errors) {
    rig.master.script.set_error(Error(code, "why"));
    EXPECT_EQ(status_of("/dir/lookup?volumeId=3"), status);
    EXPECT_EQ(status_of("/dir/status"), status);
  }
  static_cast<void>(rig.ask("/cluster/healthz", "HEAD"));
  EXPECT_EQ(rig.status, 200);
}

}  // namespace
}  // namespace kelp::master
