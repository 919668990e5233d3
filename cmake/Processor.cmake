# What a release is built for: on amd64 every processor since 2009 (SSE4.2); elsewhere the compiler's own baseline. A -march that
# was given stays. What newer processors do faster is chosen at run time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$" AND NOT CMAKE_CXX_FLAGS_RELEASE MATCHES "-march=")
  string(APPEND CMAKE_CXX_FLAGS_RELEASE " -march=x86-64-v2")
endif()
