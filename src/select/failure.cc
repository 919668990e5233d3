#include "select/failure.h"

namespace kelp::select {

std::string_view name_of(FailureKind kind) {
  switch (kind) {
#define KELP_SELECT_NAME(name) \
  case FailureKind::k##name:   \
    return #name;
    KELP_SELECT_FAILURES(KELP_SELECT_NAME)
#undef KELP_SELECT_NAME
  }
  return "InternalError";
}

}  // namespace kelp::select
