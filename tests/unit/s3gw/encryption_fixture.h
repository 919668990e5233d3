#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "base/rng.h"
#include "crypto/digest.h"
#include "filer/filer_service.h"
#include "kv/mem_kv.h"
#include "s3gw/local_keys.h"
#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {

inline const std::string kName = "x-amz-server-side-encryption";
inline constexpr std::size_t kPartBytes = 150'000;

inline SecretKey filled(char fill) {
  SecretKey key;
  std::ranges::fill(key.bytes(), std::byte(fill));
  return key;
}

inline std::string noise(std::size_t size) {
  Rng rng(size);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>('a' + rng.below(26));
  return text;
}

inline std::string md5_of(std::string_view text) {
  Digest digest(DigestAlgorithm::kMd5);
  digest.update(text);
  return digest.finish();
}

inline std::string etag_of(std::string_view text) {
  return '"' + hex_encode(md5_of(text)) + '"';
}

using Lines = std::vector<std::pair<std::string, std::string>>;

inline Lines customer(char fill, const std::string& prefix = kName) {
  const std::string key(32, fill);
  return {{prefix + "-customer-algorithm", "AES256"},
          {prefix + "-customer-key", base64_encode(key)},
          {prefix + "-customer-key-MD5", base64_encode(md5_of(key))}};
}
inline Lines source_customer(char fill) {
  return customer(fill, "x-amz-copy-source-server-side-encryption");
}
inline const Lines kS3{{kName, "AES256"}};
inline const Lines kKms{{kName, "aws:kms"}, {kName + "-aws-kms-key-id", "mine"}};

inline std::string default_of(const std::string& inside, const std::string& more = {}) {
  return "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>" + inside +
         "</ApplyServerSideEncryptionByDefault>" + more +
         "</Rule></ServerSideEncryptionConfiguration>";
}

/// The gateway over a real filer whose rows are in memory, and volumes that keep what they are
/// given.
class EncryptionTest : public GatewayTest {
 protected:
  EncryptionTest() {
    options.sse_c_over_http = true;
    keys = &keys_;
    send("PUT", "/bucket");
  }
  FilerClient& filer_client() override { return real_; }

  static KeyRing ring() {
    KeyRing ring = KeyRing::make("kms-1", filled('3'), filled('k'));
    EXPECT_TRUE(ring.add("mine", filled('m')));
    EXPECT_TRUE(ring.add("other", filled('o')));
    return ring;
  }

  Answer send_with(std::string method, std::string target, const Lines& lines,
                   std::string body = {}) {
    Outgoing request = outgoing(std::move(method), std::move(target), std::move(body));
    for (const auto& [name, value] : lines) add(request, name, value);
    return send(request);
  }
  using GatewayTest::send;

  Answer put(const std::string& key, const std::string& body, const Lines& lines) {
    Answer answer = send_with("PUT", "/bucket/" + key, lines, body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer;
  }
  /// Reads all of it, and some ranges.
  void expect_body(const std::string& key, const std::string& body, const Lines& lines = {}) {
    const Answer whole = send_with("GET", "/bucket/" + key, lines);
    EXPECT_EQ(whole.status, 200) << whole.body;
    EXPECT_TRUE(whole.body == body) << key << ": " << whole.body.size() << " bytes";
    const Answer head = send_with("HEAD", "/bucket/" + key, lines);
    EXPECT_EQ(head.announced, body.size());
    Rng rng(body.size());
    for (int i = 0; i < 10 && !body.empty(); ++i) {
      const std::uint64_t first = rng.below(body.size());
      const std::uint64_t bytes = 1 + rng.below(body.size() - first);
      Lines with = lines;
      with.emplace_back("Range", fmt::format("bytes={}-{}", first, first + bytes - 1));
      const Answer range = send_with("GET", "/bucket/" + key, with);
      EXPECT_EQ(range.status, 206);
      EXPECT_TRUE(range.body == body.substr(first, bytes)) << first << '+' << bytes;
    }
  }
  Answer copy(const std::string& from, const std::string& to, Lines lines) {
    lines.emplace_back("x-amz-copy-source", "/bucket/" + from);
    return send_with("PUT", "/bucket/" + to, lines);
  }
  /// Two parts and what completes them; the second is put twice.
  Answer upload(const std::string& key, const Lines& begin, const Lines& each) {
    const Answer created = send_with("POST", "/bucket/" + key + "?uploads", begin);
    EXPECT_EQ(created.status, 200) << created.body;
    const std::string target = "/bucket/" + key + "?uploadId=" + created.element("UploadId");
    EXPECT_EQ(send_with("PUT", target + "&partNumber=4", each, noise(99)).status, 200);
    std::string parts;
    for (const int number : {2, 4}) {
      const Answer part = send_with("PUT", fmt::format("{}&partNumber={}", target, number), each,
                                    part_body(number));
      EXPECT_EQ(part.status, 200) << part.body;
      parts += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", number,
                           part.header("ETag"));
    }
    return send("POST", target, "<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>");
  }
  static std::string part_body(int number) {
    return noise(kPartBytes + static_cast<std::size_t>(number));
  }

  /// All that lies in needles.
  std::string in_needles() const {
    std::string all;
    for (const auto& [key, needle] : volumes.needles) all += needle;
    return all;
  }

  std::unique_ptr<KvStore> store_ = make_mem_kv();
  FilerService real_{*store_, pool, clock, {.min_part_bytes = 1}};
  LocalKeys keys_{ring()};
};

}  // namespace kelp::s3::test
