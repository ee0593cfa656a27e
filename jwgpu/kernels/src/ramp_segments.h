// Segments of one integration of one pixel: what its flags amount to, where its segments are, the sums over them.
// The readable reference, with the formulas in words, is jwgpu/numerics/slopes.py and segments.py.
#ifndef JW_RAMP_SEGMENTS
#define JW_RAMP_SEGMENTS

enum : uint32_t {
  RAMP_DO_NOT_USE = 1u, RAMP_SATURATED = 2u, RAMP_JUMP = 4u, RAMP_PERSISTENCE = 32u, RAMP_CHARGELOSS = 128u,
  RAMP_NO_GAIN = 1u << 19
};

// A variance this large stands for "nothing measured" and is written as 0.
#define RAMP_VARIANCE_LIMIT 1.0e6

// What all pixels share.
struct RampSampling {
  double group_time, frame_time, first_time;  // s; first_time: mean time of the frames averaged into the first group
  const double* weights;                      // (class of signal to noise, |2 j - (length - 1)|)
  const double* line;                         // (class, group): weight times u of a whole ramp; last, the sum of w u^2
  const double* forms;                        // (class, length, 2): variance of a slope per variance of a group and per
                                              // photon rate; null where not asked for (unbiased)
  int n_groups;
  bool suppress;                              // a ramp with one good group counts as having none
  bool clear_first_jump;                      // leading groups were cut off, so a jump into the first one is no jump
};

// One integration of one pixel.
struct RampView {
  const float* data;
  const uint8_t* groupdq;
  int64_t stride;
  int n_groups;
  bool clear_first_jump, use_zeroframe, restore_chargeloss;
  float zeroframe;
};

JW_FN uint32_t ramp_flags(const RampView& ramp, int group) {
  if (group == 0 && ramp.use_zeroframe) return 0;
  uint32_t flags = ramp.groupdq[group * ramp.stride];
  if (group == 0 && ramp.clear_first_jump) flags &= ~RAMP_JUMP;
  if (ramp.restore_chargeloss && (flags & RAMP_CHARGELOSS)) flags ^= RAMP_DO_NOT_USE | RAMP_CHARGELOSS;
  return flags;
}

JW_FN float ramp_value(const RampView& ramp, int group) {
  return group == 0 && ramp.use_zeroframe ? ramp.zeroframe : ramp.data[group * ramp.stride];
}

enum RampKind { RAMP_FITTED, RAMP_FIRST_ONLY, RAMP_ZEROFRAME, RAMP_SUPPRESSED };

// What the flags of one integration amount to.
struct RampSurvey {
  RampKind kind;
  uint32_t any;         // all flags seen
  bool unusable;        // every group saturated or not to be used
  int n_saturated;
};

// Counts flags, decides how the integration is measured and, for a zero frame, points the view to it.
JW_FN RampSurvey ramp_survey(RampView& ramp, const RampSampling& s, const float* zeroframe) {
  int n_good = 0, n_alone = 0, n_unusable = 0;
  RampSurvey survey{RAMP_FITTED, 0, false, 0};
  for (int g = 0; g < ramp.n_groups; ++g) {
    const uint32_t flags = ramp_flags(ramp, g);
    survey.any |= flags;
    n_good += flags == 0;
    n_alone += (ramp.groupdq[g * ramp.stride] & ~RAMP_PERSISTENCE) == 0;
    n_unusable += (flags & (RAMP_DO_NOT_USE | RAMP_SATURATED)) != 0;
    survey.n_saturated += (flags & RAMP_SATURATED) != 0;
  }
  if (s.suppress) {
    if (n_alone == 1) { survey.kind = RAMP_SUPPRESSED; n_unusable = ramp.n_groups; }
  } else if (n_good == 1 && ramp_flags(ramp, 0) == 0) {
    survey.kind = RAMP_FIRST_ONLY;
  } else if (n_good == 0 && zeroframe != nullptr && *zeroframe != 0.0f) {
    survey.kind = RAMP_ZEROFRAME;
    ramp.use_zeroframe = true;
    ramp.zeroframe = *zeroframe;
    --n_unusable;
    if (survey.n_saturated == ramp.n_groups) --survey.n_saturated;
  }
  survey.unusable = n_unusable == ramp.n_groups;
  return survey;
}

