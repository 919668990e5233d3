// Who may do what: by policies of users and of buckets, by lists, and what is blocked.
#include "tests/unit/s3gw/authorize_fixture.h"

namespace kelp::s3::test {
namespace {

TEST_F(AuthorizeTest, NobodyElseMayAnythingByDefault) {
  for (const auto& [method, target] :
       std::vector<std::pair<std::string, std::string>>{{"GET", "/bucket"},
                                                        {"GET", "/bucket/key"},
                                                        {"HEAD", "/bucket/key"},
                                                        {"PUT", "/bucket/new"},
                                                        {"DELETE", "/bucket/key"},
                                                        {"GET", "/bucket/none"},
                                                        {"GET", "/bucket?acl"},
                                                        {"DELETE", "/bucket"},
                                                        {"PUT", "/bucket?policy"},
                                                        {"GET", "/bucket?uploads"},
                                                        {"GET", "/bucket?versions"}}) {
    become_other();
    EXPECT_EQ(send(method, target).status, 403) << method << target;
    become_user();
    EXPECT_EQ(send(method, target).status, 403) << method << target;
    EXPECT_EQ(anonymous(method, target), 403) << method << target;
  }
  become_user();
  EXPECT_EQ(send("GET", "/").status, 403);
  EXPECT_EQ(send("PUT", "/another").status, 403);
  EXPECT_EQ(anonymous("GET", "/"), 403);
  EXPECT_EQ(anonymous("PUT", "/another"), 403);
  EXPECT_EQ(filer.buckets.size(), 1U);
}

TEST_F(AuthorizeTest, WhoMayBeABrowserIsToldNotToGuessTypes) {
  ASSERT_EQ(send("DELETE", "/bucket?publicAccessBlock").status, 204);
  ASSERT_EQ(send("PUT", "/bucket?policy", kRead).status, 204);
  Outgoing unsigned_get = outgoing("GET", "/bucket/key");
  unsigned_get.headers.erase(unsigned_get.headers.begin() + 1, unsigned_get.headers.end());
  const Answer open = send(std::move(unsigned_get), false);
  EXPECT_EQ(open.status, 200);
  EXPECT_EQ(open.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(send("GET", "/bucket/key").header("X-Content-Type-Options"), "");
}

TEST_F(AuthorizeTest, AUserMayWhatItsPoliciesSay) {
  become_user(
      R"({"Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:ListBucket"],"Resource":"*"},
    {"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/secret/*"}]})");
  EXPECT_EQ(send("GET", "/bucket/key").body, "body");
  EXPECT_EQ(send("GET", "/bucket/none").status, 404);
  EXPECT_EQ(send("GET", "/bucket/secret/none").status, 403);
  EXPECT_EQ(send("PUT", "/bucket/key", "x").status, 403);
  EXPECT_EQ(send("DELETE", "/bucket/key").status, 403);
  EXPECT_EQ(send("GET", "/").status, 403);
}

TEST_F(AuthorizeTest, AUserOfAnotherAccountNeedsBothPolicies) {
  become_owner();
  send("DELETE", "/bucket?publicAccessBlock");
  ASSERT_EQ(send("PUT", "/bucket?policy", kRead).status, 204);
  become_other();
  EXPECT_EQ(send("GET", "/bucket/key").status, 200) << "a root needs none of its own";
  credentials.mine.who.arn = "arn:aws:iam::" + credentials.mine.who.account + ":user/eve";
  EXPECT_EQ(send("GET", "/bucket/key").status, 403);
  credentials.mine.permissions.identity.push_back(std::make_shared<policy::Document>(
      *policy::Document::parse(allowing("\"s3:*\""), policy::PolicyKind::kIdentity)));
  EXPECT_EQ(send("GET", "/bucket/key").status, 200);
  EXPECT_EQ(send("PUT", "/bucket/key", "x").status, 403);
}

TEST_F(AuthorizeTest, APublicPolicyLetsTheAnonymousIn) {
  EXPECT_EQ(send("PUT", "/bucket?policy", kRead).element("Code"), "AccessDenied")
      << "blocked in a new bucket";
  EXPECT_EQ(send("DELETE", "/bucket?publicAccessBlock").status, 204);
  EXPECT_EQ(send("GET", "/bucket?publicAccessBlock").element("Code"),
            "NoSuchPublicAccessBlockConfiguration");
  EXPECT_EQ(send("PUT", "/bucket?policy", kRead).status, 204);
  EXPECT_EQ(send("GET", "/bucket?policy").body, kRead);
  EXPECT_EQ(send("GET", "/bucket?policyStatus").element("IsPublic"), "true");
  EXPECT_EQ(anonymous("GET", "/bucket/key"), 200);
  EXPECT_EQ(anonymous("GET", "/bucket/none"), 403) << "what is not there is told to who may list";
  EXPECT_EQ(anonymous("PUT", "/bucket/key"), 403);
  EXPECT_EQ(anonymous("GET", "/bucket"), 403);
  PublicAccessBlock block{.restrict_all = true};
  EXPECT_EQ(send("PUT", "/bucket?publicAccessBlock", public_access_block_xml(block)).status, 200);
  EXPECT_EQ(anonymous("GET", "/bucket/key"), 403);
  EXPECT_EQ(send("GET", "/bucket/key").status, 200);
  EXPECT_EQ(send("DELETE", "/bucket?policy").status, 204);
  EXPECT_EQ(send("GET", "/bucket?policy").element("Code"), "NoSuchBucketPolicy");
}

TEST_F(AuthorizeTest, ADenialHoldsTheOwnerToo) {
  ASSERT_EQ(send("PUT", "/bucket?policy", for_all("Deny", "s3:*")).status, 204);
  EXPECT_EQ(send("GET", "/bucket/key").status, 403);
  EXPECT_EQ(send("GET", "/bucket").status, 403);
  EXPECT_EQ(send("GET", "/bucket?policy").status, 200) << "the root can mend it";
  EXPECT_EQ(send("DELETE", "/bucket?policy").status, 204);
  EXPECT_EQ(send("GET", "/bucket/key").status, 200);
}

TEST_F(AuthorizeTest, ConditionsSeeTheRequest) {
  const auto condition = [](std::string_view text) {
    return for_all("Deny", "s3:*", ",\"Condition\":" + std::string(text));
  };
  struct Line {
    std::string_view condition;
    std::string method, target, header, value;
    int status;
  };
  for (const Line& line : std::vector<Line>{
           {R"({"Bool":{"aws:SecureTransport":"false"}})", "GET", "/bucket/key", "", "", 403},
           {R"({"Bool":{"aws:SecureTransport":"true"}})", "GET", "/bucket/key", "", "", 200},
           {R"({"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}})", "GET", "/bucket/key", "", "", 403},
           {R"({"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}})", "GET", "/bucket/key", "", "", 200},
           {R"({"StringEquals":{"s3:prefix":"a/"}})", "GET", "/bucket?prefix=a/", "", "", 403},
           {R"({"StringEquals":{"s3:prefix":"a/"}})", "GET", "/bucket?prefix=b/", "", "", 200},
           {R"({"StringEquals":{"s3:prefix":""}})", "GET", "/bucket", "", "", 403},
           {R"({"DateLessThan":{"aws:CurrentTime":"2014-01-01T00:00:00Z"}})", "GET", "/bucket/key",
            "", "", 403},
           {R"({"DateLessThan":{"aws:CurrentTime":"2013-01-01T00:00:00Z"}})", "GET", "/bucket/key",
            "", "", 200},
           {R"({"StringEquals":{"s3:RequestObjectTag/a":"1"}})", "PUT", "/bucket/t",
            "x-amz-tagging", "a=1", 403},
           {R"({"StringEquals":{"s3:RequestObjectTag/a":"1"}})", "PUT", "/bucket/t",
            "x-amz-tagging", "a=2", 200},
           {R"({"Null":{"s3:x-amz-storage-class":"true"}})", "PUT", "/bucket/t", "", "", 403},
           {R"({"StringEquals":{"s3:ExistingObjectTag/a":"2"}})", "GET", "/bucket/t", "", "", 403},
           {R"({"StringEquals":{"s3:ExistingObjectTag/a":"1"}})", "GET", "/bucket/t", "", "", 200},
           {R"({"StringEquals":{"s3:signatureversion":"AWS4-HMAC-SHA256"}})", "GET", "/bucket/key",
            "", "", 403},
           {R"({"StringEquals":{"s3:authType":"REST-QUERY-STRING"}})", "GET", "/bucket/key", "", "",
            200},
       }) {
    ASSERT_EQ(send("PUT", "/bucket?policy", condition(line.condition)).status, 204)
        << line.condition;
    auto request = outgoing(line.method, line.target, line.method == "PUT" ? "x" : "");
    if (!line.header.empty()) add(request, line.header, line.value);
    EXPECT_EQ(send(std::move(request)).status, line.status) << line.condition << line.target;
  }
}

