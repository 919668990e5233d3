// The tables beside this file: what expressions are, what queries make of objects, what is refused.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "tests/unit/select/scan_support.h"

namespace kelp::select::test {
namespace {

std::vector<std::string> lines_of(const std::string& name) {
  std::ifstream file(std::string(KELP_SOURCE_DIR) + "/tests/unit/select/" + name);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  EXPECT_FALSE(lines.empty()) << name;
  return lines;
}

/// Rows of two columns.
std::vector<std::pair<std::string, std::string>> rows_of(const std::string& name) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const std::string& line : lines_of(name)) {
    const std::size_t tab = line.find('\t');
    if (line.starts_with('#')) continue;
    EXPECT_NE(tab, std::string::npos) << line;
    rows.emplace_back(line.substr(0, tab), line.substr(tab + 1));
  }
  return rows;
}

const std::string kRecord = "a,b,c,d,e,f\n7,text,,2.5,true,2010-02-03T04:05:06Z\n";

TEST(SelectTables, ExpressionsAreWhatTheTableSays) {
  const auto rows = rows_of("values.tsv");
  EXPECT_GT(rows.size(), 140U);
  for (const auto& [expression, wanted] : rows) {
    Request request =
        csv_request("SELECT " + expression + " AS v FROM S3Object s", HeaderInfo::kUse);
    request.output = JsonOutput{};
    const Outcomes outcomes = scan(request, kRecord);
    const std::string line = wanted == "-" ? "{}\n" : "{\"v\":" + wanted + "}\n";
    EXPECT_EQ(outcomes.result, line)
        << expression << ' ' << (outcomes.failure ? name_of(*outcomes.failure) : "") << ' '
        << outcomes.detail;
  }
}

TEST(SelectTables, WhatIsWrongIsRefusedAsOnAws) {
  const auto rows = rows_of("refusals.tsv");
  EXPECT_GT(rows.size(), 75U);
  for (const auto& [query, wanted] : rows) {
    const bool json = query.starts_with("json:");
    const Outcomes outcomes =
        json ? scan(json_request(query.substr(5)), R"({"a":{"b":[1]},"A":2,"n":1})")
             : scan(csv_request(query, HeaderInfo::kUse), "a,b,A\n7,text,8\n");
    EXPECT_EQ(outcomes.failure ? name_of(*outcomes.failure) : "nothing", wanted) << query;
  }
}

/// A case of queries.txt.
struct Case {
  std::string name;
  std::string formats;
  std::string query;
  std::string object;
  std::string result;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (std::string line : lines_of("queries.txt")) {
    if (line.starts_with('#') || line.empty()) continue;
    if (line.starts_with("== ")) {
      all.push_back({.name = line.substr(3)});
      continue;
    }
    Case& last = all.back();
    if (line.ends_with("\\r\\")) line.replace(line.size() - 3, 3, "\r");
    const std::string text = line.substr(std::min<std::size_t>(line.size(), 2));
    if (line.starts_with('<')) {
      last.object += text + "\n";
    } else if (line.starts_with('>')) {
      last.result += text + "\n";
    } else {
      (last.formats.empty() ? last.formats : last.query) = line;
    }
  }
  return all;
}

Request request_of(const Case& one) {
  Request request;
  request.expression = one.query;
  const std::size_t arrow = one.formats.find(" > ");
  const std::string in = one.formats.substr(0, arrow);
  const std::string out = one.formats.substr(arrow + 3);
  if (in == "json") {
    request.input = JsonInput{};
  } else {
    request.input = CsvInput{.header = in == "csv+use"      ? HeaderInfo::kUse
                                       : in == "csv+ignore" ? HeaderInfo::kIgnore
                                                            : HeaderInfo::kNone};
  }
  if (out == "json") {
    request.output = JsonOutput{};
  } else {
    request.output = CsvOutput{.quote_always = out == "csv+always"};
  }
  return request;
}

TEST(SelectTables, QueriesMakeWhatTheTableSaysHoweverTheObjectIsCut) {
  const auto all = cases();
  EXPECT_GT(all.size(), 25U);
  for (const Case& one : all) {
    for (const std::size_t piece_bytes : {std::size_t(-1), std::size_t{1}, std::size_t{7}}) {
      const Outcomes outcomes = scan(request_of(one), one.object, piece_bytes);
      EXPECT_EQ(outcomes.result, one.result)
          << one.name << ", pieces of " << piece_bytes << ' '
          << (outcomes.failure ? name_of(*outcomes.failure) : "") << ' ' << outcomes.detail;
    }
  }
}

}  // namespace
}  // namespace kelp::select::test
