#include "s3gw/core/payload.h"

#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/sigv4.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kMd5Bytes = 16;
constexpr std::size_t kMaxEchoBytes = 256;
constexpr std::string_view kChecksumPrefix = "x-amz-checksum-";
// Other headers with that prefix, which hold no value of a checksum.
constexpr std::string_view kNotValues[] = {"mode", "algorithm", "type"};

std::unexpected<S3Error> invalid_request(std::string message) {
  return s3_error(S3Code::kInvalidRequest, std::move(message));
}

std::unexpected<S3Error> invalid_digest(std::string_view sent) {
  return std::unexpected(S3Error{
      S3Code::kInvalidDigest, {}, {{"Content-MD5", std::string(sent.substr(0, kMaxEchoBytes))}}});
}

std::unexpected<S3Error> several_checksums() {
  return invalid_request(
      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
}

// The headers that speak of the body, found in one pass.
struct BodyHeaders {
  std::optional<std::string_view> decoded_length;
  std::optional<std::string_view> content_md5;
  std::optional<std::string_view> sdk_algorithm;
  std::string trailer;  // all values, joined by commas
  const HttpHeader* checksum = nullptr;
  bool several_checksums = false;
};

BodyHeaders find_body_headers(std::span<const HttpHeader> headers) {
  BodyHeaders found;
  for (const HttpHeader& header : headers) {
    const std::string_view name = header.name;
    if (equals_lower(name, "content-md5")) found.content_md5 = header.value;
    if (!starts_with_lower(name, "x-amz-")) continue;
    if (equals_lower(name, "x-amz-decoded-content-length")) found.decoded_length = header.value;
    if (equals_lower(name, "x-amz-sdk-checksum-algorithm")) found.sdk_algorithm = header.value;
    if (equals_lower(name, "x-amz-trailer")) {
      if (!found.trailer.empty()) found.trailer.push_back(',');
      found.trailer.append(header.value);
    }
    if (!starts_with_lower(name, kChecksumPrefix)) continue;
    const std::string_view what = name.substr(kChecksumPrefix.size());
    if (std::ranges::any_of(kNotValues, [&](auto other) { return equals_lower(what, other); })) {
      continue;
    }
    found.several_checksums = found.checksum != nullptr;
    found.checksum = &header;
  }
  return found;
}

S3Result<std::uint64_t> decoded_length(const PayloadHead& head, const BodyHeaders& headers) {
  if (!is_streaming(head.claim.mode)) {
    if (!head.content_length) return s3_error(S3Code::kMissingContentLength);
    return *head.content_length;
  }
  if (!headers.decoded_length) return s3_error(S3Code::kMissingContentLength);
  const std::string_view text = *headers.decoded_length;
  std::uint64_t bytes = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (status != std::errc() || end != text.data() + text.size() ||
      bytes > static_cast<std::uint64_t>(INT64_MAX)) {
    return s3_error(S3Code::kMissingContentLength);
  }
  return bytes;
}

S3Result<std::optional<Checksum>> read_checksum(const HttpHeader* header) {
  if (header == nullptr) return std::nullopt;
  const auto algorithm = checksum_by_header(header->name);
  if (!algorithm) {
    return invalid_request(
        "The algorithm type you specified in x-amz-checksum- header is invalid.");
  }
  auto checksum = parse_checksum(*algorithm, header->value);
  if (!checksum) {
    return invalid_request("Value for " + std::string(header_of(*algorithm)) +
                           " header is invalid.");
  }
  return checksum;
}

S3Result<std::optional<ChecksumAlgorithm>> read_trailer(PayloadMode mode, std::string_view names) {
  std::optional<ChecksumAlgorithm> algorithm;
  while (!names.empty()) {
    const std::string_view name = trimmed(cut(names, ','));
    if (name.empty()) continue;
    const auto announced = checksum_by_header(name);
    if (!announced) {
      return invalid_request("The value specified in the x-amz-trailer header is not supported");
    }
    if (algorithm) return several_checksums();
    algorithm = announced;
  }
  if (algorithm && !has_trailers(mode)) {
    return invalid_request(
        "x-amz-trailer needs an x-amz-content-sha256 that announces trailing headers.");
  }
  return algorithm;
}

// x-amz-sdk-checksum-algorithm must name what comes in a header or a trailer.
S3Result<void> check_sdk_algorithm(std::string_view name, const PayloadSpec& spec) {
  const auto algorithm = checksum_by_name(name);
  if (!algorithm) {
    return invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid.");
  }
  if (!spec.checksum && !spec.trailer_checksum) {
    return invalid_request(
        "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
        "x-amz-trailer headers were found.");
  }
  const auto sent = spec.checksum ? spec.checksum->algorithm : *spec.trailer_checksum;
  if (sent == *algorithm) return {};
  return invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid.");
}

std::optional<ChunkedDecoder> make_chunked(const PayloadSpec& spec) {
  if (!is_streaming(spec.claim.mode)) return std::nullopt;
  ChunkedSpec chunked;
  chunked.decoded_bytes = spec.decoded_bytes;
  if (has_chunk_signatures(spec.claim.mode)) chunked.signing = spec.chunk_signing;
  chunked.trailers_allowed = has_trailers(spec.claim.mode);
  if (spec.trailer_checksum) chunked.trailer_names.emplace_back(header_of(*spec.trailer_checksum));
  return ChunkedDecoder(std::move(chunked));
}

}  // namespace

