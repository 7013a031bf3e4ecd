#include "result/build.h"

#include "base/alloc.h"
#include "base/err.h"

#include <stdio.h>

#define METADATA_KEY "athena.type"

/* -- schema ------------------------------------------------------------------------------------ */

/* What one field owns; a consumer may move the field out of its parent. */
struct field {
    char format[24];
    char *metadata;
    char name[];
};

static void release_field(struct ArrowSchema *schema) {
    struct field *field = schema->private_data;
    ath__free(field->metadata);
    ath__free(field);
    schema->release = NULL;
}

static void release_schema(struct ArrowSchema *schema) {
    for (int64_t i = 0; i < schema->n_children; i++) {
        struct ArrowSchema *child = schema->children[i];
        if (child->release)
            child->release(child);
    }
    ath__free(schema->private_data);
    schema->release = NULL;
}

static char *put_counted(char *p, const char *text, size_t len) {
    int32_t count = (int32_t)len;
    memcpy(p, &count, sizeof count);
    memcpy(p + sizeof count, text, len);
    return p + sizeof count + len;
}

/* One pair in the interface's form: count, then lengths and bytes, in the machine's order. */
static char *build_metadata(const char *type) {
    size_t key_len = sizeof METADATA_KEY - 1, type_len = strlen(type);
    int32_t pairs = 1;
    char *metadata = ath__alloc(3 * sizeof pairs + key_len + type_len);
    if (!metadata)
        return NULL;
    memcpy(metadata, &pairs, sizeof pairs);
    char *p = put_counted(metadata + sizeof pairs, METADATA_KEY, key_len);
    put_counted(p, type, type_len);
    return metadata;
}

static void build_format(const struct ath_column_info *info, bool decode_text, char out[24]) {
    static const char formats[][5] = {
        [ATH_STORAGE_TEXT] = "u",
        [ATH_STORAGE_BINARY] = "z",
        [ATH_STORAGE_BOOL] = "b",
        [ATH_STORAGE_INT8] = "c",
        [ATH_STORAGE_INT16] = "s",
        [ATH_STORAGE_INT32] = "i",
        [ATH_STORAGE_INT64] = "l",
        [ATH_STORAGE_DOUBLE] = "g",
        [ATH_STORAGE_DECIMAL128] = "d",
        [ATH_STORAGE_DATE32] = "tdD",
        [ATH_STORAGE_TIME_US] = "ttu",
        [ATH_STORAGE_TIMESTAMP_US] = "tsu:",
    };
    int storage = decode_text ? ATH_STORAGE_TEXT : ath__column_storage(info);
    if (storage == ATH_STORAGE_DECIMAL128)
        snprintf(out, 24, "d:%d,%d", (int)info->precision, (int)info->scale);
    else if (storage == ATH_STORAGE_DOUBLE && ath__column_is_float32(info))
        snprintf(out, 24, "f");
    else
        snprintf(out, 24, "%s", formats[storage]);
}

static int
build_field(const struct ath_column_info *info, bool decode_text, struct ArrowSchema *out_schema) {
    size_t name_size = strlen(info->label) + 1;
    struct field *field = ath__alloc(sizeof *field + name_size);
    if (!field)
        return ATH_ERR_NOMEM;
    field->metadata = build_metadata(info->type);
    if (!field->metadata) {
        ath__free(field);
        return ATH_ERR_NOMEM;
    }
    memcpy(field->name, info->label, name_size);
    build_format(info, decode_text, field->format);
    *out_schema = (struct ArrowSchema){
        .format = field->format,
        .name = field->name,
        .metadata = field->metadata,
        .flags = ARROW_FLAG_NULLABLE,
        .release = release_field,
        .private_data = field,
    };
    return 0;
}

/* `count` structures of `size` bytes and, before them, the pointers to them, in one block. */
static void *alloc_children(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size + sizeof(void *), &bytes))
        return NULL;
    return ath__alloc_zero(bytes);
}

int ath__columns_arrow_schema(
    const struct ath__columns *columns,
    bool decode_text,
    struct ArrowSchema *out_schema,
    struct ath_error *err) {
    void *block = alloc_children(columns->count, sizeof(struct ArrowSchema));
    if (!block)
        return ath__err_nomem(err);
    struct ArrowSchema **pointers = block;
    struct ArrowSchema *children = (struct ArrowSchema *)(void *)(pointers + columns->count);
    struct ArrowSchema schema = {
        .format = "+s",
        .name = "",
        .children = pointers,
        .release = release_schema,
        .private_data = block,
    };
    for (size_t i = 0; i < columns->count; i++) {
        pointers[i] = &children[i];
        if (build_field(&columns->info[i], decode_text, &children[i])) {
            release_schema(&schema);
            return ath__err_nomem(err);
        }
        schema.n_children++;
    }
    *out_schema = schema;
    return 0;
}

