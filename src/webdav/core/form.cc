#include "webdav/core/form.h"

#include <algorithm>
#include <optional>

#include "s3gw/core/header_text.h"

namespace kelp::webdav {
namespace {

constexpr std::size_t kMaxHeadBytes = 8 * 1024;
constexpr std::size_t kMaxBoundaryBytes = 70;

/// The value of `name` among parameters "; a=b; c=\"d\"" behind a header's first word.
std::optional<std::string> parameter_of(std::string_view header, std::string_view name) {
  std::size_t at = header.find(';');
  while (at < header.size()) {
    ++at;
    const std::size_t equals = header.find('=', at);
    if (equals == header.npos) return std::nullopt;
    const std::string_view found = s3::trimmed(header.substr(at, equals - at));
    std::string value;
    at = equals + 1;
    if (at < header.size() && header[at] == '"') {
      for (++at; at < header.size() && header[at] != '"'; ++at) {
        // Browsers escape a quote as %22; others with a backslash.
        if (header[at] == '\\' && at + 1 < header.size() && header[at + 1] == '"') ++at;
        value += header[at];
      }
      at = header.find(';', at);
    } else {
      const std::size_t end = std::min(header.find(';', at), header.size());
      value = s3::trimmed(header.substr(at, end - at));
      at = end;
    }
    if (s3::equals_lower(found, name)) return value;
  }
  return std::nullopt;
}

}  // namespace

Outcome<std::string> form_boundary(std::string_view content_type) {
  if (!s3::starts_with_lower(content_type, "multipart/form-data")) {
    return failed(415, "a form is multipart/form-data");
  }
  auto boundary = parameter_of(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kMaxBoundaryBytes) {
    return failed(400, "the form's Content-Type has no boundary of 1 to 70 characters");
  }
  return *std::move(boundary);
}

FormCutter::FormCutter(const std::string& boundary) : delimiter_("\r\n--" + boundary) {
  // So that a boundary at the very front is found like any other.
  buffer_ = "\r\n";
}

void FormCutter::push(std::string_view bytes) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_ += bytes;
}

Outcome<FormCutter::Step> FormCutter::next() {
  switch (state_) {
    case State::kPreamble: {
      const std::size_t found = rest().find(delimiter_);
      if (found == std::string_view::npos) {
        if (rest().size() > kMaxHeadBytes) return failed(400, "the form does not begin");
        return Step(NeedMore{});
      }
      consume(found + delimiter_.size());
      state_ = State::kBehindBoundary;
      return behind_boundary();
    }
    case State::kBehindBoundary:
      return behind_boundary();
    case State::kHead:
      return head();
    case State::kData:
      return data();
    case State::kEnd:
      break;
  }
  return Step(End{});
}

Outcome<FormCutter::Step> FormCutter::behind_boundary() {
  if (rest().size() < 2) return Step(NeedMore{});
  if (rest().starts_with("--")) {
    state_ = State::kEnd;
    return Step(End{});
  }
  if (!rest().starts_with("\r\n")) return failed(400, "the form has a broken boundary");
  // The line end stays: it is the first half of the empty line of a field without a head.
  state_ = State::kHead;
  return head();
}

Outcome<FormCutter::Step> FormCutter::head() {
  const std::size_t end = rest().find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (rest().size() > kMaxHeadBytes) return failed(400, "a field's head is over 8 KiB");
    return Step(NeedMore{});
  }
  Field field;
  std::string_view lines = rest().substr(0, end);
  while (!lines.empty()) {
    std::string_view line = s3::cut(lines, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::string_view value = line;
    const std::string_view name = s3::cut(value, ':');
    if (s3::equals_lower(name, "content-disposition")) {
      field.name = parameter_of(value, "name").value_or("");
      field.filename = parameter_of(value, "filename").value_or("");
    } else if (s3::equals_lower(name, "content-type")) {
      field.content_type = s3::trimmed(value);
    }
  }
  consume(end + 4);
  state_ = State::kData;
  return Step(std::move(field));
}

FormCutter::Step FormCutter::data() {
  const std::size_t found = rest().find(delimiter_);
  if (found == 0) {
    consume(delimiter_.size());
    state_ = State::kBehindBoundary;
    return FieldEnd{};
  }
  std::size_t ready = found;
  if (found == std::string_view::npos) {
    if (rest().size() < delimiter_.size()) return NeedMore{};
    ready = rest().size() - delimiter_.size() + 1;
  }
  const std::string_view bytes = rest().substr(0, ready);
  consume(ready);
  return Data{bytes};
}

}  // namespace kelp::webdav
