# One compiler: clang 19 or later (docs/adr/0001-one-compiler.md).
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR
    "Kelp is built with clang 19 or later, this is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}. "
    "g++ 12 destroys some temporaries twice inside a co_await expression (GCC bug 107288). "
    "On Debian 12: apt-get install clang-19 lld-19, then configure with -DCMAKE_CXX_COMPILER=clang++-19 "
    "(tools/dev build does both).")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# What nothing refers to is left out, equal functions are kept once: the image may have 120 MB.
add_link_options(-fuse-ld=lld -Wl,--gc-sections -Wl,--icf=safe -Wl,-z,pack-relative-relocs)

# A file that instantiates Asio takes up to 0.8 GB: two at a time, and one link.
set_property(GLOBAL PROPERTY JOB_POOLS compile=2 link=1)
set(CMAKE_JOB_POOL_COMPILE compile)
set(CMAKE_JOB_POOL_LINK link)

find_program(KELP_CCACHE ccache)
if(KELP_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${KELP_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${KELP_CCACHE})
endif()
