#include "rewrite/apply.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "rewrite/capture.h"
#include "rewrite/dirty.h"
#include "run/fault.h"
#include "run/guard.h"
#include "run/progress.h"
#include "run/throttle.h"

#define FIRST_KEYS   2000
#define MOST_KEYS    20000
#define BATCH_MS     150
#define MOST_RETRIES 5
#define TIDY_BYTES   (4 * 1024 * 1024)
#define TIDY_US      (3 * G_USEC_PER_SEC)

/* One batch in hand. */
typedef struct Batch {
    Rewrite *rewrite;
    const Flow *flow;
    DbConn *conn;
    Keys *keys;
    gint64 taken; /* entries of the dirty table, duplicates counted */
} Batch;

static gboolean
run_with_keys(Batch *batch, const Keys *keys, const char *sql, GError **error)
{
    g_autoptr(GPtrArray) values = keys_values(keys);

    return db_run(batch->conn, sql, (int)values->len, (const char *const *)values->pdata, error);
}

/* "a::text, b::text": key columns, of whatever SQL each has. */
static char *
as_text(const Flow *flow, const char *prefix)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < flow->keys->len; i++) {
        const FlowKey *key = g_ptr_array_index(flow->keys, i);
        g_autofree char *item = sql_build("CAST(?? AS pg_catalog.text)", sql_raw(prefix), sql_ident(key->name));

        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", item);
    }
    return g_string_free(g_steal_pointer(&list), FALSE);
}

/* From the block on where the last batch stopped: what stands before it is dead, and a scan over dead rows is what
 * would make many batches slow. */
static gboolean
take_from(Batch *batch, int most, gint64 first_block, GError **error)
{
    Rewrite *rewrite = batch->rewrite;
    g_autofree char *columns = as_text(batch->flow, "taken.");
    g_autofree char *names = flow_key_list(batch->flow);
    g_autofree char *tid = db_tid_text(first_block, 0);
    g_autofree char *sql = sql_build(
        "WITH taken AS (DELETE FROM ? WHERE ctid = ANY (ARRAY(SELECT ctid FROM ? WHERE ctid >= ?::pg_catalog.tid "
        "LIMIT ?)) RETURNING ctid AS pgseam_tid, ?) "
        "SELECT ?, pg_catalog.sum(count(*)) OVER () AS pgseam_taken, "
        "pg_catalog.max(pg_catalog.max(pgseam_tid)) OVER () AS pgseam_last FROM taken GROUP BY ?",
        sql_raw(batch->flow->dirty), sql_raw(batch->flow->dirty), sql_literal(tid), sql_int(most), sql_raw(names),
        sql_raw(columns), sql_raw(columns));
    g_autoptr(DbResult) rows = db_query(batch->conn, sql, DB_NONE, error);

    if (rows == NULL)
        return FALSE;
    keys_add_rows(batch->keys, rows);
    if (db_rows(rows) > 0) {
        const char *last = db_text(rows, 0, "pgseam_last");

        batch->taken += db_int(rows, 0, "pgseam_taken");
        rewrite->dirty_block = g_ascii_strtoll(last + 1, NULL, 10);
    }
    return TRUE;
}

/* Writers fill up any block with room: whoever finds less than it wanted looks at those before, too. */
static gboolean
take(Batch *batch, int most, GError **error)
{
    gint64 first = batch->rewrite->dirty_block;

    if (!take_from(batch, most, first, error))
        return FALSE;
    if (batch->taken >= most)
        return TRUE;
    if (first > 0 && !take_from(batch, most - (int)batch->taken, 0, error))
        return FALSE;
    if (batch->taken < most)
        batch->rewrite->dirty_block = 0;
    return TRUE;
}

