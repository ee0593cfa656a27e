// Cosmic rays in ramps of many differences: clipped over integrations, or compared with their median where a thread's
// scratch would be too small for them.
//
// jwgpu/numerics/jumps.py and clipping.py are the readable specification. A median is found by counting: what is asked
// for lies between two of the values, which close in on it from both sides, so that nothing is sorted and no number of
// integrations is too large. A host first copies the differences of JW_LANES neighbouring pixels, a tile, side by side:
// planes of a power of two in size would otherwise drive each other from its cache. A GPU reads memory each time.
#ifndef JW_RAMP_MANY_H
#define JW_RAMP_MANY_H

enum { JW_MANY_MEDIAN = 0, JW_MANY_INTEGRATIONS = 1, JW_MANY_ALL = 2 };  // how jumps are told
enum { JW_CLIP_ROUNDS = 5 };
enum { JW_MANY_SORTED = 2048 };  // so many differences are sorted sooner, side by side, than their median is selected

#define JW_LARGEST 3.4028234663852886e38  // the largest float32: what is beyond is infinite

struct jw_many {
  jw_jump_pixel pixel;  // the first of the tile
  const float* gain;
  int width;            // pixels of the tile
  const float* kept;    // (difference, JW_LANES), or null
  float* column;        // where kept is not null: room for the differences of one pixel, twice, or for as many as are sorted
  jw_jump_rules rules;
  double noise2[JW_LANES], median[JW_LANES], sigma[JW_LANES];  // the last two of all differences, once they are known
  bool known[JW_LANES];
  uint8_t *spread, *large_1, *large_2;  // notes of the first pixel, or null
};

// Some of the differences of a pixel: those numbered first, first + step, ... that lie within low .. high.
struct jw_some {
  int first, step, count;
  double low, high;
};

JW_FN int jw_many_width(const jw_many& m) { return JW_LANES > 1 ? m.width : 1; }

JW_FN int jw_many_count(const jw_many& m) { return m.pixel.n_integrations * (m.pixel.n_groups - 1); }

JW_FN int64_t jw_many_group(const jw_many& m, int k) {  // the later group of difference k, counted over integrations
  const int per = m.pixel.n_groups - 1;
  return (int64_t)(k / per) * m.pixel.n_groups + k % per + 1;
}

JW_FN jw_jump_pixel jw_many_pixel(const jw_many& m, int w) {
  jw_jump_pixel p = m.pixel;
  p.data += w;
  p.groupdq += w;
  p.gain = m.gain[w];
  return p;
}

JW_FN float jw_many_at(const jw_many& m, int k, int w) {
  if (m.kept) return m.kept[(int64_t)k * JW_LANES + w];
  const jw_jump_pixel p = jw_many_pixel(m, w);
  const int64_t group = jw_many_group(m, k);
  return jw_jump_electrons(p, group) - jw_jump_electrons(p, group - 1);
}

// Difference k of all pixels of a tile; `room` is for those that are not kept.
JW_FN const float* jw_many_row(const jw_many& m, int k, float* room) {
  if (m.kept) return m.kept + (int64_t)k * JW_LANES;
  room[0] = jw_many_at(m, k, 0);
  return room;
}

