// Every kernel. Included once per JW_GROUPS, so it and the headers below have no include guard of their own.
#include "compat.h"
#include "ramp_slopes.h"
#include "ramp_jumps.h"
