// Slopes of ramps by maximum likelihood, with jumps found by chi square (Brandt 2024, doi:10.1088/1538-3873/ad38d9
// and ad38da). The readable reference, with the formulas in words, is jwgpu/numerics/likelihood.py.
//
// Sums and recurrences are double; what is kept for every group between two sweeps is float, in units in which the
// covariance is near 1. A difference that is not used is NaN.
#ifndef JW_RAMP_LIKELIHOOD
#define JW_RAMP_LIKELIHOOD

// How the groups were sampled. Tables (n): of difference i, and of the pair i, i + 1; per_interval in 1 / s.
struct LikelyTimes {
  const double *per_interval, *alpha_photon, *alpha_read, *beta_photon, *beta_read, *pairs;
  int n;
};

// Scratch of one ramp, n values each; steps: differences (DN).
struct LikelyScratch { float *steps, *inverse, *ones, *rest; };

// photon: rate / gain (DN^2/s); read: variance of one frame (DN^2).
struct LikelyNoise { double photon, read; };

// Sums over C^-1, in units of 1 / `unit`: 1'1, 1'e and e'e with e the rates minus `centre`.
struct LikelySums { double unit, one, cross, square; int used; };

// First half of the solution of C x = 1 and C y = e: x_i = ones_i - l_i x_(i+1), l_i = beta_i inverse_i.
JW_FN LikelySums likely_forward(const LikelyTimes& t, const LikelyScratch& s, const LikelyNoise& noise, double centre) {
  LikelySums sums{noise.photon * t.alpha_photon[0] + noise.read * t.alpha_read[0], 0.0, 0.0, 0.0, 0};
  bool valid = sums.unit > 0.0 && sums.unit <= 1.7976931348623157e308;  // finite
  const double photon = noise.photon / sums.unit, read = noise.read / sums.unit;
  double beta = 0.0, inverse = 0.0, c = 0.0, e = 0.0;
  for (int i = 0; i < t.n; ++i) {
    if (isnan(s.steps[i])) {
      s.inverse[i] = s.ones[i] = s.rest[i] = 0.0f;
      inverse = c = e = 0.0;
      continue;
    }
    const double factor = beta * inverse;
    const double pivot = photon * t.alpha_photon[i] + read * t.alpha_read[i] - beta * factor;
    valid = valid && pivot > 0.0;
    inverse = 1.0 / pivot;
    c = 1.0 - factor * c;
    e = s.steps[i] * t.per_interval[i] - centre - factor * e;
    const double ones = c * inverse, rest = e * inverse;
    sums.one += c * ones;
    sums.cross += c * rest;
    sums.square += e * rest;
    ++sums.used;
    s.inverse[i] = (float)inverse;
    s.ones[i] = (float)ones;
    s.rest[i] = (float)rest;
    beta = photon * t.beta_photon[i] + read * t.beta_read[i];
  }
  if (!valid || sums.used == 0) sums.one = JW_NAN;
  return sums;
}

// The best single difference, or pair of neighbours, to leave out; none where width is 0.
struct LikelyDrop { int first, width; };

JW_FN LikelyDrop likely_search(const LikelyTimes& t, const LikelyScratch& s, const LikelyNoise& noise,
                               const LikelySums& sums, double limit_one, double limit_two) {
  const double photon = noise.photon / sums.unit, read = noise.read / sums.unit;
  const double per_one = 1.0 / sums.one, mean = sums.cross * per_one;
  // Nothing can improve chi square by more than all of it. The margin is for rounding.
  if (!(sums.square - sums.cross * mean > 0.999 * limit_one * sums.unit)) return LikelyDrop{0, 0};
  double best_one = 0.0, best_two = 0.0;
  int one = -1, two = -1;
  double x1 = 0.0, r1 = 0.0, v1 = 0.0, s1 = 0.0;  // of difference i + 1
  const double unit_one = limit_one * sums.unit, unit_two = limit_two * sums.unit;
  for (int i = t.n - 1; i >= 0; --i) {
    if (isnan(s.steps[i])) {
      x1 = r1 = v1 = s1 = 0.0;
      continue;
    }
    const double inverse = s.inverse[i];
    const double factor = (photon * t.beta_photon[i] + read * t.beta_read[i]) * inverse;
    const double x = s.ones[i] - factor * x1;
    const double r = s.rest[i] - mean * s.ones[i] - factor * r1;
    const double v = inverse + factor * factor * v1;
    const double share = x * per_one;
    const double s0 = v - share * x;
    if (sums.used >= 2 && s0 > 0.0 && r * r > unit_one * s0) {
      const double gain = r * r / s0;
      if (gain > best_one) {
        best_one = gain;
        one = i;
      }
    }
    if (sums.used >= 3 && v1 > 0.0 && t.pairs[i] > 0.0) {
      const double s01 = -factor * v1 - share * x1;
      const double determinant = s0 * s1 - s01 * s01;
      const double above = r * (r * s1 - r1 * s01) + r1 * (r1 * s0 - r * s01);
      if (determinant > 0.0 && above > unit_two * determinant && above / determinant > best_two) {
        best_two = above / determinant;
        two = i;
      }
    }
    x1 = x;
    r1 = r;
    v1 = v;
    s1 = s0;
  }
  if (one >= 0 && (two < 0 || best_one - unit_one > best_two - unit_two)) return LikelyDrop{one, 1};
  return LikelyDrop{two, two >= 0 ? 2 : 0};
}

