#include <cblas.h>
#include <lapacke.h>

/// Of builds with threads of their own: ends those that wait for work, which they do by yielding in a loop at first. Not in every build.
extern int blas_thread_shutdown_(void) __attribute__((weak));

/// Keeps each call on the thread that makes it, and no other thread waiting for one.
static inline void caplet_openblas_use_one_thread(void) {
    openblas_set_num_threads(1);
    if (blas_thread_shutdown_) blas_thread_shutdown_();
}
