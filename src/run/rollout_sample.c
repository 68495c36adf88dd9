#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "base/units.h"
#include "db/array.h"
#include "run/rollout_compare.h"
#include "run/rollout_row.h"

/* A sample by blocks: some more than are needed, since their number is an estimate, and never so few that none is met.
 */
#define MORE_ROWS    1.5
#define FEWEST_PAGES 32.0
/* Each row that fails costs a look at halves of what is left. */
#define MOST_ERRORS 20

#define LATE   "57014" /* query_canceled: by statement_timeout */
#define LOCKED "55P03" /* lock_not_available */

typedef struct Sampler {
    DbConn *conn;
    const RolloutSampling *sampling;
    RolloutFigures *figures;
    gint64 until; /* monotonic, in microseconds */
} Sampler;

static void
difference_free(gpointer data)
{
    RolloutDifference *difference = data;

    g_free(difference->key);
    g_free(difference->columns);
    g_free(difference->old_side);
    g_free(difference->new_side);
    g_free(difference);
}

static void
set_late(const Sampler *sampler, GError **error)
{
    g_autofree char *time = units_ms_text(sampler->sampling->timeout_ms);
    g_autofree char *message =
        g_strdup_printf("the sample took longer than %s and was given up; nothing was noted", time);

    g_clear_error(error);
    seam_error_set_sql(error, SEAM_ERROR_FAILED, LATE, message);
    seam_error_hint(error,
                    "a smaller --sample, or a longer --timeout. A query whose key is not a column of a table as it "
                    "is, or which is read as a whole whatever key is asked for, costs the same each time");
}

/* Each statement gets what is left of the time. */
static gboolean
check_time(const Sampler *sampler, GError **error)
{
    gint64 left_ms = (sampler->until - g_get_monotonic_time()) / 1000;

    if (left_ms > 0)
        return db_set_local_ms(sampler->conn, "statement_timeout", (int)left_ms, error);
    set_late(sampler, error);
    return FALSE;
}

/* Percent of the blocks, and how many rows of them. TRUE: fewer than were asked for. */
static gboolean
measure(const RolloutSampling *sampling, const KeySource *source, double *ret_percent, gint64 *ret_rows)
{
    double rows = source->rows > 0 ? source->rows : 1;
    double most = ROLLOUT_MAX_ROWS * 100.0 * MORE_ROWS / rows;

    *ret_rows = sampling->rows > 0 ? sampling->rows : ROLLOUT_MAX_ROWS;
    *ret_percent =
        sampling->rows > 0 ? (double)*ret_rows * 100 * MORE_ROWS / rows : MIN(sampling->percent / 100.0, most);
    if (source->pages > 0 && sampling->rows > 0)
        *ret_percent = MAX(*ret_percent, FEWEST_PAGES * 100 / (double)source->pages);
    *ret_percent = source->pages > 0 ? MIN(*ret_percent, 100) : 100;
    return sampling->rows == 0 && rows * sampling->percent / 10000 > ROLLOUT_MAX_ROWS;
}

/* Add the keys of some rows to `keys`, each once. */
static gboolean
draw(const Sampler *sampler, const KeySource *source, GHashTable *known, GPtrArray *keys, GError **error)
{
    g_autofree char *sql =
        sql_build("SELECT CAST(s.key AS text) AS key FROM (SELECT ? AS key FROM ? AS t TABLESAMPLE pg_catalog.system "
                  "(CAST($1 AS real)) WHERE ? IS NOT NULL ORDER BY pg_catalog.random() LIMIT CAST($2 AS bigint)) AS s",
                  sql_raw(source->key), sql_raw(source->relation), sql_raw(source->key));
    char percent[G_ASCII_DTOSTR_BUF_SIZE];
    g_autofree char *limit = NULL;
    g_autoptr(DbResult) rows = NULL;
    double part;
    gint64 n;

    if (measure(sampler->sampling, source, &part, &n))
        sampler->figures->is_cut = TRUE;
    g_ascii_formatd(percent, sizeof(percent), "%.7f", part);
    limit = db_int_text(n);
    if (!check_time(sampler, error))
        return FALSE;
    rows = db_query(sampler->conn, sql, DB_ARGS(percent, limit), error);
    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        const char *text = db_text(rows, i, "key");
        char *key = g_hash_table_contains(known, text) ? NULL : g_strdup(text);

        if (key == NULL)
            continue;
        g_hash_table_add(known, key);
        g_ptr_array_add(keys, key);
    }
    return rows != NULL;
}

