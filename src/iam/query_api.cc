#include "iam/query_api.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/random.h"
#include "crypto/uuid.h"
#include "s3gw/auth.h"
#include "s3gw/auth_common.h"
#include "s3gw/core/header_text.h"

namespace kelp::iam {
namespace {

/// A change that loses to another one is tried again, so often.
constexpr int kMaxAttempts = 50;

spdlog::logger& log() {
  static spdlog::logger& room = logger("iam");
  return room;
}

Task<Outcome<std::string>> read_form(const HttpRequest& http, BodyReader& body) {
  if (http.method == "GET") co_return std::string(s3::split_target(http.target).query);
  const QueryError too_large{"RequestEntityTooLarge", 413, "The request is too large."};
  if (http.content_length.value_or(0) > kMaxFormBytes) co_return too_large;
  std::string form(http.content_length.value_or(kMaxFormBytes) + 1, '\0');
  const auto read = co_await read_full(body, std::as_writable_bytes(std::span(form)));
  if (!read) {
    co_return QueryError{"IncompleteBody", 400, "The body of the request did not arrive.",
                         read.error().message()};
  }
  form.resize(*read);
  if (form.size() > kMaxFormBytes) co_return too_large;
  co_return form;
}

QueryError unknown_action(std::string_view action, std::string_view version) {
  return {"InvalidAction", 400,
          fmt::format("Could not find operation {} for version {}", action.substr(0, 128),
                      version.substr(0, 32))};
}

constexpr std::string_view kByWebIdentity = "AssumeRoleWithWebIdentity";

/// Which service is asked, and whether it has the action.
Outcome<Service> find_service(const Parameters& parameters) {
  const std::string_view action = parameters.get("Action");
  const std::string_view version = parameters.get("Version");
  if (action.empty()) {
    return {QueryError{"MissingAction", 400, "The request is missing an action parameter."}};
  }
  const bool of_sts = find_sts_action(action) != nullptr || action == kByWebIdentity;
  if (!of_sts && find_action(action) == nullptr) return unknown_action(action, version);
  const Service service = of_sts ? Service::kSts : Service::kIam;
  if (!version.empty() && version != version_of(service)) return unknown_action(action, version);
  return service;
}

const Provider* find_provider(const Snapshot& snapshot, std::string_view account,
                              std::string_view arn) {
  const Account* const owner = snapshot.model().find(account);
  return owner == nullptr ? nullptr : owner->find_provider(arn);
}

Makers make_makers(const Vault& vault) {
  return {.token = [](std::size_t count) { return random_token(count); },
          .seal = [&vault](std::string_view plain,
                           std::string_view about) { return vault.seal_secret(plain, about); }};
}

}  // namespace

QueryApi::QueryApi(QueryApiParts parts) : parts_(parts), makers_(make_makers(parts.keys.vault())) {}

QueryApi::~QueryApi() = default;

Task<void> QueryApi::handle(HttpExchange exchange) {
  const std::string id = random_uuid();
  const MonoTime started = parts_.clock.mono();
  Asked asked{.http = exchange.request, .form = {}, .parameters = {}, .action = {}, .caller = {}};
  Outcome<std::string> result = co_await answer(asked, exchange.body);
  const int status = result ? 200 : result.error().status;
  HttpResponse head(status);
  head.add("Server", "Kelp");
  head.add("x-amzn-RequestId", id);
  head.add("Content-Type", "text/xml");
  head.add("Cache-Control", "no-store");
  if (!result && status >= 500) {
    log().warn("request_failed request_id={} action={} code={} detail={}", id,
               log_value(asked.action), result.error().code, log_value(result.error().detail));
  }
  log().debug("request action={} by={} status={} request_id={}", log_value(asked.action),
              asked.caller == nullptr ? "" : log_value(asked.caller->who.arn), status, id);
  count(asked.service, status);
  std::string xml = result ? answer_xml(asked.service, asked.action, *result, id)
                           : error_xml(asked.service, result.error(), id);
  const std::size_t bytes = xml.size();
  (void)co_await exchange.response.send(std::move(head), std::move(xml));
  if (parts_.audit == nullptr && parts_.trace == nullptr) co_return;
  s3::RequestRecord record{.request_id = id, .status = status, .bytes_out = bytes};
  if (!result) record.error_code = result.error().code;
  tell(asked, record, started);
}

void QueryApi::tell(const Asked& asked, s3::RequestRecord record, MonoTime started) {
  constexpr std::size_t kMostBytes = 128;
  const HttpRequest& http = asked.http;
  record.service = name_of(asked.service);
  record.took = parts_.clock.mono() - started;
  record.began = parts_.clock.wall() - record.took;
  record.remote_address = http.remote_address;
  record.secure = http.secure;
  record.method = http.method;
  record.user_agent = s3::find_header(http.headers, "user-agent").value_or("");
  record.operation = std::string_view(asked.action).substr(0, kMostBytes);
  if (asked.caller != nullptr) name_caller(*asked.caller, record);
  record.bytes_in = http.method == "GET" ? 0 : asked.form.size();
  for (s3::RequestSink* const sink : {parts_.audit, parts_.trace}) {
    if (sink != nullptr) sink->take(record);
  }
}

std::pair<std::string, std::string> QueryApi::refusal(int status, const Error& error) {
  const QueryError answer{"InvalidRequest", status, error.detail()};
  return {"text/xml", error_xml(Service::kIam, answer, random_uuid())};
}

Task<Outcome<std::string>> QueryApi::answer(Asked& asked, BodyReader& body) {
  KELP_CO_TRY(asked.form, co_await read_form(asked.http, body));
  KELP_CO_TRY(asked.parameters, Parameters::parse(asked.form));
  asked.action = asked.parameters.get("Action");
  asked.service =
      asked.parameters.get("Version") == version_of(Service::kSts) ? Service::kSts : Service::kIam;
  KELP_CO_TRY(asked.service, find_service(asked.parameters));
  asked.around.source_ip = asked.http.remote_address;
  asked.around.user_agent = s3::find_header(asked.http.headers, "user-agent").value_or("");
  asked.around.secure = asked.http.secure;
  if (asked.action == kByWebIdentity) co_return co_await run_web_identity(asked);
  KELP_CO_CHECK(co_await authenticate(asked));
  if (const Action* action = find_action(asked.action)) co_return co_await run_iam(asked, *action);
  const StsAction& action = *find_sts_action(asked.action);
  KELP_CO_CHECK(asked.parameters.check(action.parameters));
  co_return run_sts(asked, *asked.caller, action.run);
}

s3::S3Result<s3::Authenticated> QueryApi::prove(const Asked& asked) const {
  const std::string_view body = asked.http.method == "GET" ? std::string_view() : asked.form;
  const Sha256 digest = sha256(body);
  const s3::AuthOptions options{.region = {},
                                .service = std::string(name_of(asked.service)),
                                .payload_hash = hex_encode(view(digest))};
  const s3::AuthRequest request{.method = asked.http.method,
                                .target = asked.http.target,
                                .headers = asked.http.headers,
                                .virtual_bucket = {}};
  return s3::authenticate(request, parts_.keys, parts_.clock.wall(), options);
}

Task<Outcome<void>> QueryApi::authenticate(Asked& asked) {
  auto proven = prove(asked);
  if (!proven && co_await s3::known_by_now(&parts_.keys, proven.error().code)) {
    proven = prove(asked);
  }
  if (!proven) co_return auth_error(proven.error());
  if (proven->kind == s3::AuthKind::kPresignedV2) {
    co_return QueryError{"IncompleteSignature", 400, "Requests are signed with AWS4-HMAC-SHA256."};
  }
  if (proven->credential == nullptr) {
    co_return QueryError{"MissingAuthenticationToken", 403,
                         "Request is missing Authentication Token"};
  }
  // Who makes a user through one gateway may give it a key through another one, at once. While the
  // filers do not answer, what was known counts.
  (void)co_await parts_.keys.refresh();
  // Of the configuration, too: a request outlives no key ring.
  const s3::Credential& caller = *proven->credential;
  asked.caller = parts_.keys.hold(caller.access_key, caller.session_token);
  if (asked.caller == nullptr) co_return auth_error({s3::S3Code::kInvalidAccessKeyId, {}, {}});
  co_return Outcome<void>{};
}

Task<Outcome<std::string>> QueryApi::run_iam(const Asked& asked, const Action& action) {
  KELP_CO_CHECK(asked.parameters.check(action.parameters));
  Account none;
  none.number = asked.caller->who.account;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    // The caller as it is at this snapshot or later: what took its permission away and what it
    // changes cannot both happen, since the change is one of the snapshot's revision.
    const std::shared_ptr<const Snapshot> snapshot = parts_.keys.snapshot();
    const auto caller = parts_.keys.hold(asked.caller->access_key, asked.caller->session_token);
    if (caller == nullptr) co_return auth_error({s3::S3Code::kInvalidAccessKeyId, {}, {}});
    const Account* account = snapshot->model().find(none.number);
    std::string xml;
    Job job{.model = snapshot->model(),
            .account = account == nullptr ? none : *account,
            .parameters = asked.parameters,
            .caller = *caller,
            .now = parts_.clock.wall(),
            .make = makers_,
            .xml = s3::XmlWriter(xml),
            .changes = {}};
    KELP_CO_CHECK(authorize(action, job, asked.around));
    KELP_CO_CHECK(action.run(job));
    if (job.changes.empty()) co_return xml;
    if (!parts_.keys.loaded() || job.account.unreadable) {
      co_return inner_failure(Error(Errc::kUnavailable, "not all identities could be read"));
    }
    const auto done = co_await parts_.keys.change(snapshot, std::move(job.changes));
    if (done) co_return xml;
    if (done.error().code() != Errc::kConflict) co_return inner_failure(done.error());
    const auto read = co_await parts_.keys.refresh();
    if (!read) co_return inner_failure(read.error());
  }
  co_return inner_failure(Error(Errc::kConflict, "other changes kept winning"));
}