/* "(SELECT s.* FROM ONLY source AS s JOIN <keys> AS k ON ...)": what the source has of the keys now. */
static char *
source_rows(const Flow *flow, int first)
{
    g_autofree char *keys = keys_sql(flow, first);
    g_autoptr(GString) match = g_string_new(NULL);

    for (guint i = 0; i < flow->keys->len; i++) {
        const FlowKey *key = g_ptr_array_index(flow->keys, i);
        g_autofree char *column = sql_quote_ident(key->name);

        g_string_append_printf(match, "%ss.%s %s k.%s", i > 0 ? " AND " : "", column, key->equal, column);
    }
    return sql_build("(SELECT s.* FROM ONLY ? AS s JOIN (SELECT DISTINCT * FROM ? AS d) AS k ON ?) AS s",
                     sql_raw(flow->source), sql_raw(keys), sql_raw(match->str));
}

static gboolean
delete_images(Batch *batch, const Keys *keys, GError **error)
{
    g_autofree char *all = keys_sql(batch->flow, 1);
    g_autofree char *from = flow_images(batch->flow, all);
    g_autofree char *match = flow_match(batch->flow);
    g_autofree char *sql = sql_build("DELETE FROM ? AS t USING ? AS k WHERE ?", sql_raw(batch->flow->target),
                                     sql_raw(from), sql_raw(match));

    return run_with_keys(batch, keys, sql, error);
}

/* The same by comparing what the target's key was in the source: no index helps, but each key of the target has one. */
static gboolean
delete_by_way_back(Batch *batch, const Keys *keys, GError **error)
{
    g_autofree char *from = keys_sql(batch->flow, 1);
    g_autoptr(GString) list = g_string_new(NULL);
    g_autoptr(GString) match = g_string_new(NULL);
    g_autofree char *sql = NULL;

    for (guint i = 0; i < batch->flow->keys->len; i++) {
        const FlowKey *key = g_ptr_array_index(batch->flow->keys, i);
        g_autofree char *column = sql_quote_ident(key->name);

        g_string_append_printf(list, ", %s AS pgseam_b%u", key->back, i);
        g_string_append_printf(match, "%so.pgseam_b%u %s k.%s", i > 0 ? " AND " : "", i, key->equal, column);
    }
    sql = sql_build(
        "DELETE FROM ? WHERE ctid = ANY (ARRAY(SELECT o.pgseam_tid FROM (SELECT ctid AS pgseam_tid? FROM ONLY ?) "
        "AS o JOIN ? AS k ON ?))",
        sql_raw(batch->flow->target), sql_raw(list->str), sql_raw(batch->flow->target), sql_raw(from),
        sql_raw(match->str));
    return run_with_keys(batch, keys, sql, error);
}

static gboolean
has_cast(const Flow *flow)
{
    for (guint i = 0; i < flow->keys->len; i++) {
        if (((const FlowKey *)g_ptr_array_index(flow->keys, i))->is_cast)
            return TRUE;
    }
    return FALSE;
}

/* A key that does not fit the target's type (class 22) has no row there; the others of the batch may have. */
static gboolean
delete_keys(Batch *batch, const Keys *keys, GError **error)
{
    g_autoptr(GError) why = NULL;
    const char *sqlstate;

    if (!has_cast(batch->flow))
        return delete_images(batch, keys, error);
    if (!db_run(batch->conn, "SAVEPOINT images", DB_NONE, error))
        return FALSE;
    if (delete_images(batch, keys, &why))
        return db_run(batch->conn, "RELEASE images", DB_NONE, error);
    sqlstate = seam_error_get_sqlstate(why);
    if (sqlstate == NULL || !g_str_has_prefix(sqlstate, "22")) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    return db_run(batch->conn, "ROLLBACK TO images", DB_NONE, error) && delete_by_way_back(batch, keys, error);
}

