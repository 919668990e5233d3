#include "os/posix_file_io.h"
