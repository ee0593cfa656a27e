// Slopes of ramps by optimally weighted least squares over the segments between jumps (Fixsen et al. 2000,
// doi:10.1086/316626). The readable reference, with the formulas in words, is jwgpu/numerics/slopes.py.
//
// Sums and variances are double: the weights span (1/n)^10 and a slope is a small difference of large counts.
// They are a handful of registers a pixel; everything read and written per group is float or a byte.
#ifndef JW_RAMP_SLOPES
#define JW_RAMP_SLOPES

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
struct RampSums { double slope, inverse_read, inverse_poisson, inverse_total; };

struct RampPixel { double gain, noise, poisson_rate; };  // electron/DN, electron (of one group), DN/s

// Fixsen's exponent of the weights, by signal to noise: 0, 0.4, 1, 3, 6, 10. (A NaN compares false and ends at 10.)
JW_FN int ramp_weight_class(double rise, const RampPixel& pixel) {
  const double variance = pixel.noise * pixel.noise + rise * pixel.gain;
  if (variance <= 0.0) return 0;
  const double snr = rise * pixel.gain / sqrt(variance);
  return snr < 5.0 ? 0 : snr < 10.0 ? 1 : snr < 20.0 ? 2 : snr < 50.0 ? 3 : snr < 100.0 ? 4 : 5;
}

