# Warnings of our own code; an error in every build.
add_library(kelp_warnings INTERFACE)
target_compile_options(kelp_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wunused-result -Wimplicit-fallthrough -Wno-missing-designated-field-initializers
  -Werror)