// Median rate of one integration (DN/s), from the differences of neighbouring usable groups without a jump.
JW_FN double ramp_median_rate(const RampView& ramp, const RampSurvey& survey, const RampSampling& s, float* scratch) {
  const uint32_t unusable = RAMP_DO_NOT_USE | RAMP_SATURATED;
  if (ramp.n_groups == 1)  // here even a group not to be used counts, and a NaN stays one
    return ramp_flags(ramp, 0) & RAMP_SATURATED ? JW_NAN : ramp_value(ramp, 0) / s.first_time;
  double rate;
  if (survey.kind == RAMP_SUPPRESSED) return 0.0;
  if (survey.kind == RAMP_FIRST_ONLY) {
    rate = ramp_value(ramp, 0) / s.first_time;
  } else if (survey.kind == RAMP_ZEROFRAME) {
    rate = ramp_value(ramp, 0) / s.frame_time;
  } else {
    const float first = ramp_flags(ramp, 0) & unusable ? JW_NAN : ramp_value(ramp, 0);
    float previous = first;
    int n = 0;
    for (int g = 1; g < ramp.n_groups; ++g) {
      const uint32_t flags = ramp_flags(ramp, g);
      const float value = flags & unusable ? JW_NAN : ramp_value(ramp, g);
      const float difference = value - previous;
      if (!(flags & RAMP_JUMP) && !isnan(difference)) scratch[n++] = difference;
      previous = value;
    }
    rate = (n > 0 ? jw_median(scratch, n) : first) / s.group_time;
  }
  return isnan(rate) ? 0.0 : rate;
}

// Sums over segments, each segment weighted by the inverse of its read-noise variance.
struct RampSums {
  double slope, inverse_read, inverse_poisson, inverse_total;
  double spread_read, spread_poisson;  // unbiased: variances of the sum of slope / read, from read noise and per rate
};

struct RampPixel { double gain, noise, poisson_rate, dark; };  // electron/DN, electron (of one group), DN/s, electron/s

// Fixsen's exponent of the weights, by signal to noise: 0, 0.4, 1, 3, 6, 10. (A NaN compares false and ends at 10.)
JW_FN int ramp_weight_class(double rise, double gain, double noise) {
  const double variance = noise * noise + rise * gain;
  const double snr = rise * gain / sqrt(variance);
  // Counted in double, so that a vector of pixels needs no other width.
  const double found = (snr < 5.0 ? 0.0 : 1.0) + (snr < 10.0 ? 0.0 : 1.0) + (snr < 20.0 ? 0.0 : 1.0) +
                       (snr < 50.0 ? 0.0 : 1.0) + (snr < 100.0 ? 0.0 : 1.0);
  return (int)(variance <= 0.0 ? 0.0 : found);
}

// Slope (DN/s) of the groups start..start+length-1, length >= 3, with the weights of a class.
JW_FN double ramp_weighted_slope(const RampView& ramp, const RampSampling& s, int row, int start, int length) {
  const double* weights = s.weights + row * s.n_groups;
  double above = 0.0, below = 0.0;
  for (int j = 0; j < length; ++j) {
    const int u = 2 * j - (length - 1);
    const float value = ramp_value(ramp, start + j);
    const double weighted = weights[u < 0 ? -u : u] * u;
    above += weighted * (isnan(value) ? 0.0 : (double)value);
    below += weighted * u;
  }
  return 2.0 * above / below / s.group_time;
}

