#include "CKernels.h"

#if defined(__GLIBC__)
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
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

void caplet_use_huge_pages(void) {
#if defined(__GLIBC__) && defined(MADV_HUGEPAGE)
    enum { HEAP = 48 << 20, PAGE = 2 << 20, DEFAULT_PAD = 128 << 10 };
    // Where so many addresses are not to be had, malloc must not be asked for them: a program may end when it fails.
    void *trial = mmap(NULL, HEAP + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (trial == MAP_FAILED) return;
    munmap(trial, HEAP + PAGE);
    // The heap grows for a block that does not fit, and by the pad.
    mallopt(M_TOP_PAD, HEAP);
    void *block = malloc(4 * DEFAULT_PAD);
    mallopt(M_TOP_PAD, DEFAULT_PAD);
    uintptr_t begin = ((uintptr_t)block + PAGE - 1) / PAGE * PAGE, end = (uintptr_t)sbrk(0) / PAGE * PAGE;
    if (block && begin < end && end - begin <= HEAP) madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    free(block);
#endif
}
