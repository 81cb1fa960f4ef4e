#ifndef CAPLET_DISPATCH_H
#define CAPLET_DISPATCH_H

// One body, compiled for several processors and chosen once at load time.
#if defined(__x86_64__) && defined(__linux__)
#define CAPLET_DISPATCH __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CAPLET_DISPATCH
#endif

// Of functions of vectors, which are compiled with their caller for its processor.
#define CAPLET_INLINE static inline __attribute__((always_inline))

#endif
