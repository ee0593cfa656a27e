// Drizzle: the light of input pixels, as drops on the grid of an output, summed by the output pixel.
//
// jwgpu/numerics/drizzle.py is the readable specification. A work item owns a rectangle of output pixels: on a CPU a tile,
// whose sums stay in cache; on a GPU one pixel. It goes through the input pixels of its window row by row and adds to
// what it owns, so that nothing is shared between items, and every output pixel sums its input pixels in the same order
// whatever the rectangles are: bits depend neither on threads, nor on tiles, nor on the device.
#if !defined(JW_DRIZZLE_H)
#define JW_DRIZZLE_H

#define JW_FINITE 1.7976931348623157e308  // of all finite numbers

enum { JW_SQUARE, JW_GAUSSIAN, JW_POINT, JW_TURBO, JW_LANCZOS };

struct jw_drop {
  double half;          // square: half a side of the drop, input pixels
  double reach;         // how far a drop that is no quadrilateral goes from its centre, output pixels
  double bound;         // no drop falls further from its centre, output pixels
  double factor, sharpness;
  const double* table;  // Lanczos: the function at n_table distances
  int n_table;
};

struct jw_owned {
  int left, right, low, high;  // columns and rows of the output: first, and one beyond the last
  double* sums;                // (row, column, n_sums): weight, weight * value, weight * errors
  int n_sums;
  int32_t* context;
  int32_t bit;                 // of the exposure
  uint32_t* flags;
  int64_t first;               // of its first pixel in context and flags, whose rows have `stride` pixels
  int64_t stride;
};

struct jw_light {  // of one input pixel
  double weight, value, errors[3];
  uint32_t dq;
};

JW_FN double jw_within(double v, double low, double high) { return v < low ? low : v > high ? high : v; }
JW_FN int jw_least(int a, int b) { return a < b ? a : b; }
JW_FN int jw_most(int a, int b) { return a > b ? a : b; }
JW_FN int jw_nearest(double v) { return v < 0 ? (int)ceil(v - 0.5) : (int)floor(v + 0.5); }

// exp(-u) for u >= 0 from additions and multiplications alone: the same bits on every device.
JW_FN double jw_decay(double u) {
  if (!(u < 700.0)) return 0.0;
  int halvings = (int)(u * 1.4426950408889634 + 0.5);
  const double r = (halvings * 0.69314718055994529 - u) + halvings * 2.3190468138462996e-17;
  double sum = 1.0;
  for (int k = 15; k > 0; --k) sum = 1.0 + sum * r / k;
  for (; halvings >= 16; halvings -= 16) sum *= 1.52587890625e-05;
  for (; halvings > 0; --halvings) sum *= 0.5;
  return sum;
}

JW_FN void jw_pour(const jw_owned& own, int column, int row, double share, const jw_light& light) {
  const float weight = (float)(share * light.weight);
  if (weight == 0.0f) return;
  double* sums = own.sums + (int64_t)((row - own.low) * (own.right - own.left) + column - own.left) * own.n_sums;
  sums[0] += weight;
  sums[1] += weight * light.value;
  if (own.n_sums > 2) {
    sums[2] += weight * light.errors[0];
    sums[3] += weight * light.errors[1];
    sums[4] += weight * light.errors[2];
  }
  const int64_t at = own.first + (row - own.low) * own.stride + column - own.left;
  if (own.context && weight > 0.0f) own.context[at] |= own.bit;
  if (own.flags) own.flags[at] |= light.dq;
}

struct jw_exposure {
  const double *x, *y;
  const float *data, *weight;
  const float* variances[3];
  const uint32_t* dq;
  int64_t nx;
};

JW_FN jw_light jw_light_of(const jw_exposure& from, int64_t at, bool errors) {
  jw_light light;
  light.weight = from.weight[at], light.value = from.data[at];
  for (int k = 0; k < 3; ++k) light.errors[k] = errors && from.variances[k] ? sqrtf(from.variances[k][at]) : 0.0f;
  light.dq = from.dq ? from.dq[at] : 0;
  return light;
}

JW_FN bool jw_may_reach(const jw_drop& drop, const jw_owned& own, double x, double y) {
  return x >= own.left - 0.5 - drop.bound && x <= own.right - 0.5 + drop.bound && y >= own.low - 0.5 - drop.bound &&
         y <= own.high - 0.5 + drop.bound;
}

