#include "rewrite/pgoutput.h"

#include <string.h>

#include "base/error.h"

/* The bytes that are left. Once something did not fit, `is_bad` stays and all reads give zero. */
typedef struct Reader {
    const guint8 *start;
    const guint8 *at;
    const guint8 *end;
    gboolean is_bad;
} Reader;

static const guint8 *
take(Reader *reader, gsize n)
{
    const guint8 *at = reader->at;

    if (reader->is_bad || (gsize)(reader->end - at) < n) {
        reader->is_bad = TRUE;
        return NULL;
    }
    reader->at += n;
    return at;
}

static guint64
take_number(Reader *reader, gsize bytes)
{
    const guint8 *at = take(reader, bytes);
    guint64 value = 0;

    for (gsize i = 0; at != NULL && i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static guint8
take_byte(Reader *reader)
{
    return (guint8)take_number(reader, 1);
}

static guint32
take_u32(Reader *reader)
{
    return (guint32)take_number(reader, 4);
}

static guint64
take_u64(Reader *reader)
{
    return take_number(reader, 8);
}

static const char *
take_string(Reader *reader)
{
    const guint8 *at = reader->at;
    const guint8 *zero = reader->is_bad || at == reader->end ? NULL : memchr(at, 0, (gsize)(reader->end - at));

    if (zero == NULL) {
        reader->is_bad = TRUE;
        return "";
    }
    reader->at = zero + 1;
    return (const char *)at;
}

static void
read_begin(Reader *reader, PgoMessage *message)
{
    message->lsn = take_u64(reader);
    message->time_us = (gint64)take_u64(reader);
    message->xid = take_u32(reader);
}

static void
read_commit(Reader *reader, PgoMessage *message)
{
    /* Flags: none are defined. */
    reader->is_bad |= take_byte(reader) != 0;
    take_u64(reader);
    message->lsn = take_u64(reader);
    message->time_us = (gint64)take_u64(reader);
}

static void
read_origin(Reader *reader, PgoMessage *message)
{
    message->lsn = take_u64(reader);
    message->name = take_string(reader);
}

static void
read_relation(Reader *reader, PgoMessage *message)
{
    guint n;

    message->oid = take_u32(reader);
    message->schema = take_string(reader);
    message->name = take_string(reader);
    message->identity = (char)take_byte(reader);
    n = (guint)take_number(reader, 2);
    for (guint i = 0; i < n && !reader->is_bad; i++) {
        PgoColumn column = {0};

        column.is_key = (take_byte(reader) & 1) != 0;
        column.name = take_string(reader);
        column.type = take_u32(reader);
        column.modifier = (gint32)take_u32(reader);
        g_array_append_val(message->columns, column);
    }
}

static void
read_type(Reader *reader, PgoMessage *message)
{
    message->oid = take_u32(reader);
    message->schema = take_string(reader);
    message->name = take_string(reader);
}

static void
read_value(Reader *reader, PgoValue *value)
{
    value->kind = (PgoValueKind)take_byte(reader);
    switch (value->kind) {
        case PGO_NULL:
        case PGO_UNCHANGED:
            return;
        case PGO_TEXT:
        case PGO_BINARY:
            value->length = take_u32(reader);
            value->data = (const char *)take(reader, value->length);
            return;
    }
    reader->is_bad = TRUE;
}

static void
read_row(Reader *reader, GArray *row)
{
    guint n = (guint)take_number(reader, 2);

    for (guint i = 0; i < n && !reader->is_bad; i++) {
        PgoValue value = {0};

        read_value(reader, &value);
        g_array_append_val(row, value);
    }
}

static void
read_insert(Reader *reader, PgoMessage *message)
{
    message->oid = take_u32(reader);
    reader->is_bad |= take_byte(reader) != 'N';
    read_row(reader, message->new_row);
}

static void
read_update(Reader *reader, PgoMessage *message)
{
    guint8 part;

    message->oid = take_u32(reader);
    part = take_byte(reader);
    if (part == PGO_OLD_KEY || part == PGO_OLD_ROW) {
        message->old_kind = (PgoOldKind)part;
        read_row(reader, message->old_row);
        part = take_byte(reader);
    }
    reader->is_bad |= part != 'N';
    read_row(reader, message->new_row);
}

static void
read_delete(Reader *reader, PgoMessage *message)
{
    guint8 part;

    message->oid = take_u32(reader);
    part = take_byte(reader);
    reader->is_bad |= part != PGO_OLD_KEY && part != PGO_OLD_ROW;
    message->old_kind = (PgoOldKind)part;
    read_row(reader, message->old_row);
}

static void
read_truncate(Reader *reader, PgoMessage *message)
{
    guint32 n = take_u32(reader);

    message->flags = take_byte(reader);
    for (guint32 i = 0; i < n && !reader->is_bad; i++) {
        guint32 oid = take_u32(reader);

        g_array_append_val(message->oids, oid);
    }
}

static void
read_message(Reader *reader, PgoMessage *message)
{
    guint8 flags = take_byte(reader);

    message->is_transactional = flags == 1;
    reader->is_bad |= flags > 1;
    message->lsn = take_u64(reader);
    message->name = take_string(reader);
    message->content_length = take_u32(reader);
    message->content = (const char *)take(reader, message->content_length);
}

static const struct {
    PgoKind kind;
    void (*read)(Reader *reader, PgoMessage *message);
} readers[] = {
    {PGO_BEGIN, read_begin},       {PGO_COMMIT, read_commit}, {PGO_ORIGIN, read_origin},
    {PGO_RELATION, read_relation}, {PGO_TYPE, read_type},     {PGO_INSERT, read_insert},
    {PGO_UPDATE, read_update},     {PGO_DELETE, read_delete}, {PGO_TRUNCATE, read_truncate},
    {PGO_MESSAGE, read_message},
};

void
pgo_message_init(PgoMessage *message)
{
    *message = (PgoMessage){
        .columns = g_array_new(FALSE, FALSE, sizeof(PgoColumn)),
        .old_row = g_array_new(FALSE, FALSE, sizeof(PgoValue)),
        .new_row = g_array_new(FALSE, FALSE, sizeof(PgoValue)),
        .oids = g_array_new(FALSE, FALSE, sizeof(guint32)),
    };
}

void
pgo_message_clear(PgoMessage *message)
{
    g_clear_pointer(&message->columns, g_array_unref);
    g_clear_pointer(&message->old_row, g_array_unref);
    g_clear_pointer(&message->new_row, g_array_unref);
    g_clear_pointer(&message->oids, g_array_unref);
}

static void
reset(PgoMessage *message, PgoKind kind)
{
    PgoMessage fresh = {.kind = kind,
                        .columns = message->columns,
                        .old_row = message->old_row,
                        .new_row = message->new_row,
                        .oids = message->oids};

    *message = fresh;
    g_array_set_size(message->columns, 0);
    g_array_set_size(message->old_row, 0);
    g_array_set_size(message->new_row, 0);
    g_array_set_size(message->oids, 0);
}

gboolean
pgo_decode(PgoMessage *message, const guint8 *data, gsize length, GError **error)
{
    Reader reader = {data, data, data + length, FALSE};
    guint8 kind = take_byte(&reader);
    guint i = 0;

    while (i < G_N_ELEMENTS(readers) && (guint8)readers[i].kind != kind)
        i++;
    if (i == G_N_ELEMENTS(readers)) {
        seam_error_set(error, SEAM_ERROR_FAILED,
                       "the replication stream brought a message of pgoutput of the unknown kind 0x%02x", kind);
        return FALSE;
    }
    reset(message, readers[i].kind);
    readers[i].read(&reader, message);
    if (!reader.is_bad && reader.at == reader.end)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED,
                   "the replication stream brought a message of pgoutput of kind '%c' that is %s at byte %zu of %zu",
                   kind, reader.is_bad ? "malformed" : "too long", (gsize)(reader.at - data), length);
    return FALSE;
}
