// Messages of Caplet's ranks through MPI: compiled by the user's own mpicc to libcaplet-mpi.so, since the binary interfaces of MPI's
// implementations differ, and loaded by caplet at run time. MessageLibrary.swift declares the same functions.
//
// Every function is called by one thread at a time. All return 0 or an error code of MPI.
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Raised whenever a function changes its meaning.
enum { VERSION = 1 };

static MPI_Comm world = MPI_COMM_NULL;

// Messages under way; places are given out again.
static struct { MPI_Request request; int used; } *slots;
static int slot_count;

static int free_slot(void) {
    for (int i = 0; i < slot_count; i++)
        if (!slots[i].used) return i;
    int count = slot_count ? 2 * slot_count : 16;
    void *grown = realloc(slots, (size_t)count * sizeof *slots);
    if (!grown) return -1;
    slots = grown;
    memset(slots + slot_count, 0, (size_t)(count - slot_count) * sizeof *slots);
    int first = slot_count;
    slot_count = count;
    return first;
}

int caplet_mpi_version(void) { return VERSION; }

// `host` has room for `size` characters.
int caplet_mpi_open(int *rank, int *count, char *host, int size) {
    int provided = 0, code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
    if (code) return code;
    // Two threads take turns; less than that cannot be worked with.
    if (provided < MPI_THREAD_SERIALIZED) return MPI_ERR_OTHER;
    if ((code = MPI_Comm_dup(MPI_COMM_WORLD, &world))) return code;
    MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN);
    if ((code = MPI_Comm_rank(world, rank)) || (code = MPI_Comm_size(world, count))) return code;
    char name[MPI_MAX_PROCESSOR_NAME] = "";
    int length = 0;
    MPI_Get_processor_name(name, &length);
    snprintf(host, (size_t)size, "%s", name);
    return 0;
}

// Begins to send; `slot` is what caplet_mpi_test asks about. The bytes stay as they are until it says that it is done.
int caplet_mpi_send(const void *bytes, int count, int rank, int tag, int *slot) {
    if ((*slot = free_slot()) < 0) return MPI_ERR_NO_MEM;
    int code = MPI_Isend(bytes, count, MPI_BYTE, rank, tag, world, &slots[*slot].request);
    slots[*slot].used = code == 0;
    return code;
}

int caplet_mpi_receive(void *bytes, int count, int rank, int tag, int *slot) {
    if ((*slot = free_slot()) < 0) return MPI_ERR_NO_MEM;
    int code = MPI_Irecv(bytes, count, MPI_BYTE, rank, tag, world, &slots[*slot].request);
    slots[*slot].used = code == 0;
    return code;
}

// Whether a message is done; its slot is then free. `count` is what was received.
int caplet_mpi_test(int slot, int *done, int *count) {
    MPI_Status status;
    int code = MPI_Test(&slots[slot].request, done, &status);
    if (code || *done) slots[slot].used = 0;
    if (!code && *done) MPI_Get_count(&status, MPI_BYTE, count);
    return code;
}

// Gives a message up that was to be received, so that nothing is written where it was to go. `done` says whether that is certain.
int caplet_mpi_cancel(int slot, int *done) {
    int code = MPI_Cancel(&slots[slot].request), count = 0;
    return code ? code : caplet_mpi_test(slot, done, &count);
}

// Whether a message with this tag waits, from whom, and how long it is.
int caplet_mpi_probe(int tag, int *found, int *rank, int *count) {
    MPI_Status status;
    int code = MPI_Iprobe(MPI_ANY_SOURCE, tag, world, found, &status);
    if (!code && *found) {
        *rank = status.MPI_SOURCE;
        code = MPI_Get_count(&status, MPI_BYTE, count);
    }
    return code;
}

// What an error code means, in a line.
void caplet_mpi_explain(int code, char *text, int size) {
    char found[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    if (MPI_Error_string(code, found, &length)) snprintf(found, sizeof found, "error %d", code);
    snprintf(text, (size_t)size, "%s", found);
}

// Ends all ranks with a status; does not return.
void caplet_mpi_abort(int status) {
    MPI_Abort(world == MPI_COMM_NULL ? MPI_COMM_WORLD : world, status);
    abort();
}

// To be called by all ranks once they have met: no message is under way.
int caplet_mpi_close(void) { return MPI_Finalize(); }
