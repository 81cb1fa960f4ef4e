/// caplet.h — Caplet from C, and from every language that calls C: libcaplet-c.so.
///
///     make library               .build/release/libcaplet-c.so, with Swift's runtime in it
///
///     caplet_workspace *workspace = NULL;
///     char *result = NULL, *message = NULL;
///     int32_t status = caplet_workspace_make(NULL, &workspace, &message);
///     if (status == CAPLET_STATUS_DONE)
///         status = caplet_compress(
///             workspace, "{\"model\": \"folder\", \"output\": \"small.caplet\", \"size\": \"3MB\"}", NULL, NULL, NULL, &result, &message);
///     puts(status == CAPLET_STATUS_DONE ? result : message);
///     caplet_string_free(result), caplet_string_free(message);
///     caplet_workspace_free(workspace);
///
/// Rules that hold everywhere:
///
/// - Text is UTF-8 and ends with a zero byte.
/// - A function that can fail returns a status. Other than CAPLET_STATUS_DONE it leaves its results NULL, and puts one line that says
///   where and why into `*message`.
/// - Where a result or `message` is written it is the caller's, who gives it back by the function named there. Any of these pointers may be
///   NULL where the caller does not want it; giving back NULL does nothing.
/// - NULL for what is needed is CAPLET_STATUS_USAGE and no crash. What was given back may not be used again.
/// - Functions may be called from any thread, several at once, with the same workspace or model. Nothing is thrown or unwound out of them.
/// - Arguments are read before a function returns, and not after.
#ifndef CAPLET_H
#define CAPLET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The version of this interface. It changes when anything changes that is declared here; further functions, and further keys of requests
/// and results, do not change it.
#define CAPLET_INTERFACE_VERSION 1u

/// How a function ended: the exit statuses of the command line.
enum {
    CAPLET_STATUS_DONE = 0,
    /// A check ran and said no.
    CAPLET_STATUS_CHECK_FAILED = 1,
    /// There were warnings, and the request refuses them.
    CAPLET_STATUS_WARNINGS = 2,
    /// The request contradicts itself, or what it asks for is not to be had of this model.
    CAPLET_STATUS_USAGE = 64,
    /// A file is damaged, or holds what its format does not allow.
    CAPLET_STATUS_MALFORMED = 65,
    /// A file is not there, or may not be read.
    CAPLET_STATUS_CANNOT_OPEN = 66,
    /// A format, an architecture or a combination that is not known, or a library that is not installed.
    CAPLET_STATUS_UNSUPPORTED = 69,
    CAPLET_STATUS_INTERNAL = 70,
    /// The output could not be written: nothing of it is there.
    CAPLET_STATUS_WRITE_FAILED = 74,
    /// Stopped by the callback or by a `caplet_stop`.
    CAPLET_STATUS_STOPPED = 130
};

/// CAPLET_INTERFACE_VERSION of the library, to be compared with that of the header.
uint32_t caplet_interface_version(void);

/// The version of Caplet, such as "0.1.0". Not to be given back.
const char *caplet_version(void);

/// Gives back a text that a function has made.
void caplet_string_free(char *text);

/// Threads and memory that requests may use, and the formats and passes that they know.
typedef struct caplet_workspace caplet_workspace;

/// - settings: a JSON object, or NULL for the defaults. Its keys: "threads" (0, the default, is all processors; results never depend on it), "memory"
///   (bytes, or text such as "16GB"), "scratch" (a folder), "plugins" (paths of shared libraries, whose code is run).
/// - workspace: given back by `caplet_workspace_free`.
int32_t caplet_workspace_make(const char *settings, caplet_workspace **workspace, char **message);

/// A workspace may be given back while requests run with it and models are open.
void caplet_workspace_free(caplet_workspace *workspace);

/// What an event is.
enum {
    /// Piece `done` of `total` begins, such as a pass of a pipeline.
    CAPLET_EVENT_PIECE = 1,
    /// The stage `text` begins: `total` units of work, of the name `unit`.
    CAPLET_EVENT_BEGAN = 2,
    /// `done` of the stage's `total` units are done; `text` is on the latest, such as a tensor's name.
    CAPLET_EVENT_ADVANCED = 3,
    /// The stage has ended.
    CAPLET_EVENT_ENDED = 4,
    /// Something that could not be kept, or looks wrong.
    CAPLET_EVENT_WARNING = 5,
    /// Something worth knowing.
    CAPLET_EVENT_NOTE = 6,
    /// Something for whoever wants to know all.
    CAPLET_EVENT_DETAIL = 7
};

