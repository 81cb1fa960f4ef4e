#define _GNU_SOURCE
#include "CAllocation.h"
#include "CProcess.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void caplet_link_allocation(void) {}

#if defined(__has_feature)
#define HAS_SANITIZER __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#else
#define HAS_SANITIZER 0
#endif

// Sanitizers have allocation functions of their own.
#if defined(__GLIBC__) && !(HAS_SANITIZER)

// What glibc's own functions are called by those that stand before them.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

// Without allocation: nothing of printf is used. Of threads that find none at once, the first says it and ends the process.
static void end(size_t size) {
    static atomic_flag is_said = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&is_said)) {
        for (;;) pause();
    }
    char line[96], *next = line + sizeof line;
    *--next = '\n';
    static const char unit[] = " bytes are not to be had";
    next -= sizeof unit - 1;
    memcpy(next, unit, sizeof unit - 1);
    do *--next = (char)('0' + size % 10);
    while (size /= 10);
    static const char head[] = "caplet: error: out of memory: ";
    next -= sizeof head - 1;
    memcpy(next, head, sizeof head - 1);
    ssize_t written = write(STDERR_FILENO, next, (size_t)(line + sizeof line - next));
    (void)written;
    _exit(70);
}

extern char __executable_start, etext;

__attribute__((noinline, cold)) static void *missing(size_t size, const void *caller) {
    const char *place = caller;
    if (caplet_is_foreign_thread() && (place < &__executable_start || place >= &etext)) return NULL;
    end(size);
    return NULL;
}

#define CHECKED(block, size) (__builtin_expect((block) == NULL, 0) ? missing(size, __builtin_return_address(0)) : (block))

void *malloc(size_t size) {
    void *block = __libc_malloc(size);
    return CHECKED(block, size);
}

void *calloc(size_t count, size_t size) {
    void *block = __libc_calloc(count, size);
    return CHECKED(block, count * size);
}

void *realloc(void *old, size_t size) {
    void *block = __libc_realloc(old, size);
    // Of no bytes, this is how a block is given back.
    if (size == 0) return block;
    return CHECKED(block, size);
}

void *memalign(size_t alignment, size_t size) {
    void *block = __libc_memalign(alignment, size);
    return CHECKED(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    void *block = __libc_memalign(alignment, size);
    return CHECKED(block, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *block = __libc_memalign(alignment, size);
    block = CHECKED(block, size);
    if (!block) return ENOMEM;
    *out = block;
    return 0;
}

#endif
