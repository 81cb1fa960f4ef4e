#include "COpenBLAS.h"

#if defined(__APPLE__)

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysctl.h>

// Accelerate in OpenBLAS's place. It has CBLAS, and LAPACK as Fortran has it: column by column, everything by its address. What LAPACKE is
// called for is column by column too, so that nothing is transposed here.

static atomic_int one_thread;

// As LAPACKE says it when there is no memory for the work.
enum { NO_MEMORY = -1010 };

static int sgesdd(int layout, char job, int m, int n, float *a, int lda, float *s, float *u, int ldu, float *vt, int ldvt) {
    int info = 0, query = -1, least = m < n ? m : n;
    float room = 0;
    (void)layout;
    int *integers = malloc((size_t)(least > 0 ? least : 1) * 8 * sizeof *integers);
    if (!integers) return NO_MEMORY;
    sgesdd_(&job, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, &room, &query, integers, &info);
    // The room comes as a float, which may be rounded down.
    double floats = (double)room * 1.000001 + 1;
    float *work = info == 0 && floats < INT_MAX ? malloc((size_t)floats * sizeof *work) : NULL;
    if (work) {
        int count = (int)floats;
        sgesdd_(&job, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, work, &count, integers, &info);
    } else if (info == 0) {
        info = NO_MEMORY;
    }
    free(work);
    free(integers);
    return info;
}

static int ssyevd(int layout, char job, char half, int n, float *a, int lda, float *w, float *work, int floats, int *integer_work,
                  int integers) {
    int info = 0;
    (void)layout;
    ssyevd_(&job, &half, &n, a, &lda, w, work, &floats, integer_work, &integers, &info);
    return info;
}

static int dstedc(int layout, char job, int n, double *d, double *e, double *z, int ldz, double *work, int doubles, int *integer_work,
                  int integers) {
    int info = 0;
    (void)layout;
    dstedc_(&job, &n, d, e, z, &ldz, work, &doubles, integer_work, &integers, &info);
    return info;
}

static int sposv(int layout, char half, int n, int count, float *a, int lda, float *b, int ldb) {
    int info = 0;
    (void)layout;
    sposv_(&half, &n, &count, a, &lda, b, &ldb, &info);
    return info;
}

static int spotrf(int layout, char half, int n, float *a, int lda) {
    int info = 0;
    (void)layout;
    spotrf_(&half, &n, a, &lda, &info);
    return info;
}

static int sgeqrf(int layout, int m, int n, float *a, int lda, float *tau, float *work, int floats) {
    int info = 0;
    (void)layout;
    sgeqrf_(&m, &n, a, &lda, tau, work, &floats, &info);
    return info;
}

static int sorgqr(int layout, int m, int n, int k, float *a, int lda, const float *tau, float *work, int floats) {
    int info = 0;
    (void)layout;
    sorgqr_(&m, &n, &k, a, &lda, tau, work, &floats, &info);
    return info;
}

static int slarfg(int n, float *alpha, float *x, int step, float *tau) {
    slarfg_(&n, alpha, x, &step, tau);
    return 0;
}

static int ssyevr(int layout, char job, char range, char half, int n, float *a, int lda, float low, float high, int first, int last,
                  float tolerance, int *found, float *w, float *z, int ldz, int *supports, float *work, int floats, int *integer_work,
                  int integers) {
    int info = 0;
    (void)layout;
    ssyevr_(&job, &range, &half, &n, a, &lda, &low, &high, &first, &last, &tolerance, found, w, z, &ldz, supports, work, &floats,
            integer_work, &integers, &info);
    return info;
}

// The processor stands for the kernels that are chosen for it.
static const char *core_name(void) {
    static char name[128];
    size_t size = sizeof name;
    if (sysctlbyname("machdep.cpu.brand_string", name, &size, NULL, 0) != 0) return "unknown";
    for (char *c = name; *c; c++) {
        if (*c == ' ') *c = '-';
    }
    return name;
}

// Accelerate's version is the system's.
static const char *config(void) {
    static char text[64], version[32];
    size_t size = sizeof version;
    if (sysctlbyname("kern.osproductversion", version, &size, NULL, 0) != 0) return "Accelerate unknown";
    snprintf(text, sizeof text, "Accelerate %s", version);
    return text;
}

static caplet_openblas functions = {
    cblas_sgemm, cblas_ssyrk, cblas_ssyr2k, cblas_ssymm, cblas_strmv, cblas_sscal, cblas_sdot, cblas_saxpy, cblas_strsm, sgesdd, ssyevd,
    dstedc, sposv, spotrf, sgeqrf, sorgqr, slarfg, ssyevr, core_name, config,
};

const caplet_openblas *caplet_openblas_functions(void) {
    // How many threads a call takes is said for each thread that calls.
    static _Thread_local int is_said;
    if (!is_said && atomic_load_explicit(&one_thread, memory_order_relaxed)) {
        BLASSetThreading(BLAS_THREADING_SINGLE_THREADED);
        is_said = 1;
    }
    return &functions;
}

// It is part of the system.
const char *caplet_openblas_problem(void) { return NULL; }

void caplet_openblas_use_one_thread(void) {
    setenv("VECLIB_MAXIMUM_THREADS", "1", 1);
    atomic_store(&one_thread, 1);
}

void caplet_openblas_on_failure(void (*report)(const char *)) { (void)report; }

#endif