TEST_F(AuthorizeTest, AnnotationsAreOfAVersionThatMayBeSeen) {
  const std::string denial =
      for_all("Deny", R"(s3:*Annotation*)",
              R"(,"Condition":{"StringEquals":{"s3:ExistingObjectTag/a":"secret"}})");
  ASSERT_EQ(send("PUT", "/bucket?policy", denial).status, 204);
  const std::string get = "/bucket/key?annotation&annotationName=n";
  filer.annotated = filer.buckets["bucket"].objects["key"].entry;
  EXPECT_EQ(send("GET", get).body, "text");
  EXPECT_EQ(send("GET", "/bucket/key?annotation").status, 200);
  // One that came since the request was judged.
  filer.annotated.version += 1;
  EXPECT_EQ(send("GET", get).body, "text");
  filer.annotated.headers.tags = {{"a", "secret"}};
  EXPECT_EQ(send("GET", get).element("Code"), "AccessDenied");
  EXPECT_EQ(send("GET", "/bucket/key?annotation").element("Code"), "AccessDenied");
}

TEST_F(AuthorizeTest, APolicyThatIsNoneIsRefused) {
  std::string elsewhere = for_all("Deny", "s3:GetObject");
  elsewhere.replace(elsewhere.find("bucket"), 6, "other");
  EXPECT_EQ(send("PUT", "/bucket?policy", "x").element("Code"), "MalformedPolicy");
  EXPECT_EQ(send("PUT", "/bucket?policy", elsewhere).element("Message"),
            "Policy has invalid resource");
  std::string large = kRead;
  large.insert(1, std::string(20 * 1024, ' '));
  EXPECT_EQ(send("PUT", "/bucket?policy", large).element("Code"), "MalformedPolicy");
}

