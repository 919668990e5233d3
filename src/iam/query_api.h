#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/metrics.h"
#include "iam/core/sts.h"
#include "iam/key_ring.h"
#include "iam/query_xml.h"
#include "iam/web_keys.h"
#include "net/http.h"
#include "s3gw/auth.h"
#include "s3gw/request_record.h"

namespace kelp::iam {

/// What a QueryApi works with; all must outlive it.
struct QueryApiParts {
  KeyRing& keys;
  WebKeys& web_keys;
  Clock& clock;
  Metrics& metrics;
  s3::RequestSink* audit = nullptr;  ///< Takes a record of each request; null: nobody.
  s3::RequestSink* trace = nullptr;  ///< The same.
};

/// Answers the requests of AWS's query protocol: IAM and STS. Stateless between requests.
/// Thread-safe; each call runs on its connection's io thread.
class QueryApi final : public HttpHandler {
 public:
  explicit QueryApi(QueryApiParts parts);
  ~QueryApi() override;

  Task<void> handle(HttpExchange exchange) override;
  [[nodiscard]] std::pair<std::string, std::string> refusal(int status,
                                                            const Error& error) override;

 private:
  /// A request on its way.
  struct Asked {
    const HttpRequest& http;
    std::string form;
    Parameters parameters;
    Service service = Service::kIam;
    std::string action;
    std::shared_ptr<const s3::Credential> caller;  ///< Null of a web identity.
    Surroundings around;
  };

  Task<Outcome<std::string>> answer(Asked& asked, BodyReader& body);
  [[nodiscard]] s3::S3Result<s3::Authenticated> prove(const Asked& asked) const;
  Task<Outcome<void>> authenticate(Asked& asked);
  Task<Outcome<std::string>> run_iam(const Asked& asked, const Action& action);
  /// `act` is an action of STS.
  template <typename Act>
  Outcome<std::string> run_sts(const Asked& asked, const s3::Credential& caller, Act act);
  Task<Outcome<std::string>> run_web_identity(const Asked& asked);
  void count(Service service, int status);
  void tell(const Asked& asked, s3::RequestRecord record, MonoTime started);

  QueryApiParts parts_;
  const Makers makers_;
};

}  // namespace kelp::iam
