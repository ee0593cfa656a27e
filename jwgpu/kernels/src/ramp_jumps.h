// Cosmic rays in ramps: two-point differences of one pixel, all its integrations together.
//
// jwgpu/numerics/jumps.py is the readable specification. Two passes, because neighbours may be flagged:
//   ramp_jumps        one pixel: find its jumps, flag them, and note which of them reach further
//   ramp_jumps_extend one pixel: take over the jumps of its four neighbours, then flag the groups after large jumps
// Between them the notes stand in bits, one per difference: (integration, byte, pixel), bit j % 8 of byte j / 8 for the
// difference of groups j and j + 1. They start as zeros, and each pixel writes only its own. Planes of data and groupdq
// lie `stride` pixels apart, of which n are looked at: they may be rows of larger ones.
//
// Electrons and their differences are float32. Medians, sigmas and ratios are float64, since that is where the official
// package decides; a pixel without a jump costs two divisions, so even a GPU that is slow in float64 does not feel it.
#ifndef JW_RAMP_JUMPS_H
#define JW_RAMP_JUMPS_H

enum { JW_JUMPS_UNUSABLE = 1 | 2, JW_JUMPS_DETECTED = 4 };  // DO_NOT_USE | SATURATED, JUMP_DET

struct jw_jump_rules {
  double four, three, two;        // rejection thresholds, sigma, for that many usable differences (four: or more)
  double spread_min, spread_max;  // neighbours are flagged for jumps between these, sigma
  double large_1, large_2;        // electrons
  bool single_pass;
};

struct jw_jump_pixel {
  const float* data;  // this pixel's first group, DN
  uint8_t* groupdq;
  float gain;
  double noise2;      // variance of a difference from read noise, electron^2
  int n_integrations, n_groups;
  int64_t stride, notes;  // from a group to the next: in data and groupdq; in the notes
};

JW_FN float jw_jump_electrons(const jw_jump_pixel& p, int64_t group) {
  const int64_t at = group * p.stride;
  return p.groupdq[at] & JW_JUMPS_UNUSABLE ? JW_NAN : p.data[at] * p.gain;
}

// Fill `out` with the differences that are numbers, or with their sizes, and return how many there are.
JW_FN int jw_jump_differences(const jw_jump_pixel& p, bool sizes, float* out) {
  int count = 0;
  for (int i = 0; i < p.n_integrations; ++i) {
    const int64_t first = (int64_t)i * p.n_groups;
    float before = jw_jump_electrons(p, first);
    for (int j = 1; j < p.n_groups; ++j) {
      const float after = jw_jump_electrons(p, first + j);
      const float difference = after - before;
      if (!isnan(difference)) out[count++] = sizes ? fabsf(difference) : difference;
      before = after;
    }
  }
  return count;
}

JW_FN double jw_jump_median(const float* sorted, int low, int high) {
  const int n = high - low;
  return ((double)sorted[low + (n - 1) / 2] + (double)sorted[low + n / 2]) / 2.0;
}

JW_FN double jw_jump_sigma(double median, double noise2) {
  const double sigma = sqrt(fabs(median) + noise2);
  return sigma == 0.0 ? (double)JW_NAN : sigma;
}

// Clip the sorted sizes [0, n) to [*low, *high), the largest outlier first. It is always at one of the two ends.
JW_FN void jw_jump_clip(const float* size, int n, double noise2, const jw_jump_rules& rules, int* low, int* high) {
  *low = 0;
  *high = n;
  for (bool first = true; *high - *low >= 2; first = false) {
    const int count = *high - *low;
    double median;
    if (count >= 4) {
      int top = *high;  // the median leaves out the largest, with its ties
      while (top > *low && size[top - 1] == size[*high - 1]) --top;
      if (top == *low) return;
      median = jw_jump_median(size, *low, top);
    } else {
      median = count == 3 ? size[*low + 1] : size[*low];
    }
    if (!first) median = (float)median;  // so does the official package
    const double sigma = jw_jump_sigma(median, noise2);
    const double bottom_ratio = fabsf((float)(size[*low] - median)) / sigma;
    const double top_ratio = fabsf((float)(size[*high - 1] - median)) / sigma;
    const double worst = fmax(bottom_ratio, top_ratio);
    if (!(worst > (count >= 4 ? rules.four : count == 3 ? rules.three : rules.two))) return;
    while (*high > *low && fabsf((float)(size[*high - 1] - median)) / sigma == worst) --*high;
    while (*high > *low && fabsf((float)(size[*low] - median)) / sigma == worst) ++*low;
  }
}