TEST_F(AuthorizeTest, ListsCountWhereTheBucketHasThem) {
  EXPECT_EQ(put_with("/bucket/key", "x-amz-acl", "public-read").element("Code"),
            "AccessControlListNotSupported");
  EXPECT_EQ(put_with("/bucket/key", "x-amz-acl", "bucket-owner-full-control").status, 200);
  open_bucket();
  EXPECT_EQ(put_with("/bucket/key", "x-amz-acl", "public-read", "seen").status, 200);
  EXPECT_EQ(anonymous("GET", "/bucket/key"), 200);
  EXPECT_EQ(anonymous("GET", "/bucket/key?acl"), 403);
  EXPECT_EQ(anonymous("GET", "/bucket"), 403);
  EXPECT_EQ(put_with("/bucket/key?acl", "x-amz-acl", "private", "").status, 200);
  EXPECT_EQ(anonymous("GET", "/bucket/key"), 403);
  EXPECT_EQ(put_with("/bucket?acl", "x-amz-acl", "public-read-write", "").status, 200);
  EXPECT_EQ(anonymous("GET", "/bucket"), 200);
  EXPECT_EQ(anonymous("GET", "/bucket/none"), 404) << "who may list is told";
  EXPECT_EQ(anonymous("PUT", "/bucket/theirs"), 200);
  EXPECT_EQ(anonymous("GET", "/bucket?acl"), 403);
  EXPECT_EQ(anonymous("PUT", "/bucket?policy"), 403);
  const PublicAccessBlock block{.ignore_acls = true};
  EXPECT_EQ(send("PUT", "/bucket?publicAccessBlock", public_access_block_xml(block)).status, 200);
  EXPECT_EQ(anonymous("GET", "/bucket"), 403);
}

