// Form uploads as browsers send them: the gateway over in-memory fakes.

#include <gmock/gmock.h>

#include "base/encoding.h"
#include "s3gw/core/form_data.h"
#include "s3gw/core/sigv2.h"
#include "s3gw/local_keys.h"
#include "tests/unit/s3gw/gateway_fixture.h"
#include "wire/sealed.h"

namespace kelp::s3::test {
namespace {

using testing::HasSubstr;

constexpr std::size_t kMib = 1 << 20;

/// A form on its way; alter it, then post() it.
struct Form {
  std::vector<std::pair<std::string, std::string>> fields;  ///< Behind the signature.
  std::string conditions = R"({"bucket":"bucket"},["starts-with","$key",""])";
  std::string key = "k";
  std::string file = "body";
  std::string filename = "; filename=\"a.txt\"";
  std::string behind = "--\r\n";  ///< What follows the last boundary.
  std::string content_type = "multipart/form-data; boundary=xx";
  std::string expiration = "2013-05-24T01:00:00Z";
  bool sign = true;
};

std::string field_part(const std::string& name, const std::string& value) {
  return "--xx\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
}

class PostTest : public GatewayTest {
 protected:
  PostTest() { send("PUT", "/bucket"); }

  static std::string body_of(const Form& form) {
    std::string body = field_part("key", form.key);
    if (form.sign) {
      const std::string policy = base64_encode(R"({"expiration":")" + form.expiration +
                                               R"(","conditions":[)" + form.conditions + "]}");
      body += field_part("policy", policy);
      body += field_part("AWSAccessKeyId", std::string(kAccessKey));
      body += field_part("signature", sigv2_signature(kSecretKey, policy));
    }
    for (const auto& [name, value] : form.fields) body += field_part(name, value);
    body += "--xx\r\nContent-Disposition: form-data; name=\"file\"" + form.filename +
            "\r\nContent-Type: text/plain\r\n\r\n";
    return body + form.file + "\r\n--xx" + form.behind;
  }
  Answer post(const Form& form, const std::string& target = "/bucket") {
    Outgoing request = outgoing("POST", target, body_of(form));
    request.remove("x-amz-content-sha256");
    request.set("Content-Type", form.content_type);
    return send(request, false);
  }
  Answer post_raw(std::string body) {
    Outgoing request = outgoing("POST", "/bucket", std::move(body));
    request.set("Content-Type", "multipart/form-data; boundary=xx");
    return send(request, false);
  }
  std::string stored(const std::string& key = "k") { return send("GET", "/bucket/" + key).body; }
};

TEST_F(PostTest, PutsTheFile) {
  const Answer answer = post({});
  EXPECT_EQ(answer.status, 204) << answer.body;
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(answer.header("ETag"), "\"841a2d689ad86bd1611447453c22c6fc\"");
  EXPECT_EQ(answer.header("Location"), "http://localhost:8333/bucket/k");
  EXPECT_NE(answer.header("x-amz-checksum-crc64nvme"), "");
  EXPECT_EQ(stored(), "body");
  EXPECT_EQ(filer.buckets.at("bucket").objects.at("k").entry.owner_id, "abc");
}

// Around every border there is: a piece, what is gathered in memory, a needle.
TEST_F(PostTest, FilesOfEverySizeComeBack) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{16 * 1024}, std::size_t{16 * 1024 + 1},
        std::size_t{40'000}, 512 * 1024 - std::size_t{1}, 512 * 1024 + std::size_t{1},
        512 * 1024 + kMaxFormBytes, kMib, 9 * kMib + 3}) {
    for (const std::string& behind : std::vector<std::string>{
             "--", "--\r\n", "\r\n" + field_part("submit", "Upload") + "--xx--\r\n"}) {
      Form form;
      form.file = bytes_of(size);
      form.behind = behind;
      const Answer answer = post(form);
      EXPECT_EQ(answer.status, 204) << size << ' ' << answer.body;
      EXPECT_EQ(stored() == form.file, true) << size << ' ' << behind;
    }
  }
}