// Say whether `detect` below could find anything: differences are sorted, so the extremes tell.
JW_FN bool jw_jump_any(const float* sorted, int n, double median, double sigma, const jw_jump_rules& rules) {
  return fabs(sorted[0] - median) / sigma > rules.four || fabs(sorted[n - 1] - median) / sigma > rules.four;
}

JW_FN void jw_jump_note(uint8_t* bits, int64_t integration, int n_bytes, int64_t stride, int difference) {
  bits[(integration * n_bytes + difference / 8) * stride] |= (uint8_t)(1 << (difference % 8));
}

// Drop JUMP_DET where a group is unusable anyway; say whether usable groups came with it.
JW_FN bool jw_jump_tidy(const jw_jump_pixel& p) {
  bool flagged = false;
  for (int64_t g = 0; g < (int64_t)p.n_integrations * p.n_groups; ++g) {
    uint8_t* flags = p.groupdq + g * p.stride;
    if (!(*flags & JW_JUMPS_DETECTED)) continue;
    if (*flags & JW_JUMPS_UNUSABLE) *flags &= (uint8_t)~JW_JUMPS_DETECTED;
    else flagged = true;
  }
  return flagged;
}

// Find the jumps of one pixel. `scratch` holds all its differences; the others are null or this pixel's notes.
JW_FN void jw_jump_find(const jw_jump_pixel& p, const jw_jump_rules& rules, float* scratch,
                        uint8_t* spread, uint8_t* large_1, uint8_t* large_2) {
  const bool flagged = jw_jump_tidy(p);
  const int n = jw_jump_differences(p, !rules.single_pass, scratch);
  if (n == 0) return;
  jw_sort(scratch, n);
  float least = 0.0f, most = 0.0f;  // sizes of differences outside these are jumps (iterative flagging)
  bool found = false;
  if (!rules.single_pass) {
    int low, high;
    jw_jump_clip(scratch, n, p.noise2, rules, &low, &high);
    found = low > 0 || high < n;
    if (!found && !flagged && !large_1 && !large_2) return;
    least = scratch[low];
    most = scratch[high - 1];
    jw_jump_differences(p, false, scratch);
    jw_sort(scratch, n);
  }
  const double median = jw_jump_median(scratch, 0, n), sigma = jw_jump_sigma(median, p.noise2);
  if (rules.single_pass) {
    found = jw_jump_any(scratch, n, median, sigma, rules);
    if (!found && !flagged && !large_1 && !large_2) return;
  }
  const int n_bytes = (p.n_groups + 6) / 8;
  for (int i = 0; i < p.n_integrations; ++i) {
    const int64_t first = (int64_t)i * p.n_groups;
    float before = jw_jump_electrons(p, first);
    for (int j = 0; j + 1 < p.n_groups; ++j) {
      const float after = jw_jump_electrons(p, first + j + 1), difference = after - before;
      before = after;
      if (isnan(difference)) continue;
      uint8_t* flags = p.groupdq + (first + j + 1) * p.stride;
      const double ratio = fabs(difference - median) / sigma;
      if (rules.single_pass ? ratio > rules.four && isfinite(difference)
                            : fabsf(difference) < least || fabsf(difference) > most)
        *flags |= JW_JUMPS_DETECTED;
      if (spread && (*flags & JW_JUMPS_DETECTED) && ratio > rules.spread_min && ratio < rules.spread_max)
        jw_jump_note(spread, i, n_bytes, p.notes, j);
      if (large_1 && difference - median >= rules.large_1) jw_jump_note(large_1, i, n_bytes, p.notes, j);
      if (large_2 && difference - median >= rules.large_2) jw_jump_note(large_2, i, n_bytes, p.notes, j);
    }
  }
}

