#include <benchmark/benchmark.h>

#include <string>

#include "policy/document.h"

namespace kelp::policy {
namespace {

/// A bucket policy as they grow: statements for many users and prefixes, of which the last one
/// speaks of the request. range(0): statements.
void evaluate(benchmark::State& state) {
  std::string text = R"({"Version":"2012-10-17","Statement":[)";
  for (int i = 1; i <= state.range(0); ++i) {
    const std::string number = std::to_string(i);
    text += R"({"Effect":"Allow",)"
            R"("Principal":{"AWS":["arn:aws:iam::111122223333:user/ann","444455556666"]},)"
            R"("Action":["s3:Get*","s3:PutObject"],"Resource":"arn:aws:s3:::lake/team)" +
            number +
            R"(/${aws:username}/*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},)"
            R"("Bool":{"aws:SecureTransport":"true"}}},)";
  }
  text.back() = ']';
  const auto document = Document::parse(text + "}", PolicyKind::kBucket);
  if (!document.has_value()) return state.SkipWithError(document.error().detail().c_str());
  Request request;
  request.who.account = "111122223333";
  request.who.arn = "arn:aws:iam::111122223333:user/ann";
  request.action = "s3:getobject";
  request.resource =
      "arn:aws:s3:::lake/team" + std::to_string(state.range(0)) + "/ann/2026/03/part-00001.parquet";
  request.context.add("aws:username", "ann");
  request.context.add("aws:SourceIp", "10.1.2.3");
  request.context.add("aws:SecureTransport", "true");
  for (auto _ : state) {
    const Verdict verdict = document->evaluate(request);
    if (verdict.allowed != Naming::kItself) return state.SkipWithError("not allowed");
  }
}
BENCHMARK(evaluate)->Arg(1)->Arg(20)->Arg(60);

}  // namespace
}  // namespace kelp::policy