// How long such a file is, is known at its end; so is which of its frames is the last one.
TEST_F(PostTest, FilesAreEncryptedAroundEveryBorderToo) {
  SecretKey master;
  LocalKeys ring(KeyRing::make("kms-1", master, master));
  keys = &ring;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{16 * 1024}, std::size_t{40'000},
        std::size_t{65'503}, std::size_t{65'504}, std::size_t{65'505}, std::size_t{90'000},
        std::size_t{131'023}, std::size_t{131'024}, std::size_t{131'025}, kMib, 9 * kMib + 3}) {
    for (const std::string& behind :
         std::vector<std::string>{"--", "\r\n" + field_part("submit", "Upload") + "--xx--\r\n"}) {
      Form form;
      form.file = bytes_of(size);
      form.behind = behind;
      form.conditions += R"(,{"x-amz-server-side-encryption":"AES256"})";
      form.fields = {{"x-amz-server-side-encryption", "AES256"}};
      const Answer answer = post(form);
      EXPECT_EQ(answer.status, 204) << size << ' ' << answer.body;
      EXPECT_EQ(answer.header("x-amz-server-side-encryption"), "AES256");
      EXPECT_EQ(stored() == form.file, true) << size << ' ' << behind;
      const auto& object = filer.buckets.at("bucket").objects.at("k");
      std::uint64_t lies = object.body ? object.body->size() : 0;
      for (const Chunk& chunk : object.entry.layout.chunks) lies += chunk.size_bytes;
      EXPECT_EQ(lies, sealed_bytes(size)) << size;
    }
  }
}

TEST_F(PostTest, FilesMayHoldWhatLooksLikeABoundary) {
  Form form;
  form.file = "\r\n--x\r\n--y--xx\r\n\r--xx";
  EXPECT_EQ(post(form).status, 204);
  EXPECT_EQ(stored(), form.file);
}

TEST_F(PostTest, FieldsSayWhatHeadersOfAPutSay) {
  Form form;
  form.key = "u/${filename}";
  form.conditions +=
      R"(,["starts-with","$Content-Type",""],["starts-with","$x-amz-meta-colour",""],)"
      R"(["starts-with","$tagging","<Tagging>"],)"
      R"({"x-amz-storage-class":"STANDARD_IA"},{"acl":"private"},{"Cache-Control":"no-store"})";
  form.fields = {
      {"Content-Type", "image/png"},
      {"X-Amz-Meta-Colour", "green"},
      {"tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"},
      {"x-amz-storage-class", "STANDARD_IA"},
      {"acl", "private"},
      {"Cache-Control", "no-store"}};
  EXPECT_EQ(post(form).status, 204);
  const Answer kept = send("GET", "/bucket/u/a.txt");
  EXPECT_EQ(kept.body, "body");
  EXPECT_EQ(kept.header("Content-Type"), "image/png");
  EXPECT_EQ(kept.header("Cache-Control"), "no-store");
  EXPECT_EQ(kept.header("x-amz-meta-colour"), "green");
  EXPECT_EQ(kept.header("x-amz-storage-class"), "STANDARD_IA");
  EXPECT_EQ(kept.header("x-amz-tagging-count"), "1");
}

TEST_F(PostTest, AnswersAsTheFormAsks) {
  Form form;
  form.key = "a b/ä";
  form.conditions += R"(,["starts-with","$success_action_status",""])";
  form.fields = {{"success_action_status", "200"}};
  EXPECT_EQ(post(form).status, 200);
  form.fields = {{"success_action_status", "404"}};
  EXPECT_EQ(post(form).status, 204);
  form.fields = {{"success_action_status", "201"}};
  const Answer created = post(form);
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.element("Bucket"), "bucket");
  EXPECT_EQ(created.element("Key"), "a b/ä");
  EXPECT_EQ(created.element("Location"), "http://localhost:8333/bucket/a%20b%2F%C3%A4");
  EXPECT_EQ(created.element("ETag"), "&quot;841a2d689ad86bd1611447453c22c6fc&quot;");
  EXPECT_EQ(created.header("Content-Type"), "application/xml");
}

TEST_F(PostTest, SendsTheBrowserOn) {
  Form form;
  form.key = "a b/c";
  form.conditions += R"(,["starts-with","$success_action_redirect",""])";
  const auto location = [&](const std::string& url) {
    form.fields = {{"success_action_redirect", url}};
    const Answer answer = post(form);
    return std::to_string(answer.status) + " " + answer.header("Location");
  };
  const std::string query = "bucket=bucket&key=a+b%2Fc&etag=%22841a2d689ad86bd1611447453c22c6fc%22";
  EXPECT_EQ(location("https://site.example/done"), "303 https://site.example/done?" + query);
  EXPECT_EQ(location("http://site.example/?x=1"), "303 http://site.example/?x=1&" + query);
  EXPECT_EQ(location("/relative"), "204 http://localhost:8333/bucket/a%20b%2Fc");
}