#if JW_LANES > 1
// Copy the differences of a tile, and drop JUMP_DET where a group is unusable; say where usable groups came with it.
JW_FN void jw_many_keep(const jw_many& m, float* kept, bool* flagged) {
  float gain[JW_LANES] = {}, before[JW_LANES] = {}, now[JW_LANES] = {};
  uint8_t some[JW_LANES] = {}, flags[JW_LANES] = {};
  float data[JW_LANES] = {};
  for (int w = 0; w < jw_many_width(m); ++w) gain[w] = m.gain[w];
  const int n = m.pixel.n_integrations * m.pixel.n_groups;
  for (int g = 0; g < n; ++g) {
    uint8_t* from = m.pixel.groupdq + (int64_t)g * m.pixel.stride;
    const float* signal = m.pixel.data + (int64_t)g * m.pixel.stride;
    uint8_t any = 0;
#if defined(__GNUC__)
    __builtin_prefetch(signal + 4 * m.pixel.stride);
    __builtin_prefetch(signal + 4 * m.pixel.stride + JW_LANES / 2);
    __builtin_prefetch(from + 4 * m.pixel.stride);
#endif
    if (m.width == JW_LANES) {
      for (int w = 0; w < JW_LANES; ++w) data[w] = signal[w];
      for (int w = 0; w < JW_LANES; ++w) flags[w] = from[w];
    } else {
      for (int w = 0; w < jw_many_width(m); ++w) data[w] = signal[w];
      for (int w = 0; w < jw_many_width(m); ++w) flags[w] = from[w];
    }
    for (int w = 0; w < JW_LANES; ++w) now[w] = data[w] * gain[w];
    for (int w = 0; w < JW_LANES; ++w) any |= flags[w];
    if (any & (JW_JUMPS_UNUSABLE | JW_JUMPS_DETECTED)) {
      for (int w = 0; w < jw_many_width(m); ++w) {
        if (!(flags[w] & JW_JUMPS_UNUSABLE)) {
          some[w] |= flags[w];
          continue;
        }
        now[w] = JW_NAN;
        if (flags[w] & JW_JUMPS_DETECTED) from[w] &= (uint8_t)~JW_JUMPS_DETECTED;
      }
    }
    if (g % m.pixel.n_groups) {
      for (int w = 0; w < JW_LANES; ++w) kept[w] = now[w] - before[w];
      kept += JW_LANES;
    }
    for (int w = 0; w < JW_LANES; ++w) before[w] = now[w];
  }
  for (int w = 0; w < jw_many_width(m); ++w) flagged[w] = (some[w] & JW_JUMPS_DETECTED) != 0;
}
#endif

// Numbers in the order of the floats they stand for; both zeros have one.
JW_FN uint32_t jw_order_of(float value) {
  union { float f; uint32_t u; } bits;
  bits.f = value;
  if (value == 0.0f) return 0x7fffffffu;
  return bits.u & 0x80000000u ? ~bits.u : bits.u | 0x80000000u;
}

JW_FN float jw_float_of(uint32_t order) {
  union { float f; uint32_t u; } bits;
  bits.u = order & 0x80000000u ? order & 0x7fffffffu : ~order;
  return bits.f;
}

#if JW_LANES > 1
// The median of some differences of pixel w, copied: between two of a sample lie few, which are put in order.
JW_FN double jw_many_median_kept(const jw_many& m, int w, const jw_some& some, int* n) {
  enum { SAMPLE = 128, MIDDLE = SAMPLE / 2, REACH = 10 };
  float sample[SAMPLE], *values = m.column;
  int count = 0;
  for (int i = 0; i < some.count; ++i) {
    values[count] = jw_many_at(m, some.first + i * some.step, w);
    count += values[count] >= some.low && values[count] <= some.high;
  }
  *n = count;
  if (count == 0) return (double)JW_NAN;
  if (count < 4 * SAMPLE) return jw_median(values, count);
  for (int k = 0; k < SAMPLE; ++k) sample[k] = values[(int64_t)k * count / SAMPLE];
  jw_sort(sample, SAMPLE);
  const float low = sample[MIDDLE - REACH], high = sample[MIDDLE + REACH];
  float* between = values + count;
  int under = 0, found = 0;
  for (int i = 0; i < count; ++i) {
    between[found] = values[i];
    under += values[i] < low;
    found += values[i] >= low && values[i] <= high;
  }
  const int lower = (count - 1) / 2 - under, upper = count / 2 - under;
  if (lower < 0 || upper >= found) return jw_median(values, count);
  const double top = jw_select(between, found, upper);
  return lower == upper ? top : ((double)jw_select(between, found, lower) + top) / 2.0;
}
#endif