// Read-noise variance of the slope of a segment with equal weights.
JW_FN double ramp_read(const RampPixel& pixel, double time, double pairs) {
  const double noise = pixel.noise / time;
  return 12.0 * noise * noise / (pairs * pixel.gain * pixel.gain);
}

// Adds a segment of a slope (DN/s) to the sums; pairs: length^3 - length.
JW_FN void ramp_add(const RampPixel& pixel, double time, double intervals, double pairs, double slope, RampSums& sums) {
  const double poisson = pixel.poisson_rate / (time * pixel.gain * intervals);
  const double read = ramp_read(pixel, time, pairs);
  const double inverse_poisson = 1.0 / poisson;
  sums.inverse_poisson += poisson > 0.0 ? inverse_poisson : 0.0;
  sums.inverse_read += 1.0 / read;
  sums.inverse_total += 1.0 / (poisson + read);
  sums.slope += slope / read;
}

JW_FN void ramp_add_segment(const RampView& ramp, const RampSampling& s, const RampPixel& pixel, double lone_time,
                            int start, int length, RampSums& sums) {
  const double time = length == 1 ? lone_time : s.group_time;
  double slope, intervals = 1.0, pairs = 6.0;  // at least those of two groups
  int row = 0;
  if (length == 1) {
    slope = ramp_value(ramp, start) / time;
  } else {
    const double rise = (double)ramp_value(ramp, start + length - 1) - (double)ramp_value(ramp, start);
    slope = rise / time;
    if (length > 2) {
      intervals = length - 1.0;
      pairs = (double)length * length * length - length;
      row = ramp_weight_class(rise, pixel.gain, pixel.noise);
      slope = ramp_weighted_slope(ramp, s, row, start, length);
      if (s.forms != nullptr) {  // again, by what is all but uncorrelated with the choice
        row = ramp_weight_class(slope * intervals * s.group_time, pixel.gain, pixel.noise);
        slope = ramp_weighted_slope(ramp, s, row, start, length);
      }
    }
  }
  ramp_add(pixel, time, intervals, pairs, slope, sums);
  if (s.forms != nullptr) {
    const double noise = pixel.noise / pixel.gain, weight = 1.0 / ramp_read(pixel, time, pairs);
    const double* form = s.forms + 2 * (row * (s.n_groups + 1) + length);
    sums.spread_read += weight * weight * (noise * noise) * (length == 1 ? 2.0 / (time * time) : form[0]);
    sums.spread_poisson += weight * weight * (length == 1 ? 1.0 / time : form[1]);
  }
}

// Adds every segment of one integration: runs of unflagged groups, each with the jump it begins with. Single groups
// count only where there is nothing longer, and then only the first of them.
JW_FN RampSums ramp_segments(const RampView& ramp, const RampSampling& s, const RampPixel& pixel, double lone_time) {
  RampSums sums{};
  int start = -1, lone = -1;
  bool longer = false;
  uint32_t previous = 0;
  for (int g = 0; g <= ramp.n_groups; ++g) {
    const uint32_t flags = g < ramp.n_groups ? ramp_flags(ramp, g) & ~RAMP_PERSISTENCE : RAMP_DO_NOT_USE;
    if (flags == 0) {
      if (start < 0) start = g > 0 && previous == RAMP_JUMP ? g - 1 : g;
    } else if (start >= 0) {
      if (g - start > 1) {
        ramp_add_segment(ramp, s, pixel, lone_time, start, g - start, sums);
        longer = true;
      } else if (lone < 0) {
        lone = start;
      }
      start = -1;
    }
    previous = flags;
  }
  if (!longer && lone >= 0) ramp_add_segment(ramp, s, pixel, lone_time, lone, 1, sums);
  return sums;
}

JW_FN double ramp_lone_time(const RampSurvey& survey, const RampSampling& s) {
  return survey.kind == RAMP_FIRST_ONLY ? s.first_time : survey.kind == RAMP_ZEROFRAME ? s.frame_time : s.group_time;
}
#endif