TEST_F(PostTest, RefusesFormsThatAreNotSigned) {
  Form form;
  form.sign = false;
  EXPECT_EQ(post(form).element("Code"), "AccessDenied");
  form.fields = {{"policy", "e30="}};
  EXPECT_EQ(post(form).element("Code"), "AccessDenied");
  form.fields = {
      {"policy", "e30="}, {"AWSAccessKeyId", std::string(kAccessKey)}, {"signature", "x"}};
  EXPECT_EQ(post(form).element("Code"), "SignatureDoesNotMatch");
  EXPECT_EQ(send("GET", "/bucket/k").status, 404);
}

TEST_F(PostTest, RefusesWhatThePolicyDoesNotAllow) {
  const auto message = [&](const Form& form) { return post(form).element("Message"); };
  Form expired;
  expired.expiration = "2013-05-23T23:59:59Z";
  EXPECT_EQ(message(expired), "Invalid according to Policy: Policy expired.");
  Form other_key;
  other_key.conditions = R"({"bucket":"bucket"},{"key":"mine"})";
  EXPECT_EQ(message(other_key),
            "Invalid according to Policy: Policy Condition failed: "
            "[&quot;eq&quot;, &quot;$key&quot;, &quot;mine&quot;]");
  Form extra;
  extra.fields = {{"x-amz-meta-a", "b"}};
  EXPECT_EQ(message(extra), "Invalid according to Policy: Extra input fields: x-amz-meta-a");
  send("PUT", "/other");
  EXPECT_EQ(post({}, "/other").element("Code"), "AccessDenied");
  Form broken;
  broken.conditions = "{}";
  EXPECT_EQ(post(broken).element("Code"), "InvalidPolicyDocument");
  EXPECT_EQ(send("GET", "/bucket/k").status, 404);
}

// The size counts that the file has, whatever surrounds it.
TEST_F(PostTest, FilesKeepToTheLengthOfThePolicy) {
  Form form;
  form.conditions += R"(,["content-length-range",5,10])";
  const auto code = [&](std::size_t bytes) {
    form.file = bytes_of(bytes);
    return post(form).element("Code");
  };
  EXPECT_EQ(code(4), "EntityTooSmall");
  EXPECT_EQ(code(5), "");
  EXPECT_EQ(code(10), "");
  EXPECT_EQ(code(11), "EntityTooLarge");
  EXPECT_EQ(stored(), bytes_of(10));
  const Answer large = post(form);
  EXPECT_EQ(large.element("ProposedSize"), "11");
  EXPECT_EQ(large.element("MaxSizeAllowed"), "10");
  form.file = bytes_of(2 * kMib);
  EXPECT_EQ(post(form).element("Code"), "EntityTooLarge");
  EXPECT_TRUE(volumes.needles.empty()) << "refused before it was stored";
}

TEST_F(PostTest, PromisesAboutTheFileAreKept) {
  Form form;
  form.conditions += R"(,["starts-with","$x-amz-checksum-crc32",""])";
  form.fields = {{"x-amz-checksum-crc32", "1nWZzw=="}};
  const Answer wrong = post(form);
  EXPECT_EQ(wrong.element("Code"), "BadDigest");
  form.conditions =
      R"({"bucket":"bucket"},["starts-with","$key",""],["starts-with","$content-md5",""])";
  form.fields = {{"Content-MD5", "hBotaJrYa9FhFEdFPCLG/A=="}};
  EXPECT_EQ(post(form).status, 204);
  form.file = "Body";
  EXPECT_EQ(post(form).element("Code"), "BadDigest");
  EXPECT_EQ(stored(), "body");
}

