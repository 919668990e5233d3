// Forms as browsers and libraries send them, and everything that is none.

#include "s3gw/core/form_data.h"

#include <gtest/gtest.h>

#include "s3gw/core/post_form.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kBoundary = "9431149156168";

std::string part(const std::string& name, const std::string& value) {
  return "--9431149156168\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" +
         value + "\r\n";
}
std::string file_head(const std::string& more = "; filename=\"a.txt\"") {
  return "--9431149156168\r\nContent-Disposition: form-data; name=\"file\"" + more +
         "\r\nContent-Type: text/plain\r\n\r\n";
}

std::string code_of(const std::string& body, bool whole = true) {
  const auto form = parse_form_head(body, kBoundary, whole);
  return form ? "" : std::string(text_of(form.error().code).code);
}

TEST(FormData, ReadsFieldsUpToTheFile) {
  const std::string front = part("key", "a/b") + part("Policy", "x=\r\n--y") + file_head();
  const auto form = parse_form_head(front + "body\r\n--9431149156168--\r\n", kBoundary, true);
  ASSERT_TRUE(form.has_value());
  ASSERT_EQ(form->fields.size(), 2U);
  EXPECT_EQ(form->fields[0].name, "key");
  EXPECT_EQ(form->fields[0].value, "a/b");
  EXPECT_EQ(form->fields[1].value, "x=\r\n--y");
  EXPECT_EQ(form->filename, "a.txt");
  EXPECT_EQ(form->file_begins, front.size());
}

TEST(FormData, NamesAreReadAsClientsWriteThem) {
  const auto filename = [](const std::string& more) {
    const auto form = parse_form_head(file_head(more) + "x", kBoundary, true);
    return form ? form->filename.value_or("none") : "refused";
  };
  EXPECT_EQ(filename(""), "none");
  EXPECT_EQ(filename("; filename=\"\""), "");
  EXPECT_EQ(filename("; filename=plain.txt"), "plain.txt");
  EXPECT_EQ(filename(";filename = \"a b\""), "a b");
  EXPECT_EQ(filename("; filename=\"a\\\"b\""), "a\"b");
  EXPECT_EQ(filename(R"(; filename="C:\dir\new.txt")"), R"(C:\dir\new.txt)");
  EXPECT_EQ(filename("; filename=\"open"), "refused");
  EXPECT_EQ(filename(" filename=\"no separator\""), "refused");
}

TEST(FormData, TheFileIsThePartOfThatName) {
  const std::string named =
      "--9431149156168\r\ncontent-disposition: FORM-DATA; name=\"FILE\"\r\n\r\n";
  EXPECT_EQ(code_of(named + "x"), "");
  const std::string other =
      "--9431149156168\r\nContent-Disposition: form-data; name=\"upload\"; "
      "filename=\"a\"\r\n\r\nx\r\n--9431149156168--";
  EXPECT_EQ(code_of(other), "InvalidArgument");
}

TEST(FormData, RefusesWhatIsNoForm) {
  for (const std::string& body : std::vector<std::string>{
           "", "text", "--9431149156168", "--9431149156168\r\n", "--other\r\n\r\nx",
           part("key", "a"), part("key", "a") + "--9431149156168\r\n",
           "--9431149156168 x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n",
           "--9431149156168\r\n\r\nno name\r\n--9431149156168--",
           "--9431149156168\r\nContent-Disposition: form-data\r\n\r\nx\r\n--9431149156168--",
           "--9431149156168\r\nContent-Disposition: file; name=\"file\"\r\n\r\nx",
           "--9431149156168\r\nno colon\r\n\r\nx",
           "--9431149156168\nContent-Disposition: form-data; name=\"file\"\n\nx"}) {
    EXPECT_EQ(code_of(body), "MalformedPOSTRequest") << body;
  }
  EXPECT_EQ(code_of(part("key", "a") + "--9431149156168--\r\n"), "InvalidArgument") << "no file";
}

TEST(FormData, WhatStandsBeforeTheFileIsBounded) {
  const std::size_t overhead = part("key", "").size() + file_head().size();
  const auto of_size = [&](std::size_t bytes) {
    return code_of(part("key", std::string(bytes - overhead, 'x')) + file_head() + "body", false);
  };
  EXPECT_EQ(of_size(kMaxFormBytes), "");
  EXPECT_EQ(of_size(kMaxFormBytes + 1), "MaxPostPreDataLengthExceeded");
  EXPECT_EQ(code_of(part("key", std::string(2 * kMaxFormBytes, 'x')), false),
            "MaxPostPreDataLengthExceeded");
}

TEST(FormData, BoundariesComeFromTheContentType) {
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=abc").value(), "abc");
  EXPECT_EQ(form_boundary("Multipart/Form-Data;charset=utf-8; Boundary=\"a b\"").value(), "a b");
  for (const std::string& type : std::vector<std::string>{
           "multipart/form-data",
           "multipart/form-data; boundary=", "multipart/form-data; boundary=\"a \"",
           "multipart/form-data; boundary=" + std::string(71, 'x')}) {
    const auto boundary = form_boundary(type);
    ASSERT_FALSE(boundary.has_value()) << type;
    EXPECT_EQ(boundary.error().code, S3Code::kMalformedPOSTRequest) << type;
  }
  const auto other = form_boundary("text/html");
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, S3Code::kPreconditionFailed);
  EXPECT_EQ(other.error().fields[0].second,
            "Bucket POST must be of the enclosure-type multipart/form-data");
}

// However the bytes arrive, the file ends at the first delimiter and nowhere else.
TEST(FormData, TheEndOfAFileIsFoundInAnyPieces) {
  const std::string delimiter = file_delimiter("b");
  const std::string file = "x\r\n--\r\n-\r\r\n\r\n--a";
  const std::string body = file + delimiter + "--\r\n" + delimiter;
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    std::string held;
    std::string found;
    bool ended = false;
    for (std::size_t at = 0; at < body.size() && !ended; at += piece) {
      held += body.substr(at, piece);
      const FileBytes bytes = scan_file(held, delimiter);
      found += held.substr(0, bytes.data);
      held.erase(0, bytes.data);
      ended = bytes.ended;
    }
    EXPECT_TRUE(ended) << piece;
    EXPECT_EQ(found, file) << piece;
  }
}

TEST(PostForm, NamesTheFileInEveryField) {
  FormHead form{.fields = {{"key", "u/${filename}"},
                           {"X-Amz-Meta-Name", "${filename}+${filename}"},
                           {"x-amz-meta-tag", "one"},
                           {"X-AMZ-META-TAG", "two"}},
                .filename = "C:\\dir/x.txt",
                .file_begins = 0};
  const PostFields fields = post_fields(form);
  EXPECT_EQ(*find_field(fields, "key"), "u/x.txt");
  EXPECT_EQ(*find_field(fields, "x-amz-meta-name"), "x.txt+x.txt");
  EXPECT_EQ(*find_field(fields, "x-amz-meta-tag"), "one,two");
  EXPECT_EQ(find_field(fields, "Key"), nullptr);
  form.filename = "";
  EXPECT_EQ(*find_field(post_fields(form), "key"), "u/");
  form.filename = std::nullopt;
  EXPECT_EQ(*find_field(post_fields(form), "key"), "u/${filename}");
  form.filename = "${filename}";
  EXPECT_EQ(*find_field(post_fields(form), "key"), "u/${filename}") << "replaced once";
}

}  // namespace
}  // namespace kelp::s3
