#include "COpenBLAS.h"

#if !defined(__APPLE__)

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static caplet_openblas functions;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int one_thread;
static void (*_Atomic on_failure)(const char *);

static void fail(const char *reason) {
    void (*report)(const char *) = atomic_load(&on_failure);
    if (report) report(reason);
    fprintf(stderr, "OpenBLAS cannot be loaded: %s\n", reason);
    abort();
}

static void *opened(const char *name) {
    // Open to what is loaded later: LAPACKE is to find OpenBLAS's LAPACK, not another that it is linked with.
    void *library = dlopen(name, RTLD_LAZY | RTLD_GLOBAL);
    if (!library) fail(dlerror());
    return library;
}

/// A function of OpenBLAS, or of LAPACKE, which some systems have in a library by itself.
static void *function(void *openblas, void **lapacke, const char *name) {
    void *found = dlsym(openblas, name);
    if (found) return found;
    if (!*lapacke) *lapacke = opened("liblapacke.so.3");
    found = dlsym(*lapacke, name);
    if (!found) fail(dlerror());
    return found;
}

static void load(void) {
    void *openblas = opened("libopenblas.so.0"), *lapacke = NULL;
#define LOAD(name) functions.name = (__typeof__(&name))function(openblas, &lapacke, #name);
    CAPLET_OPENBLAS_FUNCTIONS(LOAD)
#undef LOAD
    // A host program may have loaded the library before the environment said so.
    if (atomic_load(&one_thread)) functions.openblas_set_num_threads(1);
}

const char *caplet_openblas_problem(void) {
    void *openblas = dlopen("libopenblas.so.0", RTLD_LAZY | RTLD_GLOBAL);
    if (!openblas) return dlerror();
    if (dlsym(openblas, "LAPACKE_sgesdd") || dlopen("liblapacke.so.3", RTLD_LAZY | RTLD_GLOBAL)) return NULL;
    return dlerror();
}

const caplet_openblas *caplet_openblas_functions(void) {
    pthread_once(&once, load);
    return &functions;
}

void caplet_openblas_use_one_thread(void) {
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    atomic_store(&one_thread, 1);
}

void caplet_openblas_on_failure(void (*report)(const char *)) { atomic_store(&on_failure, report); }

#endif
