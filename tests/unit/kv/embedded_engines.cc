#include "tests/unit/kv/embedded_engines.h"

namespace kelp::test {

std::vector<EngineKind> engine_kinds() {
  return {{"mem", [] { return std::make_unique<MemEngine>(); }},
          {"rocks", [] { return std::make_unique<RocksEngine>(); }}};
}

}  // namespace kelp::test
