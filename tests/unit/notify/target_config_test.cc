// Which targets an operator may configure.
#include "notify/core/target_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kelp::notify {
namespace {

using testing::HasSubstr;

TargetConfig webhook(std::string name = "hook") {
  return {.name = std::move(name), .type = "webhook", .url = "https://example.org/hook"};
}
std::string refusal(TargetConfig config) {
  const auto checked = check_targets({std::move(config)});
  return checked ? "" : checked.error().detail();
}

TEST(TargetConfigs, EachTypeHasWhatItNeeds) {
  EXPECT_EQ(refusal(webhook()), "");
  EXPECT_EQ(refusal({.name = "r", .type = "redis", .url = "redis://h:1/2", .key = "k"}), "");
  EXPECT_EQ(refusal({.name = "k", .type = "kafka", .brokers = {"h:9092"}, .topic = "t"}), "");
  EXPECT_THAT(refusal({.name = "r", .type = "redis", .url = "redis://h"}), HasSubstr("key"));
  EXPECT_THAT(refusal({.name = "r", .type = "redis", .url = "http://h", .key = "k"}),
              HasSubstr("redis://"));
  EXPECT_THAT(
      refusal({.name = "r", .type = "redis", .url = "redis://h", .key = "k", .format = "hash"}),
      HasSubstr("format"));
  EXPECT_THAT(refusal({.name = "k", .type = "kafka", .topic = "t"}), HasSubstr("brokers"));
  EXPECT_THAT(refusal({.name = "k", .type = "kafka", .brokers = {"h:1"}}), HasSubstr("topic"));
  EXPECT_THAT(refusal({.name = "k", .type = "amqp"}), HasSubstr("type is"));
}

TEST(TargetConfigs, WhatCannotBeIsRefused) {
  TargetConfig config = webhook();
  config.url = "file:///etc/passwd";
  EXPECT_THAT(refusal(config), HasSubstr("http://"));
  config.url = "http://me:secret@example.org/";
  EXPECT_THAT(refusal(config), HasSubstr("password"));
  config.url = "http://example.org/a:b@c";
  EXPECT_EQ(refusal(config), "");
  config.url = "http://example.org/\r\nX: y";
  EXPECT_THAT(refusal(config), HasSubstr("characters"));
  config = webhook();
  config.auth_token = "a\nb";
  EXPECT_THAT(refusal(config), HasSubstr("auth_token"));
  config = webhook();
  config.topic = "t";
  EXPECT_THAT(refusal(config), HasSubstr("a webhook has no topic"));
  config = webhook();
  config.timeout = std::chrono::minutes(2);
  EXPECT_THAT(refusal(config), HasSubstr("timeout"));
}

TEST(TargetConfigs, NamesFitIntoAnArnAndAreThereOnce) {
  for (const std::string name : {"", "a:b", "a b", "\xc3\xa9"}) {
    EXPECT_THAT(refusal(webhook(name)), HasSubstr("a name has")) << name;
  }
  EXPECT_THAT(refusal(webhook(std::string(65, 'a'))), HasSubstr("a name has"));
  EXPECT_EQ(refusal(webhook(std::string(64, 'a'))), "");
  EXPECT_THAT(check_targets({webhook(), webhook()}).error().detail(), HasSubstr("twice"));
}

}  // namespace
}  // namespace kelp::notify