static void
take_differences(RolloutFigures *figures, const DbResult *rows)
{
    for (int i = 0; i < db_rows(rows) && figures->differences->len < COMPARED_SHOWN; i++) {
        RolloutDifference *difference = g_new0(RolloutDifference, 1);

        difference->key = g_strdup(db_text(rows, i, "key"));
        difference->columns = g_strdup(db_text(rows, i, "columns"));
        difference->old_side = g_strdup(db_text(rows, i, "old_side"));
        difference->new_side = g_strdup(db_text(rows, i, "new_side"));
        g_ptr_array_add(figures->differences, difference);
    }
}

static gboolean
check_doubled(const DbResult *row, GError **error)
{
    if (db_columns(row) < 3 || db_int(row, 0, "doubled") == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "a query gives %s rows whose key another row has, too: which of them shall be compared is not said",
                   db_text(row, 0, "doubled"));
    seam_error_hint(error, "its first column must tell rows apart; `pgseam rollout compare` takes another query");
    return FALSE;
}

/* Rows in quarantine: an expression fails on them, too. */
static void
take_failed(RolloutFigures *figures, const DbResult *row)
{
    gint64 failed = db_columns(row) > 3 ? db_int(row, 0, "failed") : 0;

    figures->errors += failed;
    if (failed > 0 && figures->error_text == NULL)
        figures->error_text = g_strdup("rows are in quarantine: `pgseam version quarantine` shows them");
}

/* Compare the rows of these keys (NULL: all) and count them. */
static gboolean
count(const Sampler *sampler, const Comparison *comparison, const char *keys, GError **error)
{
    RolloutFigures *figures = sampler->figures;
    int n_args = keys != NULL ? 1 : 0;
    g_autoptr(DbResult) rows = NULL;
    g_autoptr(DbResult) shown = NULL;

    if (!check_time(sampler, error))
        return FALSE;
    rows = db_query(sampler->conn, comparison->count_sql, n_args, &keys, error);
    if (rows == NULL || !check_doubled(rows, error))
        return FALSE;
    if (db_int(rows, 0, "mismatches") > 0 && figures->differences->len < COMPARED_SHOWN) {
        if (!check_time(sampler, error))
            return FALSE;
        shown = db_query(sampler->conn, comparison->show_sql, n_args, &keys, error);
        if (shown == NULL)
            return FALSE;
        take_differences(figures, shown);
    }
    take_failed(figures, rows);
    figures->compared += db_int(rows, 0, "compared");
    figures->mismatches += db_int(rows, 0, "mismatches");
    return TRUE;
}

/* Of a row, not of the statement: data exceptions, violated constraints of types, what functions raise (manual,
 * appendix A: classes 22, 23, P0, 38, 39). */
static gboolean
is_of_row(const GError *error)
{
    static const char *const classes[] = {"22", "23", "P0", "38", "39"};
    const char *sqlstate = seam_error_get_sqlstate(error);

    for (guint i = 0; sqlstate != NULL && i < G_N_ELEMENTS(classes); i++) {
        if (strncmp(sqlstate, classes[i], 2) == 0)
            return TRUE;
    }
    return FALSE;
}

/* FALSE with an error where it is not one of a row. */
static gboolean
take_error(const Sampler *sampler, GError *why, GError **error)
{
    if (!is_of_row(why)) {
        g_propagate_error(error, why);
        return FALSE;
    }
    if (sampler->figures->error_text == NULL)
        sampler->figures->error_text = g_strdup(why->message);
    g_error_free(why);
    return db_run(sampler->conn, "ROLLBACK TO SAVEPOINT pgseam_rows", DB_NONE, error);
}

