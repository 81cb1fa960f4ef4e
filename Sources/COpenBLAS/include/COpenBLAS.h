#ifndef CAPLET_OPENBLAS_H
#define CAPLET_OPENBLAS_H

#if defined(__APPLE__)
// CBLAS and LAPACK as they are since macOS 13.3, with integers of 32 bits.
#define ACCELERATE_NEW_LAPACK
#include <Accelerate/Accelerate.h>

typedef int blasint;
typedef int lapack_int;
enum { LAPACK_COL_MAJOR = 102 };
#else
#include <cblas.h>
#include <lapacke.h>
#endif

// OpenBLAS and LAPACKE, loaded when the first of their functions is called: a program that multiplies no matrices starts without
// them, and one that does has set OPENBLAS_NUM_THREADS before the library's constructor would start threads. On Apple's systems
// Accelerate under their names.

/// The functions that are called, by their own names.
#define CAPLET_CBLAS_FUNCTIONS(F)                                                                                           \
    F(cblas_sgemm) F(cblas_ssyrk) F(cblas_ssyr2k) F(cblas_ssymm) F(cblas_strmv) F(cblas_sscal) F(cblas_sdot) F(cblas_saxpy) \
    F(cblas_strsm)
#define CAPLET_OPENBLAS_FUNCTIONS(F)                                                                                        \
    CAPLET_CBLAS_FUNCTIONS(F)                                                                                               \
    F(LAPACKE_sgesdd) F(LAPACKE_ssyevd_work) F(LAPACKE_dstedc_work) F(LAPACKE_sposv_work) F(LAPACKE_spotrf_work)            \
    F(LAPACKE_sgeqrf_work) F(LAPACKE_sorgqr_work) F(LAPACKE_slarfg_work) F(LAPACKE_ssyevr_work) F(openblas_get_corename)    \
    F(openblas_get_config) F(openblas_set_num_threads)

#define CAPLET_OPENBLAS_MEMBER(name) __typeof__(&name) _Nonnull name;

#if defined(__APPLE__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnullability-completeness"
#endif

typedef struct caplet_openblas {
#if defined(__APPLE__)
    CAPLET_CBLAS_FUNCTIONS(CAPLET_OPENBLAS_MEMBER)
    int (*_Nonnull LAPACKE_sgesdd)(int, char, int, int, float *, int, float *, float *, int, float *, int);
    int (*_Nonnull LAPACKE_ssyevd_work)(int, char, char, int, float *, int, float *, float *, int, int *, int);
    int (*_Nonnull LAPACKE_dstedc_work)(int, char, int, double *, double *, double *, int, double *, int, int *, int);
    int (*_Nonnull LAPACKE_sposv_work)(int, char, int, int, float *, int, float *, int);
    int (*_Nonnull LAPACKE_spotrf_work)(int, char, int, float *, int);
    int (*_Nonnull LAPACKE_sgeqrf_work)(int, int, int, float *, int, float *, float *, int);
    int (*_Nonnull LAPACKE_sorgqr_work)(int, int, int, int, float *, int, const float *, float *, int);
    int (*_Nonnull LAPACKE_slarfg_work)(int, float *, float *, int, float *);
    int (*_Nonnull LAPACKE_ssyevr_work)(int, char, char, char, int, float *, int, float, float, int, int, float, int *, float *, float *,
                                        int, int *, float *, int, int *, int);
    const char *(*_Nonnull openblas_get_corename)(void);
    const char *(*_Nonnull openblas_get_config)(void);
#else
    CAPLET_OPENBLAS_FUNCTIONS(CAPLET_OPENBLAS_MEMBER)
#endif
} caplet_openblas;

#if defined(__APPLE__)
#pragma clang diagnostic pop
#endif

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