/* A row whose key is another one on the way back could not be told from that other one: it does not go in. */
static gboolean
check_survival(Batch *batch, GError **error)
{
    g_autofree char *survives = flow_survives(batch->flow);
    g_autofree char *rows = source_rows(batch->flow, 1);
    g_autofree char *from = NULL;
    g_autofree char *sql = NULL;
    g_autoptr(GPtrArray) values = keys_values(batch->keys);
    g_autoptr(DbResult) found = NULL;

    if (survives == NULL)
        return TRUE;
    from = g_strndup(rows, strlen(rows) - strlen(" AS s"));
    g_free(g_steal_pointer(&rows));
    rows = flow_images(batch->flow, from);
    sql = sql_build("SELECT CAST(k AS pg_catalog.text) AS keys FROM ? AS k WHERE (?) IS NOT TRUE LIMIT 1",
                    sql_raw(rows), sql_raw(survives));
    found = db_query(batch->conn, sql, (int)values->len, (const char *const *)values->pdata, error);
    if (found == NULL || db_rows(found) == 0)
        return found != NULL;
    flow_set_unfit(batch->flow, db_text(found, 0, "keys"), error);
    return FALSE;
}

static gboolean
insert_keys(Batch *batch, GError **error)
{
    g_autofree char *from = source_rows(batch->flow, 1);
    g_autofree char *rows = flow_select(batch->flow, from);
    g_autofree char *columns = flow_column_list(batch->flow);
    g_autofree char *sql = sql_build("INSERT INTO ? (?) OVERRIDING SYSTEM VALUE ?", sql_raw(batch->flow->target),
                                     sql_raw(columns), sql_raw(rows));

    return run_with_keys(batch, batch->keys, sql, error);
}

/* What the source's rows will be in the target, generated columns included: "(SELECT n.*, <generated> ...) AS n". */
static char *
new_rows(const Flow *flow, int first)
{
    g_autofree char *from = source_rows(flow, first);
    g_autofree char *rows = flow_select(flow, from);
    g_autofree char *columns = flow_column_list(flow);
    g_autoptr(GString) list = g_string_new("n.*");

    for (guint i = 0; i < flow->generated->len; i++) {
        const FlowColumn *column = g_ptr_array_index(flow->generated, i);
        g_autofree char *item = sql_build(", (?) AS ?", sql_raw(column->expr), sql_ident(column->name));

        g_string_append(list, item);
    }
    return sql_build("(SELECT ? FROM (?) AS n(?)) AS n", sql_raw(list->str), sql_raw(rows), sql_raw(columns));
}

/* "SELECT <part> AS p0, ... FROM <rows> WHERE <predicate>" */
static char *
unique_values(const FlowUnique *unique, const char *more, const char *rows)
{
    g_autoptr(GString) list = g_string_new(more);

    for (guint i = 0; i < unique->parts->len; i++)
        g_string_append_printf(list, "%s(%s) AS pgseam_p%u", i > 0 ? ", " : "",
                               (const char *)g_ptr_array_index(unique->parts, i), i);
    if (unique->predicate == NULL)
        return sql_build("(SELECT ? FROM ?)", sql_raw(list->str), sql_raw(rows));
    return sql_build("(SELECT ? FROM ? WHERE ?)", sql_raw(list->str), sql_raw(rows), sql_raw(unique->predicate));
}

