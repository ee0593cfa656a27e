// The few words that differ between NVRTC (GPU) and a host compiler (CPU).
//
// A kernel is written once:
//
//   JW_KERNEL void JW_NAME(scale)(const float* x, float* y, float factor, int64_t n) {
//     JW_FOR(i, n) y[i] = factor * x[i];
//   }
//
// On a GPU JW_FOR is "this thread's i, if it is in range"; on a CPU it is an OpenMP loop over all i.
// With JW_EMULATE (tests) a host compiler walks an emulated grid of blocks and threads instead.
// Kernels that need scratch of the length of a ramp size it with JW_GROUPS; the name then ends in _<JW_GROUPS>.
// Where neighbouring items share vector instructions of a CPU, JW_FOR_LANES goes through them JW_LANES at a time: on a GPU,
// where each thread has its own item, that is one. The last block may reach beyond n.
// JW_THREADS(threads, blocks) after JW_KERNEL: so many blocks of that size find room on a multiprocessor of a GPU.
// JW_VECTORS marks a function that is compiled for processors with wider vectors, too: a CPU takes what it has.
// JW_UNROLL before a loop of known length: on a GPU its arrays become registers. JW_ROLLED: they do not.
// JW_FOR_EACH is JW_FOR for few items with much work in each: a CPU's threads take them one by one.
// The last parameter of every kernel is `int64_t n`, the number of work items.
#ifndef JW_COMPAT_H
#define JW_COMPAT_H

#if defined(__CUDACC_RTC__)
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#endif

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
  #define JW_FN static __device__ __forceinline__
  #define JW_KERNEL extern "C" __global__
  #define JW_THREADS(threads, blocks) __launch_bounds__(threads, blocks)
  #define JW_FOR(i, n) \
    const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; \
    if (i < (n))
  #define JW_LANES 1
  #define JW_UNROLL _Pragma("unroll")
  #define JW_ROLLED _Pragma("unroll 1")
  #define JW_NAN __int_as_float(0x7fc00000)
  #define JW_INFINITY __int_as_float(0x7f800000)
#else
  #include <cmath>
  #include <cstdint>
  #define JW_FN static inline
  #if defined(_WIN32)
    #define JW_KERNEL extern "C" __declspec(dllexport)
  #else
    #define JW_KERNEL extern "C" __attribute__((visibility("default")))
  #endif
  #define JW_THREADS(threads, blocks)
  #define JW_UNROLL
  #define JW_ROLLED
  #define JW_NAN (std::nanf(""))
  #define JW_INFINITY HUGE_VALF
  using std::isfinite;
  using std::isnan;
  #if defined(JW_EMULATE)
    struct jw_dim3 { unsigned x, y, z; };
    static thread_local jw_dim3 threadIdx{0, 0, 0}, blockIdx{0, 0, 0}, blockDim{1, 1, 1};
    #define JW_FOR(i, n) \
      const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; \
      if (i < (n))
    #define JW_LANES 1
  #else
    #include <vector>
    #define JW_LANES 32
    #if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
      #define JW_VECTORS __attribute__((target_clones("avx2", "default")))
    #else
      #define JW_VECTORS
    #endif
    #define JW_PRAGMA(words) _Pragma(#words)
    #define JW_FOR(i, n) JW_PRAGMA(omp parallel for schedule(dynamic, 2048)) for (int64_t i = 0; i < (n); ++i)
    #define JW_FOR_LANES(i, n) \
      JW_PRAGMA(omp parallel for schedule(dynamic, 2048 / JW_LANES)) for (int64_t i = 0; i < (n); i += JW_LANES)
    #define JW_FOR_EACH(i, n) JW_PRAGMA(omp parallel for schedule(dynamic, 1)) for (int64_t i = 0; i < (n); ++i)
  #endif
#endif
#if JW_LANES == 1
  #define JW_FOR_LANES(i, n) JW_FOR(i, n)
  #define JW_FOR_EACH(i, n) JW_FOR(i, n)
#endif

// Memory of the calling thread for n floats, which its next call uses again; null on a GPU, whose threads have none.
JW_FN float* jw_scratch(int64_t n) {
#if JW_LANES > 1
  static thread_local std::vector<float> room;
  if ((int64_t)room.size() < n) room.resize(n);
  return room.data();
#else
  return nullptr;
#endif
}

#define JW_JOIN2(a, b) a##_##b
#define JW_JOIN(a, b) JW_JOIN2(a, b)
#define JW_NAME(name) JW_JOIN(name, JW_GROUPS)

#endif
