// The CPU library: the same headers that NVRTC compiles for the GPU, once for each size of ramp scratch.
#define JW_GROUPS 16
#include "all.h"
#undef JW_GROUPS
#define JW_GROUPS 64
#include "all.h"
#undef JW_GROUPS
#define JW_GROUPS 256
#include "all.h"
#undef JW_GROUPS
#define JW_GROUPS 1024
#include "all.h"
