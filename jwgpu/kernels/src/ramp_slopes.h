// Slopes of ramps by optimally weighted least squares over the segments between jumps (Fixsen et al. 2000,
// doi:10.1086/316626). The readable reference, with the formulas in words, is jwgpu/numerics/slopes.py.
//
// Sums and variances are double: the weights span (1/n)^10 and a slope is a small difference of large counts.
// They are a handful of registers a pixel; everything read and written per group is float or a byte.
//
// Most ramps are whole: no flag, no NaN, one segment, but for groups that no pixel may use at the beginning. They are
// fitted JW_LANES neighbours at a time, in loops without a branch, which become vector instructions on a CPU; the others,
// integration by integration, one by one. Both give the same bits.
#ifndef JW_RAMP_SLOPES
#define JW_RAMP_SLOPES

#define RAMP_EACH(k) for (int k = 0; k < JW_LANES; ++k)

// Median rates (DN/s) of one integration; `odd` becomes true where the ramp is not whole. scratch: (group - 1, lane).
JW_FN void ramp_lanes_rate(const float* data, const uint8_t* groupdq, int64_t stride, const RampSampling& s,
                           float* scratch, double* rate, uint32_t* odd) {
  for (int g = 0; g < s.n_groups; ++g) {
    const uint8_t seen = g == 0 && s.clear_first_jump ? (uint8_t)~RAMP_JUMP : 255;
    RAMP_EACH(k) odd[k] |= groupdq[g * stride + k] & seen;
  }
  for (int g = 1; g < s.n_groups; ++g) {
    RAMP_EACH(k) {
      const float difference = data[g * stride + k] - data[(g - 1) * stride + k];
      scratch[(g - 1) * JW_LANES + k] = difference;
      odd[k] |= difference != difference;
    }
  }
  double median[JW_LANES];
  jw_median_lanes(scratch, s.n_groups - 1, median);
  RAMP_EACH(k) {
    const double found = median[k] / s.group_time;
    rate[k] = isnan(found) ? 0.0 : found;
  }
}

// JW_LANES pixels, quantity by quantity, as in RampPixel, RampSums and RampFit.
struct RampLanes { double gain[JW_LANES], noise[JW_LANES], poisson_rate[JW_LANES]; uint32_t dq[JW_LANES]; };
struct RampLaneSums { double slope[JW_LANES], read[JW_LANES], poisson[JW_LANES]; };
struct RampLaneFits { float slope[JW_LANES], error[JW_LANES], poisson[JW_LANES], read[JW_LANES]; };

JW_FN void ramp_lanes_pixels(const RampExposure& e, int64_t at, const double* rate, RampLanes& p) {
  float dark[JW_LANES] = {};
  if (e.dark != nullptr) RAMP_EACH(k) dark[k] = e.dark[at + k];
  const float *gain = e.gain + at, *readnoise = e.readnoise + at;
  RAMP_EACH(k) {
    const RampPixel pixel = ramp_pixel(gain[k], readnoise[k], e.noise_divisor);
    p.gain[k] = pixel.gain;
    p.noise[k] = pixel.noise;
    p.poisson_rate[k] = ramp_poisson_rate(rate[k] / e.n_integrations, dark[k]);
  }
  RAMP_EACH(k) p.dq[k] = ramp_dq(e.pixeldq[at + k], gain[k]);
}

// Slopes (DN/s) of one integration, each of one segment of `length` groups, fewer than all, that begins at `data`.
JW_FN void ramp_lanes_slope_of(const float* data, int length, int64_t stride, const RampSampling& s, const RampLanes& p,
                               double* slope) {
  int row[JW_LANES];
  double above[JW_LANES] = {}, below[JW_LANES] = {};
  const float* last = data + (length - 1) * stride;
  RAMP_EACH(k) row[k] = ramp_weight_class((double)last[k] - (double)data[k], p.gain[k], p.noise[k]) * s.n_groups;
  for (int g = 0; g < length; ++g) {
    const int u = 2 * g - (length - 1), at = u < 0 ? -u : u;
    RAMP_EACH(k) {
      const double weighted = s.weights[row[k] + at] * u;
      above[k] += weighted * (double)data[g * stride + k];
      below[k] += weighted * u;
    }
  }
  RAMP_EACH(k) slope[k] = 2.0 * above[k] / below[k] / s.group_time;
}