static char *
unique_match(const FlowUnique *unique)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < unique->parts->len; i++) {
        const char *operator= g_ptr_array_index(unique->operators, i);

        g_string_append_printf(out,
                               unique->nulls_not_distinct
                                   ? "%s(o.pgseam_p%u %s u.pgseam_p%u OR o.pgseam_p%u IS NULL AND u.pgseam_p%u IS NULL)"
                                   : "%so.pgseam_p%u %s u.pgseam_p%u",
                               i > 0 ? " AND " : "", i, operator, i, i, i);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* Rows of the target that stand in the way of those to come are deleted; their keys, as the source has them, are added
 * to `gone`: the source has given their value to another row, so they have changed, too. */
static gboolean
clear_unique(Batch *batch, const FlowUnique *unique, Keys *gone, GError **error)
{
    const Flow *flow = batch->flow;
    g_autofree char *rows = new_rows(flow, 1);
    g_autofree char *mine = unique_values(unique, "", rows);
    g_autofree char *theirs = NULL;
    g_autofree char *match = unique_match(unique);
    g_autoptr(GString) back = g_string_new(NULL);
    g_autoptr(GPtrArray) values = keys_values(batch->keys);
    g_autofree char *sql = NULL;
    g_autofree char *target = sql_build("ONLY ?", sql_raw(flow->target));
    g_autoptr(DbResult) found = NULL;

    for (guint i = 0; i < flow->keys->len; i++) {
        const FlowKey *key = g_ptr_array_index(flow->keys, i);

        g_string_append_printf(back, "%sCAST(%s AS pg_catalog.text)", i > 0 ? ", " : "",
                               key->back != NULL ? key->back : "NULL");
    }
    theirs = unique_values(unique, "ctid AS pgseam_tid, ", target);
    sql = sql_build(
        "DELETE FROM ? WHERE ctid = ANY (ARRAY(SELECT o.pgseam_tid FROM ? AS o JOIN ? AS u ON ?)) RETURNING ?",
        sql_raw(flow->target), sql_raw(theirs), sql_raw(mine), sql_raw(match), sql_raw(back->str));
    found = db_query(batch->conn, sql, (int)values->len, (const char *const *)values->pdata, error);
    if (found == NULL)
        return FALSE;
    if (((const FlowKey *)g_ptr_array_index(flow->keys, 0))->back != NULL)
        keys_add_rows(gone, found);
    return TRUE;
}

/* "a = b" of two rows of the source under one snapshot: no order of applying makes them fit. */
static gboolean
check_duplicates(Batch *batch, const FlowUnique *unique, const Keys *gone, GError **error)
{
    const Flow *flow = batch->flow;
    g_autofree char *rows = new_rows(flow, 1);
    g_autofree char *others = new_rows(flow, 1 + (int)flow->keys->len);
    g_autofree char *mine = unique_values(unique, "", rows);
    g_autofree char *theirs = unique_values(unique, "", others);
    g_autofree char *match = unique_match(unique);
    g_autofree char *sql = sql_build("SELECT CAST(o AS pg_catalog.text) AS value FROM ? AS o JOIN ? AS u ON ? LIMIT 5",
                                     sql_raw(theirs), sql_raw(mine), sql_raw(match));
    g_autoptr(GPtrArray) values = keys_values(batch->keys);
    g_autoptr(GPtrArray) more = keys_values(gone);
    g_autoptr(DbResult) found = NULL;

    for (guint i = 0; i < more->len; i++)
        g_ptr_array_add(values, g_strdup(g_ptr_array_index(more, i)));
    found = db_query(batch->conn, sql, (int)values->len, (const char *const *)values->pdata, error);
    if (found == NULL || db_rows(found) == 0)
        return found != NULL;
    seam_error_set(error, SEAM_ERROR_FAILED, "more than one row of %s has a value that index %s allows once",
                   flow->source, unique->index);
    seam_error_detail(error, "the value is %s", db_text(found, 0, "value"));
    seam_error_hint(error, "correct these rows, then `pgseam resume`; `pgseam rollback` undoes the migration");
    return FALSE;
}

static gboolean
put_back(Batch *batch, const Keys *gone, GError **error)
{
    g_autofree char *names = flow_key_list(batch->flow);
    g_autofree char *from = keys_sql(batch->flow, 1);
    g_autofree char *sql = sql_build("INSERT INTO ? (?) SELECT ? FROM ? AS k", sql_raw(batch->flow->dirty),
                                     sql_raw(names), sql_raw(names), sql_raw(from));

    return run_with_keys(batch, gone, sql, error);
}

/* Who stands in the way goes, and becomes dirty again: it has changed since, and its turn comes. */
static gboolean
make_way(Batch *batch, GError **error)
{
    const GPtrArray *uniques = batch->flow->uniques;
    g_autoptr(Keys) gone = keys_new(batch->flow);

    for (guint i = 0; i < uniques->len; i++) {
        if (!clear_unique(batch, g_ptr_array_index(uniques, i), gone, error))
            return FALSE;
    }
    for (guint i = 0; gone->n > 0 && i < uniques->len; i++) {
        if (!check_duplicates(batch, g_ptr_array_index(uniques, i), gone, error))
            return FALSE;
    }
    return gone->n == 0 || put_back(batch, gone, error);
}

static gboolean
replace(Batch *batch, GError **error)
{
    return delete_keys(batch, batch->keys, error) && check_survival(batch, error) && make_way(batch, error) &&
           insert_keys(batch, error);
}

/* The source was emptied: so is the target, and what the source has now is all dirty. */
static gboolean
follow_truncate(Batch *batch, GError **error)
{
    g_autofree char *names = flow_key_list(batch->flow);
    g_autofree char *empty = sql_build("TRUNCATE ?", sql_raw(batch->flow->target));
    g_autofree char *all = sql_build("INSERT INTO ? (?) SELECT ? FROM ONLY ?", sql_raw(batch->flow->dirty),
                                     sql_raw(names), sql_raw(names), sql_raw(batch->flow->source));
    gboolean is_truncated = FALSE;

    if (!capture_take_truncate(batch->rewrite, batch->flow, batch->conn, &is_truncated, error))
        return FALSE;
    return !is_truncated || (db_run(batch->conn, empty, DB_NONE, error) && db_run(batch->conn, all, DB_NONE, error));
}

/* A row that the new shape refuses: named by its key. */
static void
tell_refused(const Batch *batch, GError **error)
{
    g_autoptr(GString) some = g_string_new(NULL);

    if (seam_error_get_sqlstate(*error) == NULL || guard_is_retryable(*error))
        return;
    for (guint i = 0; batch->keys->n <= 20 && i < batch->keys->n; i++) {
        for (guint k = 0; k < batch->keys->columns->len; k++) {
            const GPtrArray *values = g_ptr_array_index(batch->keys->columns, k);

            g_string_append_printf(some, "%s%s",
                                   k > 0   ? ", "
                                   : i > 0 ? "; "
                                           : "",
                                   (const char *)g_ptr_array_index(values, i));
        }
    }
    if (some->len > 0) {
        g_autofree char *detail = g_strdup(seam_error_get_detail(*error));

        seam_error_detail(error, "%s%samong the rows with key %s of %s", detail != NULL ? detail : "",
                          detail != NULL ? "\n" : "", some->str, batch->flow->source);
    }
    seam_error_hint(
        error,
        "a row of %s does not fit the new shape: correct it, then `pgseam resume`; `pgseam rollback` undoes "
        "the migration",
        batch->flow->source);
}

static gboolean
do_batch(Batch *batch, int most, GError **error)
{
    return follow_truncate(batch, error) && take(batch, most, error) && (batch->keys->n == 0 || replace(batch, error));
}

gboolean
apply_locked(Rewrite *rewrite, const Flow *flow, DbConn *conn, int *ret_taken, GError **error)
{
    g_autoptr(Keys) keys = keys_new(flow);
    Batch batch = {rewrite, flow, conn, keys, 0};

    if (!do_batch(&batch, MOST_KEYS, error)) {
        rewrite->dirty_block = 0;
        return FALSE;
    }
    rewrite->keys_applied += keys->n;
    *ret_taken = (int)batch.taken;
    return TRUE;
}

gboolean
apply_within(Rewrite *rewrite, const Flow *flow, int limit_ms, int *ret_taken, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);

    if (conn == NULL || !run_begin_on(rewrite->run, conn, "REPEATABLE READ", error))
        return FALSE;
    if (db_set_local_ms(conn, "statement_timeout", limit_ms, error) &&
        db_set_local_ms(conn, "lock_timeout", limit_ms, error) && apply_locked(rewrite, flow, conn, ret_taken, error) &&
        db_commit(conn, error))
        return TRUE;
    db_abort(conn);
    return FALSE;
}

