#include "rewrite/backlog.h"

#include <string.h>

#include "base/error.h"

/* What a transaction takes in memory beside its keys, about. */
#define TXN_BYTES 256

/* Of one transaction. A key is its columns one behind the other, each as its length (4 bytes) and its text; before it
 * stands the length of the whole. */
typedef struct Txn {
    guint32 xid;
    gboolean is_complete;
    guint64 end_lsn;
    GByteArray *keys; /* NULL: it has none (any more) */
    gsize taken;      /* bytes that are given out */
    gsize done;       /* bytes that are durable */
    gboolean is_truncated;
    gboolean is_truncate_taken;
} Txn;

struct Backlog {
    guint n_columns;
    GQueue txns; /* Txn, in the order of their commits; the last one may still be coming in */
    gboolean is_open;
    gsize bytes;
    guint64 safe_lsn;
};

static void
txn_free(gpointer data)
{
    Txn *txn = data;

    if (txn->keys != NULL)
        g_byte_array_unref(txn->keys);
    g_free(txn);
}

Backlog *
backlog_new(guint n_columns)
{
    Backlog *backlog = g_new0(Backlog, 1);

    backlog->n_columns = n_columns;
    g_queue_init(&backlog->txns);
    return backlog;
}

void
backlog_free(Backlog *backlog)
{
    if (backlog == NULL)
        return;
    g_queue_clear_full(&backlog->txns, txn_free);
    g_free(backlog);
}

static Txn *
open_txn(Backlog *backlog, GError **error)
{
    if (backlog->is_open)
        return g_queue_peek_tail(&backlog->txns);
    seam_error_set(error, SEAM_ERROR_FAILED, "the replication stream brought a change outside of a transaction");
    return NULL;
}

gboolean
backlog_begin(Backlog *backlog, guint32 xid, GError **error)
{
    Txn *txn;

    if (backlog->is_open) {
        seam_error_set(error, SEAM_ERROR_FAILED, "the replication stream began a transaction within another one");
        return FALSE;
    }
    txn = g_new0(Txn, 1);
    txn->xid = xid;
    g_queue_push_tail(&backlog->txns, txn);
    backlog->bytes += TXN_BYTES;
    backlog->is_open = TRUE;
    return TRUE;
}

gboolean
backlog_key(Backlog *backlog, const PgoValue *columns, GError **error)
{
    Txn *txn = open_txn(backlog, error);
    guint32 length = 0;

    if (txn == NULL)
        return FALSE;
    if (txn->keys == NULL)
        txn->keys = g_byte_array_new();
    for (guint i = 0; i < backlog->n_columns; i++)
        length += (guint32)sizeof(guint32) + columns[i].length;
    g_byte_array_append(txn->keys, (const guint8 *)&length, sizeof(length));
    for (guint i = 0; i < backlog->n_columns; i++) {
        g_byte_array_append(txn->keys, (const guint8 *)&columns[i].length, sizeof(guint32));
        g_byte_array_append(txn->keys, (const guint8 *)columns[i].data, columns[i].length);
    }
    backlog->bytes += sizeof(length) + length;
    return TRUE;
}

gboolean
backlog_truncate(Backlog *backlog, GError **error)
{
    Txn *txn = open_txn(backlog, error);

    if (txn == NULL)
        return FALSE;
    txn->is_truncated = TRUE;
    txn->is_truncate_taken = FALSE;
    return TRUE;
}

static gboolean
has_work(const Txn *txn)
{
    return txn->is_truncated || (txn->keys != NULL && txn->done < txn->keys->len);
}

/* One of which nothing is left: at the front it moves the safe position; elsewhere the one before it, which is
 * complete, now stands for both, so that a held transaction does not gather all that follow it. */
static void
settle(Backlog *backlog, GList *at)
{
    Txn *txn = at->data;

    if (!txn->is_complete || has_work(txn))
        return;
    if (at->prev != NULL)
        ((Txn *)at->prev->data)->end_lsn = txn->end_lsn;
    else
        backlog->safe_lsn = MAX(backlog->safe_lsn, txn->end_lsn);
    txn_free(txn);
    backlog->bytes -= TXN_BYTES;
    g_queue_delete_link(&backlog->txns, at);
}

gboolean
backlog_commit(Backlog *backlog, guint64 end_lsn, GError **error)
{
    Txn *txn = open_txn(backlog, error);

    if (txn == NULL)
        return FALSE;
    txn->is_complete = TRUE;
    txn->end_lsn = end_lsn;
    backlog->is_open = FALSE;
    settle(backlog, backlog->txns.tail);
    return TRUE;
}

