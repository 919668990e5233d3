// What clients of files over HTTP may send: paths, If headers, forms and XML, each reader on every
// input.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/assert.h"
#include "webdav/core/dav_xml.h"
#include "webdav/core/form.h"
#include "webdav/core/if_header.h"
#include "webdav/core/listing.h"
#include "webdav/core/place.h"

namespace {

using namespace kelp::webdav;

void read_path(const std::string& text) {
  const auto place = parse_place(text);
  if (!place) return;
  KELP_ASSERT(place->level != Level::kEntry || !place->key.empty(), "an entry has a name");
  if (place->level == Level::kElsewhere || place->bucket.empty()) return;
  const auto again = parse_place(href_of(*place, place->slash));
  KELP_ASSERT(again && again->key == place->key && again->bucket == place->bucket,
              "a path that we write reads the same");
}

/// The fields of a form and their bytes, arriving in pieces of `step`.
std::string cut_in(const std::string& form, std::size_t step) {
  FormCutter cutter("b");
  std::string out;
  for (std::size_t given = 0;;) {
    const auto next = cutter.next();
    if (!next) return "refused";
    if (std::holds_alternative<FormCutter::End>(*next)) return out;
    if (std::holds_alternative<FormCutter::NeedMore>(*next)) {
      if (given == form.size()) return out + "|unfinished";
      cutter.push(std::string_view(form).substr(given, step));
      given = std::min(given + step, form.size());
    } else if (const auto* field = std::get_if<FormCutter::Field>(&*next)) {
      out += '|' + field->name + '|' + field->filename + '|';
    } else if (const auto* data = std::get_if<FormCutter::Data>(&*next)) {
      KELP_ASSERT(!data->bytes.empty(), "data is never nothing: who waits for it would wait on");
      out += data->bytes;
    }
  }
}

void read_xml(const std::string& text) {
  (void)parse_propfind(text);
  (void)parse_lockinfo(text);
  const auto steps = parse_proppatch(text);
  if (!steps) return;
  std::vector<DeadProp> props;
  for (const PropStep& step : *steps) {
    if (!step.remove) props.push_back(step.prop);
  }
  const auto again = decode_dead_props(encode_dead_props(props));
  KELP_ASSERT(again.size() == props.size(), "what is kept can be read");
  for (std::size_t i = 0; i < props.size(); ++i) {
    KELP_ASSERT(again[i].name == props[i].name, "under the same name");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  read_path(text);
  if (const auto lists = parse_if(text)) {
    for (const IfList& list : *lists) KELP_ASSERT(!list.all.empty(), "a list is never empty");
  }
  // Early in the whole, late in pieces: a limit may be found at another place, nothing else.
  const std::string whole = cut_in(text, text.size() + 1);
  const std::string pieces = cut_in(text, 3);
  KELP_ASSERT(whole == pieces || whole == "refused" || pieces == "refused",
              "forms have one meaning");
  read_xml(text);
  (void)matches(text.substr(0, size / 2), text.substr(size / 2));
  return 0;
}
