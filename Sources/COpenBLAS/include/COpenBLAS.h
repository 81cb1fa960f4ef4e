#ifndef CAPLET_OPENBLAS_H
#define CAPLET_OPENBLAS_H

#include <cblas.h>
#include <lapacke.h>

// OpenBLAS and LAPACKE, loaded when the first of their functions is called: a program that multiplies no matrices starts without
// them, and one that does has set OPENBLAS_NUM_THREADS before the library's constructor would start threads.

/// The functions that are called, by their own names.
#define CAPLET_OPENBLAS_FUNCTIONS(F)                                                                                        \
    F(cblas_sgemm) F(cblas_ssyrk) F(cblas_ssyr2k) F(cblas_ssymm) F(cblas_strmv) F(cblas_sscal) F(cblas_sdot) F(cblas_saxpy) \
    F(LAPACKE_sgesdd) F(LAPACKE_ssyevd_work) F(LAPACKE_dstedc_work) F(LAPACKE_sposv_work) F(LAPACKE_spotrf_work)            \
    F(LAPACKE_strtri_work) F(LAPACKE_sgeqrf_work) F(LAPACKE_sorgqr_work) F(LAPACKE_slarfg_work) F(LAPACKE_ssyevr_work)       \
    F(cblas_strsm)                                                                                                          \
    F(openblas_get_corename) F(openblas_get_config) F(openblas_set_num_threads)

#define CAPLET_OPENBLAS_MEMBER(name) __typeof__(&name) _Nonnull name;

typedef struct caplet_openblas {
    CAPLET_OPENBLAS_FUNCTIONS(CAPLET_OPENBLAS_MEMBER)
} caplet_openblas;

#undef CAPLET_OPENBLAS_MEMBER

/// The functions; from any thread. Does not return when the libraries cannot be loaded.
const caplet_openblas *_Nonnull caplet_openblas_functions(void);

/// Loads the libraries, as the first call would; NULL, or why they cannot be loaded, valid until this thread asks again.
const char *_Nullable caplet_openblas_problem(void);

/// Keeps each call on the thread that makes it, and has no other thread made. Before the first call, and before there are other threads.
void caplet_openblas_use_one_thread(void);

/// What is called with the reason when the libraries cannot be loaded, and is not to return. Without any, the reason is printed and the
/// process aborted.
void caplet_openblas_on_failure(void (*_Nonnull report)(const char *_Nonnull reason));

#endif
