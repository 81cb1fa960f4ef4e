#define _GNU_SOURCE
#include "CMapping.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// The handler walks a list that only grows: a mapping that has ended leaves its node, empty, to a later one.
struct caplet_mapping {
    _Atomic(uintptr_t) base;
    _Atomic(size_t) byte_count;
    _Atomic(char *) path;
    struct caplet_mapping *next;
    struct caplet_mapping *next_free;
};

static _Atomic(caplet_mapping *) mappings;
static caplet_mapping *unused;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(char *) faulted_path;

caplet_mapping *caplet_mapping_begin(const void *base, size_t byte_count, const char *path) {
    char *copy = strdup(path);
    if (copy == NULL) return NULL;
    pthread_mutex_lock(&mutex);
    caplet_mapping *node = unused;
    if (node != NULL) {
        unused = node->next_free;
    } else if ((node = calloc(1, sizeof *node)) != NULL) {
        node->next = atomic_load(&mappings);
        atomic_store(&mappings, node);
    }
    if (node != NULL) {
        atomic_store(&node->path, copy);
        atomic_store(&node->base, (uintptr_t)base);
        atomic_store(&node->byte_count, byte_count);
    } else {
        free(copy);
    }
    pthread_mutex_unlock(&mutex);
    return node;
}

void caplet_mapping_end(caplet_mapping *mapping) {
    if (mapping == NULL) return;
    pthread_mutex_lock(&mutex);
    atomic_store(&mapping->byte_count, 0);
    char *path = atomic_exchange(&mapping->path, NULL);
    if (path != atomic_load(&faulted_path)) free(path);
    mapping->next_free = unused;
    unused = mapping;
    pthread_mutex_unlock(&mutex);
}

const char *caplet_faulted_path(void) { return atomic_load(&faulted_path); }

// Zeros from the page of the address to the end of its mapping. 0 when it lies in none that is known.
static int cover(uintptr_t address) {
    uintptr_t page = address & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
    for (caplet_mapping *node = atomic_load(&mappings); node != NULL; node = node->next) {
        uintptr_t base = atomic_load(&node->base);
        size_t count = atomic_load(&node->byte_count);
        if (address < base || address - base >= count) continue;
        char *none = NULL;
        atomic_compare_exchange_strong(&faulted_path, &none, atomic_load(&node->path));
        return mmap((void *)page, base + count - page, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
    }
    return 0;
}

static void handle(int number, siginfo_t *info, void *context) {
    (void)context;
    // Not ours: the instruction is tried again, and ends the process.
    if (!cover((uintptr_t)info->si_addr)) signal(number, SIG_DFL);
}

void caplet_catch_mapping_faults(void) {
    struct sigaction action = {0};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}
