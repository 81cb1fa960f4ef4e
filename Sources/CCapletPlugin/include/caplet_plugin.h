/// caplet_plugin.h — formats and passes for Caplet from a shared library, in any language that speaks C.
///
/// A plugin is a shared library that exports one function, `caplet_plugin_open`. Caplet loads the library, calls that function once,
/// and gets a description of the plugin: the formats and passes that it has, as structures of names and function pointers.
///
///     cc -shared -fPIC -I FOLDER_OF_THIS_HEADER my_plugin.c -o my_plugin.so
///     caplet plugin-check ./my_plugin.so            runs the conformance suites
///     caplet formats --plugin ./my_plugin.so        lists the format with where it came from
///
/// Rules that hold everywhere:
///
/// - Text is UTF-8 and ends with a zero byte. Numbers are in the machine's byte order.
/// - Structures that may grow begin with `struct_size`, which whoever fills the structure sets to its `sizeof`. Caplet reads no
///   member beyond it. Structures that lie in arrays do not grow within one ABI version.
/// - What a plugin points Caplet at stays valid and unchanged until the function that is named there for giving it back is called.
///   What Caplet points a plugin at is valid for the call alone.
/// - A function that fails returns a status other than CAPLET_OK, and before that says why through `host->fail`.
/// - Nothing may be thrown, jumped or unwound out of a plugin's function.
/// - Members that a plugin does not use are zero: `static const caplet_format f = {.struct_size = sizeof f, .name = "x", …};`
/// - Functions are called on threads of Caplet's, never on the first of the process, and not always on the same. A plugin does not end
///   the process: exit fails the call, with status 70.
/// - The file, and each folder on the way to it, belongs to the user or to root, and is not open to all for writing; a sticky folder
///   such as /tmp may be on the way, but not hold the file.
///
/// What is called when: `caplet_plugin_open` once. To read: `recognises` (unless --from names the format), `read`, then `model->read` for
/// tensors that have no `data`, at last `model->destroy`. To write: `check`, perhaps several times, and `write` once. For each time that
/// a pipeline names a pass: `create`, `transform` for each matrix, `destroy`. At the end `plugin->destroy`.
#ifndef CAPLET_PLUGIN_H
#define CAPLET_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The version of this interface. A plugin that was built for another one is refused. It changes when anything below changes that is
/// there already; new members at the end of structures with `struct_size` do not change it.
#define CAPLET_PLUGIN_ABI_VERSION 1u

/// The most dimensions of a tensor.
#define CAPLET_MAXIMUM_RANK 8

#if defined(__GNUC__) || defined(__clang__)
#define CAPLET_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define CAPLET_PLUGIN_EXPORT
#endif

/// How a function ended; each becomes the exit status in brackets.
typedef int32_t caplet_status;
enum {
    CAPLET_OK = 0,
    /// The input breaks its format's rules (65).
    CAPLET_MALFORMED = 1,
    /// The input is right, or the output possible, but this plugin does not do it (69).
    CAPLET_UNSUPPORTED = 2,
    /// The request makes no sense (64).
    CAPLET_USAGE = 3,
    /// A file could not be opened or read (66).
    CAPLET_CANNOT_OPEN = 4,
    /// The output could not be written (74).
    CAPLET_WRITE_FAILED = 5,
    /// `host->is_cancelled` said so, and the work was given up (130).
    CAPLET_CANCELLED = 6,
    /// A fault of the plugin's own, such as no memory (70).
    CAPLET_INTERNAL = 7
};

/// What Caplet offers to a plugin's function while that function runs. May be used from any thread until the function returns.
typedef struct caplet_host {
    uint32_t struct_size;
    /// CAPLET_PLUGIN_ABI_VERSION of the Caplet that runs. These two members are the same in every version.
    uint32_t abi_version;
    /// Caplet's own.
    void *context;
    /// Says why the function is about to fail: what of the input it concerns, such as "header" or "tensor 'a'" (NULL for the
    /// whole), and what was expected and found. The last call counts.
    void (*fail)(const struct caplet_host *host, const char *object, const char *message);
    /// Tells the user of what could not be kept or looks wrong, one line. Under --strict nothing is written then.
    void (*warn)(const struct caplet_host *host, const char *message);
    /// Says how far the function is: `done` of `total` units of any kind, with a remark such as a tensor's name (NULL for none).
    void (*progress)(const struct caplet_host *host, uint64_t done, uint64_t total, const char *remark);
    /// Not zero when the user asked to stop: clean up and return CAPLET_CANCELLED. Look at it at least every second: a function that
    /// has not returned soon after is left behind on its thread, and no function of any plugin is called again.
    int32_t (*is_cancelled)(const struct caplet_host *host);
} caplet_host;

