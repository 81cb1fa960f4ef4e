#ifndef CAPLET_MAPPING_H
#define CAPLET_MAPPING_H

#include <stddef.h>

// Mapped files that may shrink, or lie on a disk that fails, while they are read: the system then sends SIGBUS, which ends the process.

typedef struct caplet_mapping caplet_mapping;

// From now on a fault in a mapping that is known is remembered, and reading goes on with zeros in place of what is not there. Other
// faults end the process as before. Call it once.
void caplet_catch_mapping_faults(void);

// Makes a mapping known. NULL without memory for that.
caplet_mapping *caplet_mapping_begin(const void *base, size_t byte_count, const char *path);

// Call it before the memory is unmapped. NULL is nothing.
void caplet_mapping_end(caplet_mapping *mapping);

// The path of the first mapping that had a fault; NULL without any.
const char *caplet_faulted_path(void);

#endif
