#include "webdav/core/form.h"

#include <gtest/gtest.h>

namespace kelp::webdav {
namespace {

/// Everything that comes out of `form`, given in pieces of `step` bytes:
/// "name|filename|type:data;".
std::string cut_in(const std::string& form, std::size_t step) {
  FormCutter cutter("xyz");
  std::string out;
  std::size_t given = 0;
  while (true) {
    auto next = cutter.next();
    if (!next) return "refused";
    if (std::holds_alternative<FormCutter::End>(*next)) return out + "end";
    if (std::holds_alternative<FormCutter::NeedMore>(*next)) {
      if (given == form.size()) return out + "unfinished";
      cutter.push(std::string_view(form).substr(given, step));
      given = std::min(given + step, form.size());
    } else if (const auto* field = std::get_if<FormCutter::Field>(&*next)) {
      out += field->name + '|' + field->filename + '|' + field->content_type + ':';
    } else if (const auto* data = std::get_if<FormCutter::Data>(&*next)) {
      out += data->bytes;
    } else {
      out += ';';
    }
  }
}

const std::string kForm =
    "preamble\r\n--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n"
    "--xyz\r\ncontent-disposition: form-data; name=\"f\"; filename=\"q\\\"u;o.txt\"\r\n"
    "Content-Type: text/x\r\n\r\n\r\n--xy\r\n-data--xyz\r\n\r\n--xyz--\r\nepilogue";

TEST(Form, IsTheSameHoweverItArrives) {
  const std::string wanted = "a||:one;f|q\"u;o.txt|text/x:\r\n--xy\r\n-data--xyz\r\n;end";
  for (std::size_t step = 1; step <= kForm.size(); ++step) {
    EXPECT_EQ(cut_in(kForm, step), wanted) << step;
  }
}

TEST(Form, MayBeginAtOnceAndHaveEmptyFields) {
  EXPECT_EQ(cut_in("--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--xyz--", 7),
            "a||:;end");
  EXPECT_EQ(cut_in("--xyz--", 3), "end");
}

TEST(Form, TellsThatItIsCutShort) {
  const std::size_t end = kForm.find("--xyz--\r\nepilogue") + 7;
  for (std::size_t size = 0; size < end; ++size) {
    EXPECT_TRUE(cut_in(kForm.substr(0, size), 16).ends_with("unfinished")) << size;
  }
}

TEST(Form, RefusesWhatIsNone) {
  EXPECT_EQ(cut_in("--xyzz\r\n\r\n", 64), "refused");
  EXPECT_EQ(cut_in("--xyz\r\n" + std::string(9000, 'h'), 64), "refused");
  EXPECT_EQ(cut_in(std::string(9000, 'p'), 64), "refused");
}

TEST(Form, NeedsABoundary) {
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=xyz").value(), "xyz");
  EXPECT_EQ(form_boundary("Multipart/Form-Data; charset=u; boundary=\"a b\"").value(), "a b");
  EXPECT_EQ(form_boundary("multipart/form-data").error().status, 400);
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=").error().status, 400);
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=" + std::string(71, 'b')).error().status,
            400);
  EXPECT_EQ(form_boundary("text/plain; boundary=x").error().status, 415);
}

}  // namespace
}  // namespace kelp::webdav
