// Where the pixels of one image fall on the grid of another, between nodes where it is known.
//
// jwgpu/numerics/between.py is the readable specification: a sum over four nodes in a row and four in a column. One work
// item is a piece of a row, in which the columns of nodes are combined anew only where the pixels come to others.
#if JW_GROUPS == 16
// nodes      (2, node row, node column) float64
// weights_*  (row or column, 4) float64, and first_*: the first of the four nodes that a row or a column takes
// out        (2, n_rows, n_columns) float64
JW_KERNEL void JW_NAME(pixmap)(const double* nodes, const double* weights_y, const int32_t* first_y,
                               const double* weights_x, const int32_t* first_x, double* out, int32_t node_rows,
                               int32_t node_columns, int32_t n_rows, int32_t n_columns, int32_t side, int64_t n) {
  const int pieces = (n_columns + side - 1) / side;
  JW_FOR_EACH(item, n) {
    const int row = (int)(item / pieces), start = (int)(item % pieces) * side;
    const int stop = start + side < n_columns ? start + side : n_columns;
    const double* wy = weights_y + (int64_t)row * 4;
    const int64_t plane = (int64_t)node_rows * node_columns;
    double x[4] = {0.0, 0.0, 0.0, 0.0}, y[4] = {0.0, 0.0, 0.0, 0.0};
    int at = -1;
    for (int column = start; column < stop; ++column) {
      if (first_x[column] != at) {
        at = first_x[column];
        const double* from = nodes + (int64_t)first_y[row] * node_columns + at;
        JW_UNROLL
        for (int k = 0; k < 4; ++k) {
          const double *a = from + k, *b = a + plane;
          x[k] = (wy[0] * a[0] + wy[1] * a[node_columns]) + (wy[2] * a[2 * node_columns] + wy[3] * a[3 * node_columns]);
          y[k] = (wy[0] * b[0] + wy[1] * b[node_columns]) + (wy[2] * b[2 * node_columns] + wy[3] * b[3 * node_columns]);
        }
      }
      const double* wx = weights_x + (int64_t)column * 4;
      const int64_t to = (int64_t)row * n_columns + column;
      out[to] = (wx[0] * x[0] + wx[1] * x[1]) + (wx[2] * x[2] + wx[3] * x[3]);
      out[(int64_t)n_rows * n_columns + to] = (wx[0] * y[0] + wx[1] * y[1]) + (wx[2] * y[2] + wx[3] * y[3]);
    }
  }
}
#endif
