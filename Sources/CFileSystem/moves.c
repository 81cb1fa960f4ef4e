#define _GNU_SOURCE
#include "CFileSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__linux__)

#include <sys/syscall.h>

// By number: not every C library has a function for it.
static int rename_with(const char *from, const char *to, unsigned flags) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

// Of the kernel's interface, <linux/fs.h>.
static int rename_to_free(const char *from, const char *to) { return rename_with(from, to, 1 << 0); }
static int exchange_names(const char *from, const char *to) { return rename_with(from, to, 1 << 1); }

#elif defined(__APPLE__)

static int rename_to_free(const char *from, const char *to) { return renamex_np(from, to, RENAME_EXCL); }
static int exchange_names(const char *from, const char *to) { return renamex_np(from, to, RENAME_SWAP); }

#endif

// Kernels and file systems without such moves say so in one of these ways.
static int is_unknown(int error) {
    // The last two are one number on Linux.
    return error == EINVAL || error == ENOSYS || error == EPERM || error == EOPNOTSUPP || error == ENOTSUP;
}

static int move_to_free_name(const char *from, const char *to) {
    struct stat status;
    if (rename_to_free(from, to) == 0) return 0;
    if (!is_unknown(errno)) return errno;
    // The name is looked at, then taken.
    if (lstat(to, &status) == 0) return EEXIST;
    return rename(from, to) == 0 ? 0 : errno;
}

static int exchange(const caplet_move *move) {
    if (exchange_names(move->from, move->to) == 0) return 0;
    if (!is_unknown(errno)) return errno;
    if (rename(move->to, move->spare) != 0) return errno;
    if (rename(move->from, move->to) != 0) {
        int error = errno;
        rename(move->spare, move->to);
        return error;
    }
    if (rename(move->spare, move->from) != 0) {
        int error = errno;
        rename(move->to, move->from);
        rename(move->spare, move->to);
        return error;
    }
    return 0;
}

static int make(const caplet_move *move) {
    switch (move->kind) {
        case caplet_move_to_free_name: return move_to_free_name(move->from, move->to);
        case caplet_move_over: return rename(move->from, move->to) == 0 ? 0 : errno;
        case caplet_move_exchange: return exchange(move);
    }
    return EINVAL;
}

static void undo(const caplet_move *move) {
    if (move->kind == caplet_move_exchange) {
        exchange(move);
    } else {
        rename(move->to, move->from);
    }
}

static int make_all(const caplet_move *moves, size_t count, size_t *failed) {
    for (size_t index = 0; index < count; index++) {
        int error = make(&moves[index]);
        if (error == 0) continue;
        for (size_t made = index; made > 0; made--) undo(&moves[made - 1]);
        *failed = index;
        return error;
    }
    return 0;
}

int caplet_move_all(const caplet_move *moves, size_t count, size_t *failed) {
    // One move is one step of the system's.
    if (count == 1 && moves[0].kind != caplet_move_exchange) return make_all(moves, count, failed);
    volatile int result = -1;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    // The child shares this memory, and this thread waits until it has ended. It calls the system and nothing else.
    pid_t child = vfork();
    if (child == 0) {
        setsid();
        result = make_all(moves, count, failed);
        _exit(0);
    }
    if (child > 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return child < 0 ? make_all(moves, count, failed) : result < 0 ? EINTR : result;
}
