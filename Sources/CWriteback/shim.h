#ifndef CAPLET_WRITEBACK_H
#define CAPLET_WRITEBACK_H

// Of Linux, in a part of <fcntl.h> that the Glibc module leaves out.
int sync_file_range(int descriptor, long long offset, long long count, unsigned flags);

// Begins to write all dirty pages of a file to the disk, and waits for none of them. A hint: failures do not matter.
static inline void caplet_begin_writeback(int descriptor) {
    const unsigned write = 2;  // SYNC_FILE_RANGE_WRITE
    (void)sync_file_range(descriptor, 0, 0, write);
}

#endif
