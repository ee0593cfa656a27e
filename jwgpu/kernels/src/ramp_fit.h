// From sums over segments to the fit of an integration and of an exposure, one pixel at a time.
#ifndef JW_RAMP_FIT
#define JW_RAMP_FIT

struct RampFit { double slope, error, poisson, read; uint32_t dq; };

enum : uint32_t { RAMP_INVALID = RAMP_DO_NOT_USE | RAMP_SATURATED };

// 0 also where nothing was summed, since 1 / 0 is infinite.
JW_FN double ramp_variance(double inverse) {
  const double variance = 1.0 / inverse;
  return variance >= RAMP_VARIANCE_LIMIT ? 0.0 : variance;
}

// The fit of one integration from the sums over its segments.
JW_FN RampFit ramp_fit_sums(const RampSums& sums, uint32_t dq) {
  const bool valid = (dq & RAMP_INVALID) == 0;
  const bool measured = valid && sums.inverse_read != 0.0;
  const double poisson = ramp_variance(sums.inverse_poisson), read = ramp_variance(sums.inverse_read);
  const double variance = 1.0 / sums.inverse_total, slope = sums.slope * read;
  const double error = sqrt(variance);
  const double known = measured ? slope : 0.0;
  return RampFit{valid ? known : (double)JW_NAN, measured && !(variance > RAMP_VARIANCE_LIMIT) ? error : 0.0,
                 measured ? poisson : 0.0, measured ? read : 0.0, dq};
}

// The fit of the exposure, from the sums over all segments of all integrations.
JW_FN RampFit ramp_fit_exposure(const RampSums& total, uint32_t dq) {
  const bool valid = (dq & RAMP_INVALID) == 0;
  const double poisson = ramp_variance(total.inverse_poisson), read = ramp_variance(total.inverse_read);
  const double error = sqrt(poisson + read), slope = total.slope * read;
  return RampFit{valid ? slope : (double)JW_NAN, valid ? error : 0.0, valid ? poisson : 0.0, valid ? read : 0.0, dq};
}

// The same for either, with the variances that the slope really has at its own rate.
JW_FN RampFit ramp_fit_unbiased(const RampSums& sums, const RampPixel& pixel, uint32_t dq) {
  const double square = sums.inverse_read * sums.inverse_read;
  const double slope = sums.slope * ramp_variance(sums.inverse_read);
  const double rate = (slope > 0.0 ? slope : 0.0) + pixel.dark / pixel.gain;
  const double read = sums.spread_read / square, poisson = rate / pixel.gain * (sums.spread_poisson / square);
  const bool valid = (dq & RAMP_INVALID) == 0, measured = valid && sums.inverse_read != 0.0;
  const bool known = measured && read < RAMP_VARIANCE_LIMIT && poisson < RAMP_VARIANCE_LIMIT;
  return RampFit{valid ? (measured ? slope : 0.0) : (double)JW_NAN, known ? sqrt(poisson + read) : 0.0,
                 known ? poisson : 0.0, known ? read : 0.0, dq};
}