// Masks jumps. Returns the rate from which the photon noise is estimated, NaN where there is none.
JW_FN double likely_jumps(const LikelyTimes& t, const LikelyScratch& s, double gain, double read, double median,
                          double limit_one, double limit_two, bool& jumped) {
  const double centre = median > 0.0 ? median : 0.0;
  const LikelyNoise noise{centre / gain, read};
  double rate = 0.0;
  for (;;) {  // at least one difference is left out each time
    const LikelySums sums = likely_forward(t, s, noise, centre);
    rate = centre + sums.cross / sums.one;
    if (isnan(sums.one) || (jumped && sums.used <= 3)) break;
    const LikelyDrop drop = likely_search(t, s, noise, sums, limit_one, limit_two);
    if (drop.width == 0) break;
    for (int i = drop.first; i < drop.first + drop.width; ++i) s.steps[i] = JW_NAN;
    jumped = true;
  }
  return rate;
}

struct LikelyFit { double slope, error, poisson, read, chisq; int used; };  // used: differences

// The fit of the differences in use, with photon noise as at `rate`.
JW_FN LikelyFit likely_fit(const LikelyTimes& t, const LikelyScratch& s, double gain, double read, double rate) {
  const LikelyNoise noise{rate / gain, read};
  const LikelySums sums = likely_forward(t, s, noise, rate);
  const double photon = noise.photon / sums.unit, reads = noise.read / sums.unit;
  double poisson = 0.0, readout = 0.0, x1 = 0.0;
  for (int i = t.n - 1; i >= 0; --i) {
    const double factor = (photon * t.beta_photon[i] + reads * t.beta_read[i]) * s.inverse[i];
    const double x = isnan(s.steps[i]) ? 0.0 : s.ones[i] - factor * x1;
    poisson += x * (x * t.alpha_photon[i] + 2.0 * x1 * t.beta_photon[i]);
    readout += x * (x * t.alpha_read[i] + 2.0 * x1 * t.beta_read[i]);
    x1 = x;
  }
  const double weight = sums.one * sums.one;
  return LikelyFit{rate + sums.cross / sums.one, sqrt(sums.unit / sums.one), noise.photon * (poisson / weight),
                   noise.read * (readout / weight), (sums.square - sums.cross * sums.cross / sums.one) / sums.unit, sums.used};
}

// One ramp's differences into scratch, all of them; returns whether all are finite.
JW_FN bool likely_steps(const float* data, const float* zeroframe, int64_t stride, int n_frames, const LikelyTimes& t,
                        const LikelyScratch& s) {
  float previous = data[0];
  int group = 1;
  bool valid = true;
  for (int i = 0; i < t.n; ++i) {
    float value;
    if (i == 0 && zeroframe != nullptr) {
      previous = *zeroframe;
      value = (data[0] * (float)n_frames - previous) / (float)(n_frames - 1);
    } else {
      value = data[group++ * stride];
    }
    s.steps[i] = value - previous;
    valid = valid && isfinite(s.steps[i]);
    previous = value;
  }
  return valid;
}

