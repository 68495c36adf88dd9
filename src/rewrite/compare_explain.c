/*
 * The last stage of a comparison: keys of which the two sides do not have the same, one by one.
 */
#include <string.h>

#include "base/error.h"
#include "db/array.h"
#include "rewrite/compare_pass.h"

#define KEYS_A_TIME   50000 /* that are looked up in the dirty table */
#define SHOWN_A_TIME  500   /* that are read again from both sides */
#define MOST_SHOWN    20
#define LOOK_AGAIN_MS 300

/* A row of one side. */
typedef struct Shown {
    gint64 key;
    char *text;        /* the key's values */
    GPtrArray *hashes; /* char *, by column */
} Shown;

static void
shown_clear(gpointer data)
{
    Shown *shown = data;

    g_free(shown->text);
    g_ptr_array_unref(shown->hashes);
}

static GHashTable *
key_set(const DbResult *rows)
{
    GHashTable *set = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);

    for (int i = 0; i < db_rows(rows); i++) {
        gint64 key = db_int(rows, i, "k");

        g_hash_table_add(set, g_memdup2(&key, sizeof(key)));
    }
    return set;
}

/* Take those out of `keys` that are dirty; they count as explained if `counts`. */
static gboolean
drop_dirty(Compare *compare, GArray *keys, gboolean counts, GError **error)
{
    g_autofree char *sql = compare_sql_dirty(compare->sql);
    guint kept = 0;

    for (guint first = 0; first < keys->len; first += KEYS_A_TIME) {
        g_autofree char *wanted = compare_keys_text(keys, first, KEYS_A_TIME);
        g_autoptr(DbResult) rows = db_query(compare->host->conn, sql, DB_ARGS(wanted), error);
        g_autoptr(GHashTable) dirty = NULL;

        if (rows == NULL)
            return FALSE;
        dirty = key_set(rows);
        for (guint i = first; i < MIN(first + KEYS_A_TIME, keys->len); i++) {
            gint64 key = g_array_index(keys, gint64, i);

            if (!g_hash_table_contains(dirty, &key))
                g_array_index(keys, gint64, kept++) = key;
            else if (counts)
                compare->report->explained++;
        }
    }
    g_array_set_size(keys, kept);
    return TRUE;
}

static gboolean
begin_and_drop_dirty(Compare *compare, GArray *keys, GError **error)
{
    DbConn *conn = compare->host->conn;

    if (compare_begin(compare->host, conn, FALSE, error) && drop_dirty(compare, keys, TRUE, error) &&
        db_commit(conn, error))
        return TRUE;
    db_abort(conn);
    return FALSE;
}

/* "(id, at)=(5, NULL)", as PostgreSQL's own messages have it. */
static char *
key_text(const Flow *flow, const GPtrArray *values)
{
    GString *text = g_string_new("(");

    for (guint i = 0; i < flow->keys->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "",
                               ((const FlowKey *)g_ptr_array_index(flow->keys, i))->target);
    g_string_append(text, ")=(");
    for (guint i = 0; i < values->len; i++) {
        const char *value = g_ptr_array_index(values, i);

        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", value != NULL ? value : "NULL");
    }
    g_string_append_c(text, ')');
    return g_string_free(text, FALSE);
}

static GArray *
read_side(Compare *compare, CompareSide side, const char *wanted, GError **error)
{
    g_autofree char *sql = compare_sql_show(compare->sql, side);
    g_autoptr(DbResult) rows = db_query(compare->host->conn, sql, DB_ARGS(wanted), error);
    GArray *list;

    if (rows == NULL)
        return NULL;
    list = g_array_new(FALSE, FALSE, sizeof(Shown));
    g_array_set_clear_func(list, shown_clear);
    for (int i = 0; i < db_rows(rows); i++) {
        g_autoptr(GPtrArray) values = db_array(rows, i, "shown");
        Shown shown = {db_int(rows, i, "k"), key_text(compare->flow, values), db_array(rows, i, "hashes")};

        g_array_append_val(list, shown);
    }
    return list;
}

static GPtrArray *
rows_of_key(const GArray *side, gint64 key)
{
    GPtrArray *rows = g_ptr_array_new();

    for (guint i = 0; i < side->len; i++) {
        if (g_array_index(side, Shown, i).key == key)
            g_ptr_array_add(rows, &g_array_index(side, Shown, i));
    }
    return rows;
}

/* The columns in which two rows differ; NULL: none. The caller frees. */
static char *
differing_columns(const Flow *flow, const Shown *a, const Shown *b)
{
    GString *names = g_string_new(NULL);

    for (guint i = 0; i < flow->columns->len; i++) {
        const FlowColumn *column = g_ptr_array_index(flow->columns, i);

        if (g_strcmp0(g_ptr_array_index(a->hashes, i), g_ptr_array_index(b->hashes, i)) != 0)
            g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", column->name);
    }
    return g_string_free(names, names->len == 0);
}

static gboolean
is_equal_row(const Flow *flow, const Shown *a, const Shown *b)
{
    g_autofree char *columns = differing_columns(flow, a, b);
    return columns == NULL;
}

/* Whether both sides have the same rows the same number of times. Few rows have one key. */
static gboolean
is_same_set(const Flow *flow, const GPtrArray *a, const GPtrArray *b)
{
    g_autoptr(GPtrArray) left = g_ptr_array_new();

    if (a->len != b->len)
        return FALSE;
    g_ptr_array_extend(left, (GPtrArray *)b, NULL, NULL);
    for (guint i = 0; i < a->len; i++) {
        guint j = 0;

        while (j < left->len && !is_equal_row(flow, g_ptr_array_index(a, i), g_ptr_array_index(left, j)))
            j++;
        if (j == left->len)
            return FALSE;
        g_ptr_array_remove_index_fast(left, j);
    }
    return TRUE;
}

