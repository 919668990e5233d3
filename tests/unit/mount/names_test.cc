#include "mount/core/names.h"

#include <gtest/gtest.h>

namespace kelp::mount {
namespace {

TEST(MountNames, ASourceIsABucketAndPerhapsAPrefix) {
  EXPECT_EQ(parse_source("bucket")->bucket, "bucket");
  EXPECT_EQ(parse_source("bucket")->prefix, "");
  EXPECT_EQ(parse_source("bucket/")->prefix, "");
  EXPECT_EQ(parse_source("bucket/a/b")->prefix, "a/b/");
  EXPECT_EQ(parse_source("bucket/a/b/")->prefix, "a/b/");
  for (const char* text :
       {"", "/", "B", "/a", "bucket//", "bucket//a", "bucket/a//b", "bucket/..", "bucket/a/./b"}) {
    EXPECT_FALSE(parse_source(text)) << text;
  }
}

TEST(MountNames, NotEveryKeyHasANameThatADirectoryCanShow) {
  EXPECT_TRUE(can_be_name("a"));
  EXPECT_TRUE(can_be_name("..."));
  EXPECT_TRUE(can_be_name(std::string(255, 'n')));
  EXPECT_FALSE(can_be_name(std::string(256, 'n')));
  EXPECT_FALSE(can_be_name(""));
  EXPECT_FALSE(can_be_name("."));
  EXPECT_FALSE(can_be_name(".."));
  EXPECT_FALSE(can_be_name("a/b"));
  EXPECT_FALSE(can_be_name(std::string_view("a\0b", 3)));
}

TEST(MountNames, APathIsAKeyBelowThePrefix) {
  EXPECT_EQ(key_of("", "/").value(), "");
  EXPECT_EQ(key_of("", "/a/b").value(), "a/b");
  EXPECT_EQ(key_of("p/", "/a").value(), "p/a");
  EXPECT_EQ(key_of("p/", "/").value(), "p/");
  EXPECT_EQ(key_of("", "/" + std::string(1024, 'k')).value().size(), 1024);
  EXPECT_EQ(key_of("", "/" + std::string(1025, 'k')).error(), Errno{ENAMETOOLONG});
  EXPECT_EQ(key_of("pp/", "/" + std::string(1022, 'k')).error(), Errno{ENAMETOOLONG});
  EXPECT_EQ(key_of("", "/\xff").error(), Errno{EILSEQ});
}

TEST(MountNames, WhatIsBelowADirectoryBeginsWithItAndASlash) {
  EXPECT_EQ(below("a"), "a/");
  EXPECT_EQ(below("p/"), "p/");
  EXPECT_EQ(below(""), "");
}

}  // namespace
}  // namespace kelp::mount