/* Compare keys[from .. from + n); where a row fails, its half is compared in halves, until it is alone. */
static gboolean
compare(const Sampler *sampler, const Comparison *comparison, const GPtrArray *keys, guint from, guint n,
        GError **error)
{
    g_autoptr(GPtrArray) part = g_ptr_array_new();
    g_autofree char *text = NULL;
    GError *why = NULL;

    for (guint i = 0; i < n; i++)
        g_ptr_array_add(part, g_ptr_array_index(keys, from + i));
    text = db_array_text(part);
    if (!db_run(sampler->conn, "SAVEPOINT pgseam_rows", DB_NONE, error))
        return FALSE;
    if (count(sampler, comparison, text, &why))
        return db_run(sampler->conn, "RELEASE SAVEPOINT pgseam_rows", DB_NONE, error);
    if (!take_error(sampler, why, error))
        return FALSE;
    if (n == 1)
        sampler->figures->errors++;
    if (n == 1 || sampler->figures->errors >= MOST_ERRORS)
        return TRUE;
    return compare(sampler, comparison, keys, from, n / 2, error) &&
           (sampler->figures->errors >= MOST_ERRORS ||
            compare(sampler, comparison, keys, from + n / 2, n - n / 2, error));
}

static gboolean
compare_all(const Sampler *sampler, const Comparison *comparison, GError **error)
{
    GError *why = NULL;

    if (!db_run(sampler->conn, "SAVEPOINT pgseam_rows", DB_NONE, error))
        return FALSE;
    if (count(sampler, comparison, NULL, &why))
        return TRUE;
    sampler->figures->errors++;
    return take_error(sampler, why, error);
}

static gboolean
take_one(const Sampler *sampler, const Comparison *comparison, GError **error)
{
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

    if (comparison->sources->len == 0)
        return compare_all(sampler, comparison, error);
    for (guint i = 0; i < comparison->sources->len; i++) {
        if (!draw(sampler, g_ptr_array_index(comparison->sources, i), known, keys, error))
            return FALSE;
    }
    return keys->len == 0 || compare(sampler, comparison, keys, 0, keys->len, error);
}

static gboolean
is_whole(const RolloutSampling *sampling)
{
    return sampling->rows == 0 && sampling->percent == 10000;
}

/* All tables, or the queries, under one snapshot. */
static gboolean
take_in_transaction(const Sampler *sampler, const RolloutPair *pair, const GPtrArray *tables, GError **error)
{
    const char *path = tables != NULL ? "" : pair->search_path;
    Comparison *comparison;
    gboolean ok = TRUE;

    if (!comparison_begin(sampler->conn, path, sampler->sampling->timeout_ms, error))
        return FALSE;
    for (guint i = 0; ok && tables != NULL && i < tables->len; i++)
        ok = take_one(sampler, g_ptr_array_index(tables, i), error);
    if (tables != NULL)
        return ok;
    comparison = comparison_of_queries(sampler->conn, pair, is_whole(sampler->sampling), error);
    ok = comparison != NULL && take_one(sampler, comparison, error);
    comparison_free(comparison);
    return ok;
}

static gboolean
take(const Sampler *sampler, const RolloutPair *pair, GError **error)
{
    g_autoptr(GPtrArray) tables = NULL;
    GError *why = NULL;
    gboolean ok;

    if (pair->migration != NULL) {
        tables = comparisons_of_migration(sampler->conn, pair->migration, TRUE, error);
        if (tables == NULL)
            return FALSE;
    }
    ok = take_in_transaction(sampler, pair, tables, &why);
    db_abort(sampler->conn);
    if (ok)
        return TRUE;
    if (seam_error_has_sqlstate(why, LATE))
        set_late(sampler, &why);
    if (seam_error_has_sqlstate(why, "25006"))
        seam_error_hint(&why, "a comparison only reads; what its queries and expressions call may not write either");
    g_propagate_error(error, why);
    return FALSE;
}

