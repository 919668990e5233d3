#include "s3gw/core/acl.h"

#include <gtest/gtest.h>

#include "s3gw/core/access_block.h"
#include "s3gw/core/actions.h"

namespace kelp::s3 {
namespace {

using Kind = Grantee::Kind;
using policy::Naming;

constexpr std::string_view kOwner = "own";
constexpr std::string_view kOther = "other";

bool knows(std::string_view id) {
  return id == kOwner || id == kOther;
}

policy::Requester account(std::string_view id) {
  return root_of({std::string(id), "name"});
}

Acl canned(std::string_view name, std::string_view bucket_owner = kOwner) {
  return canned_acl(name, {.owner = kOwner, .bucket_owner = bucket_owner}).value();
}

S3Result<std::optional<Acl>> of_headers(std::vector<HttpHeader> headers) {
  return acl_of_headers(headers, {.owner = kOwner, .bucket_owner = kOwner}, knows);
}

// Amazon S3 User Guide, "Access control list (ACL) overview", canned ACLs.
TEST(Acls, CannedListsGrantWhatTheirNamesSay) {
  const policy::Requester nobody;
  struct Line {
    std::string_view name;
    Naming anonymous_reads, anonymous_writes, other_reads, bucket_owner_reads;
  };
  using enum Naming;
  for (const auto& [name, anonymous_reads, anonymous_writes, other_reads, bucket_owner_reads] :
       std::vector<Line>{
           {"private", kNot, kNot, kNot, kNot},
           {"public-read", kItself, kNot, kItself, kItself},
           {"public-read-write", kItself, kItself, kItself, kItself},
           {"authenticated-read", kNot, kNot, kItself, kItself},
           {"bucket-owner-read", kNot, kNot, kNot, kAccount},
           {"bucket-owner-full-control", kNot, kNot, kNot, kAccount},
           {"log-delivery-write", kNot, kNot, kNot, kNot},
           {"aws-exec-read", kNot, kNot, kNot, kNot},
       }) {
    const Acl acl = canned(name, "bucket");
    EXPECT_EQ(granted(acl, nobody, Permission::kRead, false), anonymous_reads) << name;
    EXPECT_EQ(granted(acl, nobody, Permission::kWrite, false), anonymous_writes) << name;
    EXPECT_EQ(granted(acl, account(kOther), Permission::kRead, false), other_reads) << name;
    EXPECT_EQ(granted(acl, account("bucket"), Permission::kRead, false), bucket_owner_reads)
        << name;
    EXPECT_EQ(granted(acl, account(kOwner), Permission::kWriteAcp, false), kAccount) << name;
    EXPECT_EQ(granted(acl, nobody, Permission::kRead, true), kNot) << name << " without the public";
    EXPECT_EQ(is_public(acl), name.starts_with("public") || name == "authenticated-read") << name;
    EXPECT_EQ(decode_acl(encode_acl(acl)), acl) << name;
  }
  EXPECT_EQ(canned_acl("publicread", {}).error().code, S3Code::kInvalidArgument);
}

TEST(Acls, HeadersNameGrantees) {
  EXPECT_EQ(of_headers({{"host", "h"}}).value(), std::nullopt);
  const auto acl = of_headers({{"X-Amz-Grant-Read",
                                "id=\"other\", uri=\"http://acs.amazonaws.com/"
                                "groups/global/AllUsers\""},
                               {"x-amz-grant-write-acp", "id=own"}});
  ASSERT_TRUE(acl.has_value());
  EXPECT_EQ(encode_acl(**acl), "R=other;R=*;w=own");
  const std::vector<std::pair<std::vector<HttpHeader>, S3Code>> bad = {
      {{{"x-amz-grant-read", "id=\"nobody\""}}, S3Code::kInvalidArgument},
      {{{"x-amz-grant-read", "other"}}, S3Code::kInvalidArgument},
      {{{"x-amz-grant-read", "uri=\"http://x\""}}, S3Code::kInvalidArgument},
      {{{"x-amz-grant-read", "emailAddress=\"a@b.c\""}}, S3Code::kUnresolvableGrantByEmailAddress},
      {{{"x-amz-acl", "private"}, {"x-amz-grant-read", "id=own"}}, S3Code::kInvalidRequest},
  };
  for (const auto& [headers, code] : bad) {
    const auto refused = of_headers(headers);
    ASSERT_FALSE(refused.has_value()) << headers.front().value;
    EXPECT_EQ(refused.error().code, code) << headers.front().value;
  }
}

TEST(Acls, XmlIsReadAsItIsWritten) {
  const Acl acl = decode_acl("F=own;R=*;W=+;r=@;w=other");
  const auto name_of = [](std::string_view id) { return "name of " + std::string(id); };
  const std::string xml = acl_xml(acl, kOwner, name_of);
  EXPECT_NE(xml.find("<DisplayName>name of other</DisplayName>"), std::string::npos);
  EXPECT_EQ(parse_acl(xml, kOwner, knows).value(), acl);
  EXPECT_EQ(parse_acl(xml, kOther, knows).error().code, S3Code::kAccessDenied);
}

TEST(Acls, WhatIsNoListIsRefused) {
  const std::string owner = "<Owner><ID>own</ID></Owner>";
  const auto list = [&](const std::string& grants) {
    return "<AccessControlPolicy>" + owner + "<AccessControlList>" + grants +
           "</AccessControlList></AccessControlPolicy>";
  };
  const std::string good =
      "<Grant><Grantee><ID>other</ID></Grantee><Permission>READ</Permission></Grant>";
  EXPECT_EQ(encode_acl(parse_acl(list(good), kOwner, knows).value()), "R=other");
  EXPECT_EQ(parse_acl(list(""), kOwner, knows).value(), Acl());
  std::string many;
  for (int i = 0; i < 101; ++i) many += good;
  EXPECT_EQ(parse_acl(list(many), kOwner, knows).error().code, S3Code::kInvalidRequest);
  for (const std::string& bad :
       {std::string(), std::string("<x/>"),
        "<AccessControlPolicy>" + owner + "</AccessControlPolicy>", list("<Grant/>"),
        list("<Grantee/>"),
        list("<Grant><Grantee><ID>other</ID></Grantee><Permission>EAT</Permission></Grant>"),
        list("<Grant><Grantee/><Permission>READ</Permission></Grant>")}) {
    EXPECT_EQ(parse_acl(bad, kOwner, knows).error().code, S3Code::kMalformedACLError) << bad;
  }
}

TEST(Acls, WhatAStoredListSaysWrongGrantsNothing) {
  EXPECT_EQ(decode_acl("R=*;;Q=own;R;R=;x").grants.size(), 1U);
}

TEST(AccessBlock, IsKeptAsFourDigits) {
  const PublicAccessBlock block{.ignore_acls = true, .restrict_all = true};
  EXPECT_EQ(encode_public_access_block(block), "0101");
  EXPECT_EQ(decode_public_access_block("0101"), block);
  EXPECT_EQ(decode_public_access_block("010"), kAllBlocked) << "shut when in doubt";
  EXPECT_EQ(parse_public_access_block(public_access_block_xml(block)).value(), block);
  for (const char* bad :
       {"", "<x/>",
        "<PublicAccessBlockConfiguration><Block>true</Block></PublicAccessBlockConfiguration>",
        "<PublicAccessBlockConfiguration><BlockPublicAcls>yes</BlockPublicAcls></"
        "PublicAccessBlockConfiguration>"}) {
    EXPECT_EQ(parse_public_access_block(bad).error().code, S3Code::kMalformedXML) << bad;
  }
}

TEST(AccessBlock, OwnershipHasOneRule) {
  for (const auto ownership :
       {ObjectOwnership::kBucketOwnerEnforced, ObjectOwnership::kBucketOwnerPreferred,
        ObjectOwnership::kObjectWriter}) {
    EXPECT_EQ(parse_ownership_controls(ownership_controls_xml(ownership)).value(), ownership);
    EXPECT_EQ(ownership_of(name_of(ownership)), ownership);
  }
  const std::string rule = "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>";
  for (const std::string& inside :
       {std::string(), rule + rule, std::string("<Rule/>"),
        std::string("<Rule><ObjectOwnership>Me</ObjectOwnership></Rule>")}) {
    const std::string body = "<OwnershipControls>" + inside + "</OwnershipControls>";
    EXPECT_EQ(parse_ownership_controls(body).error().code, S3Code::kMalformedXML) << body;
  }
}

TEST(Actions, EveryOperationHasOne) {
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    const auto operation = static_cast<Operation>(i);
    const bool by_key = operation == Operation::kDeleteObjects;
    const bool open = operation == Operation::kPreflight;
    EXPECT_EQ(action_of(operation, false).empty(), by_key || open) << name_of(operation);
  }
  EXPECT_EQ(action_of(Operation::kGetObject, true), "s3:getobjectversion");
  EXPECT_EQ(action_of(Operation::kPutObject, true), "s3:putobject");
  EXPECT_EQ(grant_for("s3:getobject").where, GrantFor::Where::kObject);
  EXPECT_EQ(grant_for("s3:deletebucket").where, GrantFor::Where::kNowhere);
}

}  // namespace
}  // namespace kelp::s3
