#ifndef CAPLET_FILE_SYSTEM_H
#define CAPLET_FILE_SYSTEM_H

#include <stddef.h>

// What Swift's modules of the C library leave out of the file system, or cannot do.

// Begins to write all dirty pages of a file to the disk, and waits for none of them. A hint: failures do not matter.
void caplet_begin_writeback(int descriptor);

typedef enum {
    // The new name must be free.
    caplet_move_to_free_name = 0,
    // A file of the new name is replaced in one step; it is gone then.
    caplet_move_over = 1,
    // What has the new name gets the old one.
    caplet_move_exchange = 2,
} caplet_move_kind;

typedef struct {
    const char *from;
    const char *to;
    // A free name beside `to`, for file systems that cannot exchange two names in one step.
    const char *spare;
    caplet_move_kind kind;
} caplet_move;

// Makes all moves in their order, or none: those before one that fails are undone, except moves over a file, which come last.
//
// They are made by a process of their own, which whoever kills this one does not reach; it is done when this returns. Returns 0, or errno
// of the move that failed, whose index is then in `failed`.
int caplet_move_all(const caplet_move *moves, size_t count, size_t *failed);

// Opens a file without a name in a folder, for reading and writing; it is gone with its last descriptor. -1 where the file system has none.
int caplet_open_unnamed(const char *folder);

// Whether files of the open file's system may be seen by other machines at the same time, whose locks are not seen here.
int caplet_is_shared_between_machines(int descriptor);

#endif