std::optional<PayloadClaim> parse_payload_claim(std::string_view text) {
  if (text == "UNSIGNED-PAYLOAD") return PayloadClaim{.mode = PayloadMode::kUnsigned};
  if (text == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") {
    return PayloadClaim{.mode = PayloadMode::kStreamingSigned};
  }
  if (text == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") {
    return PayloadClaim{.mode = PayloadMode::kStreamingSignedTrailer};
  }
  if (text == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
    return PayloadClaim{.mode = PayloadMode::kStreamingUnsignedTrailer};
  }
  PayloadClaim claim{.mode = PayloadMode::kSigned};
  if (text.size() != claim.sha256.size() * 2) return std::nullopt;
  const auto raw = hex_decode(text);
  if (!raw) return std::nullopt;
  std::ranges::copy(as_bytes(*raw), claim.sha256.begin());
  return claim;
}

S3Result<PayloadSpec> parse_payload_spec(const PayloadHead& head) {
  const BodyHeaders headers = find_body_headers(head.headers);
  PayloadSpec spec{.claim = head.claim,
                   .decoded_bytes = 0,
                   .chunk_signing = head.chunk_signing,
                   .content_md5 = std::nullopt,
                   .checksum = std::nullopt,
                   .trailer_checksum = std::nullopt,
                   .default_checksum = head.default_checksum,
                   .compute_md5 = head.compute_md5 || headers.content_md5.has_value()};
  const auto length = decoded_length(head, headers);
  if (!length) return std::unexpected(length.error());
  spec.decoded_bytes = *length;
  if (headers.content_md5) {
    auto raw = base64_decode(*headers.content_md5);
    if (!raw || raw->size() != kMd5Bytes) return invalid_digest(*headers.content_md5);
    spec.content_md5 = *std::move(raw);
  }
  auto trailer = read_trailer(head.claim.mode, headers.trailer);
  if (!trailer) return std::unexpected(std::move(trailer).error());
  spec.trailer_checksum = *trailer;
  if (!head.checksum_of_body) return spec;

  if (headers.several_checksums || (headers.checksum != nullptr && spec.trailer_checksum)) {
    return several_checksums();
  }
  auto checksum = read_checksum(headers.checksum);
  if (!checksum) return std::unexpected(std::move(checksum).error());
  spec.checksum = *std::move(checksum);
  if (headers.sdk_algorithm) {
    if (auto ok = check_sdk_algorithm(*headers.sdk_algorithm, spec); !ok) {
      return std::unexpected(std::move(ok).error());
    }
  }
  return spec;
}

PayloadDecoder::PayloadDecoder(PayloadSpec spec)
    : spec_(std::move(spec)), chunked_(make_chunked(spec_)) {
  if (spec_.compute_md5) md5_.emplace();
  if (spec_.claim.mode == PayloadMode::kSigned) sha256_.emplace(DigestAlgorithm::kSha256);
  if (spec_.checksum) {
    checksum_.emplace(spec_.checksum->algorithm);
  } else if (spec_.trailer_checksum) {
    checksum_.emplace(*spec_.trailer_checksum);
  } else if (spec_.default_checksum) {
    checksum_.emplace(*spec_.default_checksum);
  }
}