void
backlog_keepalive(Backlog *backlog, guint64 lsn)
{
    if (g_queue_is_empty(&backlog->txns))
        backlog->safe_lsn = MAX(backlog->safe_lsn, lsn);
}

gsize
backlog_bytes(const Backlog *backlog)
{
    return backlog->bytes;
}

gboolean
backlog_has_work(const Backlog *backlog)
{
    for (const GList *at = backlog->txns.head; at != NULL; at = at->next) {
        if (has_work(at->data))
            return TRUE;
    }
    return FALSE;
}

guint64
backlog_safe_lsn(const Backlog *backlog)
{
    return backlog->safe_lsn;
}

void
backlog_batch_clear(BacklogBatch *batch)
{
    g_clear_pointer(&batch->columns, g_ptr_array_unref);
}

static guint32
key_length(const guint8 *key)
{
    guint32 length;

    memcpy(&length, key, sizeof(length));
    return length;
}

static guint
hash_key(gconstpointer key)
{
    const guint8 *bytes = key;
    guint32 length = key_length(bytes) + (guint32)sizeof(guint32);
    guint hash = 2166136261U;

    for (guint32 i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 16777619U;
    return hash;
}

static gboolean
is_same_key(gconstpointer a, gconstpointer b)
{
    return key_length(a) == key_length(b) && memcmp(a, b, key_length(a) + sizeof(guint32)) == 0;
}

static void
give_out(const Backlog *backlog, const guint8 *key, BacklogBatch *batch)
{
    const guint8 *at = key + sizeof(guint32);

    for (guint i = 0; i < backlog->n_columns; i++) {
        guint32 length = key_length(at);

        at += sizeof(guint32);
        g_ptr_array_add(g_ptr_array_index(batch->columns, i), g_strndup((const char *)at, length));
        at += length;
    }
    batch->n++;
}

static void
take_keys(const Backlog *backlog, Txn *txn, guint most, GHashTable *seen, BacklogBatch *batch)
{
    while (txn->keys != NULL && txn->taken < txn->keys->len && batch->n < most) {
        const guint8 *key = txn->keys->data + txn->taken;

        txn->taken += sizeof(guint32) + key_length(key);
        if (g_hash_table_add(seen, (gpointer)key))
            give_out(backlog, key, batch);
    }
    /* With the last of the keys that came before it, so that it is never told too early. */
    if (txn->is_truncated && (txn->keys == NULL || txn->taken == txn->keys->len)) {
        txn->is_truncate_taken = TRUE;
        batch->is_truncated = TRUE;
    }
}

void
backlog_take(Backlog *backlog, const Snapshot *snapshot, guint most, BacklogBatch *ret)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(hash_key, is_same_key);

    *ret = (BacklogBatch){.columns = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref)};
    for (guint i = 0; i < backlog->n_columns; i++)
        g_ptr_array_add(ret->columns, g_ptr_array_new_with_free_func(g_free));
    for (const GList *at = backlog->txns.head; at != NULL && ret->n < most; at = at->next) {
        Txn *txn = at->data;

        if (has_work(txn) && snapshot_sees(snapshot, txn->xid))
            take_keys(backlog, txn, most, seen, ret);
    }
}

static void
note_done(Backlog *backlog, Txn *txn)
{
    txn->done = txn->taken;
    if (txn->is_truncate_taken)
        txn->is_truncated = FALSE;
    txn->is_truncate_taken = FALSE;
    /* A transaction that is still coming in may be larger than all memory. */
    if (txn->keys != NULL && txn->done == txn->keys->len) {
        backlog->bytes -= txn->keys->len;
        g_clear_pointer(&txn->keys, g_byte_array_unref);
        txn->taken = txn->done = 0;
    }
}

void
backlog_done(Backlog *backlog)
{
    GList *next;

    for (GList *at = backlog->txns.head; at != NULL; at = next) {
        next = at->next;
        note_done(backlog, at->data);
        settle(backlog, at);
    }
}

void
backlog_put_back(Backlog *backlog)
{
    for (const GList *at = backlog->txns.head; at != NULL; at = at->next) {
        Txn *txn = at->data;

        txn->taken = txn->done;
        txn->is_truncate_taken = FALSE;
    }
}
