#ifndef CAPLET_VERSION_H
#define CAPLET_VERSION_H

/// The commit that the program was built from, as git names it, with "-dirty" where files were changed since; "" where that is not known.
const char *caplet_commit(void);

#endif
