#include "mount/core/extended.h"

#include <gtest/gtest.h>

namespace kelp::mount {
namespace {

TEST(Extended, NamesAreMetadataOfUsers) {
  EXPECT_EQ(metadata_name("user.colour").value(), "colour");
  EXPECT_EQ(metadata_name("user.a-b_c.9").value(), "a-b_c.9");
  EXPECT_EQ(metadata_name("security.selinux").error(), Errno{ENOTSUP});
  EXPECT_EQ(metadata_name("system.posix_acl_access").error(), Errno{ENOTSUP});
  for (const char* name :
       {"user.", "user.Colour", "user.a b", "user.a:b", "user.\xc3\xa9", "user.mtime"}) {
    EXPECT_EQ(metadata_name(name).error(), Errno{EINVAL}) << name;
  }
}

TEST(Extended, ValuesAreWhatAHeaderBringsBack) {
  EXPECT_TRUE(check_metadata_value(""));
  EXPECT_TRUE(check_metadata_value("a b~c"));
  for (const char* value : {" a", "a ", "a\nb", "a\tb", "\x7f", "\xc3\xa9"}) {
    EXPECT_EQ(check_metadata_value(value).error(), Errno{EINVAL}) << value;
  }
}

}  // namespace
}  // namespace kelp::mount
