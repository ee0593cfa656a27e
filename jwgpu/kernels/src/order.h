// Putting a few values of one pixel in order.
#ifndef JW_ORDER_H
#define JW_ORDER_H

// Sort in place. Minima and maxima without branches win as long as there are few values; then Shell's gaps.
JW_FN void jw_sort(float* x, int n) {
  if (n <= 24) {
    for (int i = 1; i < n; ++i) {
      float value = x[i];
      for (int k = 0; k < i; ++k) {
        const float other = x[k];
        x[k] = other < value ? other : value;
        value = other > value ? other : value;  // its own comparison: one shared by both lines becomes a branch
      }
      x[i] = value;
    }
    return;
  }
  int gap = 1;
  while (gap < n / 4) gap = 3 * gap + 1;
  for (; gap > 0; gap /= 3) {
    for (int i = gap; i < n; ++i) {
      const float value = x[i];
      int k = i;
      for (; k >= gap && x[k - gap] > value; k -= gap) x[k] = x[k - gap];
      x[k] = value;
    }
  }
}

// The k-th smallest of values[0..n), which are reordered so that nothing before k is larger (Hoare's selection).
JW_FN float jw_select(float* values, int n, int k) {
  int low = 0, high = n - 1;
  while (low < high) {
    const float pivot = values[k];
    int i = low, j = high;
    while (i <= j) {
      while (values[i] < pivot) ++i;
      while (pivot < values[j]) --j;
      if (i <= j) {
        const float swap = values[i];
        values[i++] = values[j];
        values[j--] = swap;
      }
    }
    if (j < k) low = i;
    if (k < i) high = j;
  }
  return values[k];
}

// Median of n >= 1 values, none of them NaN; they are reordered.
JW_FN double jw_median(float* values, int n) {
  if (n <= 24) {
    jw_sort(values, n);
    const double upper = values[n / 2];
    return n & 1 ? upper : (upper + values[n / 2 - 1]) / 2.0;
  }
  const double upper = jw_select(values, n, n / 2);
  if (n & 1) return upper;
  float lower = values[0];
  for (int i = 1; i < n / 2; ++i) if (values[i] > lower) lower = values[i];
  return (upper + lower) / 2.0;
}

#if JW_LANES > 1
// Sort JW_LANES neighbouring columns of n values, (value, lane), none of them NaN.
JW_FN void jw_sort_lanes(float* values, int n) {
  // Batcher's merge exchange: which values are compared does not depend on them (Knuth, TAOCP 3, 5.2.2 M).
  int top = 1;
  while (2 * top < n) top *= 2;
  for (int p = n > 1 ? top : 0; p > 0; p /= 2) {
    for (int q = top, r = 0, d = p;; d = q - p, q /= 2, r = p) {
      for (int i = 0; i < n - d; ++i) {
        if ((i & p) != r) continue;
        float *x = values + i * JW_LANES, *y = values + (i + d) * JW_LANES;
        for (int k = 0; k < JW_LANES; ++k) {
          const float a = x[k], b = y[k];
          x[k] = b < a ? b : a;
          y[k] = a < b ? b : a;
        }
      }
      if (q == p) break;
    }
  }
}
#endif

// Medians of JW_LANES neighbouring columns of n >= 1 values, (value, lane), none of them NaN; they are reordered.
JW_FN void jw_median_lanes(float* values, int n, double* median) {
#if JW_LANES == 1
  *median = jw_median(values, n);
#else
  jw_sort_lanes(values, n);
  const float *upper = values + n / 2 * JW_LANES, *lower = values + (n - 1) / 2 * JW_LANES;
  for (int k = 0; k < JW_LANES; ++k) median[k] = n & 1 ? (double)upper[k] : ((double)upper[k] + lower[k]) / 2.0;
#endif
}

#endif