// Slopes (DN/s) of one integration, each of one segment of all groups.
JW_FN void ramp_lanes_slope(const float* data, int64_t stride, const RampSampling& s, const RampLanes& p,
                            double* slope) {
  int row[JW_LANES];
  double below[JW_LANES];
  const float* last = data + (s.n_groups - 1) * stride;
  RAMP_EACH(k) row[k] = ramp_weight_class((double)last[k] - (double)data[k], p.gain[k], p.noise[k]);
  RAMP_EACH(k) slope[k] = 0.0;
  RAMP_EACH(k) row[k] *= s.n_groups + 1;
  for (int g = 0; g < s.n_groups; ++g) RAMP_EACH(k) slope[k] += s.line[row[k] + g] * (double)data[g * stride + k];
  RAMP_EACH(k) below[k] = s.line[row[k] + s.n_groups];
  RAMP_EACH(k) slope[k] = 2.0 * slope[k] / below[k] / s.group_time;
}

JW_FN void ramp_lanes_fit(const RampLanes& p, const RampSampling& s, const double* slope, RampLaneSums& total,
                          RampLaneFits& fits) {
  const double length = s.n_groups, pairs = length * length * length - length;
  RAMP_EACH(k) {
    RampSums sums{};
    ramp_add(RampPixel{p.gain[k], p.noise[k], p.poisson_rate[k], 0.0}, s.group_time, length - 1.0, pairs, slope[k], sums);
    const RampFit fit = ramp_fit_sums(sums, p.dq[k]);
    total.slope[k] += sums.slope;
    total.read[k] += sums.inverse_read;
    total.poisson[k] += sums.inverse_poisson;
    fits.slope[k] = (float)fit.slope;
    fits.error[k] = (float)fit.error;
    fits.poisson[k] = (float)fit.poisson;
    fits.read[k] = (float)fit.read;
  }
}

JW_FN void ramp_lanes_exposure(const RampLanes& p, const RampLaneSums& total, RampLaneFits& fits) {
  RAMP_EACH(k) {
    const RampFit fit = ramp_fit_exposure(RampSums{total.slope[k], total.read[k], total.poisson[k], 0.0, 0.0, 0.0}, p.dq[k]);
    fits.slope[k] = (float)fit.slope;
    fits.error[k] = (float)fit.error;
    fits.poisson[k] = (float)fit.poisson;
    fits.read[k] = (float)fit.read;
  }
}

JW_FN void ramp_lanes_store(const RampPlanes& planes, int64_t at, const RampLanes& p, const RampLaneFits& fits) {
  RAMP_EACH(k) planes.slope[at + k] = fits.slope[k];
  RAMP_EACH(k) planes.error[at + k] = fits.error[k];
  RAMP_EACH(k) planes.poisson[at + k] = fits.poisson[k];
  RAMP_EACH(k) planes.read[at + k] = fits.read[k];
  RAMP_EACH(k) planes.dq[at + k] = p.dq[k];
}

#if JW_LANES > 1
static_assert(JW_LANES <= 32, "one bit for each lane");

// Of an integration: the groups that no lane may use at its beginning, and the lanes in which the others are not whole.
struct RampLaneView { int lead; uint32_t odd; };

// Memory of the calling thread for these.
JW_FN RampLaneView* ramp_lane_views(int n_integrations) {
  static thread_local std::vector<RampLaneView> room;
  if ((int)room.size() < n_integrations) room.resize(n_integrations);
  return room.data();
}