// The median of some differences of pixel w, and how many there are.
JW_FN double jw_many_median(const jw_many& m, int w, const jw_some& some, int* n) {
#if JW_LANES > 1
  if (m.kept) return jw_many_median_kept(m, w, some, n);
#endif
  float low = 0.0f, high = 0.0f;
  *n = 0;
  for (int i = 0; i < some.count; ++i) {
    const float value = jw_many_at(m, some.first + i * some.step, w);
    if (!(value >= some.low && value <= some.high)) continue;
    if (*n == 0 || value < low) low = value;
    if (*n == 0 || value > high) high = value;
    ++*n;
  }
  const int lower = (*n - 1) / 2, upper = *n / 2;  // the two in the middle, counted from 0
  while (low < high) {
    const uint32_t bottom = jw_order_of(low), top = jw_order_of(high);
    const float middle = jw_float_of(bottom + (top - bottom) / 2);
    float below = low, above = high;
    int count = 0;
    for (int i = 0; i < some.count; ++i) {
      const float value = jw_many_at(m, some.first + i * some.step, w);
      if (!(value >= some.low && value <= some.high)) continue;
      if (value <= middle) {
        ++count;
        if (value > below) below = value;
      } else if (value < above) {
        above = value;
      }
    }
    if (count == upper && lower < upper) return ((double)below + (double)above) / 2.0;
    if (count > upper) high = below;
    else low = above;
  }
  return *n ? ((double)low + (double)high) / 2.0 : (double)JW_NAN;
}

// Clip some differences of pixel w: the bounds of the last round.
JW_FN void jw_clip_bounds(const jw_many& m, int w, jw_some some, double threshold, double* lower, double* upper) {
  int before = -1;
  for (int round = 0; round < JW_CLIP_ROUNDS; ++round) {
    int n;
    const double median = jw_many_median(m, w, some, &n);
    if (n == before) return;
    before = n;
    double sum = 0.0, square = 0.0;
    for (int i = 0; i < some.count; ++i) {
      const float value = jw_many_at(m, some.first + i * some.step, w);
      if (!(value >= some.low && value <= some.high)) continue;
      const double offset = value - median;
      sum += offset;
      square += offset * offset;
    }
    const double mean = sum / n, variance = square / n - mean * mean;
    const double spread = sqrt(variance > 0.0 ? variance : 0.0);
    *lower = median - threshold * spread;
    *upper = median + threshold * spread;
    if (n == 0) *lower = *upper = (double)JW_NAN;
    if (*lower > some.low) some.low = *lower;
    if (*upper < some.high) some.high = *upper;
  }
}

// Say of which pixels surely no difference is clipped, from the mean and a range that the median lies in.
JW_FN void jw_clip_quiet(const jw_many& m, const jw_some& some, double threshold, bool* quiet) {
  float room[JW_LANES], origin[JW_LANES], least[JW_LANES], most[JW_LANES], sum[JW_LANES], square[JW_LANES], n[JW_LANES];
  const float* start = jw_many_row(m, some.first, room);
  for (int w = 0; w < JW_LANES; ++w) {
    origin[w] = isnan(start[w]) ? 0.0f : start[w];
    least[w] = JW_INFINITY;
    most[w] = -JW_INFINITY;
    n[w] = sum[w] = square[w] = 0.0f;
  }
  for (int i = 0; i < some.count; ++i) {
    const float* row = jw_many_row(m, some.first + i * some.step, room);
    for (int w = 0; w < JW_LANES; ++w) {
      const float value = row[w], offset = value == value ? value - origin[w] : 0.0f;
      sum[w] += offset;
      square[w] += offset * offset;
      n[w] += value == value ? 1.0f : 0.0f;
      least[w] = value < least[w] ? value : least[w];
      most[w] = value > most[w] ? value : most[w];
    }
  }
  float low[JW_LANES], high[JW_LANES], under[JW_LANES], within[JW_LANES];
  bool none = true;
  for (int w = 0; w < JW_LANES; ++w) {
    const double mean = (double)sum[w] / n[w], scale = (double)square[w] / n[w], variance = scale - mean * mean;
    // Rounding of n float32 sums changes the variance by less than 3 n 2^-24 of `scale`: here by 1% of its own.
    const double spread = variance > 1.8e-5 * n[w] * scale ? sqrt(variance) : 0.0;
    const double middle = origin[w] + mean, reach = 2.2 * spread / sqrt((double)n[w]);
    const double limit = threshold * spread * 0.99;
    low[w] = (float)(middle - reach);
    high[w] = (float)(middle + reach);
    under[w] = within[w] = 0.0f;
    quiet[w] = most[w] < low[w] + limit && least[w] > high[w] - limit;
    none = none && !quiet[w];
  }
  if (none) return;
  for (int i = 0; i < some.count; ++i) {
    const float* row = jw_many_row(m, some.first + i * some.step, room);
    for (int w = 0; w < JW_LANES; ++w) {
      under[w] += row[w] < low[w] ? 1.0f : 0.0f;
      within[w] += row[w] <= high[w] ? 1.0f : 0.0f;
    }
  }
  for (int w = 0; w < JW_LANES; ++w)
    quiet[w] = quiet[w] && 2.0f * under[w] <= n[w] - 1.0f && 2.0f * within[w] >= n[w] + 1.0f;
}