S3Result<MutableByteSpan> PayloadDecoder::feed(MutableByteSpan raw) {
  auto data = decode(raw);
  if (!data) return data;
  if (md5_) md5_->update(*data);
  add(*data);
  return data;
}

S3Result<MutableByteSpan> PayloadDecoder::decode(MutableByteSpan raw) {
  MutableByteSpan data = raw;
  if (chunked_) {
    auto decoded = chunked_->feed(raw);
    if (!decoded) return decoded;
    data = *decoded;
  }
  decoded_bytes_ += data.size();
  if (decoded_bytes_ > spec_.decoded_bytes) return s3_error(S3Code::kIncompleteBody);
  return data;
}

void PayloadDecoder::add(ByteSpan data) {
  if (sha256_) sha256_->update(data);
  if (checksum_) checksum_->update(data);
}

S3Result<void> PayloadDecoder::check_sha256() {
  if (!sha256_) return {};
  const std::string computed = sha256_->finish();
  if (computed == as_text(spec_.claim.sha256)) return {};
  return std::unexpected(
      S3Error{S3Code::kXAmzContentSHA256Mismatch,
              {},
              {{"ClientComputedContentSHA256", hex_encode(as_text(spec_.claim.sha256))},
               {"S3ComputedContentSHA256", hex_encode(computed)}}});
}

S3Result<void> PayloadDecoder::check_md5(const std::string& md5) const {
  if (!spec_.content_md5 || *spec_.content_md5 == md5) return {};
  // Of objects AWS tells the one in hex, of documents both in base64.
  const std::string& expected = *spec_.content_md5;
  return std::unexpected(
      S3Error{S3Code::kBadDigest,
              {},
              {{"CalculatedDigest", base64_encode(md5)},
               {"ExpectedDigest",
                spec_.default_checksum ? hex_encode(expected) : base64_encode(expected)}}});
}

S3Result<std::optional<Checksum>> PayloadDecoder::check_checksum() {
  if (!checksum_) return std::nullopt;
  const ChecksumAlgorithm algorithm = checksum_->algorithm();
  Checksum computed{.algorithm = algorithm,
                    .type = ChecksumType::kFullObject,
                    .value = checksum_->finish(),
                    .part_count = 0};
  std::optional<Checksum> expected = spec_.checksum;
  if (spec_.trailer_checksum) {
    // finish() of the framing has seen exactly this one.
    expected = parse_checksum(algorithm, chunked_->trailers().front().second);
    if (!expected) {
      return invalid_request("Value for " + std::string(header_of(algorithm)) +
                             " trailing header is invalid.");
    }
  }
  if (!expected || *expected == computed) return computed;
  return s3_error(S3Code::kBadDigest, "The " + std::string(name_of(algorithm)) +
                                          " you specified did not match the calculated checksum.");
}

S3Result<PayloadResult> PayloadDecoder::finish() {
  if (chunked_) {
    if (auto ok = chunked_->finish(); !ok) return std::unexpected(std::move(ok).error());
  }
  if (decoded_bytes_ != spec_.decoded_bytes && !spec_.is_length_limit) {
    return std::unexpected(S3Error{S3Code::kIncompleteBody,
                                   {},
                                   {{"NumberBytesExpected", std::to_string(spec_.decoded_bytes)},
                                    {"NumberBytesProvided", std::to_string(decoded_bytes_)}}});
  }
  PayloadResult result;
  result.decoded_bytes = decoded_bytes_;
  if (auto ok = check_sha256(); !ok) return std::unexpected(std::move(ok).error());
  if (md5_) result.md5 = md5_->finish();
  if (auto ok = check_md5(result.md5); !ok) return std::unexpected(std::move(ok).error());
  auto checksum = check_checksum();
  if (!checksum) return std::unexpected(std::move(checksum).error());
  if (*checksum) result.checksums.push_back(**std::move(checksum));
  return result;
}

}  // namespace kelp::s3
