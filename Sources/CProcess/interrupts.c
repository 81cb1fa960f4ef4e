#include "CProcess.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
enum { CAUGHT = sizeof caught / sizeof *caught };

/// The number of the signal that came; 0 for none.
static atomic_int interrupted;
/// Of each signal in `caught` whether the handler below is to be taken away again.
static int was_set[CAUGHT];

static void set_handler(int number, void (*handler)(int)) {
    struct sigaction action = {0};
    action.sa_handler = handler;
    // Calls that were waiting go on: what they wait for is to be cleaned up, not to fail half-way.
    action.sa_flags = SA_RESTART;
    for (int i = 0; i < CAUGHT; i++) sigaddset(&action.sa_mask, caught[i]);
    sigaction(number, &action, NULL);
}

void caplet_release_interrupts(void) {
    for (int i = 0; i < CAUGHT; i++) {
        if (was_set[i]) set_handler(caught[i], SIG_DFL);
    }
}

static void interrupt(int number) {
    int error = errno;
    atomic_store(&interrupted, number);
    caplet_release_interrupts();
    errno = error;
}

void caplet_catch_interrupts(void) {
    int found[CAUGHT];
    for (int i = 0; i < CAUGHT; i++) {
        struct sigaction old;
        found[i] = sigaction(caught[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN;
    }
    // Before the first handler, which reads all of them.
    for (int i = 0; i < CAUGHT; i++) was_set[i] = found[i];
    for (int i = 0; i < CAUGHT; i++) {
        if (found[i]) set_handler(caught[i], interrupt);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

void caplet_catch_interrupts_again(void) {
    atomic_store(&interrupted, 0);
    caplet_catch_interrupts();
}

int caplet_is_interrupted(void) { return atomic_load_explicit(&interrupted, memory_order_relaxed); }