template <typename Act>
Outcome<std::string> QueryApi::run_sts(const Asked& asked, const s3::Credential& caller, Act act) {
  const std::shared_ptr<const Snapshot> snapshot = parts_.keys.snapshot();
  std::string xml;
  StsJob job{.model = snapshot->model(),
             .parameters = asked.parameters,
             .caller = caller,
             .now = parts_.clock.wall(),
             .around = asked.around,
             .token = makers_.token,
             .seal =
                 [this](const Session& session) {
                   return parts_.keys.vault().seal_token(encode_session(session));
                 },
             .xml = s3::XmlWriter(xml)};
  KELP_CHECK(act(job));
  return xml;
}

/// Nobody signs this one: the token proves who asks.
Task<Outcome<std::string>> QueryApi::run_web_identity(const Asked& asked) {
  KELP_CO_CHECK(asked.parameters.check(kWebIdentityParameters));
  const QueryError unknown{"InvalidIdentityToken", 400,
                           "No OpenIDConnect provider found in your account for the token."};
  const auto token = parse_web_token(asked.parameters.get("WebIdentityToken"));
  if (!token) {
    co_return QueryError{
        "InvalidIdentityToken", 400,
        "The ID Token provided is not a valid JWT. (" + token.error().detail() + ")"};
  }
  // The provider is the role's account's: another one's word does not count there.
  const std::string account(account_of(asked.parameters.get("RoleArn")));
  std::string_view issuer = claim_of(*token, "iss");
  const std::size_t scheme = issuer.find("://");
  if (scheme == std::string_view::npos) co_return unknown;
  issuer.remove_prefix(scheme + 3);
  const std::string arn = fmt::format("arn:aws:iam::{}:oidc-provider/{}", account, issuer);
  std::shared_ptr<const Snapshot> snapshot = parts_.keys.snapshot();
  const Provider* provider = find_provider(*snapshot, account, arn);
  if (provider == nullptr) {
    co_await parts_.keys.catch_up();
    snapshot = parts_.keys.snapshot();
    provider = find_provider(*snapshot, account, arn);
  }
  if (provider == nullptr) co_return unknown;
  const auto keys = co_await parts_.web_keys.keys_of(provider->url, token->key_id);
  if (!keys) {
    log().warn("no_web_keys provider={} error={}", log_value(provider->url),
               log_value(keys.error().message()));
    co_return QueryError{"IDPCommunicationError", 400,
                         "The keys of the identity provider could not be fetched."};
  }
  KELP_CO_TRY(const WebIdentity who,
              verify_web_token(*token, *provider, account, *keys, parts_.clock.wall()));
  // The role may be as new as a user: see authenticate().
  (void)co_await parts_.keys.refresh();
  const s3::Credential nobody;
  co_return run_sts(asked, nobody,
                    [&who](StsJob& job) { return assume_role_with_web_identity(job, who); });
}

void QueryApi::count(Service service, int status) {
  parts_.metrics
      .counter("kelp_iam_requests_total", "Requests to IAM and STS answered.",
               {{"service", std::string(name_of(service))},
                {"status", fmt::format("{}xx", status / 100)}})
      .Increment();
}

}  // namespace kelp::iam
