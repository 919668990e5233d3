#pragma once

#include <cstdint>
#include <string>

#include "wire/encryption.h"
#include "wire/event_origin.h"
#include "wire/namespace.h"

namespace kelp {

/// How the key of an encrypted version is wrapped from now on; its bytes stay as they lie.
struct RewrapObject {
  ObjectKey name;
  std::uint64_t version = 0;  ///< Its number, as its entry was read.
  std::string wrapped_key;    ///< As it was read: Encryption::wrapped_key.
  Encryption encryption;      ///< Of the same key.
  EventOrigin origin = {};
};

}  // namespace kelp