/* What differs about a key; NULL: nothing. The caller frees. */
static char *
difference(const Flow *flow, const GPtrArray *source, const GPtrArray *target)
{
    const GPtrArray *any = source->len > 0 ? source : target;
    const char *key = any->len > 0 ? ((const Shown *)g_ptr_array_index(any, 0))->text : NULL;
    g_autofree char *columns = NULL;

    if (is_same_set(flow, source, target))
        return NULL;
    if (target->len == 0)
        return g_strdup_printf("%s: missing in %s", key, flow->target);
    if (source->len == 0)
        return g_strdup_printf("%s: surplus in %s", key, flow->target);
    if (source->len != target->len)
        return g_strdup_printf("%s: %u times in %s, %u times in %s", key, source->len, flow->source, target->len,
                               flow->target);
    if (source->len > 1)
        return g_strdup_printf("%s: %u rows of that key differ", key, source->len);
    columns = differing_columns(flow, g_ptr_array_index(source, 0), g_ptr_array_index(target, 0));
    return g_strdup_printf("%s: %s", key, columns);
}

/* In one snapshot: of `keys`, keep what differs and is not dirty; *ret_texts says for each of them what it is. */
static gboolean
look(Compare *compare, GArray *keys, GHashTable *texts, GError **error)
{
    g_autofree char *wanted = compare_keys_text(keys, 0, keys->len);
    g_autoptr(GArray) source = NULL;
    g_autoptr(GArray) target = NULL;
    guint kept = 0;

    if (!compare_begin(compare->host, compare->host->conn, TRUE, error) ||
        (source = read_side(compare, COMPARE_SOURCE, wanted, error)) == NULL ||
        (target = read_side(compare, COMPARE_TARGET, wanted, error)) == NULL)
        return FALSE;
    for (guint i = 0; i < keys->len; i++) {
        gint64 key = g_array_index(keys, gint64, i);
        g_autoptr(GPtrArray) a = rows_of_key(source, key);
        g_autoptr(GPtrArray) b = rows_of_key(target, key);
        char *text = difference(compare->flow, a, b);

        if (text == NULL)
            continue;
        g_array_index(keys, gint64, kept++) = key;
        g_hash_table_insert(texts, g_memdup2(&key, sizeof(key)), text);
    }
    g_array_set_size(keys, kept);
    return drop_dirty(compare, keys, FALSE, error) && db_commit(compare->host->conn, error);
}

/* Look at some of the keys, and note what is really different. */
static gboolean
prove(Compare *compare, GArray *keys, GError **error)
{
    const CompareHost *host = compare->host;
    VerifyReport *report = compare->report;
    g_autoptr(GHashTable) texts = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);

    if (!look(compare, keys, texts, error)) {
        db_abort(host->conn);
        return FALSE;
    }
    if (keys->len > 0 && host->sync != NULL &&
        (!host->sync(host->data, error) || !begin_and_drop_dirty(compare, keys, error)))
        return FALSE;
    report->n_differences += keys->len;
    for (guint i = 0; i < keys->len && report->differences->len < MOST_SHOWN; i++)
        g_ptr_array_add(report->differences, g_strdup(g_hash_table_lookup(texts, &g_array_index(keys, gint64, i))));
    return TRUE;
}

/* Somebody else captures and applies: what differs is read again, until it agrees, is dirty, or time is up. */
static gboolean
wait_for_others(Compare *compare, GArray **keys, GError **error)
{
    const CompareHost *host = compare->host;
    gint64 give_up = g_get_monotonic_time() + (gint64)host->patience_ms * 1000;

    while ((*keys)->len > 0 && g_get_monotonic_time() < give_up) {
        GArray *lists[COMPARE_SIDES];
        gboolean is_whole;

        if (!host->sleep(host->data, LOOK_AGAIN_MS, error) ||
            !compare_pass_list(compare, *keys, lists, &is_whole, error))
            return FALSE;
        g_array_unref(*keys);
        *keys = rows_differing(lists[COMPARE_SOURCE], lists[COMPARE_TARGET]);
        for (int side = 0; side < COMPARE_SIDES; side++)
            g_array_unref(lists[side]);
        if (!begin_and_drop_dirty(compare, *keys, error))
            return FALSE;
    }
    return TRUE;
}

/* Keys whose rows agree by now are proven one batch after another; when a batch has a real difference, the keys after
 * it are only counted: they differ too, but for those that the next look would take away. */
static gboolean
prove_all(Compare *compare, const GArray *keys, GError **error)
{
    for (guint first = 0; first < keys->len; first += SHOWN_A_TIME) {
        g_autoptr(GArray) some = g_array_new(FALSE, FALSE, sizeof(gint64));

        g_array_append_vals(some, &g_array_index(keys, gint64, first), MIN(SHOWN_A_TIME, keys->len - first));
        if (!prove(compare, some, error))
            return FALSE;
        if (compare->report->n_differences > 0) {
            compare->report->n_differences += MAX((gint64)keys->len - first - SHOWN_A_TIME, 0);
            return TRUE;
        }
    }
    return TRUE;
}

gboolean
compare_explain(Compare *compare, GArray *keys, GError **error)
{
    const CompareHost *host = compare->host;
    gboolean is_fine;

    compare->report->differences = g_ptr_array_new_with_free_func(g_free);
    is_fine = (keys->len == 0 || host->sync == NULL || host->sync(host->data, error)) &&
              begin_and_drop_dirty(compare, keys, error) &&
              (host->sync != NULL || wait_for_others(compare, &keys, error)) && prove_all(compare, keys, error);
    g_array_unref(keys);
    return is_fine;
}
