#pragma once

#include <cerrno>
#include <expected>
#include <utility>

#include "kelp/result.h"

namespace kelp::mount {

/// Why a call of a program fails: a number of errno(3), positive.
struct Errno {
  int number = EIO;
  friend bool operator==(Errno, Errno) = default;
};

/// A value or an Errno. KELP_TRY and KELP_CHECK work with it.
template <typename T>
class [[nodiscard]] Outcome : public std::expected<T, Errno> {
 public:
  using Base = std::expected<T, Errno>;
  using Base::Base;
  Outcome(Errno error) : Base(std::unexpect, error) {}  // NOLINT(google-explicit-constructor)
};

}  // namespace kelp::mount
