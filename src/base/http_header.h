#pragma once

#include <string_view>

namespace kelp {

/// One header line. Views into the connection's head buffer: valid until the handler returns.
struct HttpHeader {
  std::string_view name;   ///< As received; compare without regard to case.
  std::string_view value;  ///< Without white space around it.
};

}  // namespace kelp
