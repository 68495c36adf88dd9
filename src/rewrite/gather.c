#include "rewrite/gather.h"

#include <string.h>

#include "base/error.h"

#define MOST_KEY_COLUMNS 32 /* INDEX_MAX_KEYS */

void
gather_init(Gather *gather, guint32 oid, GPtrArray *key_names)
{
    *gather = (Gather){
        .oid = oid,
        .key_names = key_names,
        .backlog = backlog_new(key_names->len),
        .places = g_array_new(FALSE, FALSE, sizeof(guint)),
    };
    pgo_message_init(&gather->message);
}

void
gather_clear(Gather *gather)
{
    g_clear_pointer(&gather->key_names, g_ptr_array_unref);
    g_clear_pointer(&gather->backlog, backlog_free);
    g_clear_pointer(&gather->places, g_array_unref);
    g_clear_pointer(&gather->token, g_free);
    pgo_message_clear(&gather->message);
}

void
gather_restart(Gather *gather)
{
    backlog_free(gather->backlog);
    gather->backlog = backlog_new(gather->key_names->len);
    g_array_set_size(gather->places, 0);
    gather_expect(gather, NULL);
}

void
gather_expect(Gather *gather, const char *token)
{
    g_free(gather->token);
    gather->token = g_strdup(token);
    gather->in_open = FALSE;
    gather->is_seen = FALSE;
}

static gboolean
set_drift(const char *what, GError **error)
{
    seam_error_set(error, SEAM_ERROR_DRIFT, "the table was changed while it was being rewritten: %s", what);
    seam_error_hint(error, "`pgseam rollback`, then plan again");
    return FALSE;
}

static gboolean
on_relation(Gather *gather, GError **error)
{
    const GArray *columns = gather->message.columns;

    g_array_set_size(gather->places, 0);
    gather->n_columns = columns->len;
    for (guint k = 0; k < gather->key_names->len; k++) {
        guint place = 0;

        while (place < columns->len &&
               strcmp(g_array_index(columns, PgoColumn, place).name, g_ptr_array_index(gather->key_names, k)) != 0)
            place++;
        if (place == columns->len || !g_array_index(columns, PgoColumn, place).is_key)
            return set_drift("a column of its key is gone, or is not of its replica identity any more", error);
        g_array_append_val(gather->places, place);
    }
    return TRUE;
}

/* One row's key. `old` gives the columns that the row itself does not carry (TOAST values that did not change). */
static gboolean
add_key(Gather *gather, const GArray *row, const GArray *old, GError **error)
{
    PgoValue key[MOST_KEY_COLUMNS];
    guint n = gather->places->len;

    if (n == 0 || n > MOST_KEY_COLUMNS || row->len != gather->n_columns)
        return set_drift("the replication stream brought a row that is not as it was announced", error);
    for (guint k = 0; k < n; k++) {
        guint place = g_array_index(gather->places, guint, k);

        key[k] = g_array_index(row, PgoValue, place);
        if (key[k].kind == PGO_UNCHANGED && old != NULL && old->len == row->len)
            key[k] = g_array_index(old, PgoValue, place);
        if (key[k].kind != PGO_TEXT)
            return set_drift("the replication stream brought a row without its key", error);
    }
    return backlog_key(gather->backlog, key, error);
}

static gboolean
on_change(Gather *gather, GError **error)
{
    const PgoMessage *m = &gather->message;

    if (gather->is_deaf)
        return TRUE;
    if (m->oid != gather->oid)
        return set_drift("the publication gives changes of another table, too", error);
    if (m->old_kind != PGO_OLD_NONE && !add_key(gather, m->old_row, NULL, error))
        return FALSE;
    return m->kind == PGO_DELETE || add_key(gather, m->new_row, m->old_row, error);
}

static gboolean
on_truncate(Gather *gather, GError **error)
{
    for (guint i = 0; i < gather->message.oids->len; i++) {
        if (g_array_index(gather->message.oids, guint32, i) == gather->oid)
            return backlog_truncate(gather->backlog, error);
    }
    return TRUE;
}

static void
on_message(Gather *gather)
{
    const PgoMessage *m = &gather->message;

    if (gather->token != NULL && m->is_transactional && strcmp(m->name, GATHER_PREFIX) == 0 &&
        m->content_length == strlen(gather->token) && memcmp(m->content, gather->token, m->content_length) == 0)
        gather->in_open = TRUE;
}

static gboolean
on_commit(Gather *gather, GError **error)
{
    gather->is_seen |= gather->in_open;
    gather->in_open = FALSE;
    return backlog_commit(gather->backlog, gather->message.lsn, error);
}

gboolean
gather_message(Gather *gather, const guint8 *data, gsize length, GError **error)
{
    if (!pgo_decode(&gather->message, data, length, error))
        return FALSE;
    switch (gather->message.kind) {
        case PGO_BEGIN:
            return backlog_begin(gather->backlog, gather->message.xid, error);
        case PGO_COMMIT:
            return on_commit(gather, error);
        case PGO_RELATION:
            return gather->message.oid != gather->oid || on_relation(gather, error);
        case PGO_INSERT:
        case PGO_UPDATE:
        case PGO_DELETE:
            return on_change(gather, error);
        case PGO_TRUNCATE:
            return on_truncate(gather, error);
        case PGO_MESSAGE:
            on_message(gather);
            return TRUE;
        case PGO_ORIGIN:
        case PGO_TYPE:
            return TRUE;
    }
    g_assert_not_reached();
}