/* ---- Models: what a format reads and writes ------------------------------------------------------------------------------- */

/// Types of elements, named as in safetensors. Elements below a byte are packed without gaps, lowest bits first.
typedef uint32_t caplet_dtype;
enum {
    CAPLET_F64 = 1, CAPLET_F32 = 2, CAPLET_F16 = 3, CAPLET_BF16 = 4, CAPLET_F8_E4M3 = 5, CAPLET_F8_E5M2 = 6,
    CAPLET_I64 = 7, CAPLET_I32 = 8, CAPLET_I16 = 9, CAPLET_I8 = 10,
    CAPLET_U64 = 11, CAPLET_U32 = 12, CAPLET_U16 = 13, CAPLET_U8 = 14,
    /// One byte an element, 0 or 1.
    CAPLET_BOOL = 15,
    /// Carried, never computed with.
    CAPLET_F4 = 16, CAPLET_F6_E2M3 = 17, CAPLET_F6_E3M2 = 18, CAPLET_F8_E8M0 = 19, CAPLET_F8_E4M3FNUZ = 20, CAPLET_F8_E5M2FNUZ = 21,
    CAPLET_C64 = 22
};

/// A tensor: row-major, little-endian elements without gaps. Weights of linear layers are [out, in].
typedef struct caplet_tensor {
    /// Unique in the model; as the Hugging Face checkpoint of the architecture calls it, where the model is of a known one.
    const char *name;
    caplet_dtype dtype;
    /// Dimensions, at most CAPLET_MAXIMUM_RANK; 0 for a scalar.
    uint32_t rank;
    uint64_t shape[CAPLET_MAXIMUM_RANK];
    /// Bytes of all elements.
    uint64_t byte_count;
    /// The bytes, where they are in memory already (a mapped file, say); NULL when the model's `read` makes them.
    const void *data;
} caplet_tensor;

/// The type of a metadata value, numbered as in GGUF; in C uint8_t, int8_t, … , float, uint8_t (0 or 1), const char *, … , double.
typedef uint32_t caplet_type;
enum {
    CAPLET_TYPE_UINT8 = 0, CAPLET_TYPE_INT8 = 1, CAPLET_TYPE_UINT16 = 2, CAPLET_TYPE_INT16 = 3, CAPLET_TYPE_UINT32 = 4,
    CAPLET_TYPE_INT32 = 5, CAPLET_TYPE_FLOAT32 = 6, CAPLET_TYPE_BOOL = 7, CAPLET_TYPE_STRING = 8,
    CAPLET_TYPE_UINT64 = 10, CAPLET_TYPE_INT64 = 11, CAPLET_TYPE_FLOAT64 = 12
};

/// A key with a value, or with an array of values of one type.
typedef struct caplet_metadata {
    const char *key;
    caplet_type type;
    /// 0 for a single value; 1 for an array.
    uint32_t is_array;
    /// Values that `values` points at: 1 for a single one, any number for an array.
    uint64_t count;
    /// An array of the type in C; for strings an array of pointers.
    const void *values;
} caplet_metadata;

/// A small file that travels with the model: config.json, tokenizer.json, LICENSE.
typedef struct caplet_file {
    /// A plain name without a folder.
    const char *name;
    uint64_t byte_count;
    const void *data;
} caplet_file;

/// A model. One that a plugin reads is the plugin's, until Caplet calls `destroy`; one that it is to write is Caplet's.
/// Caplet copies names, shapes, metadata and files at once, but reads tensors when they are needed.
typedef struct caplet_model {
    uint32_t struct_size;
    uint32_t reserved;
    /// Whatever `read` and `destroy` need.
    void *context;
    const caplet_tensor *tensors;
    uint64_t tensor_count;
    const caplet_metadata *metadata;
    uint64_t metadata_count;
    const caplet_file *files;
    uint64_t file_count;
    /// Puts all `byte_count` bytes of tensor number `index` into `buffer`. NULL where every tensor has `data`. Calls come from any
    /// thread, for one model one at a time.
    caplet_status (*read)(const struct caplet_model *model, const caplet_host *host, uint64_t index, void *buffer, uint64_t byte_count);
    /// Gives back the model and all it points at. NULL for a model of Caplet's.
    void (*destroy)(const struct caplet_model *model);
} caplet_model;

