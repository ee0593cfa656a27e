// Square drops of drizzle, which are quadrilaterals on the output: what part of each falls into which output pixel.
//
// jwgpu/numerics/drops.py is the readable specification (`overlap`). Each side of a quadrilateral stands over a strip of a
// column, as high as it is above a row; signs cancel what is not inside, and what is above the next row is not in this
// one. The GPU takes drops one by one; a CPU takes neighbours together, with vector instructions and the same sums.
#if !defined(JW_SQUARES_H)
#define JW_SQUARES_H

JW_FN double jw_lesser(double a, double b) { return a < b ? a : b; }
JW_FN double jw_larger(double a, double b) { return a > b ? a : b; }

// The largest whole number that is not larger; floor() is the call of a library on some hosts.
JW_FN double jw_whole(double v) {
  const double nearest = (v + 6755399441055744.0) - 6755399441055744.0;  // 1.5 * 2**52 leaves no room for a fraction
  return nearest - (nearest > v ? 1.0 : 0.0);
}

// Mean of a height that goes from a to b linearly, where what is below 0 counts as 0.
JW_FN double jw_mean_height(double a, double b) {
  const double from = jw_larger(a, 0.0), to = jw_larger(b, 0.0), part = (from - to) / (a - b);
  return 0.5 * (from + to) * (a == b ? 1.0 : part);
}

JW_FN double jw_slope(double x, double y, double next_x, double next_y) {  // of a side that has a width
  return (next_y - y) / (next_x == x ? 1.0 : next_x - x);
}

JW_FN double jw_area(double x0, double x1, double x2, double x3, double y0, double y1, double y2, double y3) {
  return 0.5 * ((x3 - x1) * (y2 - y0) - (x2 - x0) * (y3 - y1));
}

// The corners of a drop, between the centres of pixels.
JW_FN void jw_corners(double h, const double* at, int64_t row_length, double* corners) {
  const double centre = (1.0 - h) * (1.0 - h), side = (1.0 - h) * h, corner = h * h;
  JW_UNROLL
  for (int k = 0; k < 4; ++k) {
    const int64_t dx = k == 0 || k == 3 ? -1 : 1, dy = k < 2 ? row_length : -row_length;
    corners[k] = (centre * at[0] + side * at[dx]) + (side * at[dy] + corner * at[dx + dy]);
  }
}

// The area that a drop and an output pixel have in common; columns and rows count from the first of the drop.
JW_FN double jw_covered(const double* x, const double* y, int column, int row, int top) {
  double above = 0.0, beyond = 0.0;
  JW_ROLLED  // four sides at a time take too many registers
  for (int k = 0; k < 4; ++k) {
    const int next = (k + 1) & 3;
    const double a = jw_within(x[k], column - 0.5, column + 0.5), b = jw_within(x[next], column - 0.5, column + 0.5);
    if (a == b) continue;
    const double slope = jw_slope(x[k], y[k], x[next], y[next]), up = row;
    const double from = y[k] + slope * (a - x[k]), to = y[k] + slope * (b - x[k]);
    // No side is below the lowest row.
    above += (b - a) * (row == 0 ? 0.5 * (from + to) : jw_mean_height(from - up, to - up));
    if (row < top) beyond += (b - a) * jw_mean_height(from - up - 1.0, to - up - 1.0);
  }
  return above - beyond;
}

JW_FN void jw_pour_square(const jw_owned& own, const double* cx, const double* cy, const jw_light& light) {
  double low = cy[0], high = cy[0], left = cx[0], right = cx[0];
  JW_UNROLL
  for (int k = 1; k < 4; ++k) {
    left = jw_lesser(cx[k], left), right = jw_larger(cx[k], right);
    low = jw_lesser(cy[k], low), high = jw_larger(cy[k], high);
  }
  if (right < own.left - 0.5 || left > own.right - 0.5 || high < own.low - 0.5 || low > own.high - 0.5) return;
  const double area = jw_area(cx[0], cx[1], cx[2], cx[3], cy[0], cy[1], cy[2], cy[3]);
  if (!(fabs(area) > 0.0) || !(right - left < 1e6) || !(high - low < 1e6)) return;
  const double scale = 1.0 / area;
  const int first = (int)jw_whole(left + 0.5), bottom = (int)jw_whole(low + 0.5), top = (int)jw_whole(high + 0.5);
  const int start = jw_most(first, own.left), stop = jw_least((int)jw_whole(right + 0.5), own.right - 1);
  const int lowest = jw_most(bottom, own.low), highest = jw_least(top, own.high - 1);
  double x[4], y[4];
  JW_UNROLL
  for (int k = 0; k < 4; ++k) x[k] = cx[k] - first, y[k] = cy[k] - bottom + 0.5;
  for (int column = start; column <= stop; ++column) {
    for (int row = lowest; row <= highest; ++row) {
      const double share = jw_covered(x, y, column - first, row - bottom, top - bottom) * scale;
      if (share > 1e-10) jw_pour(own, column, row, share, light);  // less is rounding
    }
  }
}