#include "squares.h"

JW_FN void jw_pour_point(const jw_drop&, const jw_owned& own, double x, double y, const jw_light& light) {
  const int column = jw_nearest(x), row = jw_nearest(y);
  if (column >= own.left && column < own.right && row >= own.low && row < own.high) jw_pour(own, column, row, 1.0, light);
}

JW_FN double jw_overlap(int pixel, double low, double high) {
  const double from = low > pixel - 0.5 ? low : pixel - 0.5, to = high < pixel + 0.5 ? high : pixel + 0.5;
  return to - from;
}

template <int KERNEL>
JW_FN double jw_share(const jw_drop& drop, double x, double y, int column, int row) {
  if (KERNEL == JW_TURBO) {
    const double dx = jw_overlap(column, x - drop.reach, x + drop.reach);
    const double dy = jw_overlap(row, y - drop.reach, y + drop.reach);
    return dx > 0.0 && dy > 0.0 ? dx * dy * drop.factor : 0.0;
  }
  const double dx = fabs(x - column), dy = fabs(y - row);
  if (KERNEL == JW_GAUSSIAN) return drop.factor * jw_decay((dx * dx + dy * dy) * drop.sharpness);
  const int i = jw_nearest(dx * drop.sharpness), j = jw_nearest(dy * drop.sharpness);
  return i < drop.n_table && j < drop.n_table ? drop.table[i] * drop.table[j] : 0.0;
}

template <int KERNEL>
JW_FN void jw_pour_round(const jw_drop& drop, const jw_owned& own, double x, double y, const jw_light& light) {
  const int beyond = KERNEL == JW_LANCZOS;  // whose drop ends at its reach, where others end in the pixel of it
  const int first = beyond ? (int)floor(x - drop.reach) + 1 : jw_nearest(x - drop.reach);
  const int last = beyond ? (int)floor(x + drop.reach) : jw_nearest(x + drop.reach);
  const int bottom = beyond ? (int)floor(y - drop.reach) + 1 : jw_nearest(y - drop.reach);
  const int top = beyond ? (int)floor(y + drop.reach) : jw_nearest(y + drop.reach);
  for (int row = jw_most(bottom, own.low); row <= jw_least(top, own.high - 1); ++row)
    for (int column = jw_most(first, own.left); column <= jw_least(last, own.right - 1); ++column)
      jw_pour(own, column, row, jw_share<KERNEL>(drop, x, y, column, row), light);
}

// Add what the input pixels of a window bring to the pixels that are owned.
template <int KERNEL>
JW_FN void jw_drizzle(const jw_drop& drop, const jw_owned& own, const jw_exposure& from, const int32_t* window) {
  const int64_t length = from.nx + 2;
  for (int64_t row = window[2]; row < window[3]; ++row) {
    for (int64_t column = window[0]; column < window[1]; ++column) {
      const int64_t at = row * from.nx + column, spot = (row + 1) * length + column + 1;
      const double px = from.x[spot], py = from.y[spot];
      if (!jw_may_reach(drop, own, px, py) || from.weight[at] == 0.0f) continue;
      const jw_light light = jw_light_of(from, at, own.n_sums > 2);
      if (KERNEL == JW_SQUARE) {
        double cx[4], cy[4];
        jw_corners(drop.half, from.x + spot, length, cx), jw_corners(drop.half, from.y + spot, length, cy);
        jw_pour_square(own, cx, cy, light);
      }
      else if (KERNEL == JW_POINT) jw_pour_point(drop, own, px, py, light);
      else jw_pour_round<KERNEL>(drop, own, px, py, light);
    }
  }
}

JW_FN void jw_drizzle_squares(const jw_drop& drop, const jw_owned& own, const jw_exposure& from, const int32_t* window) {
#if JW_LANES > 1
  jw_drizzle_abreast(drop, own, from, window);
#else
  jw_drizzle<JW_SQUARE>(drop, own, from, window);
#endif
}