// Slope (DN/s) of the groups start..start+length-1, length >= 3.
JW_FN double ramp_weighted_slope(const RampView& ramp, const RampSampling& s, const RampPixel& pixel, int start,
                                 int length) {
  const double rise = (double)ramp_value(ramp, start + length - 1) - (double)ramp_value(ramp, start);
  const double* weights = s.weights + ramp_weight_class(rise, pixel) * s.n_groups;
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

JW_FN void ramp_add_segment(const RampView& ramp, const RampSampling& s, const RampPixel& pixel, double lone_time,
                            int start, int length, RampSums& sums) {
  const double time = length == 1 ? lone_time : s.group_time;
  double slope, intervals = 1.0, pairs = 6.0;  // pairs: length^3 - length, at least that of two groups
  if (length == 1) {
    slope = ramp_value(ramp, start) / time;
  } else if (length == 2) {
    slope = ((double)ramp_value(ramp, start + 1) - (double)ramp_value(ramp, start)) / time;
  } else {
    slope = ramp_weighted_slope(ramp, s, pixel, start, length);
    intervals = length - 1.0;
    pairs = (double)length * length * length - length;
  }
  const double poisson = pixel.poisson_rate / (time * pixel.gain * intervals);
  const double noise = pixel.noise / time;
  const double read = 12.0 * noise * noise / (pairs * pixel.gain * pixel.gain);
  if (poisson > 0.0) sums.inverse_poisson += 1.0 / poisson;
  sums.inverse_read += 1.0 / read;
  sums.inverse_total += 1.0 / (poisson + read);
  sums.slope += slope / read;
}

// Adds every segment of one integration: runs of unflagged groups, each with the jump it begins with. Single groups
// count only where there is nothing longer, and then only the first of them.
JW_FN RampSums ramp_segments(const RampView& ramp, const RampSampling& s, const RampPixel& pixel, double lone_time) {
  RampSums sums{0.0, 0.0, 0.0, 0.0};
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

struct RampFit { double slope, error, poisson, read; uint32_t dq; };

// 0 also where nothing was summed, since 1 / 0 is infinite.
JW_FN double ramp_variance(double inverse) {
  const double variance = 1.0 / inverse;
  return variance >= RAMP_VARIANCE_LIMIT ? 0.0 : variance;
}

// The fit of one integration. `total` gathers the sums for the exposure.
JW_FN RampFit ramp_fit_integration(const RampView& ramp, const RampSurvey& survey, const RampSampling& s,
                                   const RampPixel& pixel, uint32_t dq, RampSums& total) {
  const uint32_t invalid = RAMP_DO_NOT_USE | RAMP_SATURATED;
  RampFit fit{0.0, 0.0, 0.0, 0.0, dq | (survey.any & (RAMP_JUMP | RAMP_PERSISTENCE))};
  const bool dead = (ramp_flags(ramp, 0) & RAMP_SATURATED) != 0;
  if (dead) fit.dq |= invalid;
  if (survey.unusable) {
    fit.dq |= RAMP_DO_NOT_USE | (survey.n_saturated == ramp.n_groups ? RAMP_SATURATED : 0u);
  } else if (!dead) {
    const RampSums sums = ramp_segments(ramp, s, pixel, ramp_lone_time(survey, s));
    if (sums.inverse_read != 0.0 && !(fit.dq & invalid)) {
      fit.poisson = ramp_variance(sums.inverse_poisson);
      fit.read = ramp_variance(sums.inverse_read);
      fit.slope = sums.slope * fit.read;
      const double variance = 1.0 / sums.inverse_total;
      fit.error = variance > RAMP_VARIANCE_LIMIT ? 0.0 : sqrt(variance);
    }
    total.slope += sums.slope;
    total.inverse_read += sums.inverse_read;
    total.inverse_poisson += sums.inverse_poisson;
  }
  if (fit.dq & invalid) fit.slope = JW_NAN;
  return fit;
}

// The fit of the exposure, from the sums over all segments of all integrations.
JW_FN RampFit ramp_fit_exposure(const RampSums& total, uint32_t dq) {
  RampFit fit{JW_NAN, 0.0, 0.0, 0.0, dq};
  if (dq & (RAMP_DO_NOT_USE | RAMP_SATURATED)) return fit;
  fit.poisson = ramp_variance(total.inverse_poisson);
  fit.read = ramp_variance(total.inverse_read);
  fit.error = sqrt(fit.poisson + fit.read);
  fit.slope = total.slope * fit.read;
  return fit;
}

// Inverse read-noise variance of an integration whose CHARGELOSS groups, left out of the slope, count again here.
JW_FN double ramp_chargeloss_inverse(RampView ramp, const RampSurvey& survey, const RampSampling& s,
                                     const RampPixel& pixel) {
  ramp.clear_first_jump = ramp.use_zeroframe = false;
  ramp.restore_chargeloss = true;
  const double inverse = ramp_segments(ramp, s, pixel, ramp_lone_time(survey, s)).inverse_read;
  return inverse > 0.0 ? inverse : 0.0;
}

struct RampPlanes {
  float *slope, *error, *poisson, *read;
  uint32_t* dq;
};

JW_FN void ramp_store(const RampPlanes& planes, int64_t at, const RampFit& fit) {
  planes.slope[at] = (float)fit.slope;
  planes.error[at] = (float)fit.error;
  planes.poisson[at] = (float)fit.poisson;
  planes.read[at] = (float)fit.read;
  planes.dq[at] = fit.dq;
}

// All integrations of one pixel, whose data and flags begin at `data` and `groupdq`; the planes are indexed by `at`
// (exposure) and at + integration * stride. scratch holds n_groups - 1 values.
JW_FN void ramp_fit_pixel(const float* data, const uint8_t* groupdq, const float* zeroframe, int64_t stride,
                          int64_t integration_stride, int n_integrations, const RampSampling& s, double gain,
                          double noise, double dark, uint32_t dq, float* scratch, int64_t at,
                          const RampPlanes& exposure, const RampPlanes& integration) {
  RampView ramp;
  RampSurvey survey;
  auto look_at = [&](int i) {
    ramp = RampView{data + i * integration_stride, groupdq + i * integration_stride, stride, s.n_groups,
                    s.clear_first_jump, false, false, 0.0f};
    survey = ramp_survey(ramp, s, zeroframe == nullptr ? nullptr : zeroframe + i * stride);
  };
  double rate = 0.0;
  for (int i = 0; i < n_integrations; ++i) {
    look_at(i);
    rate += ramp_median_rate(ramp, survey, s, scratch);
  }
  rate /= n_integrations;
  const RampPixel pixel{gain, noise, rate > 0.0 ? rate + dark : dark};

  RampSums total{0.0, 0.0, 0.0, 0.0};
  double inverse_read = 0.0;  // as in total, but with the groups lost to charge migration
  bool chargeloss = false, all_unusable = true, all_saturated = true, any_saturated = false;
  uint32_t exposure_dq = dq;
  for (int i = 0; i < n_integrations; ++i) {
    if (n_integrations > 1) look_at(i);
    RampFit fit = ramp_fit_integration(ramp, survey, s, pixel, dq, total);
    exposure_dq |= survey.any & (RAMP_JUMP | RAMP_PERSISTENCE);
    all_unusable = all_unusable && (fit.dq & RAMP_DO_NOT_USE);
    all_saturated = all_saturated && (fit.dq & RAMP_SATURATED);
    if (survey.n_saturated > 0) {
      any_saturated = true;
      fit.dq |= RAMP_SATURATED;
    }
    if (survey.any & RAMP_CHARGELOSS) {
      chargeloss = true;
      const double inverse = ramp_chargeloss_inverse(ramp, survey, s, pixel);
      fit.read = ramp_variance(inverse);
      inverse_read += inverse;
    } else if (fit.read > 0.0) {
      inverse_read += 1.0 / fit.read;
    }
    ramp_store(integration, at + i * stride, fit);
  }
  if (all_unusable) exposure_dq |= RAMP_DO_NOT_USE;
  if (all_saturated) exposure_dq |= RAMP_SATURATED;
  RampFit fit = ramp_fit_exposure(total, exposure_dq);
  if (any_saturated) fit.dq |= RAMP_SATURATED;
  if (chargeloss && inverse_read > 0.0) fit.read = ramp_variance(inverse_read);
  ramp_store(exposure, at, fit);
}
#endif

// Arrays: data (DN), groupdq (integration, group, pixel); pixeldq, gain (electron/DN), readnoise (DN), dark (electron/s,
// or null) (pixel); zeroframe (integration, pixel) or null; weights (6, n_groups); then slope, error, var_poisson,
// var_rnoise, dq of the exposure (pixel) and of each integration (integration, pixel).
// Groups first_group .. first_group + n_groups - 1 of the all_groups in the arrays are fitted.
JW_KERNEL void JW_NAME(ramp_slopes)(
    const float* data, const uint8_t* groupdq, const uint32_t* pixeldq, const float* gain, const float* readnoise,
    const float* dark, const float* zeroframe, const double* weights, float* slope, float* error, float* poisson,
    float* read, uint32_t* dq, float* slopes, float* errors, float* poissons, float* reads, uint32_t* dqs,
    int32_t n_integrations, int32_t all_groups, int32_t first_group, int32_t n_groups, int32_t suppress,
    double group_time, double frame_time, double first_time, double noise_divisor, int64_t n) {
  JW_FOR(i, n) {
    float scratch[JW_GROUPS];
    const RampSampling sampling{group_time, frame_time, first_time, weights, n_groups, suppress != 0, first_group > 0};
    const bool bad_gain = !(gain[i] > 0.0f);
    const double g = bad_gain ? (double)JW_NAN : (double)gain[i];
    // The read noise of one group, rounded to float as an image of it in electrons would be.
    const double noise = (float)(readnoise[i] * (g / noise_divisor));
    const int64_t begin = first_group * n + i;
    ramp_fit_pixel(data + begin, groupdq + begin, zeroframe == nullptr ? nullptr : zeroframe + i, n, all_groups * n,
                   n_integrations, sampling, g, noise, dark == nullptr ? 0.0 : (double)dark[i],
                   pixeldq[i] | (bad_gain ? RAMP_DO_NOT_USE | RAMP_NO_GAIN : 0u), scratch, i,
                   RampPlanes{slope, error, poisson, read, dq}, RampPlanes{slopes, errors, poissons, reads, dqs});
  }
}
