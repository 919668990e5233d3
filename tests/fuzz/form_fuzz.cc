// A form upload as anybody may send it: the form, its policy, and the end of its file in any
// pieces. The first byte says how large the pieces are.

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "base/encoding.h"
#include "s3gw/core/form_data.h"
#include "s3gw/core/post_form.h"
#include "s3gw/core/post_policy.h"

namespace {

using namespace kelp;
using namespace kelp::s3;

/// The file's bytes as they are found when they come in pieces.
std::string file_in_pieces(std::string_view bytes, std::size_t piece, const std::string& delimiter,
                           bool& ended) {
  std::string found;
  std::string held;
  ended = false;
  for (std::size_t at = 0; at < bytes.size() && !ended; at += piece) {
    held += bytes.substr(at, piece);
    const FileBytes scanned = scan_file(held, delimiter);
    KELP_ASSERT(scanned.data <= held.size(), "no more bytes than there are");
    found += held.substr(0, scanned.data);
    held.erase(0, scanned.data);
    ended = scanned.ended;
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0] % 64;
  const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  (void)form_boundary(body);
  if (const auto policy = parse_post_policy(base64_encode(body))) {
    (void)check_post_policy(*policy, {}, "bucket", {});
    (void)check_length(*policy, {.least = 1, .most = 2});
  }
  auto form = parse_form_head(body, "b", true);
  if (!form) return 0;
  KELP_ASSERT(form->file_begins <= body.size(), "the file begins within the body");
  KELP_ASSERT(form->file_begins <= kMaxFormBytes, "what stands before a file is bounded");
  const std::string_view rest = std::string_view(body).substr(form->file_begins);
  const std::string delimiter = file_delimiter("b");
  const std::size_t end = rest.find(delimiter);
  bool ended = false;
  const std::string found = file_in_pieces(rest, piece, delimiter, ended);
  KELP_ASSERT(ended == (end != rest.npos), "the end is found when it is there");
  KELP_ASSERT(!ended || found == rest.substr(0, end), "the file is what stands before it");
  KELP_ASSERT(rest.starts_with(found), "nothing is added to a file");
  for (const PostField& field : post_fields(*std::move(form))) {
    KELP_ASSERT(field.lower.size() == field.name.size(), "names only change their case");
  }
  return 0;
}