TEST_F(AuthorizeTest, ListsOfBeforeDoNotCountWhereTheyAreOff) {
  open_bucket();
  EXPECT_EQ(put_with("/bucket/key", "x-amz-acl", "public-read").status, 200);
  EXPECT_EQ(anonymous("GET", "/bucket/key"), 200);
  EXPECT_EQ(send("PUT", "/bucket?ownershipControls",
                 ownership_controls_xml(ObjectOwnership::kBucketOwnerEnforced))
                .status,
            200);
  EXPECT_EQ(anonymous("GET", "/bucket/key"), 403);
  filer.buckets["bucket"].settings["acl"] = "R=*";
  EXPECT_EQ(anonymous("GET", "/bucket"), 403);
}

TEST_F(AuthorizeTest, WhoWritesAnObjectOwnsItWhereListsCount) {
  open_bucket();
  ASSERT_EQ(put_with("/bucket?acl", "x-amz-acl", "public-read-write", "").status, 200);
  become_other();
  EXPECT_EQ(send("PUT", "/bucket/theirs", "x").status, 200);
  EXPECT_EQ(send("GET", "/bucket/theirs").status, 200);
  EXPECT_EQ(put_with("/bucket/shared", "x-amz-acl", "bucket-owner-full-control").status, 200);
  become_owner();
  EXPECT_EQ(send("GET", "/bucket/theirs").status, 403);
  EXPECT_EQ(send("GET", "/bucket/shared").status, 200);
  EXPECT_EQ(send("GET", "/bucket/shared?acl").element("ID"), "other");
  EXPECT_EQ(send("DELETE", "/bucket/theirs").status, 204) << "it is in the owner's bucket";
  EXPECT_EQ(send("PUT", "/bucket?ownershipControls",
                 ownership_controls_xml(ObjectOwnership::kBucketOwnerPreferred))
                .status,
            200);
  become_other();
  EXPECT_EQ(put_with("/bucket/given", "x-amz-acl", "bucket-owner-full-control").status, 200);
  EXPECT_EQ(send("GET", "/bucket/given").status, 403);
  become_owner();
  EXPECT_EQ(send("GET", "/bucket/given?acl").element("ID"), "abc");
}

TEST_F(AuthorizeTest, ListsCannotBeSwitchedOffUnderGrants) {
  open_bucket();
  ASSERT_EQ(put_with("/bucket?acl", "x-amz-acl", "public-read", "").status, 200);
  const std::string enforced = ownership_controls_xml(ObjectOwnership::kBucketOwnerEnforced);
  EXPECT_EQ(send("PUT", "/bucket?ownershipControls", enforced).element("Code"),
            "InvalidBucketAclWithObjectOwnership");
  ASSERT_EQ(put_with("/bucket?acl", "x-amz-acl", "private", "").status, 200);
  EXPECT_EQ(send("PUT", "/bucket?ownershipControls", enforced).status, 200);
  EXPECT_EQ(send("DELETE", "/bucket?ownershipControls").status, 204);
  EXPECT_EQ(send("GET", "/bucket?ownershipControls").element("Code"),
            "OwnershipControlsNotFoundError");
}

TEST_F(AuthorizeTest, PublicListsCanBeBlocked) {
  EXPECT_EQ(send("PUT", "/bucket?ownershipControls",
                 ownership_controls_xml(ObjectOwnership::kObjectWriter))
                .status,
            200);
  EXPECT_EQ(put_with("/bucket/key", "x-amz-acl", "public-read").element("Code"), "AccessDenied");
  EXPECT_EQ(put_with("/bucket?acl", "x-amz-acl", "public-read", "").element("Code"),
            "AccessDenied");
  EXPECT_EQ(put_with("/bucket/key", "x-amz-grant-read", "id=other").status, 200);
  become_other();
  EXPECT_EQ(send("GET", "/bucket/key").status, 200);
}