static gboolean
one_batch(Batch *batch, int most, GError **error)
{
    if (!run_begin_on(batch->rewrite->run, batch->conn, "REPEATABLE READ", error))
        return FALSE;
    if (do_batch(batch, most, error) && fault_point(batch->rewrite->run, "rewrite.apply.done", error) &&
        db_commit(batch->conn, error))
        return TRUE;
    tell_refused(batch, error);
    db_abort(batch->conn);
    return FALSE;
}

/* A conflict may be one of the moment (a deferred constraint, a lock of autovacuum): a smaller batch, a few times, so
 * that in the end few keys are left to be named. */
gboolean
apply_batch(Rewrite *rewrite, const Flow *flow, int most, int *ret_taken, gboolean *ret_full, GError **error)
{
    *ret_taken = 0;
    for (int attempt = 1;; attempt++) {
        Batch batch = {rewrite, flow, rewrite_apply_session(rewrite, error), NULL, 0};
        g_autoptr(GError) why = NULL;
        g_autoptr(Keys) keys = keys_new(flow);

        batch.keys = keys;
        if (batch.conn == NULL)
            return FALSE;
        if (one_batch(&batch, most, &why)) {
            rewrite->keys_applied += keys->n;
            *ret_taken = (int)batch.taken;
            *ret_full = batch.taken >= most;
            return TRUE;
        }
        rewrite->dirty_block = 0;
        if (seam_error_get_sqlstate(why) == NULL || seam_error_is(why, SEAM_ERROR_LOST) ||
            (most == 1 && attempt > MOST_RETRIES)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        most = MAX(1, most / 8);
        if (!run_sleep(rewrite->run, 5, error))
            return FALSE;
    }
}

static gboolean
note_progress(Rewrite *rewrite, const Flow *flow, GError **error)
{
    g_autofree char *assignments = NULL;
    gint64 left = 0;

    if (g_get_monotonic_time() < rewrite->next_note)
        return TRUE;
    rewrite->next_note = g_get_monotonic_time() + G_USEC_PER_SEC;
    if (!dirty_count(rewrite, flow, 1000000, &left, error))
        return FALSE;
    assignments = sql_build("keys_applied = ?, dirty_keys = ?", sql_int(rewrite->keys_applied), sql_int(left));
    return rewrite_note(rewrite, rewrite->run->control, assignments, error);
}

/* Dead entries are scanned again and again until they are vacuumed; autovacuum comes once a minute. Skipped where
 * somebody holds the table: then it is being done. */
static gboolean
tidy(Rewrite *rewrite, const Flow *flow, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);
    g_autofree char *sql = sql_build("VACUUM (SKIP_LOCKED, TRUNCATE false) ?", sql_raw(flow->dirty));
    g_autoptr(DbResult) row = NULL;

    if (conn == NULL || g_get_monotonic_time() < rewrite->next_tidy)
        return conn != NULL;
    row = db_query(conn, "SELECT pg_catalog.pg_relation_size($1::pg_catalog.regclass) AS bytes", DB_ARGS(flow->dirty),
                   error);
    if (row == NULL || (db_int(row, 0, "bytes") > TIDY_BYTES && !db_run(conn, sql, DB_NONE, error)))
        return FALSE;
    rewrite->next_tidy = g_get_monotonic_time() + TIDY_US;
    return TRUE;
}

gboolean
apply_until(Rewrite *rewrite, const Flow *flow, int enough, gboolean is_throttled, GError **error)
{
    Run *run = rewrite->run;
    int most = FIRST_KEYS;
    int taken = 0;
    double spent_ms = 0;
    gboolean is_full = FALSE;

    do {
        gint64 begun = g_get_monotonic_time();

        if (!run_tick(run, error) || !tidy(rewrite, flow, error) ||
            !apply_batch(rewrite, flow, most, &taken, &is_full, error))
            return FALSE;
        spent_ms = (double)(g_get_monotonic_time() - begun) / 1000;
        if (taken >= most)
            most = throttle_next_rows(most, spent_ms, BATCH_MS, MOST_KEYS);
        if (is_throttled && (!note_progress(rewrite, flow, error) ||
                             !throttle_wait(run, spent_ms, (double)rewrite->keys_applied, error)))
            return FALSE;
    } while (taken > enough && (is_full || spent_ms > run->options.lock_budget_ms / 5.0));
    return TRUE;
}
