#include <string.h>

#include "base/error.h"
#include "run/journal.h"
#include "run/rollout_compare.h"
#include "run/rollout_row.h"
#include "run_queries.h"
#include "sql/query.h"

#define VALIDATION_MS 10000

void
rollout_pair_clear(RolloutPair *pair)
{
    g_clear_pointer(&pair->stage, g_free);
    g_clear_pointer(&pair->frozen_because, g_free);
    g_clear_pointer(&pair->migration, g_free);
    g_clear_pointer(&pair->old_query, g_free);
    g_clear_pointer(&pair->new_query, g_free);
    g_clear_pointer(&pair->search_path, g_free);
}

static gboolean
has_pairs(DbConn *conn, gboolean *ret_has, GError **error)
{
    g_autoptr(DbResult) row =
        db_query(conn, "SELECT pg_catalog.to_regclass('pgseam.rollout_pair') IS NOT NULL AS has", DB_NONE, error);

    if (row != NULL)
        *ret_has = db_bool(row, 0, "has");
    return row != NULL;
}

static gboolean
read_pair(DbConn *conn, const char *name, RolloutPair *ret, GError **error)
{
    g_autoptr(DbResult) row = db_query(conn, QUERY_ROLLOUT_PAIR_GET, DB_ARGS(name), error);

    if (row == NULL)
        return FALSE;
    if (db_rows(row) == 0) {
        rollout_row_unknown(name, error);
        return FALSE;
    }
    ret->stage = g_strdup(db_text(row, 0, "stage"));
    ret->frozen_because = g_strdup(db_text(row, 0, "frozen_because"));
    ret->migration = g_strdup(db_text(row, 0, "migration"));
    ret->old_query = g_strdup(db_text(row, 0, "old_query"));
    ret->new_query = g_strdup(db_text(row, 0, "new_query"));
    ret->search_path = g_strdup(db_text(row, 0, "search_path"));
    ret->threshold = (int)db_int(row, 0, "threshold");
    ret->at_least = (int)db_int(row, 0, "at_least");
    ret->period = db_int(row, 0, "period");
    return TRUE;
}

gboolean
rollout_pair_get(DbConn *conn, const char *name, RolloutPair *ret, GError **error)
{
    gboolean has = FALSE;

    *ret = (RolloutPair){.at_least = 100};
    if (!has_pairs(conn, &has, error))
        return FALSE;
    return !has || read_pair(conn, name, ret, error);
}

/* Both queries as they will be kept, seen by the server to have something in common. */
static gboolean
check_queries(DbConn *conn, const RolloutPairChange *change, RolloutPair *ret, GError **error)
{
    Comparison *comparison;

    ret->old_query = query_read(change->old_query, error);
    ret->new_query = ret->old_query != NULL ? query_read(change->new_query, error) : NULL;
    if (ret->new_query == NULL)
        return FALSE;
    ret->search_path = g_strdup(db_settings(conn)->search_path);
    if (!comparison_begin(conn, ret->search_path, VALIDATION_MS, error))
        return FALSE;
    comparison = comparison_of_queries(conn, ret, FALSE, error);
    db_abort(conn);
    if (comparison == NULL)
        return FALSE;
    comparison_free(comparison);
    return TRUE;
}

static gboolean
check_change(DbConn *conn, const RolloutPairChange *change, RolloutPair *ret, GError **error)
{
    g_autoptr(GPtrArray) comparisons = NULL;

    if (change->old_query != NULL)
        return check_queries(conn, change, ret, error);
    if (change->migration == NULL)
        return TRUE;
    comparisons = comparisons_of_migration(conn, change->migration, FALSE, error);
    return comparisons != NULL;
}

static gboolean
put_in_transaction(DbConn *conn, const char *name, const RolloutPairChange *change, const RolloutPair *pair,
                   GError **error)
{
    g_autoptr(GPtrArray) found = rollout_row_lock(conn, name, error);
    g_autofree char *threshold = change->threshold >= 0 ? rollout_percent_text(change->threshold) : NULL;
    g_autofree char *at_least = change->at_least > 0 ? db_int_text(change->at_least) : NULL;

    if (found == NULL)
        return FALSE;
    if (found->len == 0) {
        rollout_row_unknown(name, error);
        return FALSE;
    }
    return db_run(
        conn, QUERY_ROLLOUT_PAIR_PUT,
        DB_ARGS(name, change->migration, pair->old_query, pair->new_query, pair->search_path, threshold, at_least),
        error);
}

static gboolean
check_there(DbConn *conn, const char *name, GError **error)
{
    g_autoptr(GPtrArray) found = rollout_list(conn, name, error);

    if (found != NULL && found->len == 0)
        rollout_row_unknown(name, error);
    return found != NULL && found->len > 0;
}

gboolean
rollout_pair_set(DbConn *conn, const char *name, const RolloutPairChange *change, GError **error)
{
    g_auto(RolloutPair) pair = {0};

    if (!check_there(conn, name, error) || !check_change(conn, change, &pair, error) ||
        !rollout_row_ensure(conn, error))
        return FALSE;
    if (db_run(conn, "BEGIN", DB_NONE, error) && put_in_transaction(conn, name, change, &pair, error) &&
        db_commit(conn, error))
        return TRUE;
    db_abort(conn);
    return FALSE;
}