TEST_F(PostTest, RefusesWhatIsNoForm) {
  Form form;
  form.content_type = "application/x-www-form-urlencoded";
  const Answer other = post(form);
  EXPECT_EQ(other.status, 412);
  EXPECT_EQ(other.element("Condition"),
            "Bucket POST must be of the enclosure-type multipart/form-data");
  form.content_type = "multipart/form-data";
  EXPECT_EQ(post(form).element("Code"), "MalformedPOSTRequest");
  EXPECT_EQ(post_raw("nothing").element("Code"), "MalformedPOSTRequest");
  EXPECT_EQ(post_raw(field_part("key", "k") + "--xx--").element("Message"),
            "POST requires exactly one file upload per request.");
  EXPECT_EQ(post_raw(field_part("key", bytes_of(50'000))).element("MaxPostPreDataLengthBytes"),
            "20480");
  const std::string whole = body_of({});
  const std::string no_key = whole.substr(field_part("key", "k").size());
  EXPECT_EQ(post_raw(no_key).element("ArgumentName"), "key");
  EXPECT_EQ(post_raw(whole.substr(0, whole.size() - 5)).element("Code"), "MalformedPOSTRequest");
  Form no_name;
  no_name.key = "";
  EXPECT_EQ(post(no_name).element("Message"), "User key must have a length greater than 0.");
  EXPECT_EQ(send("GET", "/bucket/k").status, 404);
}

// A form that ends within its file stores nothing, and neither does one that goes on behind it.
TEST_F(PostTest, FormsEndWhereTheyShould) {
  Form form;
  form.file = bytes_of(kMib);
  std::string body = body_of(form);
  EXPECT_EQ(post_raw(body.substr(0, body.size() - 8)).element("Code"), "MalformedPOSTRequest");
  form.behind = "\r\n" + field_part("more", bytes_of(30'000)) + "--xx--\r\n";
  EXPECT_EQ(post(form).element("Code"), "MalformedPOSTRequest");
  form.file = "small";
  EXPECT_EQ(post(form).element("Code"), "MalformedPOSTRequest");
  Outgoing cut = outgoing("POST", "/bucket", body.substr(0, body.size() / 2));
  cut.set("Content-Type", form.content_type);
  cut.content_length = body.size();
  cut.truncated = true;
  EXPECT_EQ(send(cut, false).element("Code"), "IncompleteBody");
  EXPECT_EQ(send("GET", "/bucket/k").status, 404);
}

TEST_F(PostTest, NamesOfMetadataCannotBreakAnAnswer) {
  Form form;
  form.conditions += R"(,["starts-with","$x-amz-meta-a\r\nset-cookie",""])";
  form.fields = {{"x-amz-meta-a\r\nset-cookie", "x"}};
  EXPECT_EQ(post(form).status, 400);
  form.conditions =
      R"({"bucket":"bucket"},["starts-with","$key",""],["starts-with","$x-amz-meta-a:b",""])";
  form.fields = {{"x-amz-meta-a:b", "x"}};
  EXPECT_EQ(post(form).element("Code"), "InvalidArgument");
  EXPECT_EQ(send("GET", "/bucket/k").status, 404);
}

TEST_F(PostTest, ABucketOfAnotherAccountIsRefused) {
  make_foreign_bucket("foreign");
  Form form;
  form.conditions = R"({"bucket":"foreign"},["starts-with","$key",""])";
  EXPECT_EQ(post(form, "/foreign").element("Code"), "AccessDenied");
  form.conditions = R"({"bucket":"missing"},["starts-with","$key",""])";
  EXPECT_EQ(post(form, "/missing").element("Code"), "NoSuchBucket");
}

// A form is a write like any other, signed by whom it may, or by nobody.
TEST_F(PostTest, TheBucketsPolicyDecides) {
  const auto set_policy = [&](const std::string& effect) {
    const std::string policy = R"({"Statement":{"Effect":")" + effect +
                               R"(","Principal":"*","Action":"s3:PutObject",)"
                               R"("Resource":"arn:aws:s3:::bucket/*"}})";
    return send("PUT", "/bucket?policy", policy).status;
  };
  EXPECT_EQ(send("DELETE", "/bucket?publicAccessBlock").status, 204);
  Form anonymous;
  anonymous.sign = false;
  EXPECT_EQ(post(anonymous).status, 403);
  EXPECT_EQ(set_policy("Allow"), 204);
  EXPECT_EQ(post(anonymous).status, 204);
  EXPECT_EQ(stored(), "body");
  anonymous.fields = {{"tagging", "<Tagging><TagSet/></Tagging>"}};
  EXPECT_EQ(post(anonymous).status, 403) << "tags are an action of their own";
  EXPECT_EQ(post({}).status, 204);
  EXPECT_EQ(set_policy("Deny"), 204);
  EXPECT_EQ(post({}).element("Code"), "AccessDenied");
}

TEST_F(PostTest, ALargeFileIsNeverWholeInMemory) {
  options.body_memory_bytes = 4 * kMib;
  Form form;
  form.file = bytes_of(9 * kMib);
  EXPECT_EQ(post(form).status, 204);
  EXPECT_EQ(stored() == form.file, true);
}

}  // namespace
}  // namespace kelp::s3::test