#if JW_LANES > 1
enum { JW_ABREAST = 16, JW_CELLS = 4 };  // drops, and columns and rows of output pixels that they may reach

struct jw_row {
  double x[5][JW_ABREAST], y[5][JW_ABREAST];  // corners, the first once more
  double area[JW_ABREAST], extent[JW_ABREAST];
  double first[JW_ABREAST], bottom[JW_ABREAST];  // column and row of the output
  double right[JW_ABREAST], top[JW_ABREAST];     // the last, counted from those
  double shares[JW_CELLS][JW_CELLS][JW_ABREAST];
};

// Corners and extent of the drops whose centres begin at x, y.
JW_FN void jw_measure(double h, const double* x, const double* y, int64_t row_length, jw_row& drops) {
  const double centre = (1.0 - h) * (1.0 - h), side = (1.0 - h) * h, corner = h * h;
  for (int k = 0; k < 4; ++k) {
    const int64_t dx = k == 0 || k == 3 ? -1 : 1, dy = k < 2 ? row_length : -row_length;
    for (int l = 0; l < JW_ABREAST; ++l) {
      drops.x[k][l] = (centre * x[l] + side * x[l + dx]) + (side * x[l + dy] + corner * x[l + dx + dy]);
      drops.y[k][l] = (centre * y[l] + side * y[l + dx]) + (side * y[l + dy] + corner * y[l + dx + dy]);
    }
  }
  double left[JW_ABREAST], low[JW_ABREAST];
  for (int l = 0; l < JW_ABREAST; ++l) {
    left[l] = drops.right[l] = drops.x[0][l], low[l] = drops.top[l] = drops.y[0][l];
    drops.area[l] = jw_area(drops.x[0][l], drops.x[1][l], drops.x[2][l], drops.x[3][l],
                            drops.y[0][l], drops.y[1][l], drops.y[2][l], drops.y[3][l]);
  }
  for (int k = 1; k < 4; ++k)
    for (int l = 0; l < JW_ABREAST; ++l) {
      left[l] = jw_lesser(drops.x[k][l], left[l]), drops.right[l] = jw_larger(drops.x[k][l], drops.right[l]);
      low[l] = jw_lesser(drops.y[k][l], low[l]), drops.top[l] = jw_larger(drops.y[k][l], drops.top[l]);
    }
  for (int l = 0; l < JW_ABREAST; ++l) {
    drops.first[l] = jw_whole(left[l] + 0.5), drops.bottom[l] = jw_whole(low[l] + 0.5);
    drops.extent[l] = jw_larger(drops.right[l] - left[l], drops.top[l] - low[l]);
    drops.right[l] = jw_whole(drops.right[l] + 0.5) - drops.first[l];
    drops.top[l] = jw_whole(drops.top[l] + 0.5) - drops.bottom[l];
  }
  for (int k = 0; k < 4; ++k)
    for (int l = 0; l < JW_ABREAST; ++l)
      drops.x[k][l] = drops.x[k][l] - drops.first[l], drops.y[k][l] = drops.y[k][l] - drops.bottom[l] + 0.5;
  for (int l = 0; l < JW_ABREAST; ++l) drops.x[4][l] = drops.x[0][l], drops.y[4][l] = drops.y[0][l];
}

JW_FN bool jw_is_large(const jw_row& drops, int l) { return !(drops.right[l] < JW_CELLS && drops.top[l] < JW_CELLS); }