/* ---- Formats -------------------------------------------------------------------------------------------------------------- */

/// What a format's model is on the disk.
enum {
    CAPLET_LAYOUT_FILE = 0,
    CAPLET_LAYOUT_FOLDER = 1,
    /// A file when the path has one of the format's extensions, a folder otherwise.
    CAPLET_LAYOUT_FILE_OR_FOLDER = 2
};

/// A first look at a path, for `recognises`.
typedef struct caplet_probe {
    uint32_t struct_size;
    /// 1 for a folder.
    uint32_t is_folder;
    const char *path;
    /// The first bytes of a file, at most 4096.
    const uint8_t *head;
    uint64_t head_count;
    /// Names of all that is in a folder, sorted.
    const char *const *entries;
    uint64_t entry_count;
} caplet_probe;

struct caplet_plugin;

/// A file format. All functions are given the plugin that the format is of, for its `context`.
typedef struct caplet_format {
    uint32_t struct_size;
    /// CAPLET_LAYOUT_…
    uint32_t layout;
    /// What --from and --to call it: small letters, digits and '-', beginning with a letter; none of another format's.
    const char *name;
    /// One line on what it is.
    const char *summary;
    /// File name endings without a dot, in small letters, the usual one first.
    const char *const *extensions;
    uint64_t extension_count;
    /// 1 when what is there looks like this format, 0 otherwise. Formats that are built in are asked first.
    int32_t (*recognises)(const struct caplet_plugin *plugin, const caplet_probe *probe);
    /// Reads all of a model but its tensors' bytes, and points `model` at it. Trust nothing in the file: check every length, count,
    /// offset and product against the bytes that are there before using it.
    caplet_status (*read)(
        const struct caplet_plugin *plugin, const caplet_host *host, const char *path, const caplet_model **model);
    /// Looks at a model that is to be written: warns of everything that the format cannot carry, and returns CAPLET_UNSUPPORTED
    /// for what cannot be represented at all. Tensors' bytes are not asked for. NULL when the format is read-only or takes anything.
    caplet_status (*check)(const struct caplet_plugin *plugin, const caplet_host *host, const caplet_model *model);
    /// Writes a model to `path`, where nothing is, or for a folder an empty one: a temporary place that Caplet gives its name when
    /// the function returned CAPLET_OK, and removes otherwise. All tensors have `data` NULL and are read through
    /// `model->read(model, host, index, buffer, byte_count)`. Equal models must give equal bytes. NULL when the format is read-only.
    caplet_status (*write)(
        const struct caplet_plugin *plugin, const caplet_host *host, const caplet_model *model, const char *path);
} caplet_format;

/* ---- Passes --------------------------------------------------------------------------------------------------------------- */

/// The kind of an option's value.
enum {
    /// An integer from `minimum` to `maximum`.
    CAPLET_OPTION_INTEGER = 1,
    /// A finite number from `minimum` to `maximum`, which may be infinite.
    CAPLET_OPTION_NUMBER = 2,
    /// true or false.
    CAPLET_OPTION_FLAG = 3,
    /// One of `choices`.
    CAPLET_OPTION_CHOICE = 4
};

/// An option of a pass: declared once, for parsing, help and printing. Caplet adds the option `layers`, which selects tensors.
typedef struct caplet_option {
    /// Small letters, digits and '-', beginning with a letter.
    const char *name;
    /// One line.
    const char *summary;
    /// The value when none is given, as it would be typed.
    const char *default_value;
    /// CAPLET_OPTION_…
    uint32_t kind;
    uint32_t choice_count;
    /// Words of small letters, digits and '-'; for CAPLET_OPTION_CHOICE.
    const char *const *choices;
    /// Bounds of integers (whole, at most 2⁵³ in size) and numbers.
    double minimum;
    double maximum;
} caplet_option;

/// A value of an option: what was typed or the default, and that as a number (flags 0 or 1, choices their position).
typedef struct caplet_setting {
    const char *name;
    const char *text;
    double number;
} caplet_setting;