#if JW_LANES > 1
// Say which of JW_LANES neighbouring pixels surely hold no jump: all their groups are usable, none came as a jump, and
// no difference stands out where the search would begin. `p` is the first, `size` has room for all differences.
JW_FN void jw_jump_calm(const jw_jump_pixel& p, const float* gain, const double* noise2, const jw_jump_rules& rules,
                        float* size, bool* calm) {
  const int n = p.n_integrations * (p.n_groups - 1);
  float before[JW_LANES] = {}, now[JW_LANES];
  int odd[JW_LANES] = {};
  float* row = size;
  for (int64_t g = 0; g < (int64_t)p.n_integrations * p.n_groups; ++g) {
    const float* data = p.data + g * p.stride;
    const uint8_t* flags = p.groupdq + g * p.stride;
    for (int w = 0; w < JW_LANES; ++w) now[w] = data[w] * gain[w];
    for (int w = 0; w < JW_LANES; ++w) odd[w] |= flags[w] & (JW_JUMPS_UNUSABLE | JW_JUMPS_DETECTED);
    if (g % p.n_groups) {
      for (int w = 0; w < JW_LANES; ++w) {
        const float difference = now[w] - before[w];
        odd[w] |= difference != difference;
        row[w] = rules.single_pass ? difference : fabsf(difference);
      }
      row += JW_LANES;
    }
    for (int w = 0; w < JW_LANES; ++w) before[w] = now[w];
  }
  jw_sort_lanes(size, n);
  // Sizes: the median leaves out the largest; of three it is the middle one, of two the smaller.
  const int count = rules.single_pass ? n : n >= 4 ? n - 1 : n == 3 ? 3 : 1;
  const float *lower = size + (count - 1) / 2 * JW_LANES, *upper = size + count / 2 * JW_LANES;
  const float *least = size, *most = size + (n - 1) * JW_LANES, *next = most - JW_LANES;
  const double threshold = rules.single_pass || n >= 4 ? rules.four : n == 3 ? rules.three : rules.two;
  for (int w = 0; w < JW_LANES; ++w) {
    const double median = ((double)lower[w] + (double)upper[w]) / 2.0, sigma = jw_jump_sigma(median, noise2[w]);
    double low = fabs(least[w] - median), high = fabs(most[w] - median);
    if (!rules.single_pass) {
      low = (float)low;
      high = (float)high;
    }
    const bool tie = !rules.single_pass && n >= 4 && most[w] == next[w];
    calm[w] = !odd[w] && !tie && !(low / sigma > threshold) && !(high / sigma > threshold);
  }
}
#endif

// Flag the differences noted in `bits` in one integration of one pixel, byte `byte`, where the group is usable.
JW_FN void jw_jump_take(uint8_t* groupdq, int64_t stride, int byte, unsigned bits) {
  for (int j = 8 * byte; bits; ++j, bits >>= 1) {
    uint8_t* flags = groupdq + (int64_t)(j + 1) * stride;
    if ((bits & 1) && !(*flags & JW_JUMPS_UNUSABLE)) *flags |= JW_JUMPS_DETECTED;
  }
}

