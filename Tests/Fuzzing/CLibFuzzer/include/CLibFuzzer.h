#pragma once
#include <stddef.h>
#include <stdint.h>

/// libFuzzer's own loop: parses the options, then calls `callback` with one input after another.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

/// A file without a name that lies in memory; negative when there can be none.
int fuzz_memory_file(void);
