/*
 * index.reindex: REINDEX INDEX CONCURRENTLY, outside of any transaction.
 *
 * Interrupted it leaves an INVALID copy, "<index>_ccnew" or "_ccold" (manual, REINDEX, "Rebuilding Indexes
 * Concurrently"). The plan refuses an index that has one, so one that is found is ours. Running it again does no harm;
 * only the journal knows whether it ran.
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "run/progress.h"
#include "steps/alone.h"
#include "steps/common.h"
#include "steps/ops.h"
#include "steps_queries.h"

#define MAX_ATTEMPTS 3
#define LEFTOVER     "an INVALID copy of the index (_ccnew, _ccold) may be left, which still costs writes: "

static DbResult *
find_leftovers(Run *run, const Step *step, GError **error)
{
    return db_query(run->control, QUERY_REINDEX_LEFTOVERS,
                    DB_ARGS(step->schema, step->table, step_get(step, PARAM_INDEX)), error);
}

static gboolean
probe_reindex(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    g_autoptr(DbResult) leftovers = find_leftovers(run, step, error);

    if (leftovers == NULL || !common_probe_journal(run, step, ret_state, error))
        return FALSE;
    if (*ret_state == STEP_ABSENT && db_rows(leftovers) > 0)
        *ret_state = STEP_PARTIAL;
    return TRUE;
}

static gboolean
drop_leftovers(Run *run, const Step *step, GError **error)
{
    g_autoptr(DbResult) leftovers = find_leftovers(run, step, error);

    if (leftovers == NULL)
        return FALSE;
    for (int i = 0; i < db_rows(leftovers); i++) {
        g_autofree char *sql =
            sql_build("DROP INDEX CONCURRENTLY IF EXISTS ?", sql_name(step->schema, db_text(leftovers, i, "name")));

        progress_say(run->progress, "  dropping the INVALID index %s", db_text(leftovers, i, "name"));
        if (!alone_run(run, sql, LEFTOVER, error))
            return FALSE;
    }
    return TRUE;
}

/* A deadlock with the application's own DDL or VACUUM: PostgreSQL chose us, so it did no harm. */
static gboolean
reindex(Run *run, const Step *step, GError **error)
{
    for (int attempt = 1;; attempt++) {
        g_autoptr(GError) why = NULL;

        if (alone_run(run, step->sql, LEFTOVER, &why))
            return TRUE;
        if (seam_error_is(why, SEAM_ERROR_SQL) && !db_is_lost(run->work) && !drop_leftovers(run, step, NULL))
            seam_error_hint(&why, "%s`pgseam resume` or `pgseam rollback` drops it", LEFTOVER);
        if (!seam_error_has_sqlstate(why, "40P01") || attempt == MAX_ATTEMPTS) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
}

static gboolean
verify_reindex(Run *run, const Step *step, GError **error)
{
    g_autoptr(DbResult) row = db_query(run->control, QUERY_RELATION_STATE,
                                       DB_ARGS(step->schema, step_get(step, PARAM_INDEX), step->table), error);

    if (row == NULL)
        return FALSE;
    if (db_rows(row) == 1 && db_bool(row, 0, "is_valid"))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "index %s was rebuilt without an error, but it is not there or not valid",
                   step_get(step, PARAM_INDEX));
    seam_error_hint(error, "another session may have changed it; `pgseam resume` tries again");
    return FALSE;
}

const StepOps step_index_reindex = {probe_reindex, reindex, drop_leftovers, verify_reindex, drop_leftovers};
