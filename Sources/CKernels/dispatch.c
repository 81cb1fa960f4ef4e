#include "dispatch.h"

#if defined(__x86_64__)
#include <stdatomic.h>

static int chosen_level(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4")) return 4;
    if (__builtin_cpu_supports("x86-64-v3")) return 3;
    return 1;
}

int caplet_processor_level(void) {
    // Threads that come here together choose the same.
    static atomic_int chosen;
    int level = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (level == 0) {
        level = chosen_level();
        atomic_store_explicit(&chosen, level, memory_order_relaxed);
    }
    return level;
}
#endif