// Add one exposure's sums of an output pixel to those of all. Variances are those of a mean of exposures, weighted by the
// inverse of the exposure's own read noise there, or by `exposure_weight` where that is not 0.
JW_FN void jw_drizzle_merge(const double* sums, int n_sums, const bool* there, double exposure_weight, double* total,
                            double* spread) {
  total[0] += sums[0], total[1] += sums[1];
  if (n_sums == 2 || sums[0] == 0.0) return;
  double variance[3];
  for (int k = 0; k < 3; ++k) {
    const double error = sums[2 + k] / sums[0];
    variance[k] = error * error;
  }
  double weight = exposure_weight;
  if (weight == 0.0) weight = !there[0] ? 1.0 : variance[0] > 0.0 && variance[0] <= JW_FINITE ? 1.0 / variance[0] : 0.0;
  for (int k = 0; k < 3; ++k) {
    if (!there[k] || !(weight > 0.0) || !(variance[k] >= 0.0 && variance[k] <= JW_FINITE)) continue;
    spread[k] += variance[k] * weight * weight;
    spread[3 + k] += weight;
  }
}

#endif

#if JW_GROUPS == 16
// x, y       (ny + 2, nx + 2) where the centres of the input pixels fall, and of those one further out on each side
// data, weight, var_*, dq  (ny, nx); a weight of 0 is no light; variances and dq may be null
// windows    (tile, 4) input columns and rows to look at: first, one beyond the last
// total      (n_rows, n_columns, 2) sums of weight and of weight * value
// spread     (n_rows, n_columns, 6) sums of variance * weight**2 and of the weights, three of each, or null
// context    (n_rows, n_columns) gets `bit` where the exposure gave light, or null; flags: dq of what gave light, or null
JW_KERNEL JW_THREADS(128, 4) void JW_NAME(drizzle)(const double* x, const double* y, const float* data, const float* weight,
                                const float* var_rnoise, const float* var_poisson, const float* var_flat,
                                const uint32_t* dq, const int32_t* windows, const double* table, double* total,
                                double* spread, int32_t* context, uint32_t* flags, int32_t nx, int32_t n_rows,
                                int32_t n_columns, int32_t first_row, int32_t first_column, int32_t tile, int32_t side,
                                int32_t kernel, int32_t n_table, int32_t bit, double half, double reach, double bound,
                                double factor, double sharpness, double exposure_weight, int64_t n) {
  const jw_drop drop = {half, reach, bound, factor, sharpness, table, n_table};
  const jw_exposure from = {x, y, data, weight, {var_rnoise, var_poisson, var_flat}, dq, nx};
  const bool there[3] = {var_rnoise != nullptr, var_poisson != nullptr, var_flat != nullptr};
  const int n_sums = spread ? 5 : 2, across = (n_columns + side - 1) / side, tiles = (n_columns + tile - 1) / tile;
  JW_FOR_EACH(i, n) {
    const int low = (int)(i / across) * side, left = (int)(i % across) * side;
    const int32_t* window = windows + 4 * ((int64_t)(low / tile) * tiles + left / tile);
    if (window[0] < window[1]) {
      jw_owned own;
      own.low = first_row + low, own.high = first_row + jw_least(low + side, n_rows);
      own.left = first_column + left, own.right = first_column + jw_least(left + side, n_columns);
      own.context = context, own.bit = bit, own.flags = flags;
      own.first = (int64_t)low * n_columns + left, own.stride = n_columns, own.n_sums = n_sums;
      const int width = own.right - own.left, n_owned = (own.high - own.low) * width;
#if JW_LANES == 1
      double room[5];  // one pixel is owned
      own.sums = room;
#else
      static thread_local std::vector<double> room;
      room.resize((size_t)side * side * 5);
      own.sums = room.data();
#endif
      for (int k = 0; k < n_owned * n_sums; ++k) own.sums[k] = 0.0;
      switch (kernel) {
        case JW_SQUARE: jw_drizzle_squares(drop, own, from, window); break;
        case JW_GAUSSIAN: jw_drizzle<JW_GAUSSIAN>(drop, own, from, window); break;
        case JW_POINT: jw_drizzle<JW_POINT>(drop, own, from, window); break;
        case JW_TURBO: jw_drizzle<JW_TURBO>(drop, own, from, window); break;
        default: jw_drizzle<JW_LANCZOS>(drop, own, from, window);
      }
      for (int k = 0; k < n_owned; ++k) {
        const int64_t at = own.first + (k / width) * own.stride + k % width;
        jw_drizzle_merge(own.sums + (int64_t)k * n_sums, n_sums, there, exposure_weight, total + 2 * at,
                         spread ? spread + 6 * at : nullptr);
      }
    }
  }
}
#endif