/// A matrix that a pass is to compress.
typedef struct caplet_layer {
    uint32_t struct_size;
    /// The block of the model that it is in, counted from 0; -1 outside blocks.
    int32_t block;
    /// The tensor's name.
    const char *name;
    /// Outputs and inputs of a linear layer.
    uint64_t rows;
    uint64_t columns;
    /// The weights, [rows, columns] row-major; finite.
    const float *weight;
    /// The inputs' second moment XᵀX / N over the N activations of the calibration text, [columns, columns], symmetric and finite;
    /// its diagonal holds the mean squares of the inputs. NULL without calibration text, and when tensors outside blocks are among
    /// those selected.
    const float *second_moment;
    /// Of every random choice: with equal seeds and layers results are equal.
    uint64_t seed;
} caplet_layer;

/// Takes what a pass makes of a layer: the sum of the parts that are added, at least one. Everything is copied at once.
typedef struct caplet_parts {
    uint32_t struct_size;
    uint32_t reserved;
    /// Caplet's own.
    void *context;
    /// All values, [rows, columns]; the only part when it is added.
    void (*add_dense)(const struct caplet_parts *parts, const float *values);
    /// U·V with U [rows, rank] and V [rank, columns]; rank from 1 to the smaller of rows and columns; at most one.
    void (*add_low_rank)(const struct caplet_parts *parts, uint64_t rank, const float *u, const float *v);
    /// The values that are not zero, of [rows, columns]; at most one.
    void (*add_sparse)(const struct caplet_parts *parts, const float *values);
    /// A figure for the report, such as "steps"; finite.
    void (*measure)(const struct caplet_parts *parts, const char *name, double value);
} caplet_parts;

/// Whether a pass looks at the layers' inputs.
enum {
    /// Never; `second_moment` is NULL.
    CAPLET_INPUTS_UNUSED = 0,
    /// Where there is calibration text.
    CAPLET_INPUTS_USED = 1,
    /// Cannot do without: the pass is refused without calibration text.
    CAPLET_INPUTS_NEEDED = 2
};

/// A compression pass: makes of each selected matrix, by itself, a sum of parts.
typedef struct caplet_pass {
    uint32_t struct_size;
    /// CAPLET_INPUTS_…
    uint32_t inputs;
    /// What a pipeline calls it: small letters, digits and '-', beginning with a letter; none of another pass's.
    const char *name;
    /// One line on what it does.
    const char *summary;
    const caplet_option *options;
    uint64_t option_count;
    /// Makes the pass with the values of all its options, in the order of their declaration; each fits its option. `instance` is what
    /// `transform` and `destroy` get. Fail with CAPLET_USAGE for values that exclude each other.
    caplet_status (*create)(
        const struct caplet_plugin *plugin, const caplet_host *host, const caplet_setting *settings, uint64_t setting_count,
        void **instance);
    /// Compresses one matrix. Calls come from several threads at once, so `instance` must not be changed without care; results must
    /// not depend on the order of the calls.
    caplet_status (*transform)(void *instance, const caplet_host *host, const caplet_layer *layer, const caplet_parts *parts);
    /// Gives back what `create` made. NULL when there is nothing to give back.
    void (*destroy)(void *instance);
} caplet_pass;

/* ---- The plugin ----------------------------------------------------------------------------------------------------------- */

/// What a plugin is. The first two members are the same in every version.
typedef struct caplet_plugin {
    uint32_t struct_size;
    /// CAPLET_PLUGIN_ABI_VERSION of the header that the plugin was built with.
    uint32_t abi_version;
    /// The plugin's own, for its functions.
    void *context;
    /// What the plugin is called, and its own version, as messages show them.
    const char *name;
    const char *version;
    const caplet_format *const *formats;
    uint64_t format_count;
    const caplet_pass *const *passes;
    uint64_t pass_count;
    /// Gives back the plugin and all it points at, when no format, pass or model of it is in use. NULL when there is nothing to give
    /// back.
    void (*destroy)(const struct caplet_plugin *plugin);
} caplet_plugin;

/// The one function that a plugin exports. Called once, before anything else.
///
/// - Returns: the plugin; NULL when it cannot be used, after `host->fail` said why.
CAPLET_PLUGIN_EXPORT const caplet_plugin *caplet_plugin_open(const caplet_host *host);

#ifdef __cplusplus
}
#endif

#endif