// The fit of one integration. `total` gathers the sums for the exposure.
JW_FN RampFit ramp_fit_integration(const RampView& ramp, const RampSurvey& survey, const RampSampling& s,
                                   const RampPixel& pixel, uint32_t dq, RampSums& total) {
  RampSums sums{};
  const bool dead = (ramp_flags(ramp, 0) & RAMP_SATURATED) != 0;
  dq |= survey.any & (RAMP_JUMP | RAMP_PERSISTENCE);
  if (dead) dq |= RAMP_INVALID;
  if (survey.unusable) {
    dq |= RAMP_DO_NOT_USE | (survey.n_saturated == ramp.n_groups ? RAMP_SATURATED : 0u);
  } else if (!dead) {
    sums = ramp_segments(ramp, s, pixel, ramp_lone_time(survey, s));
  }
  total.slope += sums.slope;
  total.inverse_read += sums.inverse_read;
  total.inverse_poisson += sums.inverse_poisson;
  total.spread_read += sums.spread_read;
  total.spread_poisson += sums.spread_poisson;
  return s.forms == nullptr ? ramp_fit_sums(sums, dq) : ramp_fit_unbiased(sums, pixel, dq);
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

// What is fitted. Arrays as in the kernel; data and groupdq begin at the first fitted group, and their planes lie `stride`
// apart, those of other arrays `pixels`.
struct RampExposure {
  const float* data;
  const uint8_t* groupdq;
  const uint32_t* pixeldq;
  const float *gain, *readnoise, *dark, *zeroframe;
  int64_t stride, integration_stride, pixels;
  int n_integrations;
  double noise_divisor;
};

JW_FN RampPixel ramp_pixel(float gain, float readnoise, double noise_divisor) {
  const double good_gain = gain > 0.0f ? gain : JW_NAN;
  // The read noise of one group, rounded to float as an image of it in electrons would be.
  return RampPixel{good_gain, (double)(float)(readnoise * (good_gain / noise_divisor)), 0.0, 0.0};
}

// Rate (DN/s) whose photon noise counts.
JW_FN double ramp_poisson_rate(double rate, double dark) { return rate > 0.0 ? rate + dark : dark; }

JW_FN uint32_t ramp_dq(uint32_t pixeldq, float gain) {
  return pixeldq | (gain > 0.0f ? 0u : RAMP_DO_NOT_USE | RAMP_NO_GAIN);
}

// Look at one integration of the pixel `at`.
JW_FN RampSurvey ramp_look(const RampExposure& e, const RampSampling& s, int64_t at, int i, RampView& ramp) {
  const int64_t begin = i * e.integration_stride + at;
  ramp = RampView{e.data + begin, e.groupdq + begin, e.stride, s.n_groups, s.clear_first_jump, false, false, 0.0f};
  return ramp_survey(ramp, s, e.zeroframe == nullptr ? nullptr : e.zeroframe + i * e.pixels + at);
}

// All integrations of the pixel `at`. scratch holds n_groups - 1 values.
JW_FN void ramp_fit_pixel(const RampExposure& e, const RampSampling& s, float* scratch, int64_t at,
                          const RampPlanes& exposure, const RampPlanes& integration) {
  RampView ramp;
  RampSurvey survey;
  double rate = 0.0;
  for (int i = 0; i < e.n_integrations; ++i) {
    survey = ramp_look(e, s, at, i, ramp);
    rate += ramp_median_rate(ramp, survey, s, scratch);
  }
  RampPixel pixel = ramp_pixel(e.gain[at], e.readnoise[at], e.noise_divisor);
  pixel.dark = e.dark == nullptr ? 0.0 : (double)e.dark[at];
  pixel.poisson_rate = ramp_poisson_rate(rate / e.n_integrations, pixel.dark);

  RampSums total{};
  double inverse_read = 0.0;  // as in total, but with the groups lost to charge migration
  bool chargeloss = false, all_unusable = true, all_saturated = true, any_saturated = false;
  const uint32_t dq = ramp_dq(e.pixeldq[at], e.gain[at]);
  uint32_t exposure_dq = dq;
  for (int i = 0; i < e.n_integrations; ++i) {
    if (e.n_integrations > 1) survey = ramp_look(e, s, at, i, ramp);
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
    ramp_store(integration, at + i * e.pixels, fit);
  }
  if (all_unusable) exposure_dq |= RAMP_DO_NOT_USE;
  if (all_saturated) exposure_dq |= RAMP_SATURATED;
  RampFit fit = s.forms == nullptr ? ramp_fit_exposure(total, exposure_dq) : ramp_fit_unbiased(total, pixel, exposure_dq);
  if (any_saturated) fit.dq |= RAMP_SATURATED;
  if (chargeloss && inverse_read > 0.0) fit.read = ramp_variance(inverse_read);
  ramp_store(exposure, at, fit);
}
#endif
