#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kelp::bench {

/// Signs requests as an S3 client does (AWS Signature Version 4, header form, UNSIGNED-PAYLOAD).
class Signer {
 public:
  /// `date` as 20260102T030405Z: every request of a run carries the same one.
  Signer(std::string access_key, const std::string& secret_key, std::string date);

  /// The whole head of a request, blank line included. `path` and `query` are already encoded; the
  /// query's parameters are sorted. `extra` holds further header lines, unsigned.
  [[nodiscard]] std::string head(std::string_view method, std::string_view host,
                                 std::string_view path, std::string_view query,
                                 std::uint64_t body_bytes, std::string_view extra) const;

 private:
  std::string access_key_;
  std::string date_;
  std::string scope_;
  std::string signing_key_;
};

}  // namespace kelp::bench
