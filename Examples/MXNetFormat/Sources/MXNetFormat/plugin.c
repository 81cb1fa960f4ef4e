// What the plugin is: one format, and the function that Caplet looks for.
#include "mxnet.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const mxnet_type types[] = {
    {0, CAPLET_F32, 4}, {1, CAPLET_F64, 8}, {2, CAPLET_F16, 2}, {3, CAPLET_U8, 1}, {4, CAPLET_I32, 4}, {5, CAPLET_I8, 1},
    {6, CAPLET_I64, 8}, {7, CAPLET_BOOL, 1}, {8, CAPLET_I16, 2}, {9, CAPLET_U16, 2}, {10, CAPLET_U32, 4}, {11, CAPLET_U64, 8},
    {12, CAPLET_BF16, 2},
};

const mxnet_type *mxnet_type_of_flag(uint32_t flag) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].flag == flag) return &types[i];
    return NULL;
}

const mxnet_type *mxnet_type_of_dtype(caplet_dtype dtype) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].dtype == dtype) return &types[i];
    return NULL;
}

caplet_status mxnet_fail(const caplet_host *host, caplet_status status, const char *object, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    host->fail(host, object, message);
    return status;
}

/// The first eight bytes tell the format.
static int32_t recognises(const caplet_plugin *plugin, const caplet_probe *probe) {
    (void)plugin;
    static const uint8_t magic[8] = {MXNET_LIST_MAGIC & 0xFF, MXNET_LIST_MAGIC >> 8};
    return !probe->is_folder && probe->head_count >= 8 && memcmp(probe->head, magic, 8) == 0;
}

static const char *const extensions[] = {"params"};

static const caplet_format format = {
    .struct_size = sizeof(caplet_format),
    .layout = CAPLET_LAYOUT_FILE,
    .name = "mxnet",
    .summary = "MXNet parameters: the dense arrays of mxnet.nd.save",
    .extensions = extensions,
    .extension_count = 1,
    .recognises = recognises,
    .read = mxnet_read,
    .check = mxnet_check,
    .write = mxnet_write,
};

static const caplet_format *const formats[] = {&format};

static const caplet_plugin plugin = {
    .struct_size = sizeof(caplet_plugin),
    .abi_version = CAPLET_PLUGIN_ABI_VERSION,
    .name = "mxnet-format",
    .version = "1.0",
    .formats = formats,
    .format_count = 1,
};

const caplet_plugin *caplet_plugin_open(const caplet_host *host) {
    // A Caplet of another version refuses the plugin by itself; it is not needed to look at host->abi_version.
    (void)host;
    return &plugin;
}