// NaN all alike, whatever their sign was.
JW_FN float likely_float(double value) { return isnan(value) ? JW_NAN : (float)value; }

// One integration of one pixel: the fit and its flags, beginning with `dq`.
JW_FN LikelyFit likely_integration(const float* data, const uint8_t* groupdq, const float* zeroframe, int64_t stride,
                                   int n_groups, int n_frames, const LikelyTimes& t, const LikelyScratch& s,
                                   double gain, double read, double dark, double limit_one, double limit_two,
                                   uint32_t& dq) {
  const bool valid = likely_steps(data, zeroframe, stride, n_frames, t, s);
  double median = JW_NAN;
  if (valid) {
    for (int i = 0; i < t.n; ++i) s.rest[i] = (float)(s.steps[i] * t.per_interval[i]);
    median = jw_median(s.rest, t.n);
  }
  const int shift = zeroframe != nullptr ? 1 : 0;  // the zero frame takes the flags of the first group
  uint32_t any = 0, previous = groupdq[0];
  bool unusable = true;
  for (int g = 0; g < n_groups; ++g) {
    const uint32_t flags = groupdq[g * stride];
    any |= flags;
    unusable = unusable && (flags & (RAMP_DO_NOT_USE | RAMP_SATURATED));
    const int i = g - 1 + shift;
    if (i >= 0 && (flags | previous)) s.steps[i] = JW_NAN;
    previous = flags;
  }
  bool jumped = false;
  LikelyFit fit{JW_NAN, JW_NAN, JW_NAN, JW_NAN, JW_NAN, 0};
  if (valid) {
    const double rate = likely_jumps(t, s, gain, read, median, limit_one, limit_two, jumped);
    if (!isnan(rate)) fit = likely_fit(t, s, gain, read, (rate > 0.0 ? rate : 0.0) + dark);
  }
  dq |= any & (RAMP_SATURATED | RAMP_JUMP);
  if (jumped) dq |= RAMP_JUMP;
  if (unusable) dq |= RAMP_DO_NOT_USE;
  return fit;
}
#endif

// Arrays: data (DN), groupdq (integration, group, pixel); pixeldq, gain (electron/DN), readnoise (DN), dark (DN/s, or
// null) (pixel); zeroframe (integration, pixel) or null; times (6, n_differences), in the order of LikelyTimes; then
// slope, error, var_poisson, var_rnoise, dq, chisq and its degrees of freedom of each integration (integration, pixel).
JW_KERNEL void JW_NAME(ramp_likelihood)(
    const float* data, const uint8_t* groupdq, const uint32_t* pixeldq, const float* gain, const float* readnoise,
    const float* dark, const float* zeroframe, const double* times, float* slopes, float* errors, float* poissons,
    float* reads, uint32_t* dqs, float* chisqs, float* freedoms, int32_t n_integrations, int32_t n_groups,
    int32_t n_differences, int32_t n_frames, double limit_one, double limit_two, int64_t n) {
  JW_FOR(i, n) {
    float steps[JW_GROUPS], inverse[JW_GROUPS], ones[JW_GROUPS], rest[JW_GROUPS];
    const LikelyScratch scratch{steps, inverse, ones, rest};
    const double* t = times;
    const int m = n_differences;
    const LikelyTimes sampling{t, t + m, t + 2 * m, t + 3 * m, t + 4 * m, t + 5 * m, m};
    const double noise = readnoise[i];
    for (int k = 0; k < n_integrations; ++k) {
      const int64_t begin = (int64_t)k * n_groups * n + i, at = k * n + i;
      uint32_t dq = pixeldq[i];
      const LikelyFit fit = likely_integration(
          data + begin, groupdq + begin, zeroframe == nullptr ? nullptr : zeroframe + at, n, n_groups, n_frames,
          sampling, scratch, gain[i], noise * noise / 2.0, dark == nullptr ? 0.0 : (double)dark[i], limit_one,
          limit_two, dq);
      slopes[at] = likely_float(fit.slope);
      errors[at] = likely_float(fit.error);
      poissons[at] = likely_float(fit.poisson);
      reads[at] = likely_float(fit.read);
      dqs[at] = dq;
      chisqs[at] = likely_float(fit.chisq);
      freedoms[at] = isnan(fit.chisq) ? 0.0f : (float)(fit.used - 1);
    }
  }
}