TEST_F(AuthorizeTest, AWriteNeedsLeaveForAllThatItAsks) {
  become_user(allowing(R"(["s3:PutObject","s3:DeleteObject"])"));
  EXPECT_EQ(send("PUT", "/bucket/new", "x").status, 200);
  EXPECT_EQ(put_with("/bucket/new", "x-amz-tagging", "a=1").status, 403);
  EXPECT_EQ(put_with("/bucket/new", "x-amz-acl", "private").status, 403);
  EXPECT_EQ(put_with("/bucket/copy", "x-amz-copy-source", "bucket/key", "").status, 403);
  EXPECT_EQ(send("DELETE", "/bucket/new?versionId=null").status, 403);
  auto request = outgoing("DELETE", "/bucket/new");
  add(request, "x-amz-bypass-governance-retention", "true");
  EXPECT_EQ(send(std::move(request)).status, 403);
  EXPECT_EQ(send("DELETE", "/bucket/new").status, 204);
}

TEST_F(AuthorizeTest, MakingABucketNeedsLeaveForAllThatItAsks) {
  become_user(allowing("\"s3:CreateBucket\""));
  EXPECT_EQ(send("PUT", "/bucket1").status, 200);
  EXPECT_EQ(put_with("/bucket2", "x-amz-object-ownership", "ObjectWriter", "").status, 403);
  EXPECT_EQ(put_with("/bucket2", "x-amz-grant-read", "id=other", "").status, 403);
  EXPECT_EQ(put_with("/bucket2", "x-amz-bucket-object-lock-enabled", "true", "").status, 403);
  const std::string tagged =
      "<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>1</Value></Tag></Tags>"
      "</CreateBucketConfiguration>";
  EXPECT_EQ(send("PUT", "/bucket2", tagged).status, 403);
  EXPECT_FALSE(filer.buckets.contains("bucket2"));
  become_user(R"({"Statement":[{"Effect":"Allow","Action":"s3:CreateBucket","Resource":"*"},
      {"Effect":"Allow","Action":"s3:TagResource","Resource":"*",
       "Condition":{"StringEquals":{"aws:RequestTag/a":"1"}}}]})");
  EXPECT_EQ(send("PUT", "/bucket2", tagged).status, 200);
}

TEST_F(AuthorizeTest, APartOfACopyTakesNoTags) {
  ASSERT_EQ(put_with("/bucket/key", "x-amz-tagging", "a=1").status, 200);
  const std::string upload = send("POST", "/bucket/parts?uploads").element("UploadId");
  become_user(allowing(R"(["s3:PutObject","s3:GetObject"])"));
  const std::string part = "/bucket/parts?partNumber=1&uploadId=" + upload;
  EXPECT_EQ(put_with(part, "x-amz-copy-source", "bucket/key", "").status, 200);
  EXPECT_EQ(put_with("/bucket/copy", "x-amz-copy-source", "bucket/key", "").status, 403);
}

TEST_F(AuthorizeTest, ManyKeysAreDecidedOnOneByOne) {
  send("PUT", "/bucket/mine", "x");
  become_user(allowing("\"s3:DeleteObject\"", "arn:aws:s3:::bucket/mine"));
  auto request =
      outgoing("POST", "/bucket?delete",
               "<Delete><Object><Key>key</Key></Object><Object><Key>mine</Key></Object></Delete>");
  Digest md5(DigestAlgorithm::kMd5);
  md5.update(request.body);
  add(request, "Content-MD5", base64_encode(md5.finish()));
  const Answer answer = send(std::move(request));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.element("Code"), "AccessDenied");
  EXPECT_NE(answer.body.find("<Deleted><Key>mine</Key></Deleted>"), std::string::npos);
  EXPECT_TRUE(filer.buckets["bucket"].objects.contains("key"));
  EXPECT_FALSE(filer.buckets["bucket"].objects.contains("mine"));
}

