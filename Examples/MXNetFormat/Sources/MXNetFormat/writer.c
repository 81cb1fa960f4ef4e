// Writes a .params file, and says before what of a model it cannot hold.
#include "mxnet.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

caplet_status mxnet_check(const caplet_plugin *plugin, const caplet_host *host, const caplet_model *model) {
    (void)plugin;
    for (uint64_t i = 0; i < model->tensor_count; i++) {
        const caplet_tensor *tensor = &model->tensors[i];
        char object[512];
        snprintf(object, sizeof object, "tensor '%s'", tensor->name);
        if (!mxnet_type_of_dtype(tensor->dtype))
            return mxnet_fail(host, CAPLET_UNSUPPORTED, object, "is of a dtype that MXNet does not have; --dtype f32 converts it");
        if (tensor->rank == 0 || tensor->byte_count == 0)
            return mxnet_fail(host, CAPLET_UNSUPPORTED, object, "has no dimensions or no elements, which MXNet takes for an array that is not there");
    }
    char line[128];
    if (model->metadata_count > 0) {
        snprintf(line, sizeof line, "mxnet has no place for metadata; %llu keys are lost", (unsigned long long)model->metadata_count);
        host->warn(host, line);
    }
    if (model->file_count > 0) {
        snprintf(line, sizeof line, "mxnet has no place for files; %llu are left out", (unsigned long long)model->file_count);
        host->warn(host, line);
    }
    return CAPLET_OK;
}

/// Little-endian, on machines of that order.
static void put(FILE *file, uint64_t value, size_t bytes) { fwrite(&value, 1, bytes, file); }

static caplet_status write_array(FILE *file, const caplet_host *host, const caplet_model *model, uint64_t index) {
    const caplet_tensor *tensor = &model->tensors[index];
    put(file, MXNET_ARRAY_MAGIC, 4);
    put(file, 0, 4);
    put(file, tensor->rank, 4);
    for (uint32_t i = 0; i < tensor->rank; i++) put(file, tensor->shape[i], 8);
    put(file, MXNET_CPU, 4);
    put(file, 0, 4);
    put(file, mxnet_type_of_dtype(tensor->dtype)->flag, 4);
    void *bytes = malloc(tensor->byte_count);
    if (!bytes) return mxnet_fail(host, CAPLET_INTERNAL, tensor->name, "no memory");
    caplet_status status = model->read(model, host, index, bytes, tensor->byte_count);
    if (status == CAPLET_OK) fwrite(bytes, 1, tensor->byte_count, file);
    free(bytes);
    return status;
}

caplet_status mxnet_write(const caplet_plugin *plugin, const caplet_host *host, const caplet_model *model, const char *path) {
    (void)plugin;
    FILE *file = fopen(path, "wb");
    if (!file) return mxnet_fail(host, CAPLET_WRITE_FAILED, NULL, "%s", strerror(errno));
    put(file, MXNET_LIST_MAGIC, 8);
    put(file, 0, 8);
    put(file, model->tensor_count, 8);
    caplet_status status = CAPLET_OK;
    for (uint64_t i = 0; i < model->tensor_count && status == CAPLET_OK; i++) {
        host->progress(host, i, model->tensor_count, model->tensors[i].name);
        status = host->is_cancelled(host) ? CAPLET_CANCELLED : write_array(file, host, model, i);
    }
    put(file, model->tensor_count, 8);
    for (uint64_t i = 0; i < model->tensor_count; i++) {
        put(file, strlen(model->tensors[i].name), 8);
        fputs(model->tensors[i].name, file);
    }
    // Writes are buffered, so that a full disk may show here only.
    int failed = ferror(file);
    if (fclose(file) != 0 || failed) {
        if (status == CAPLET_OK) status = mxnet_fail(host, CAPLET_WRITE_FAILED, NULL, "%s", strerror(errno ? errno : EIO));
    }
    return status;
}