// The groups at the beginning that are DO_NOT_USE and nothing else in all lanes; 0 where less than three are left.
JW_FN int ramp_lanes_lead(const uint8_t* groupdq, int64_t stride, int n_groups) {
  int lead = 0;
  for (bool all = true; lead < n_groups; ++lead) {
    RAMP_EACH(k) all = all && groupdq[lead * stride + k] == RAMP_DO_NOT_USE;
    if (!all) break;
  }
  return n_groups - lead < 3 ? 0 : lead;
}

JW_FN RampSampling ramp_lanes_after(const RampSampling& s, int lead) {
  RampSampling rest = s;
  rest.n_groups -= lead;
  rest.clear_first_jump = s.clear_first_jump && lead == 0;
  return rest;
}

// Median rates of one integration, one by one where it is not whole: only where there are others, and only those
// without groups lost to charge migration; `alone` becomes true of pixels that have to be fitted by themselves.
JW_FN RampLaneView ramp_lanes_rates(const RampExposure& e, const RampSampling& s, float* scratch, int64_t at, int i,
                                double* rate, uint32_t* alone) {
  uint32_t odd[JW_LANES] = {}, mask = 0;
  int64_t begin = i * e.integration_stride + at;
  const int lead = ramp_lanes_lead(e.groupdq + begin, e.stride, s.n_groups);
  begin += lead * e.stride;
  ramp_lanes_rate(e.data + begin, e.groupdq + begin, e.stride, ramp_lanes_after(s, lead), scratch, rate, odd);
  RAMP_EACH(k) mask |= odd[k] ? 1u << k : 0u;
  for (int k = 0; mask && k < JW_LANES; ++k) {
    if (!odd[k] || alone[k]) continue;
    RampView ramp;
    const RampSurvey survey = ramp_look(e, s, at + k, i, ramp);
    if (e.n_integrations == 1 || (survey.any & RAMP_CHARGELOSS)) alone[k] = 1;
    else rate[k] = ramp_median_rate(ramp, survey, s, scratch);
  }
  return RampLaneView{lead, mask};
}

// The fit of one integration of lane k, which is not whole; `total` is that of the integrations before.
JW_FN void ramp_lanes_odd(const RampExposure& e, const RampSampling& s, int64_t at, int i, int k, const RampLanes& p,
                          RampLaneSums& total, const RampPlanes& integration, uint32_t* seen) {
  RampView ramp;
  const RampSurvey survey = ramp_look(e, s, at + k, i, ramp);
  RampSums sums{total.slope[k], total.read[k], total.poisson[k], 0.0, 0.0, 0.0};
  const RampPixel pixel{p.gain[k], p.noise[k], p.poisson_rate[k], 0.0};
  RampFit fit = ramp_fit_integration(ramp, survey, s, pixel, p.dq[k], sums);
  if (survey.n_saturated > 0) fit.dq |= RAMP_SATURATED;
  seen[k] |= (survey.any & (RAMP_JUMP | RAMP_PERSISTENCE)) | (survey.n_saturated > 0 ? RAMP_SATURATED : 0u);
  ramp_store(integration, at + k + i * e.pixels, fit);
  total.slope[k] = sums.slope;
  total.read[k] = sums.inverse_read;
  total.poisson[k] = sums.inverse_poisson;
}
#endif