TEST_F(AuthorizeTest, TheExpectedOwnerHasTwoNames) {
  const auto expecting = [this](std::string owner) {
    auto request = outgoing("GET", "/bucket/key");
    add(request, "x-amz-expected-bucket-owner", std::move(owner));
    return send(std::move(request)).status;
  };
  EXPECT_EQ(expecting("abc"), 200);
  EXPECT_EQ(expecting(account_number("abc")), 200);
  EXPECT_EQ(expecting(account_number("other")), 403);
  for (const char* wrong : {"other", "11112222333", "1111222233334", "11112222333x", ""}) {
    EXPECT_EQ(expecting(wrong), 400) << wrong;
  }
}

TEST_F(AuthorizeTest, NewBucketsAreShutUnlessTheyAreClassic) {
  EXPECT_EQ(send("GET", "/bucket?publicAccessBlock").element("RestrictPublicBuckets"), "true");
  EXPECT_EQ(send("GET", "/bucket?ownershipControls").element("ObjectOwnership"),
            "BucketOwnerEnforced");
  EXPECT_EQ(put_with("/bucket1", "x-amz-acl", "public-read", "").element("Code"),
            "InvalidBucketAclWithObjectOwnership");
  EXPECT_EQ(put_with("/bucket2", "x-amz-object-ownership", "Mine", "").element("Code"),
            "InvalidArgument");
  EXPECT_EQ(put_with("/bucket3", "x-amz-object-ownership", "ObjectWriter", "").status, 200);
  EXPECT_EQ(send("GET", "/bucket3?ownershipControls").element("ObjectOwnership"), "ObjectWriter");
  auto request = outgoing("PUT", "/bucket4");
  add(request, "x-amz-acl", "public-read");
  add(request, "x-amz-object-ownership", "ObjectWriter");
  EXPECT_EQ(send(std::move(request)).element("Code"), "InvalidBucketAclWithBlockPublicAccessError");
  options.classic_buckets = true;
  EXPECT_EQ(put_with("/bucket5", "x-amz-acl", "public-read", "").status, 200);
  EXPECT_EQ(anonymous("GET", "/bucket5"), 200);
  EXPECT_EQ(filer.buckets.contains("bucket1") || filer.buckets.contains("bucket2") ||
                filer.buckets.contains("bucket4"),
            false);
}

TEST_F(AuthorizeTest, WhatIsKnownOfABucketLivesForAMoment) {
  BucketAccessCache cache(filer, clock);
  const auto ownership = [&](std::chrono::nanoseconds most) {
    const auto found = ::kelp::test::run_coro(cache.find("bucket", most));
    return found ? (*found)->ownership : std::nullopt;
  };
  const auto life = std::chrono::nanoseconds(BucketAccessCache::kLife);
  EXPECT_EQ(ownership(life), ObjectOwnership::kBucketOwnerEnforced);
  filer.buckets["bucket"].settings["ownership"] = "ObjectWriter";
  EXPECT_EQ(ownership(life), ObjectOwnership::kBucketOwnerEnforced);
  EXPECT_EQ(ownership(std::chrono::nanoseconds(0)), ObjectOwnership::kObjectWriter);
  filer.buckets["bucket"].settings.clear();
  cache.forget("bucket");
  EXPECT_EQ(ownership(life), ObjectOwnership::kBucketOwnerEnforced);
  filer.buckets["bucket"].settings["ownership"] = "ObjectWriter";
  clock.passed += life;
  EXPECT_EQ(ownership(life), ObjectOwnership::kObjectWriter);
  filer.buckets.erase("bucket");
  clock.passed += life;
  EXPECT_FALSE(::kelp::test::run_coro(cache.find("bucket")).has_value());
}

TEST_F(AuthorizeTest, APolicyThatNobodyUnderstandsLetsNobodyIn) {
  filer.buckets["bucket"].settings["policy"] = "{\"Statement\":{\"Effect\":\"Maybe\"}}";
  EXPECT_EQ(send("GET", "/bucket/key").status, 200);
  become_user(allowing("\"s3:*\""));
  EXPECT_EQ(send("GET", "/bucket/key").status, 403);
}

}  // namespace
}  // namespace kelp::s3::test
