// Two polynomials in two coordinates, for every point: what stands in for a transform between pixels and sky.
//
// jwgpu/numerics/plane.py is the readable specification. Sums go from the highest power down, those of v inside those
// of u. On a CPU a few neighbouring points share vector instructions.
#if JW_GROUPS == 16
#if JW_LANES == 1
  #define PLANE_LANES 1
#else
  #define PLANE_LANES 8
#endif
#define PLANE_EACH(k) for (int k = 0; k < PLANE_LANES; ++k)


JW_FN double plane_turned(double value, double from) {
  if (value < from) value += 360.0;
  return value >= from + 360.0 ? value - 360.0 : value;
}

// x, y       (n,), or with a width the (width,) columns and the rows of a frame
// terms      (degree + 1, degree + 1, 2): of u^i v^j, i + j <= degree
// frame      (6, 2): centre, scale of u and v; lowest and highest x, y; lowest and highest a, b; beyond is NaN
// begins     (2): where the angle x begins, and the angle a; NaN where it is none
// a, b       (n,)
JW_KERNEL void JW_NAME(plane_polynomials)(const double* x, const double* y, const double* terms, const double* frame,
                                          const double* begins, double* a, double* b, int32_t degree, int32_t width,
                                          int64_t n) {
  JW_FOR_LANES(start, n) {
    for (int64_t i = start; i < start + JW_LANES && i < n; i += PLANE_LANES) {
      double u[PLANE_LANES], v[PLANE_LANES], p[PLANE_LANES], q[PLANE_LANES], r[PLANE_LANES], s[PLANE_LANES];
      bool valid[PLANE_LANES];
      PLANE_EACH(k) {
        const int64_t at = i + k < n ? i + k : n - 1;
        double first = x[width ? at % width : at], second = y[width ? at / width : at];
        if (begins[0] == begins[0]) first = plane_turned(first, begins[0]);
        valid[k] = first >= frame[4] && first <= frame[6] && second >= frame[5] && second <= frame[7];
        u[k] = (first - frame[0]) * frame[2];
        v[k] = (second - frame[1]) * frame[3];
        p[k] = q[k] = 0.0;
      }
      for (int power = degree; power >= 0; --power) {
        const double* row = terms + (int64_t)power * (degree + 1) * 2;
        PLANE_EACH(k) { r[k] = row[(degree - power) * 2]; s[k] = row[(degree - power) * 2 + 1]; }
        for (int j = degree - power - 1; j >= 0; --j) {
          const double c = row[j * 2], d = row[j * 2 + 1];
          PLANE_EACH(k) { r[k] = r[k] * v[k] + c; s[k] = s[k] * v[k] + d; }
        }
        PLANE_EACH(k) { p[k] = p[k] * u[k] + r[k]; q[k] = q[k] * u[k] + s[k]; }
      }
      PLANE_EACH(k) {
        if (begins[1] == begins[1]) p[k] = plane_turned(p[k], begins[1]);
        const bool inside = valid[k] && p[k] >= frame[8] && p[k] <= frame[10] && q[k] >= frame[9] && q[k] <= frame[11];
        if (i + k < n) {
          a[i + k] = inside ? p[k] : (double)JW_NAN;
          b[i + k] = inside ? q[k] : (double)JW_NAN;
        }
      }
    }
  }
}
#endif
