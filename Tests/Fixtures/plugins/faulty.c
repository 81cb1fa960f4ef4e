// A plugin with one fault, which -D FAULT_… chooses; without any it is right. A format of files that end in .faulty and hold one
// tensor 'a' [2, 3] of F32, and a pass that keeps matrices as they are.
#define _GNU_SOURCE
#include "caplet_plugin.h"
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What -D AT=place -D DO=deed has a function do: sleep for ever, loop for ever, or end the process, on its own thread or another.
#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

__attribute__((unused)) static void sleep_on(void) { for (;;) usleep(1000); }
__attribute__((unused)) static void spin(void) { for (volatile int on = 1; on;) {} }
__attribute__((unused)) static void leave(void) { exit(0); }
__attribute__((unused)) static void leave_quickly(void) { quick_exit(0); }
static void *leave_there(void *nothing) { (void)nothing; exit(0); }
__attribute__((unused)) static void leave_elsewhere(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, leave_there, NULL);
    pthread_join(thread, NULL);
}
/// Memory that no system has; a plugin may ask, and do without.
__attribute__((unused)) static void ask_too_much(void) {
    void *volatile block = malloc((size_t)1 << 50);
    if (block) abort();
}

static void at(const char *place) {
    (void)place;
#if defined AT
    if (strcmp(place, TEXT_OF(AT)) != 0) return;
    if (write(2, "here\n", 5) != 5) abort();
    DO();
#endif
}

__attribute__((constructor)) static void load(void) { at("load"); }

static const float values[6] = {1, 2, 3, 4, 5, 6};

static caplet_tensor tensors[2];
static caplet_metadata metadata[1];
static caplet_file files[1];
static const uint32_t number = 7;

static int32_t recognises(const caplet_plugin *plugin, const caplet_probe *probe) {
    (void)plugin;
    at("recognises");
    const char *dot = strrchr(probe->path, '.');
    return dot && strcmp(dot, ".faulty") == 0;
}

static caplet_status read_tensor(
    const caplet_model *model, const caplet_host *host, uint64_t index, void *buffer, uint64_t byte_count) {
    (void)model, (void)index, (void)host;
    at("tensor");
#if defined FAULT_READ
    host->fail(host, NULL, "the tape is torn");
    return CAPLET_MALFORMED;
#else
    memcpy(buffer, values, byte_count);
    return CAPLET_OK;
#endif
}

static void destroy_model(const caplet_model *model) {
    (void)model;
    at("destroy");
}

static caplet_model model = {
    .struct_size = sizeof(caplet_model), .tensors = tensors, .tensor_count = 1, .metadata = metadata, .metadata_count = 1,
    .files = files, .file_count = 1, .read = read_tensor, .destroy = destroy_model};

static caplet_status read_model(const caplet_plugin *plugin, const caplet_host *host, const char *path, const caplet_model **out) {
    (void)plugin, (void)host, (void)path;
    at("read");
    tensors[0] = (caplet_tensor){.name = "a", .dtype = CAPLET_F32, .rank = 2, .shape = {2, 3}, .byte_count = 24, .data = NULL};
    tensors[1] = tensors[0];
    metadata[0] = (caplet_metadata){.key = "k", .type = CAPLET_TYPE_UINT32, .count = 1, .values = &number};
    files[0] = (caplet_file){.name = "NOTICE", .byte_count = 3, .data = "ok\n"};
#if defined FAULT_RANK
    tensors[0].rank = 9;
#elif defined FAULT_DTYPE
    tensors[0].dtype = 99;
#elif defined FAULT_OVERFLOW
    tensors[0].shape[0] = tensors[0].shape[1] = UINT64_C(1) << 40;
#elif defined FAULT_NEGATIVE
    tensors[0].shape[0] = UINT64_MAX;
#elif defined FAULT_BYTES
    tensors[0].byte_count = 20;
#elif defined FAULT_NAME_BYTES
    tensors[0].name = "a\xFF";
#elif defined FAULT_NAME_NULL
    tensors[0].name = NULL;
#elif defined FAULT_DUPLICATE
    model.tensor_count = 2;
#elif defined FAULT_NO_DATA
    model.read = NULL;
#elif defined FAULT_NO_TENSORS
    model.tensors = NULL;
#elif defined FAULT_COUNT
    model.tensor_count = UINT64_MAX;
#elif defined FAULT_KEY_TYPE
    metadata[0].type = 9;
#elif defined FAULT_FILE_NAME
    files[0].name = "../NOTICE";
#elif defined FAULT_MEMORY
    tensors[0].shape[0] = UINT64_C(1) << 45;
    tensors[0].byte_count = (UINT64_C(1) << 45) * 12;
#elif defined FAULT_STATUS
    return 77;
#elif defined FAULT_CANCELLED
    return CAPLET_CANCELLED;
#elif defined FAULT_NO_MODEL
    return CAPLET_OK;
#elif defined FAULT_REFUSED
    host->fail(host, "line 3", "has 4 columns, 5 were expected");
    return CAPLET_MALFORMED;
#endif
    *out = &model;
    return CAPLET_OK;
}

