// Reads a .params file: maps it, checks every number against the bytes that are there, and points Caplet at the arrays.
#include "mxnet.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/// A file that is open, and what was found in it. Destroyed as a whole.
typedef struct reader {
    caplet_model model;
    uint8_t *bytes;
    uint64_t count;
    /// How far it was read.
    uint64_t offset;
    caplet_tensor *tensors;
    /// Every tensor's name, owned.
    char **names;
} reader;

static void destroy(const caplet_model *model) {
    reader *r = model->context;
    if (r->names)
        for (uint64_t i = 0; i < r->model.tensor_count; i++) free(r->names[i]);
    free(r->names);
    free(r->tensors);
    if (r->count > 0) munmap(r->bytes, r->count);
    free(r);
}

/// The next `count` bytes; NULL when so many are not there.
static const void *take(reader *r, uint64_t count) {
    if (count > r->count - r->offset) return NULL;
    const void *here = r->bytes + r->offset;
    r->offset += count;
    return here;
}

/// Little-endian numbers, on machines of that order. 0 at the end of the file, which `ended` tells apart.
static uint64_t number(reader *r, uint64_t bytes, int *ended) {
    uint64_t value = 0;
    const void *here = take(r, bytes);
    if (here) memcpy(&value, here, bytes); else *ended = 1;
    return value;
}

static caplet_status read_array(reader *r, const caplet_host *host, uint64_t index) {
    char object[32];
    snprintf(object, sizeof object, "array %llu", (unsigned long long)index);
    int ended = 0;
    caplet_tensor *tensor = &r->tensors[index];
    uint32_t magic = (uint32_t)number(r, 4, &ended), storage = (uint32_t)number(r, 4, &ended);
    uint32_t rank = (uint32_t)number(r, 4, &ended);
    if (ended) return mxnet_fail(host, CAPLET_MALFORMED, object, "the file ends before it");
    if (magic != MXNET_ARRAY_MAGIC) return mxnet_fail(host, CAPLET_UNSUPPORTED, object, "begins with 0x%08X; version 2 begins with 0x%08X", magic, MXNET_ARRAY_MAGIC);
    if (storage != 0) return mxnet_fail(host, CAPLET_UNSUPPORTED, object, "has storage type %d; only dense arrays are read", (int)storage);
    if (rank < 1 || rank > CAPLET_MAXIMUM_RANK)
        return mxnet_fail(host, CAPLET_MALFORMED, object, "has %u dimensions, 1 to %d were expected", rank, CAPLET_MAXIMUM_RANK);
    uint64_t elements = 1;
    for (uint32_t i = 0; i < rank; i++) {
        tensor->shape[i] = number(r, 8, &ended);
        if (!ended && tensor->shape[i] == 0) return mxnet_fail(host, CAPLET_MALFORMED, object, "has a dimension of 0");
        // No array has more elements than the file has bytes, so that nothing overflows.
        if (!ended && __builtin_mul_overflow(elements, tensor->shape[i], &elements)) elements = UINT64_MAX;
        if (elements > r->count) elements = r->count + 1;
    }
    number(r, 8, &ended);  // The device it was on.
    uint32_t flag = (uint32_t)number(r, 4, &ended);
    if (ended) return mxnet_fail(host, CAPLET_MALFORMED, object, "the file ends in its header");
    const mxnet_type *type = mxnet_type_of_flag(flag);
    if (!type) return mxnet_fail(host, CAPLET_UNSUPPORTED, object, "has the unknown type %u", flag);
    tensor->rank = rank;
    tensor->dtype = type->dtype;
    tensor->byte_count = elements * type->bytes;
    tensor->data = take(r, tensor->byte_count);
    if (!tensor->data) return mxnet_fail(host, CAPLET_MALFORMED, object, "has more elements than the file has bytes left");
    return CAPLET_OK;
}

static caplet_status read_names(reader *r, const caplet_host *host) {
    int ended = 0;
    uint64_t count = number(r, 8, &ended);
    if (ended) return mxnet_fail(host, CAPLET_MALFORMED, "names", "the file ends before them");
    if (count != 0 && count != r->model.tensor_count)
        return mxnet_fail(
            host, CAPLET_MALFORMED, "names", "are %llu for %llu arrays", (unsigned long long)count,
            (unsigned long long)r->model.tensor_count);
    for (uint64_t i = 0; i < r->model.tensor_count; i++) {
        char numbered[24];
        uint64_t length = (uint64_t)snprintf(numbered, sizeof numbered, "%llu", (unsigned long long)i);
        const char *text = numbered;
        if (count != 0) {
            length = number(r, 8, &ended);
            text = ended ? NULL : take(r, length);
            if (!text) return mxnet_fail(host, CAPLET_MALFORMED, "names", "the file ends in them");
            if (memchr(text, 0, length)) return mxnet_fail(host, CAPLET_MALFORMED, "names", "one has a zero byte");
        }
        r->names[i] = malloc(length + 1);
        if (!r->names[i]) return mxnet_fail(host, CAPLET_INTERNAL, "names", "no memory");
        memcpy(r->names[i], text, length);
        r->names[i][length] = 0;
        r->tensors[i].name = r->names[i];
    }
    if (r->offset != r->count) return mxnet_fail(host, CAPLET_MALFORMED, NULL, "has bytes after the names");
    return CAPLET_OK;
}

static caplet_status read_file(reader *r, const caplet_host *host) {
    int ended = 0;
    uint64_t magic = number(r, 8, &ended), reserved = number(r, 8, &ended), count = number(r, 8, &ended);
    if (ended || magic != MXNET_LIST_MAGIC || reserved != 0) return mxnet_fail(host, CAPLET_MALFORMED, "header", "is none of mxnet.nd.save");
    // The least that an array takes is 33 bytes; so many more than the file has are not allocated for.
    if (count > r->count / 33) return mxnet_fail(host, CAPLET_MALFORMED, "header", "claims %llu arrays", (unsigned long long)count);
    r->model.tensor_count = count;
    r->tensors = calloc(count + 1, sizeof *r->tensors);
    r->names = calloc(count + 1, sizeof *r->names);
    if (!r->tensors || !r->names) return mxnet_fail(host, CAPLET_INTERNAL, "header", "no memory for %llu arrays", (unsigned long long)count);
    r->model.tensors = r->tensors;
    for (uint64_t i = 0; i < count; i++) {
        if (host->is_cancelled(host)) return CAPLET_CANCELLED;
        caplet_status status = read_array(r, host, i);
        if (status != CAPLET_OK) return status;
    }
    return read_names(r, host);
}

caplet_status mxnet_read(
    const caplet_plugin *plugin, const caplet_host *host, const char *path, const caplet_model **model) {
    (void)plugin;
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) {
        caplet_status failed = mxnet_fail(host, CAPLET_CANNOT_OPEN, NULL, "%s", strerror(errno));
        if (file >= 0) close(file);
        return failed;
    }
    reader *r = calloc(1, sizeof *r);
    if (r && status.st_size > 0) {
        r->bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (r->bytes == MAP_FAILED) {
            free(r);
            r = NULL;
        } else {
            r->count = (uint64_t)status.st_size;
        }
    }
    close(file);
    if (!r) return mxnet_fail(host, CAPLET_INTERNAL, NULL, "no memory");
    r->model.struct_size = sizeof r->model;
    r->model.context = r;
    r->model.destroy = destroy;
    caplet_status result = read_file(r, host);
    if (result == CAPLET_OK) *model = &r->model; else destroy(&r->model);
    return result;
}