// The shares of drops; of those that are too large only that they are.
static JW_VECTORS void jw_shares(double h, const double* x, const double* y, int64_t row_length, jw_row& drops) {
  jw_measure(h, x, y, row_length, drops);
  int columns = 0, rows = 0;
  for (int l = 0; l < JW_ABREAST; ++l)
    if (!jw_is_large(drops, l))
      columns = jw_most(columns, (int)drops.right[l]), rows = jw_most(rows, (int)drops.top[l]);
  double slope[4][JW_ABREAST], scale[JW_ABREAST];
  for (int l = 0; l < JW_ABREAST; ++l) scale[l] = 1.0 / drops.area[l];
  for (int k = 0; k < 4; ++k)
    for (int l = 0; l < JW_ABREAST; ++l)
      slope[k][l] = jw_slope(drops.x[k][l], drops.y[k][l], drops.x[k + 1][l], drops.y[k + 1][l]);
  for (int column = 0; column <= columns; ++column) {
    double above[JW_CELLS + 1][JW_ABREAST] = {}, width[4][JW_ABREAST], from[4][JW_ABREAST], to[4][JW_ABREAST];
    for (int k = 0; k < 4; ++k)
      for (int l = 0; l < JW_ABREAST; ++l) {
        const double px = drops.x[k][l], py = drops.y[k][l];
        const double a = jw_within(px, column - 0.5, column + 0.5);
        const double b = jw_within(drops.x[k + 1][l], column - 0.5, column + 0.5);
        width[k][l] = b - a;
        from[k][l] = py + slope[k][l] * (a - px), to[k][l] = py + slope[k][l] * (b - px);
        above[0][l] += b != a ? (b - a) * (0.5 * (from[k][l] + to[k][l])) : 0.0;
      }
    for (int row = 0; row <= rows; ++row) {
      const double next = row + 1;
      for (int k = 0; row < rows && k < 4; ++k)
        for (int l = 0; l < JW_ABREAST; ++l) {
          const double mean = jw_mean_height(from[k][l] - next, to[k][l] - next);
          above[row + 1][l] += width[k][l] != 0.0 ? width[k][l] * mean : 0.0;
        }
      for (int l = 0; l < JW_ABREAST; ++l) {
        above[row + 1][l] = drops.top[l] < next ? 0.0 : above[row + 1][l];
        drops.shares[column][row][l] = (above[row][l] - above[row + 1][l]) * scale[l];
      }
    }
  }
}

JW_FN void jw_pour_shares(const jw_owned& own, const jw_row& drops, int l, const jw_light& light) {
  if (!(fabs(drops.area[l]) > 0.0 && drops.extent[l] < 1e6)) return;
  const int first = (int)drops.first[l], bottom = (int)drops.bottom[l];
  const int end = jw_least(first + (int)drops.right[l], own.right - 1);
  const int top = jw_least(bottom + (int)drops.top[l], own.high - 1);
  for (int column = jw_most(first, own.left); column <= end; ++column)
    for (int row = jw_most(bottom, own.low); row <= top; ++row) {
      const double share = drops.shares[column - first][row - bottom][l];
      if (share > 1e-10) jw_pour(own, column, row, share, light);
    }
}

// Add what the input pixels of a window bring to the pixels that are owned.
JW_FN void jw_drizzle_abreast(const jw_drop& drop, const jw_owned& own, const jw_exposure& from, const int32_t* window) {
  const int64_t length = from.nx + 2;
  jw_row drops;
  for (int64_t row = window[2]; row < window[3]; ++row) {
    const int64_t at = row * from.nx;
    const double *x = from.x + (row + 1) * length + 1, *y = from.y + (row + 1) * length + 1;
    int64_t start = 0, stop = 0;  // of the drops that have been looked at
    for (int64_t column = window[0]; column < window[1]; ++column) {
      if (!jw_may_reach(drop, own, x[column], y[column]) || from.weight[at + column] == 0.0f) continue;
      if (column >= stop && from.nx >= JW_ABREAST) {
        start = column + JW_ABREAST < from.nx ? column : from.nx - JW_ABREAST;
        stop = start + JW_ABREAST;
        jw_shares(drop.half, x + start, y + start, length, drops);
      }
      const jw_light light = jw_light_of(from, at + column, own.n_sums > 2);
      if (column < stop && !jw_is_large(drops, (int)(column - start))) {
        jw_pour_shares(own, drops, (int)(column - start), light);
      } else {
        double cx[4], cy[4];
        jw_corners(drop.half, x + column, length, cx), jw_corners(drop.half, y + column, length, cy);
        jw_pour_square(own, cx, cy, light);
      }
    }
  }
}
#endif

#endif