static char *
reason_of(const RolloutFigures *figures, int threshold)
{
    g_autofree char *most = rollout_percent_text(threshold);
    const RolloutDifference *first = figures->differences->len > 0 ? g_ptr_array_index(figures->differences, 0) : NULL;

    return g_strdup_printf("a sample: %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                           " rows differ, at most %s %% may; one of them: key %s",
                           figures->mismatches, figures->compared, most, first != NULL ? first->key : "?");
}

/* In off and complete one side alone is used: there is nothing to go back to, so it is only told. And a rollout that
 * somebody has changed since the sample was begun is another one than the one that was looked at. */
static gboolean
may_freeze(const Rollout *now, const RolloutPair *pair, const RolloutPair *then)
{
    return now->frozen_because == NULL && now->stage != ROLLOUT_OFF && now->stage != ROLLOUT_COMPLETE &&
           pair->period == then->period && strcmp(rollout_stage_name(now->stage), then->stage) == 0;
}

static gboolean
note_locked(const Sampler *sampler, Rollout *now, const RolloutPair *then, GError **error)
{
    RolloutFigures *figures = sampler->figures;
    g_auto(RolloutPair) pair = {0};
    int threshold;

    if (!rollout_pair_get(sampler->conn, now->name, &pair, error))
        return FALSE;
    threshold = sampler->sampling->threshold >= 0 ? sampler->sampling->threshold : pair.threshold;
    figures->is_over = rollout_is_over(figures->compared, figures->mismatches, threshold);
    if (figures->is_over && !sampler->sampling->never_freezes && may_freeze(now, &pair, then)) {
        now->frozen_because = reason_of(figures, threshold);
        figures->is_frozen = TRUE;
        if (!rollout_row_put(sampler->conn, now, "freeze", now->frozen_because, error))
            return FALSE;
    }
    return rollout_figures_put(sampler->conn, now->name, figures, error);
}

static gboolean
note(const Sampler *sampler, const char *name, const RolloutPair *then, GError **error)
{
    g_autoptr(GPtrArray) found = NULL;

    if (!db_run(sampler->conn, "BEGIN", DB_NONE, error))
        return FALSE;
    found = rollout_row_lock(sampler->conn, name, error);
    if (found != NULL && found->len == 0)
        rollout_row_unknown(name, error);
    else if (found != NULL && note_locked(sampler, g_ptr_array_index(found, 0), then, error) &&
             db_commit(sampler->conn, error))
        return TRUE;
    db_abort(sampler->conn);
    return FALSE;
}

static gboolean
find_pair(DbConn *conn, const char *name, RolloutPair *ret, GError **error)
{
    g_autoptr(GPtrArray) found = rollout_list(conn, name, error);

    if (found == NULL)
        return FALSE;
    if (found->len == 0) {
        rollout_row_unknown(name, error);
        return FALSE;
    }
    if (!rollout_row_ensure(conn, error) || !rollout_pair_get(conn, name, ret, error))
        return FALSE;
    if (ret->migration != NULL || ret->old_query != NULL)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "what is compared for rollout %s has not been said", name);
    seam_error_hint(error,
                    "`pgseam rollout compare %s --migration MIGRATION`, or --old QUERY --new QUERY; see "
                    "`pgseam rollout --help`",
                    name);
    return FALSE;
}

gboolean
rollout_check_may_go_on(const GError *error)
{
    return seam_error_has_sqlstate(error, LATE) || seam_error_has_sqlstate(error, LOCKED);
}

RolloutFigures *
rollout_check(DbConn *conn, const char *name, const RolloutSampling *sampling, GError **error)
{
    g_autoptr(RolloutFigures) figures = g_new0(RolloutFigures, 1);
    gint64 begun = g_get_monotonic_time();
    const Sampler sampler = {conn, sampling, figures, begun + (gint64)sampling->timeout_ms * 1000};
    g_auto(RolloutPair) pair = {0};

    figures->differences = g_ptr_array_new_with_free_func(difference_free);
    if (!find_pair(conn, name, &pair, error) || !take(&sampler, &pair, error))
        return NULL;
    figures->stage = g_strdup(pair.stage);
    figures->took_ms = (g_get_monotonic_time() - begun) / 1000;
    return note(&sampler, name, &pair, error) ? g_steal_pointer(&figures) : NULL;
}
