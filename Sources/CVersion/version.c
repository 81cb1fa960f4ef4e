#include "CVersion.h"

// `make build` writes commit.h before it builds and takes it away after: a build by other means knows of no commit, and names none.
#if __has_include("commit.h")
#include "commit.h"
#else
#define CAPLET_COMMIT ""
#endif

const char *caplet_commit(void) { return CAPLET_COMMIT; }