#if defined FAULT_WRITER || defined AT
static caplet_status check(const caplet_plugin *plugin, const caplet_host *host, const caplet_model *model) {
    (void)plugin, (void)host, (void)model;
    at("check");
    return CAPLET_OK;
}

static caplet_status write_model(const caplet_plugin *plugin, const caplet_host *host, const caplet_model *model, const char *path) {
    (void)plugin, (void)host, (void)model;
    int file = creat(path, 0644);
    if (file < 0 || write(file, "half", 4) != 4) return CAPLET_WRITE_FAILED;
    at("write");
    close(file);
    return CAPLET_OK;
}
#endif

static const char *const extensions[] = {"faulty"};
static caplet_format format = {
    .struct_size = sizeof(caplet_format), .name = "faulty", .summary = "one tensor", .extensions = extensions, .extension_count = 1,
    .recognises = recognises, .read = read_model,
#if defined FAULT_WRITER || defined AT
    .check = check, .write = write_model,
#endif
};
static const caplet_format *const formats[] = {&format};

static caplet_status create(
    const caplet_plugin *plugin, const caplet_host *host, const caplet_setting *settings, uint64_t count, void **instance) {
    (void)plugin, (void)instance, (void)count;
    at("create");
    if (strcmp(settings[1].text, "sour") == 0 && settings[0].number > 3) {
        host->fail(host, NULL, "level over 3 and taste=sour exclude each other");
        return CAPLET_USAGE;
    }
    return CAPLET_OK;
}

static caplet_status transform(void *instance, const caplet_host *host, const caplet_layer *layer, const caplet_parts *parts) {
    (void)instance, (void)host;
    at("transform");
    float *copy = malloc(layer->rows * layer->columns * sizeof *copy);
    memcpy(copy, layer->weight, layer->rows * layer->columns * sizeof *copy);
#if defined FAULT_PART_NULL
    parts->add_sparse(parts, NULL);
#elif defined FAULT_PART_RANK
    parts->add_low_rank(parts, UINT64_C(1) << 62, copy, copy);
#elif defined FAULT_PART_NAN
    copy[0] = NAN;
    parts->add_dense(parts, copy);
#elif defined FAULT_PART_NONE
#elif defined FAULT_PART_TWICE
    parts->add_dense(parts, copy);
    parts->add_sparse(parts, copy);
#elif defined FAULT_PART_STATUS
    free(copy);
    return CAPLET_MALFORMED;
#elif defined FAULT_SLOW
    if (layer->block == 0 && strstr(layer->name, "q_proj")) write(2, "slow\n", 5);
    for (uint64_t step = 0; !host->is_cancelled(host); step++) {
        host->progress(host, step % 4, 4, "thinking");
        usleep(10000);
    }
    free(copy);
    return CAPLET_CANCELLED;
#else
    parts->add_dense(parts, copy);
#endif
    free(copy);
    return CAPLET_OK;
}

static const char *const tastes[] = {"sweet", "sour"};
static caplet_option options[] = {
    {.name = "level", .summary = "how much", .default_value = "2", .kind = CAPLET_OPTION_INTEGER, .minimum = 1, .maximum = 5},
    {.name = "taste", .summary = "what of", .default_value = "sweet", .kind = CAPLET_OPTION_CHOICE, .choices = tastes, .choice_count = 2},
};
static caplet_pass pass = {
    .struct_size = sizeof(caplet_pass), .name = "faulty", .summary = "keep matrices as they are", .options = options,
    .option_count = 2, .create = create, .transform = transform};
static const caplet_pass *const passes[] = {&pass};

static caplet_plugin plugin = {
    .struct_size = sizeof(caplet_plugin), .abi_version = CAPLET_PLUGIN_ABI_VERSION, .name = "faulty", .version = "0.1",
    .formats = formats, .format_count = 1, .passes = passes, .pass_count = 1};

#if defined FAULT_SYMBOL
CAPLET_PLUGIN_EXPORT const caplet_plugin *another_name(void) { return &plugin; }
#else
const caplet_plugin *caplet_plugin_open(const caplet_host *host) {
    (void)host;
    at("open");
#if defined FAULT_VERSION
    plugin.abi_version = CAPLET_PLUGIN_ABI_VERSION + 1;
#elif defined FAULT_INIT
    host->fail(host, NULL, "no such device");
    return NULL;
#elif defined FAULT_INIT_SILENT
    return NULL;
#elif defined FAULT_SIZE
    plugin.struct_size = 16;
#elif defined FAULT_PLUGIN_NAME
    plugin.name = "f\xC3";
#elif defined FAULT_FORMAT_CLASH
    format.name = "gguf";
#elif defined FAULT_PASS_CLASH
    pass.name = "rpca";
#elif defined FAULT_FORMAT_NAME
    format.name = "Two Words";
#elif defined FAULT_FORMAT_READ
    format.read = NULL;
#elif defined FAULT_FORMATS_NULL
    plugin.formats = NULL;
#elif defined FAULT_DEFAULT
    options[0].default_value = "6";
#elif defined FAULT_BOUNDS
    options[0].minimum = NAN;
#elif defined FAULT_LAYERS
    options[1].name = "layers";
#elif defined FAULT_EMPTY
    plugin.format_count = plugin.pass_count = 0;
#endif
    return &plugin;
}
#endif
