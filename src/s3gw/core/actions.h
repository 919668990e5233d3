#pragma once

#include <string_view>

#include "s3gw/core/acl.h"
#include "s3gw/core/operations.h"

namespace kelp::s3 {

/// The action by whose name policies speak of an operation, in lower case ("s3:getobject"); of
/// `version` when the request names one. Empty where other actions decide, one for each key:
/// DeleteObjects, and what is no operation of the model.
///
/// Source   Service Authorization Reference, "Actions, resources, and condition keys for Amazon
/// S3".
[[nodiscard]] std::string_view action_of(Operation operation, bool version);

/// What an access control list has to grant for an action.
struct GrantFor {
  enum class Where : unsigned char {
    kNowhere,  ///< No list grants it.
    kBucket,   ///< The bucket's list.
    kObject,   ///< That of the object.
  };
  Where where = Where::kNowhere;
  Permission permission = Permission::kFullControl;
};
/// Of a lower-case action.
///
/// Source   Amazon S3 User Guide, "Access control list (ACL) overview", mapping of permissions.
[[nodiscard]] GrantFor grant_for(std::string_view action);

}  // namespace kelp::s3