/* -- arrays ------------------------------------------------------------------------------------ */

/* What one child array owns; as with fields it may outlive its parent. */
struct column_array {
    struct ath_batch *batch;
    const void *buffers[3];
    float floats[];
};

static void release_column(struct ArrowArray *array) {
    struct column_array *owned = array->private_data;
    ath_batch_release(owned->batch);
    ath__free(owned);
    array->release = NULL;
}

struct batch_array {
    const void *buffers[1]; /* rows of the struct are never NULL */
    struct ArrowArray *pointers[];
};

static void release_array(struct ArrowArray *array) {
    for (int64_t i = 0; i < array->n_children; i++) {
        struct ArrowArray *child = array->children[i];
        if (child->release)
            child->release(child);
    }
    ath__free(array->private_data);
    array->release = NULL;
}

static const float *round_floats(const struct ath_column *column, size_t rows, float *out) {
    const double *values = column->values;
    for (size_t i = 0; i < rows; i++)
        out[i] = (float)values[i];
    return out;
}

static int build_column(struct ath_batch *batch, size_t index, struct ArrowArray *out_array) {
    const struct ath_column *column = &batch->views[index];
    bool is_float = column->storage == ATH_STORAGE_DOUBLE &&
                    ath__column_is_float32(&batch->columns->info[index]);
    struct column_array *owned =
        ath__alloc(sizeof *owned + (is_float ? batch->rows * sizeof(float) : 0));
    if (!owned)
        return ATH_ERR_NOMEM;
    owned->batch = ath_batch_retain(batch);
    owned->buffers[0] = column->validity;
    owned->buffers[1] = column->offsets ? (const void *)column->offsets : column->values;
    owned->buffers[2] = column->offsets ? column->values : NULL;
    if (is_float)
        owned->buffers[1] = round_floats(column, batch->rows, owned->floats);
    *out_array = (struct ArrowArray){
        .length = (int64_t)batch->rows,
        .null_count = column->null_count,
        .n_buffers = column->offsets ? 3 : 2,
        .buffers = owned->buffers,
        .release = release_column,
        .private_data = owned,
    };
    return 0;
}

/* A column that had to become text does not fit the schema. */
static int check_storages(const struct ath_batch *batch, struct ath_error *err) {
    for (size_t i = 0; i < batch->count; i++) {
        const struct ath_column_info *info = &batch->columns->info[i];
        if (batch->decode_text || batch->cells[i].storage == ath__column_storage(info))
            continue;
        char where[48] = "shortly before this batch";
        if (batch->cells[i].first_odd_row != ATH__ROW_BEFORE)
            snprintf(
                where, sizeof where, "in row %zu of this batch", batch->cells[i].first_odd_row + 1);
        return ath__err_set(
            err,
            ATH_ERR_VALUE,
            "column %zu ('%.200s', %.40s): the value %s has no form that the Arrow type can hold; "
            "read the column as text",
            i + 1,
            info->label,
            info->type,
            where);
    }
    return 0;
}

int ath_batch_arrow_array(
    struct ath_batch *batch, struct ArrowArray *out_array, struct ath_error *err) {
    int rc = check_storages(batch, err);
    if (rc)
        return rc;
    size_t heads = sizeof(struct batch_array) + batch->count * sizeof(struct ArrowArray *);
    struct batch_array *owned = ath__alloc_zero(heads + batch->count * sizeof(struct ArrowArray));
    if (!owned)
        return ath__err_nomem(err);
    struct ArrowArray *children = (struct ArrowArray *)(void *)((char *)owned + heads);
    struct ArrowArray array = {
        .length = (int64_t)batch->rows,
        .n_buffers = 1,
        .buffers = owned->buffers,
        .children = owned->pointers,
        .release = release_array,
        .private_data = owned,
    };
    for (size_t i = 0; i < batch->count; i++) {
        owned->pointers[i] = &children[i];
        if (build_column(batch, i, &children[i])) {
            release_array(&array);
            return ath__err_nomem(err);
        }
        array.n_children++;
    }
    *out_array = array;
    return 0;
}