// Find median and scatter of all differences of pixel w.
JW_FN void jw_many_know(jw_many& m, int w) {
  if (m.known[w]) return;
  int n;
  const jw_some all{0, 1, jw_many_count(m), -(double)JW_INFINITY, (double)JW_INFINITY};
  m.median[w] = jw_many_median(m, w, all, &n);
  m.sigma[w] = jw_jump_sigma(m.median[w], m.noise2[w]);
  m.known[w] = true;
}

// Note how far difference k of pixel w reaches: to neighbours if it is a jump, to later groups if it is large.
JW_FN void jw_many_note(jw_many& m, int w, int k, float difference, bool jump) {
  if (isnan(difference) || !((m.spread && jump) || m.large_1)) return;
  jw_many_know(m, w);
  const double above = difference - m.median[w], ratio = fabs(above) / m.sigma[w];
  const int per = m.pixel.n_groups - 1, n_bytes = (m.pixel.n_groups + 6) / 8, i = k / per, j = k % per;
  const int64_t stride = m.pixel.notes;
  if (m.spread && jump && ratio > m.rules.spread_min && ratio < m.rules.spread_max)
    jw_jump_note(m.spread + w, i, n_bytes, stride, j);
  if (m.large_1 && above >= m.rules.large_1) jw_jump_note(m.large_1 + w, i, n_bytes, stride, j);
  if (m.large_2 && above >= m.rules.large_2) jw_jump_note(m.large_2 + w, i, n_bytes, stride, j);
}

JW_FN void jw_many_flag(jw_many& m, int w, int k, float difference) {
  m.pixel.groupdq[jw_many_group(m, k) * m.pixel.stride + w] |= JW_JUMPS_DETECTED;
  jw_many_note(m, w, k, difference, true);
}

// Flag what clipping leaves out of some differences.
JW_FN void jw_clip_flag(jw_many& m, const jw_some& some) {
  bool quiet[JW_LANES];
  jw_clip_quiet(m, some, m.rules.four, quiet);
  for (int w = 0; w < jw_many_width(m); ++w) {
    if (quiet[w]) continue;
    double lower = 0.0, upper = 0.0;
    jw_clip_bounds(m, w, some, m.rules.four, &lower, &upper);
    for (int i = 0; i < some.count; ++i) {
      const int k = some.first + i * some.step;
      const float value = jw_many_at(m, k, w);
      if (isfinite(value) && (value < lower || value > upper)) jw_many_flag(m, w, k, value);
    }
  }
}

#if JW_LANES > 1
// Find the medians of all differences of a tile at once, but of pixels with differences that are no numbers.
JW_FN void jw_many_know_tile(jw_many& m) {
  int odd[JW_LANES] = {};
  double median[JW_LANES];
  const int count = jw_many_count(m);
  for (int k = 0; k < count; ++k) {
    const float* row = m.kept + k * JW_LANES;
    for (int w = 0; w < JW_LANES; ++w) odd[w] |= row[w] != row[w];
    for (int w = 0; w < JW_LANES; ++w) m.column[k * JW_LANES + w] = row[w];
  }
  jw_median_lanes(m.column, count, median);
  for (int w = 0; w < m.width; ++w) {
    m.known[w] = !odd[w];
    m.median[w] = median[w];
    m.sigma[w] = jw_jump_sigma(median[w], m.noise2[w]);
  }
}
#endif

