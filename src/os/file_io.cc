#include "os/file_io.h"
