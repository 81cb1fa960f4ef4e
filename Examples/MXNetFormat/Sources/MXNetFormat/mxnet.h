/// What the files of the plugin share.
#ifndef MXNET_H
#define MXNET_H

#include "caplet_plugin.h"
#include <stddef.h>

#define MXNET_LIST_MAGIC 0x112u
#define MXNET_ARRAY_MAGIC 0xF993FAC9u
/// Device and number of arrays in memory.
#define MXNET_CPU 1u

/// A type by its numbers in MXNet and in Caplet, with the bytes of an element.
typedef struct mxnet_type {
    uint32_t flag;
    caplet_dtype dtype;
    uint32_t bytes;
} mxnet_type;

/// NULL for a number that stands for no type.
const mxnet_type *mxnet_type_of_flag(uint32_t flag);
const mxnet_type *mxnet_type_of_dtype(caplet_dtype dtype);

caplet_status mxnet_read(
    const caplet_plugin *plugin, const caplet_host *host, const char *path, const caplet_model **model);
caplet_status mxnet_check(const caplet_plugin *plugin, const caplet_host *host, const caplet_model *model);
caplet_status mxnet_write(const caplet_plugin *plugin, const caplet_host *host, const caplet_model *model, const char *path);

/// Says what is wrong with what, printf's way, and returns `status`.
__attribute__((format(printf, 4, 5)))
caplet_status mxnet_fail(const caplet_host *host, caplet_status status, const char *object, const char *format, ...);

#endif