// The pixels at .. at + JW_LANES - 1, as far as there are n. scratch holds (n_groups - 1) * JW_LANES values.
JW_FN void ramp_fit_lanes(const RampExposure& e, const RampSampling& s, float* scratch, int64_t at, int64_t n,
                          const RampPlanes& exposure, const RampPlanes& integration) {
  uint32_t alone[JW_LANES] = {};
  bool full = false;
#if JW_LANES > 1
  full = n - at >= JW_LANES && s.n_groups > 2 && s.forms == nullptr;
  if (full) {
    double rate[JW_LANES] = {}, found[JW_LANES];
    uint32_t seen[JW_LANES] = {}, always = ~0u;
    RampLaneView* views = ramp_lane_views(e.n_integrations);
    RampLanes pixels;
    RampLaneSums total = {};
    RampLaneFits fits;
    for (int i = 0; i < e.n_integrations; ++i) {
      views[i] = ramp_lanes_rates(e, s, scratch, at, i, found, alone);
      always &= views[i].odd;
      RAMP_EACH(k) rate[k] += found[k];
    }
    RAMP_EACH(k) alone[k] |= always >> k & 1;
    ramp_lanes_pixels(e, at, rate, pixels);
    for (int i = 0; i < e.n_integrations; ++i) {
      const RampLaneSums before = total;
      const RampSampling rest = ramp_lanes_after(s, views[i].lead);
      const float* data = e.data + i * e.integration_stride + at + views[i].lead * e.stride;
      if (views[i].lead) ramp_lanes_slope_of(data, rest.n_groups, e.stride, s, pixels, found);
      else ramp_lanes_slope(data, e.stride, s, pixels, found);
      ramp_lanes_fit(pixels, rest, found, total, fits);
      ramp_lanes_store(integration, at + i * e.pixels, pixels, fits);
      for (int k = 0; k < JW_LANES && views[i].odd >> k; ++k) {
        if (!(views[i].odd >> k & 1) || alone[k]) continue;
        total.slope[k] = before.slope[k];
        total.read[k] = before.read[k];
        total.poisson[k] = before.poisson[k];
        ramp_lanes_odd(e, s, at, i, k, pixels, total, integration, seen);
      }
    }
    ramp_lanes_exposure(pixels, total, fits);
    RAMP_EACH(k) pixels.dq[k] |= seen[k];
    ramp_lanes_store(exposure, at, pixels, fits);
  }
#endif
  for (int k = 0; k < JW_LANES && at + k < n; ++k) {
    if (alone[k] || !full) ramp_fit_pixel(e, s, scratch, at + k, exposure, integration);
  }
}
#endif

// Arrays: data (DN), groupdq (integration, group, pixel); pixeldq, gain (electron/DN), readnoise (DN), dark (electron/s,
// or null) (pixel); zeroframe (integration, pixel) or null; weights (6, n_groups); line (6, n_groups + 1): weights of a
// whole ramp times u, then the sum of their products with u; forms (6, n_groups + 1, 2) or null; then slope, error,
// var_poisson, var_rnoise, dq of the exposure (pixel) and of each integration (integration, pixel).
// Groups first_group .. first_group + n_groups - 1 of the all_groups in the arrays are fitted. Planes of data and groupdq
// lie `stride` pixels apart: they may be rows of larger ones.
JW_KERNEL void JW_NAME(ramp_slopes)(
    const float* data, const uint8_t* groupdq, const uint32_t* pixeldq, const float* gain, const float* readnoise,
    const float* dark, const float* zeroframe, const double* weights, const double* line, const double* forms,
    float* slope, float* error, float* poisson, float* read, uint32_t* dq, float* slopes, float* errors,
    float* poissons, float* reads, uint32_t* dqs, int32_t n_integrations, int32_t all_groups, int32_t first_group,
    int32_t n_groups, int32_t suppress, double group_time, double frame_time, double first_time, double noise_divisor,
    int64_t stride, int64_t n) {
  JW_FOR_LANES(i, n) {
    float scratch[JW_GROUPS * JW_LANES];
    const RampSampling sampling{group_time, frame_time, first_time, weights, line, forms, n_groups, suppress != 0,
                                first_group > 0};
    const int64_t begin = first_group * stride;
    const RampExposure ramps{data + begin, groupdq + begin, pixeldq, gain, readnoise, dark, zeroframe, stride,
                             all_groups * stride, n, n_integrations, noise_divisor};
    ramp_fit_lanes(ramps, sampling, scratch, i, n, RampPlanes{slope, error, poisson, read, dq},
                   RampPlanes{slopes, errors, poissons, reads, dqs});
  }
}