/// What happens while a request is carried out. Valid for the call alone.
typedef struct caplet_event {
    /// The size of this structure in the library, which may grow at its end.
    size_t struct_size;
    int32_t kind;
    /// Never NULL.
    const char *text;
    /// Never NULL.
    const char *unit;
    uint64_t done;
    uint64_t total;
} caplet_event;

/// Told what happens: from threads of the library's and the caller's, one call at a time for each request. Anything but 0 stops the
/// request at its next step. It may not wait for the request that calls it.
typedef int32_t (*caplet_report)(void *user, const caplet_event *event);

/// Stops requests from another thread, also where no event comes for a while. May be given to several requests.
typedef struct caplet_stop caplet_stop;

/// Given back by `caplet_stop_free`; not NULL.
caplet_stop *caplet_stop_make(void);
void caplet_stop_request(caplet_stop *stop);
/// May be called while requests run with it.
void caplet_stop_free(caplet_stop *stop);

/// Carries out a request on the calling thread, which is blocked until it ends. After a failure nothing of the output is there; what a
/// compression has finished waits beside it for an equal request.
///
/// - request: a JSON object. Its keys are the long options of the command line's verb with _ in the place of -, and "model" and "output";
///   docs/python.md lists them. A key that is not known is CAPLET_STATUS_USAGE.
/// - report, user: told what happens; may be NULL.
/// - stop: may be NULL.
/// - result: what the verb prints with --json; given back by `caplet_string_free`.
int32_t caplet_convert(
    caplet_workspace *workspace, const char *request, caplet_report report, void *user, caplet_stop *stop, char **result, char **message);
int32_t caplet_compress(
    caplet_workspace *workspace, const char *request, caplet_report report, void *user, caplet_stop *stop, char **result, char **message);
int32_t caplet_evaluate(
    caplet_workspace *workspace, const char *request, caplet_report report, void *user, caplet_stop *stop, char **result, char **message);

/// A model whose weights stay in its files until they are asked for. The files may not be changed while it, or an array of it, is there.
typedef struct caplet_opened caplet_opened;

/// - path: a file or a folder of any format.
/// - format: the name of its format; NULL to look at it.
/// - model: given back by `caplet_close`.
int32_t caplet_open(caplet_workspace *workspace, const char *path, const char *format, caplet_opened **model, char **message);
void caplet_close(caplet_opened *model);

/// What a model is made of: a JSON object with "parameters"; "tensors", each with "name", "dtype", "shape", "kind" ("dense", "blocks", "lowRank",
/// "sparse", "quantized", "composite"), "bytes", and "transposed", whether the checkpoint has rows and columns exchanged; "ties", each with "name" and "target"; "files", names of what travels with the model; "made_by",
/// what made it, with "key" and "value".
///
/// - description: given back by `caplet_string_free`.
int32_t caplet_describe(const caplet_opened *model, char **description, char **message);

typedef struct caplet_array_owner caplet_array_owner;

/// Elements in row-major order and the machine's byte order, read-only. All pointers are valid until `owner` is given back, the model
/// closed or not.
typedef struct caplet_array {
    const void *data;
    uint64_t byte_count;
    /// Dimensions, and the length of each.
    uint64_t rank;
    const uint64_t *shape;
    /// By the names of safetensors: "F32", "BF16", "I64", "U8".
    const char *dtype;
    /// Given back by `caplet_array_free`.
    caplet_array_owner *owner;
} caplet_array;

/// The values of a tensor, or of the one that it is tied to: of a dense tensor as they are stored, where its file has them so without a
/// copy; of all others as F32.
int32_t caplet_tensor_values(const caplet_opened *model, const char *name, caplet_array *array, char **message);

/// The bytes of a file that travels with the model, such as "config.json": of one dimension, U8.
int32_t caplet_file_bytes(const caplet_opened *model, const char *name, caplet_array *array, char **message);

void caplet_array_free(caplet_array_owner *owner);

#ifdef __cplusplus
}
#endif

#endif
