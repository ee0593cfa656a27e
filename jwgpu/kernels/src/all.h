// Every kernel. Included once per JW_GROUPS: kernels come each time, what they share only the first.
#include "compat.h"
#include "order.h"
#include "ramp_segments.h"
#include "ramp_fit.h"
#include "ramp_slopes.h"
#include "ramp_jumps.h"
#include "ramp_many.h"
#include "ramp_likelihood.h"
