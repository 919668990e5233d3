// Which certificate a client is shown that asks for a name (src/net/tls_names.h).
#include "net/tls_names.h"

#include <gtest/gtest.h>

#include <ctime>
#include <filesystem>

#include "tests/support/temp_dir.h"
#include "tests/unit/net/tls_test_support.h"

namespace kelp::test {
namespace {

/// Certificates are told apart by their serial numbers.
class TlsNames : public HttpServerTest {
 protected:
  void write_pair(const std::string& name, long serial, const std::string& names = {},
                  long seconds = 3600) const {
    write_certificate(dir_.path() + "/" + name + ".crt", dir_.path() + "/" + name + ".key", serial,
                      seconds, names);
  }
  void write_default(long serial, const std::string& names = {}) const {
    write_certificate(other_.path() + "/default.crt", other_.path() + "/default.key", serial, 3600,
                      names);
  }
  [[nodiscard]] TlsFiles files(bool with_default) const {
    if (!with_default) return {.certificate = {}, .key = {}, .dir = dir_.path()};
    return {.certificate = other_.path() + "/default.crt",
            .key = other_.path() + "/default.key",
            .dir = dir_.path()};
  }
  void start_tls(bool with_default) {
    HttpServerOptions options;
    options.tls = files(with_default);
    start(std::move(options));
  }
  /// The serial number of what both versions show; -1 when there is no connection.
  long shown(const std::string& name) {
    TlsClient older(port(), TLS1_2_VERSION, "http/1.1", name);
    TlsClient newer(port(), TLS1_3_VERSION, "http/1.1", name);
    if (!older.connected || !newer.connected) return -1;
    EXPECT_EQ(older.serial(), newer.serial());
    return newer.serial();
  }
  /// Why the files cannot be loaded.
  [[nodiscard]] std::string refusal(bool with_default = false) const {
    const auto loaded = load_tls_names(files(with_default));
    if (loaded) return "loaded";
    EXPECT_EQ(loaded.error().code(), Errc::kInvalidArgument);
    return std::string(loaded.error().detail());
  }
  TempDir dir_;
  TempDir other_;
};

TEST_F(TlsNames, TheExactNameGoesBeforeAWildcardAndThatBeforeTheDefault) {
  write_default(1, "DNS:default.test,DNS:*.default.test");
  write_pair("a", 2, "DNS:*.example.test,DNS:*.DEFAULT.test");
  write_pair("b", 3, "DNS:One.example.test,DNS:*.example.test,DNS:x.default.test");
  write_pair("c", 4, "DNS:one.example.test,DNS:example.test");
  start_tls(true);
  EXPECT_EQ(shown("one.example.test"), 3) << "the first that has it";
  EXPECT_EQ(shown("ONE.Example.TEST"), 3);
  EXPECT_EQ(shown("two.example.test"), 2);
  EXPECT_EQ(shown("example.test"), 4) << "a wildcard is for what is below";
  EXPECT_EQ(shown("x.default.test"), 3);
  EXPECT_EQ(shown("y.default.test"), 1) << "the default comes first among the rest";
  EXPECT_EQ(shown("a.two.example.test"), 1) << "one label";
  EXPECT_EQ(shown("nobody.test"), 1);
  EXPECT_EQ(shown("test"), 1);
  EXPECT_EQ(shown(""), 1);
}

TEST_F(TlsNames, WithoutADefaultTheFirstFileIsIt) {
  write_pair("b", 2, "DNS:b.test");
  write_pair("a", 1, "DNS:a.test");
  start_tls(false);
  EXPECT_EQ(shown("b.test"), 2);
  EXPECT_EQ(shown("a.test"), 1);
  EXPECT_EQ(shown("nobody.test"), 1);
  EXPECT_EQ(shown(""), 1);
}

TEST_F(TlsNames, ConnectionsOutliveTheSetThatTheyBeganWith) {
  write_pair("a", 1, "DNS:a.test");
  write_pair("b", 2, "DNS:b.test");
  start_tls(false);
  TlsClient before(port(), TLS1_3_VERSION, "http/1.1", "b.test");
  ASSERT_TRUE(before.connected);
  std::filesystem::remove(dir_.path() + "/b.crt");
  std::filesystem::remove(dir_.path() + "/b.key");
  EXPECT_TRUE(server().reload_tls());
  EXPECT_EQ(shown("b.test"), 1);
  EXPECT_TRUE(before.send(get("/a")));
  EXPECT_NE(before.receive(1).find("200 OK"), std::string::npos);
}

TEST_F(TlsNames, NamesTheFileThatCannotBeUsed) {
  EXPECT_EQ(refusal(), dir_.path() + ": no NAME.crt in it");
  write_pair("a", 1);
  write_pair("b", 2);
  EXPECT_EQ(refusal(), "loaded");
  const std::string first = dir_.path() + "/a";
  const std::string second = dir_.path() + "/b";
  std::filesystem::rename(second + ".key", second + ".old");
  EXPECT_TRUE(refusal().starts_with("key " + second + ".key: ")) << refusal();
  std::filesystem::copy(first + ".key", second + ".key");
  EXPECT_TRUE(refusal().starts_with("key " + second + ".key: ")) << refusal();
  EXPECT_NE(refusal().find("mismatch"), std::string::npos) << refusal();
  std::filesystem::rename(second + ".old", second + ".key");
  EXPECT_EQ(refusal(), "loaded");
  std::filesystem::remove(second + ".crt");
  EXPECT_TRUE(refusal().starts_with("certificate " + second + ".crt: ")) << refusal();
  std::filesystem::copy(first + ".key", second + ".crt");
  EXPECT_TRUE(refusal().starts_with("certificate " + second + ".crt: ")) << refusal();
  EXPECT_TRUE(refusal(true).starts_with("certificate " + other_.path())) << refusal(true);
}

TEST_F(TlsNames, LooksAtNothingElseInTheFolder) {
  write_pair("a", 1);
  for (const std::string name : {".hidden.crt", ".key", "README", "crt", "a.crt.new"}) {
    std::fclose(std::fopen((dir_.path() + "/" + name).c_str(), "w"));
  }
  EXPECT_EQ(refusal(), "loaded");
  std::filesystem::remove_all(dir_.path());
  EXPECT_NE(refusal().find(dir_.path()), std::string::npos) << refusal();
}

TEST_F(TlsNames, TellsWhenTheFirstEndsAndUsesOneThatHasEnded) {
  const auto left_seconds = [this] {
    const TlsContext context = load_tls_names(files(true)).value();
    return static_cast<double>(earliest_expiry(context) - std::time(nullptr));
  };
  write_default(1);
  EXPECT_NEAR(left_seconds(), 3600, 60);
  write_pair("a", 2, "DNS:a.test", 7200);
  EXPECT_NEAR(left_seconds(), 3600, 60);
  write_pair("b", 3, "DNS:b.test", 1800);
  EXPECT_NEAR(left_seconds(), 1800, 60);
  write_pair("b", 4, "DNS:b.test", -1800);
  testing::internal::CaptureStderr();
  EXPECT_NEAR(left_seconds(), -1800, 60);
  const std::string log = testing::internal::GetCapturedStderr();
  const std::size_t at = log.find("certificate_expired file=" + dir_.path() + "/b.crt");
  EXPECT_NE(at, std::string::npos) << log;
  EXPECT_EQ(at, log.rfind("certificate_expired")) << "of that one only";
  start_tls(true);
  EXPECT_EQ(shown("b.test"), 4);
}

}  // namespace
}  // namespace kelp::test
