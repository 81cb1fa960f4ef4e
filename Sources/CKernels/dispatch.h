#ifndef CAPLET_DISPATCH_H
#define CAPLET_DISPATCH_H

// Of functions of vectors, which are compiled with their caller for its processor.
#define CAPLET_INLINE static inline __attribute__((always_inline))

// Before a loop that adds up products in order. NEON's vectors would keep the order and round products apart from sums, where single steps
// round them once: the bits would depend on how many there are.
#define CAPLET_ONE_BY_ONE _Pragma("clang loop vectorize(disable) interleave(disable)")

// CAPLET_KERNEL(void, caplet_halve, (float *x, size_t count), (x, count)) { … } defines caplet_halve as one body that is compiled for
// several processors. Each call looks which of them this one is: no indirect function of the loader's, whose resolvers run before
// anything else of the program is ready, a sanitizer's run-time library included.
#if defined(__x86_64__)

#define CAPLET_X86_64_V2 "cx16,sahf,popcnt,sse3,ssse3,sse4.1,sse4.2"
#define CAPLET_X86_64_V3 CAPLET_X86_64_V2 ",avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe,xsave"
#define CAPLET_X86_64_V4 CAPLET_X86_64_V3 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl"

/// The greatest level of the x86-64 ABI, from 1 to 4, whose instructions this processor has: chosen at the first call, from any thread.
int caplet_processor_level(void);

/// Whether vectors of sixteen floats are registers, of which there are 32.
CAPLET_INLINE int caplet_has_wide_vectors(void) { return caplet_processor_level() >= 4; }

#define CAPLET_KERNEL(result, name, parameters, arguments)                                                                 \
    CAPLET_INLINE result name##_body parameters;                                                                           \
    __attribute__((target(CAPLET_X86_64_V4))) static result name##_v4 parameters { return name##_body arguments; }         \
    __attribute__((target(CAPLET_X86_64_V3))) static result name##_v3 parameters { return name##_body arguments; }         \
    __attribute__((noinline)) static result name##_v1 parameters { return name##_body arguments; }                         \
    result name parameters {                                                                                               \
        int level = caplet_processor_level();                                                                              \
        return level >= 4 ? name##_v4 arguments : level >= 3 ? name##_v3 arguments : name##_v1 arguments;                  \
    }                                                                                                                      \
    CAPLET_INLINE result name##_body parameters

#else
CAPLET_INLINE int caplet_has_wide_vectors(void) { return 0; }

#define CAPLET_KERNEL(result, name, parameters, arguments) result name parameters
#endif

#endif
