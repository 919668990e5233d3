#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "crypto/certificates.h"
#include "net/tls.h"
#include "os/system_clock.h"

namespace kelp::test {

/// An authority of tests, and certificates of it.
class Circle {
 public:
  explicit Circle(const std::string& name = "test authority")
      : authority_(make_authority(request(name, {})).value()) {}

  [[nodiscard]] const CertifiedKey& authority() const { return authority_; }

  /// For 127.0.0.1 and localhost, valid from an hour ago, for an hour.
  [[nodiscard]] static CertificateRequest request(std::string name,
                                                  std::vector<std::string> hosts = {"127.0.0.1",
                                                                                    "localhost"}) {
    const WallTime now = SystemClock().wall();
    CertificateRequest made;
    made.name = std::move(name);
    made.hosts = std::move(hosts);
    made.from = now - std::chrono::hours(1);
    made.until = now + std::chrono::hours(1);
    return made;
  }

  /// What a member of it has that got the certificate `request` asks for.
  [[nodiscard]] TlsMember member(const CertificateRequest& request) const {
    CertifiedKey issued = issue_certificate(authority_, request).value();
    return {std::move(issued.certificate), std::move(issued.key), authority_.certificate};
  }
  [[nodiscard]] TlsMember member() const { return member(request("member")); }
  [[nodiscard]] TlsContext context() const { return make_member_context(member()).value(); }

 private:
  CertifiedKey authority_;
};

}  // namespace kelp::test
