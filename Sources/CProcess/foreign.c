#define _GNU_SOURCE
#include "CProcess.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_int exit_tried;
static _Thread_local int is_foreign;

/// Registered that often: each call of exit uses one up, and several threads may call it at once.
enum { REFUSALS = 64 };

static void sleep_for_ever(void) {
    atomic_store(&exit_tried, 1);
    for (;;) pause();
}

#if defined(__APPLE__)
static int is_first_thread(void) { return pthread_main_np(); }

// There is no other way out than exit.
static int register_quick(void (*refuse)(void)) {
    (void)refuse;
    return 0;
}
#else
static int is_first_thread(void) { return gettid() == getpid(); }
static int register_quick(void (*refuse)(void)) { return at_quick_exit(refuse); }
#endif

/// Runs while the process is about to end: of the first thread it may.
static void refuse(void) {
    if (is_first_thread()) return;
    atexit(refuse);
    sleep_for_ever();
}

static void refuse_quick(void) {
    if (is_first_thread()) return;
    register_quick(refuse_quick);
    sleep_for_ever();
}

void caplet_guard_exit(void) {
    static atomic_flag is_set = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&is_set)) return;
    for (int i = 0; i < REFUSALS; i++) {
        atexit(refuse);
        register_quick(refuse_quick);
    }
}

int caplet_was_exit_tried(void) { return atomic_load_explicit(&exit_tried, memory_order_relaxed); }

void caplet_begin_foreign_thread(void) { is_foreign = 1; }

int caplet_is_foreign_thread(void) { return is_foreign; }
