#include "s3gw/core/chunked_signature.h"

#include <algorithm>
#include <charconv>

#include "s3gw/core/header_text.h"
#include "s3gw/core/sigv4.h"

namespace kelp::s3 {
namespace {

// A chunk header is a size and a signature, a trailer a name and a checksum: some 100 bytes.
constexpr std::size_t kMaxLineBytes = 1024;
constexpr std::size_t kMaxTrailers = 8;
constexpr std::uint64_t kMinChunkBytes = 8192;
constexpr std::string_view kSignatureExtension = "chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature";

void append_line(std::string_view text, std::string& out) {
  out.append(text).push_back('\n');
}

std::string sign(const ChunkSigning& signing, const std::string& text) {
  std::string signature;
  append_hex(hmac_sha256(view(signing.signing_key), text), signature);
  return signature;
}

// 1 to 16 hex digits and nothing else.
bool parse_size(std::string_view text, std::uint64_t& size) {
  if (text.empty() || text.size() > 16) return false;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), size, 16);
  return status == std::errc() && end == text.data() + text.size();
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), ascii_lower);
  return lower;
}

}  // namespace

std::string chunk_signature(const ChunkSigning& signing, std::string_view previous,
                            const Sha256& data_hash) {
  static constexpr std::string_view kEmptyHash =
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  std::string text;
  append_line("AWS4-HMAC-SHA256-PAYLOAD", text);
  append_line(signing.date, text);
  append_line(signing.scope, text);
  append_line(previous, text);
  append_line(kEmptyHash, text);
  append_hex(data_hash, text);
  return sign(signing, text);
}

std::string trailer_signature(const ChunkSigning& signing, std::string_view previous,
                              std::string_view trailers) {
  std::string text;
  append_line("AWS4-HMAC-SHA256-TRAILER", text);
  append_line(signing.date, text);
  append_line(signing.scope, text);
  append_line(previous, text);
  append_hex(sha256(trailers), text);
  return sign(signing, text);
}

ChunkedDecoder::ChunkedDecoder(ChunkedSpec spec) : spec_(std::move(spec)) {
  if (!spec_.signing) return;
  previous_ = spec_.signing->seed_signature;
  hash_.emplace(DigestAlgorithm::kSha256);
}

S3Error ChunkedDecoder::incomplete() const {
  return {S3Code::kIncompleteBody,
          "The request body terminated unexpectedly",
          {{"NumberBytesExpected", std::to_string(spec_.decoded_bytes)},
           {"NumberBytesProvided", std::to_string(decoded_bytes_)}}};
}

S3Result<MutableByteSpan> ChunkedDecoder::feed(MutableByteSpan raw) {
  if (failed_) return std::unexpected(*failed_);
  std::size_t out_begin = 0;
  std::size_t out_bytes = 0;
  std::string_view rest = as_text(raw);
  while (!rest.empty()) {
    S3Result<void> step;
    if (state_ == State::kData) {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, rest.size()));
      const auto at = static_cast<std::size_t>(rest.data() - as_text(raw).data());
      if (hash_) hash_->update(rest.substr(0, take));
      // The first run stays where it is; the others move up to it.
      if (out_bytes == 0) out_begin = at;
      if (at != out_begin + out_bytes) {
        std::memmove(raw.data() + out_begin + out_bytes, raw.data() + at, take);
      }
      out_bytes += take;
      decoded_bytes_ += take;
      chunk_left_ -= take;
      rest.remove_prefix(take);
      if (chunk_left_ == 0) step = end_data();
    } else if (state_ == State::kDataEnd) {
      step = take_data_end(rest);
    } else if (state_ == State::kDone) {
      step = s3_error(S3Code::kMalformedTrailerError);
    } else {
      const auto complete = take_line(rest);
      if (!complete) {
        step = std::unexpected(complete.error());
      } else if (*complete) {
        step = state_ == State::kHeader ? begin_chunk() : take_trailer();
        line_.clear();
      }
    }
    if (!step) {
      failed_ = std::move(step).error();
      return std::unexpected(*failed_);
    }
  }
  return raw.subspan(out_begin, out_bytes);
}

// True when line_ holds a whole line, without its end. A chunk header ends with CRLF; some clients
// end trailers with a line feed alone.
S3Result<bool> ChunkedDecoder::take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view piece = rest.substr(0, end);
  if (line_.size() + piece.size() > kMaxLineBytes) {
    if (state_ == State::kTrailer) return s3_error(S3Code::kMalformedTrailerError);
    return std::unexpected(incomplete());
  }
  line_.append(piece);
  if (end == std::string_view::npos) {
    rest = {};
    return false;
  }
  rest.remove_prefix(end + 1);
  const bool carriage_return = line_.ends_with('\r');
  if (carriage_return) line_.pop_back();
  bare_line_ = !carriage_return;
  if (!carriage_return && state_ == State::kHeader) return std::unexpected(incomplete());
  return true;
}

