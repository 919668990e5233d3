#include "server/vault_keys.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/encoding.h"
#include "policy/json_text.h"
#include "s3gw/core/key_ring.h"
#include "server/data_dir.h"

namespace kelp::server {
namespace {

/// Of the bytes in Encryption::wrapped_key; 1 is a key ring's.
constexpr char kWrapFormat = 2;
constexpr int kAttempts = 3;
constexpr std::size_t kMostHeard = 64 << 10;
constexpr std::size_t kMostTokenBytes = 4096;
/// The key of SSE-KMS where a client names none.
constexpr std::string_view kDefault = "kms";

/// The id that a client means; empty: it can be none. The engine has no aliases.
std::string id_of(const Encryption& how) {
  if (how.kind == EncryptionKind::kS3) return std::string(s3::kS3KeyId);
  const std::string_view name = s3::key_name(how.key_id);
  if (name.empty() || name == "alias/aws/s3") return std::string(kDefault);
  const bool good = name.find_first_not_of(
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789-_.") == std::string_view::npos;
  return good && name.size() <= 128 && name != s3::kS3KeyId && name != "." && name != ".."
             ? std::string(name)
             : "";
}

/// What the wrapped key is good for alone.
std::string associated_with(const Encryption& how, std::string_view id) {
  std::string data;
  ByteWriter to(data);
  to.fixed(static_cast<std::uint8_t>(how.kind));
  to.text(id);
  to.text(how.context);
  return data;
}

Error unknown(const Encryption& how) {
  return {Errc::kNotFound, fmt::format("the server of keys has no key for '{}'", how.key_id)};
}

bool is_worth_another(const Result<VaultAnswer>& answer) {
  return !answer || answer->status >= 500 || answer->status == 429 || answer->status == 412;
}

/// The member of "data" that is asked for.
Result<std::string> member_of(const std::string& body, const std::string& member) {
  KELP_TRY(const boost::json::object whole, policy::parse_json_object(body));
  const boost::json::value* data = whole.if_contains("data");
  const boost::json::value* text =
      data == nullptr || !data->is_object() ? nullptr : data->as_object().if_contains(member);
  if (text == nullptr || !text->is_string() || text->as_string().empty()) {
    return Error(Errc::kUnavailable, fmt::format("the server of keys answers without {}", member));
  }
  return std::string(text->as_string());
}

}  // namespace

Task<Result<VaultKeys::Asked>> VaultKeys::ask(std::string path, std::string json,
                                              std::string member) {
  const MonoTime end = parts_.clock.mono() + parts_.patience;
  auto work = [this, end, path = std::move(path), json = std::move(json),
               member = std::move(member)]() -> Result<Asked> {
    // Whoever waited for a thread as long as that finds a server that does not answer.
    Result<VaultAnswer> answer = Error(Errc::kUnavailable, "the server of keys is too slow");
    for (int attempt = 0; attempt < kAttempts && is_worth_another(answer); ++attempt) {
      if (parts_.clock.mono() >= end) break;
      answer = parts_.post(path, json);
    }
    if (!answer) return answer.error();
    if (is_worth_another(answer)) {
      return Error(Errc::kUnavailable,
                   fmt::format("the server of keys answers {}", answer->status));
    }
    Asked asked{*std::move(answer), {}};
    if (asked.answer.status == 200) {
      KELP_TRY(asked.text, member_of(asked.answer.body, member));
    }
    return asked;
  };
  auto asked = co_await offload<Asked>(parts_.pool, std::move(work));
  if (!asked && asked.error().code() == Errc::kResourceExhausted) {
    co_return Error(Errc::kUnavailable, "too many wait for the server of keys");
  }
  co_return asked;
}

Task<Result<Encryption>> VaultKeys::wrap(Encryption how, SecretKey object_key) {
  const std::string id = id_of(how);
  if (id.empty()) co_return unknown(how);
  if (how.kind == EncryptionKind::kKms && (how.key_id.empty() || how.key_id.contains("alias/"))) {
    how.key_id = s3::key_arn(id);
  }
  boost::json::object form;
  form["plaintext"] = base64_encode(as_text(object_key.bytes()));
  form["associated_data"] = base64_encode(associated_with(how, id));
  KELP_CO_TRY(const Asked asked, co_await ask("encrypt/" + parts_.prefix + id,
                                              boost::json::serialize(form), "ciphertext"));
  // An engine that is asked for a key it has not would make it, were that allowed: 403 instead.
  const long status = asked.answer.status;
  const bool named = how.kind == EncryptionKind::kKms;
  if (named && (status == 400 || status == 403 || status == 404)) co_return unknown(how);
  if (status != 200) {
    co_return Error(Errc::kUnavailable, fmt::format("the server of keys answers {}", status));
  }
  how.wrapped_key = std::string(1, kWrapFormat) + asked.text;
  co_return how;
}

Task<Result<SecretKey>> VaultKeys::unwrap(Encryption how) {
  if (!how.wrapped_key.starts_with(kWrapFormat)) {
    if (parts_.before != nullptr) co_return co_await parts_.before->unwrap(std::move(how));
    co_return Error(Errc::kNotFound, "a key ring wrapped this key, and there is none here");
  }
  const std::string id = id_of(how);
  if (id.empty()) co_return unknown(how);
  boost::json::object form;
  form["ciphertext"] = std::string_view(how.wrapped_key).substr(1);
  form["associated_data"] = base64_encode(associated_with(how, id));
  KELP_CO_TRY(const Asked asked, co_await ask("decrypt/" + parts_.prefix + id,
                                              boost::json::serialize(form), "plaintext"));
  const long status = asked.answer.status;
  if (status == 404) co_return unknown(how);
  if (status == 400) {
    co_return Error(Errc::kCorruption,
                    fmt::format("key {} does not open it, or is gone from the server of keys", id));
  }
  if (status != 200) {
    co_return Error(Errc::kUnavailable, fmt::format("the server of keys answers {}", status));
  }
  const auto plain = base64_decode(asked.text);
  if (!plain || plain->size() != SecretKey::kBytes) {
    co_return Error(Errc::kCorruption, "the server of keys answers with no key");
  }
  SecretKey key;
  std::ranges::copy(std::as_bytes(std::span(*plain)), key.bytes().begin());
  co_return key;
}

namespace {

struct EndCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct EndList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t append(char* bytes, std::size_t size, std::size_t count, void* out) {
  auto& text = *static_cast<std::string*>(out);
  if (text.size() + size * count > kMostHeard) return 0;
  text.append(bytes, size * count);
  return size * count;
}

/// Where a Vault is, and how long it is waited for.
struct VaultPlace {
  std::string address;
  std::string mount;
  std::string token_file;
  std::string ca_file;
  std::chrono::nanoseconds timeout{};
};

Result<VaultAnswer> post(const VaultPlace& place, FileIo& io, const std::string& path,
                         const std::string& json) {
  auto token_file = read_whole_file(io, place.token_file, kMostTokenBytes);
  if (!token_file) return Error(Errc::kUnavailable, token_file.error().message());
  std::string token = *std::move(token_file);
  token.erase(std::min(token.find_last_not_of(" \r\n") + 1, token.size()));
  // Each thread's own, with the connection that it had: a new one costs more than the answer.
  thread_local std::unique_ptr<CURL, EndCurl> curl(curl_easy_init());
  if (curl == nullptr) return Error(Errc::kUnavailable, "no memory for a connection");
  curl_easy_reset(curl.get());
  const std::string header = "X-Vault-Token: " + token;
  const std::unique_ptr<curl_slist, EndList> lines(curl_slist_append(nullptr, header.c_str()));
  const std::string url = fmt::format("{}/v1/{}/{}", place.address, place.mount, path);
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(place.timeout);
  VaultAnswer answer;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(patience.count()));
  if (!place.ca_file.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_CAINFO, place.ca_file.c_str());
  }
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, lines.get());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, json.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  const CURLcode done = curl_easy_perform(curl.get());
  if (done != CURLE_OK) {
    return Error(Errc::kUnavailable,
                 fmt::format("server of keys {}: {}", place.address, curl_easy_strerror(done)));
  }
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

}  // namespace

std::unique_ptr<s3::KeyService> make_vault_keys(const Config& config, FileIo& io, Clock& clock,
                                                WorkPool& pool, s3::KeyService* before) {
  if (config.s3.vault_address.empty()) return nullptr;
  const VaultPlace place{.address = config.s3.vault_address,
                         .mount = config.s3.vault_mount,
                         .token_file = config.s3.vault_token_file,
                         .ca_file = config.s3.vault_ca_file,
                         .timeout = config.s3.vault_timeout};
  auto ask = [place, &io](const std::string& path, const std::string& json) {
    return post(place, io, path, json);
  };
  return std::make_unique<VaultKeys>(VaultParts{.pool = pool,
                                                .clock = clock,
                                                .patience = kAttempts * config.s3.vault_timeout,
                                                .prefix = config.s3.vault_prefix,
                                                .post = std::move(ask),
                                                .before = before});
}

}  // namespace kelp::server