// Flag the groups that follow a large jump in one integration of one pixel.
JW_FN void jw_jump_follow(uint8_t* groupdq, int64_t stride, int n_groups, int64_t notes, const uint8_t* large_1,
                          int after_1, const uint8_t* large_2, int after_2) {
  int until = 0;
  for (int g = 1; g < n_groups; ++g) {
    uint8_t* flags = groupdq + (int64_t)g * stride;
    const int j = g - 1;
    if (*flags & JW_JUMPS_DETECTED) {
      if (large_1 && (large_1[(j / 8) * notes] >> (j % 8) & 1) && g + after_1 > until) until = g + after_1;
      if (large_2 && (large_2[(j / 8) * notes] >> (j % 8) & 1) && g + after_2 > until) until = g + after_2;
    }
    if (g <= until && !(*flags & JW_JUMPS_UNUSABLE)) *flags |= JW_JUMPS_DETECTED;
  }
}

#endif

JW_KERNEL void JW_NAME(ramp_jumps)(const float* data, uint8_t* groupdq, const float* gain, const float* readnoise,
                                   uint8_t* spread, uint8_t* large_1, uint8_t* large_2, double four, double three,
                                   double two, double spread_min, double spread_max, double limit_1, double limit_2,
                                   int32_t single_pass, int32_t n_frames, int32_t n_integrations, int32_t n_groups,
                                   int64_t stride, int64_t n) {
  JW_FOR_LANES(first, n) {
    float scratch[JW_GROUPS];
    const jw_jump_rules rules{four, three, two, spread_min, spread_max, limit_1, limit_2, single_pass != 0};
    double noise2[JW_LANES];
    bool calm[JW_LANES] = {};
    const int width = JW_LANES > 1 && n - first < JW_LANES ? (int)(n - first) : JW_LANES;
    for (int w = 0; w < width; ++w) {
      const float noise = readnoise[first + w] * gain[first + w];
      const float square = noise * noise;
      noise2[w] = (double)square / n_frames;
    }
#if JW_LANES > 1
    const int count = n_integrations * (n_groups - 1);
    if (width == JW_LANES && count > 1 && !large_1) {
      const jw_jump_pixel tile{data + first, groupdq + first, 0.0f, 0.0, n_integrations, n_groups, stride, n};
      jw_jump_calm(tile, gain + first, noise2, rules, jw_scratch((int64_t)count * JW_LANES), calm);
    }
#endif
    for (int w = 0; w < width; ++w) {
      if (calm[w]) continue;
      const int64_t i = first + w;
      const jw_jump_pixel pixel{data + i, groupdq + i, gain[i], noise2[w], n_integrations, n_groups, stride, n};
      jw_jump_find(pixel, rules, scratch, spread ? spread + i : nullptr, large_1 ? large_1 + i : nullptr,
                   large_2 ? large_2 + i : nullptr);
    }
  }
}

#if JW_GROUPS == 16  // no scratch: one size is all
JW_KERNEL void JW_NAME(ramp_jumps_extend)(uint8_t* groupdq, const uint8_t* spread, const uint8_t* large_1,
                                          const uint8_t* large_2, int32_t after_1, int32_t after_2, int32_t n_groups,
                                          int32_t n_columns, int64_t stride, int64_t n_pixels, int64_t n) {
  JW_FOR(i, n) {  // one integration of one pixel
    const int64_t pixel = i % n_pixels, k = i / n_pixels, column = pixel % n_columns;
    const int n_bytes = (n_groups + 6) / 8;
    uint8_t* flags = groupdq + k * n_groups * stride + pixel;
    const int64_t notes = k * n_bytes * n_pixels + pixel;
    for (int byte = 0; spread && byte < n_bytes; ++byte) {
      const uint8_t* own = spread + notes + (int64_t)byte * n_pixels;
      unsigned bits = 0;
      if (column > 0) bits |= own[-1];
      if (column + 1 < n_columns) bits |= own[1];
      if (pixel >= n_columns) bits |= own[-n_columns];
      if (pixel + n_columns < n_pixels) bits |= own[n_columns];
      jw_jump_take(flags, stride, byte, bits);
    }
    if (large_1 || large_2)
      jw_jump_follow(flags, stride, n_groups, n_pixels, large_1 ? large_1 + notes : nullptr, after_1,
                     large_2 ? large_2 + notes : nullptr, after_2);
  }
}
#endif