S3Result<void> ChunkedDecoder::begin_chunk() {
  std::string_view rest = line_;
  std::uint64_t size = 0;
  if (!parse_size(cut(rest, ';'), size)) return std::unexpected(incomplete());
  if (size > spec_.decoded_bytes - decoded_bytes_) return std::unexpected(incomplete());
  if (spec_.signing) {
    if (!rest.starts_with(kSignatureExtension)) return std::unexpected(incomplete());
    claimed_ = rest.substr(kSignatureExtension.size());
  }
  if (size != 0 && chunk_number_ != 0 && chunk_bytes_ < kMinChunkBytes) {
    return std::unexpected(S3Error{S3Code::kInvalidChunkSizeError,
                                   {},
                                   {{"Chunk", std::to_string(chunk_number_)},
                                    {"BadChunkSize", std::to_string(chunk_bytes_)}}});
  }
  chunk_left_ = size;
  if (size == 0) return end_data();
  ++chunk_number_;
  chunk_bytes_ = size;
  state_ = State::kData;
  return {};
}

// The data of a chunk is all there: its signature is proven, and it becomes the next one's base.
S3Result<void> ChunkedDecoder::end_data() {
  const bool last = state_ == State::kHeader;
  if (spec_.signing) {
    Sha256 data_hash;
    const std::string raw = hash_->finish();
    std::ranges::copy(as_bytes(raw), data_hash.begin());
    previous_ = chunk_signature(*spec_.signing, previous_, data_hash);
    if (!equal_constant_time(previous_, claimed_)) {
      return s3_error(S3Code::kSignatureDoesNotMatch);
    }
  }
  data_end_seen_ = 0;
  state_ = last ? State::kTrailer : State::kDataEnd;
  return {};
}

S3Result<void> ChunkedDecoder::take_data_end(std::string_view& rest) {
  if (rest.front() != "\r\n"[data_end_seen_]) return std::unexpected(incomplete());
  rest.remove_prefix(1);
  if (++data_end_seen_ == 2) state_ = State::kHeader;
  return {};
}

// MinIO's SDKs end the trailers with LF CRLF, and only then comes the signature or the empty line.
S3Result<void> ChunkedDecoder::take_trailer() {
  if (line_.empty() && bare_before_ && !bare_line_) {
    bare_before_ = false;
    may_end_ = true;
    return {};
  }
  if (line_.empty()) {
    state_ = State::kDone;
    return check_trailers();
  }
  std::string_view rest = line_;
  const std::string name = lower_case(trimmed(cut(rest, ':')));
  const std::string_view value = trimmed(rest);
  const bool after_signature = trailer_signature_.has_value();
  if (!spec_.trailers_allowed || after_signature || trailers_.size() == kMaxTrailers) {
    return s3_error(S3Code::kMalformedTrailerError);
  }
  bare_before_ = false;
  if (name == kTrailerSignature && spec_.signing) {
    trailer_signature_ = value;
    return {};
  }
  if (may_end_) return s3_error(S3Code::kMalformedTrailerError);
  bare_before_ = bare_line_;
  const bool announced = std::ranges::find(spec_.trailer_names, name) != spec_.trailer_names.end();
  const bool repeated =
      std::ranges::find(trailers_, name, &decltype(trailers_)::value_type::first) !=
      trailers_.end();
  if (!announced || repeated) return s3_error(S3Code::kMalformedTrailerError);
  trailers_.emplace_back(name, value);
  return {};
}

S3Result<void> ChunkedDecoder::check_trailers() {
  if (trailers_.size() != spec_.trailer_names.size()) {
    return s3_error(S3Code::kMalformedTrailerError);
  }
  if (!spec_.signing || !spec_.trailers_allowed) return {};
  if (!trailer_signature_) {
    // Nothing announced and nothing sent: there is nothing to sign.
    if (trailers_.empty()) return {};
    return s3_error(S3Code::kMalformedTrailerError);
  }
  std::string text;
  for (const auto& [name, value] : trailers_) {
    text.append(name).push_back(':');
    append_line(value, text);
  }
  if (!equal_constant_time(trailer_signature(*spec_.signing, previous_, text),
                           *trailer_signature_)) {
    return s3_error(S3Code::kSignatureDoesNotMatch);
  }
  return {};
}

S3Result<void> ChunkedDecoder::finish() {
  if (failed_) return std::unexpected(*failed_);
  S3Result<void> result;
  if (state_ == State::kTrailer && line_.empty() && (trailers_.empty() || may_end_) &&
      !trailer_signature_) {
    // Without trailers some clients leave out the last empty line; the last chunk is proven. And
    // LF CRLF is all that some send after them.
    result = check_trailers();
  } else if (state_ == State::kTrailer) {
    result = s3_error(S3Code::kMalformedTrailerError);
  } else if (state_ != State::kDone) {
    result = std::unexpected(incomplete());
  }
  if (result && decoded_bytes_ != spec_.decoded_bytes) result = std::unexpected(incomplete());
  if (!result) failed_ = result.error();
  return result;
}

}  // namespace kelp::s3