// Flag the differences that stand out from the median of all.
JW_FN void jw_many_compare(jw_many& m) {
  float room[JW_LANES], middle[JW_LANES] = {}, least[JW_LANES];
  for (int w = 0; w < JW_LANES; ++w) least[w] = JW_INFINITY;
#if JW_LANES > 1
  if (jw_many_count(m) <= JW_MANY_SORTED) jw_many_know_tile(m);
#endif
  for (int w = 0; w < jw_many_width(m); ++w) {
    jw_many_know(m, w);
    middle[w] = (float)m.median[w];
    least[w] = (float)(0.999 * m.rules.four * m.sigma[w] - 1e-6 * fabs(m.median[w]));  // a float32's rounding lower
  }
  for (int k = 0; k < jw_many_count(m); ++k) {
    const float* row = jw_many_row(m, k, room);
    int some = 0;
    for (int w = 0; w < JW_LANES; ++w) some |= fabsf(row[w] - middle[w]) >= least[w];
    if (!some) continue;
    for (int w = 0; w < jw_many_width(m); ++w) {
      const double ratio = fabs(row[w] - m.median[w]) / m.sigma[w];
      if (ratio > m.rules.four && isfinite(row[w])) jw_many_flag(m, w, k, row[w]);
    }
  }
}

#endif

#if JW_GROUPS == 16  // no scratch: one size is all
JW_KERNEL void JW_NAME(ramp_many)(const float* data, uint8_t* groupdq, const float* gain, const float* readnoise,
                                  uint8_t* spread, uint8_t* large_1, uint8_t* large_2, double threshold,
                                  double spread_min, double spread_max, double limit_1, double limit_2, int32_t how,
                                  int32_t n_frames, int32_t n_integrations, int32_t n_groups, int64_t stride,
                                  int64_t n) {
  JW_FOR_LANES(i, n) {
    const int per = n_groups - 1, count = n_integrations * per;
    jw_many m{};
    m.pixel = jw_jump_pixel{data + i, groupdq + i, gain[i], 0.0, n_integrations, n_groups, stride, n};
    m.gain = gain + i;
    m.width = n - i < JW_LANES ? (int)(n - i) : JW_LANES;
    m.rules = jw_jump_rules{threshold, 0.0, 0.0, spread_min, spread_max, limit_1, limit_2, true};
    m.spread = spread ? spread + i : nullptr;
    m.large_1 = large_1 ? large_1 + i : nullptr;
    m.large_2 = large_2 ? large_2 + i : nullptr;
    for (int w = 0; w < jw_many_width(m); ++w) {
      const float noise = readnoise[i + w] * gain[i + w];
      const float noise2 = noise * noise;
      m.noise2[w] = (double)noise2 / n_frames;
    }
    bool flagged[JW_LANES];
    float* kept = jw_scratch((int64_t)count * (JW_LANES + (count > JW_MANY_SORTED ? 2 : JW_LANES)) + 2);
#if JW_LANES > 1
    jw_many_keep(m, kept, flagged);
#else
    flagged[0] = jw_jump_tidy(m.pixel);
#endif
    m.kept = kept;
    m.column = kept ? kept + (int64_t)count * JW_LANES : nullptr;
    if (how == JW_MANY_MEDIAN) jw_many_compare(m);
    if (how == JW_MANY_ALL) jw_clip_flag(m, jw_some{0, 1, count, -JW_LARGEST, JW_LARGEST});
    for (int j = 0; how == JW_MANY_INTEGRATIONS && j < per; ++j)
      jw_clip_flag(m, jw_some{j, per, n_integrations, -JW_LARGEST, JW_LARGEST});
    for (int w = 0; w < jw_many_width(m); ++w) {
      if (!flagged[w] && !large_1) continue;  // what came as a jump, or is large without being one
      for (int k = 0; k < count; ++k) {
        const uint8_t flags = m.pixel.groupdq[jw_many_group(m, k) * stride + w];
        jw_many_note(m, w, k, jw_many_at(m, k, w), (flags & JW_JUMPS_DETECTED) != 0);
      }
    }
  }
}
#endif
