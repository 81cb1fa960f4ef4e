#include "CKernels.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

void caplet_release_free_memory(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

void caplet_return_large_memory(void) {
#if defined(__GLIBC__)
    // By itself the limit rises to 32 MB, and freed matrices stay in the heap between small things that live on.
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}
