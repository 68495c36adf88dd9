/*
 * index.create and index.drop: concurrently, outside of any transaction.
 *
 * CREATE INDEX CONCURRENTLY that fails leaves an INVALID index which still costs writes, and a unique one still rejects
 * rows (manual, CREATE INDEX, "Building Indexes Concurrently"): it is dropped at once where we can, and by the next run
 * otherwise.
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "run/progress.h"
#include "steps/alone.h"
#include "steps/common.h"
#include "steps/ops.h"
#include "steps_queries.h"

#define MAX_ATTEMPTS 3
#define LEFTOVER     "an INVALID index may be left, which still costs writes: "

static gboolean
probe_index(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    g_autoptr(DbResult) row = db_query(run->control, QUERY_RELATION_STATE,
                                       DB_ARGS(step->schema, step_get(step, PARAM_INDEX), step->table), error);

    if (row == NULL)
        return FALSE;
    *ret_state = db_rows(row) == 0 ? STEP_ABSENT : db_bool(row, 0, "is_valid") ? STEP_PRESENT : STEP_PARTIAL;
    return TRUE;
}

static gboolean
probe_index_gone(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    StepState state;

    if (!probe_index(run, step, &state, error))
        return FALSE;
    *ret_state = state == STEP_ABSENT ? STEP_PRESENT : STEP_ABSENT;
    return TRUE;
}

static gboolean
verify_index(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_index, error);
}

static gboolean
verify_index_gone(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_index_gone, error);
}

static gboolean
drop_index(Run *run, const Step *step, GError **error)
{
    g_autofree char *sql =
        sql_build("DROP INDEX CONCURRENTLY IF EXISTS ?", sql_name(step->schema, step_get(step, PARAM_INDEX)));

    return alone_run(run, sql, LEFTOVER, error);
}

/* Take away what a failed build has left, if the server still talks to us; the error of the build is the one to tell.
 */
static void
clean_up(Run *run, const Step *step, GError **error)
{
    g_autoptr(GError) why = NULL;
    StepState state = STEP_ABSENT;

    if (db_is_lost(run->work) || !probe_index(run, step, &state, &why) || state != STEP_PARTIAL)
        return;
    progress_say(run->progress, "  the build failed; dropping the INVALID index it left");
    if (!drop_index(run, step, &why))
        seam_error_hint(error,
                        "an INVALID index %s is left, which still costs writes: `pgseam resume` or `pgseam rollback` "
                        "drops it",
                        step_get(step, PARAM_INDEX));
}

/* The server names one; people want to know how many there are. */
static void
tell_duplicates(Run *run, const Step *step, GError **error)
{
    g_autofree char *bad = NULL;

    if (common_count_bad(run, step, &bad, NULL) && bad != NULL)
        seam_error_detail(error, "values that more than one row has: %s", bad);
    seam_error_hint(error, "remove the duplicates, then `pgseam resume`; `pgseam rollback` undoes the migration");
}

/* A build that must fail is not begun. */
static gboolean
check_duplicates(Run *run, const Step *step, GError **error)
{
    g_autofree char *bad = NULL;

    if (!common_count_bad(run, step, &bad, error))
        return FALSE;
    if (bad == NULL)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "the rows of %s.%s are not unique: index %s was not begun", step->schema,
                   step->table, step_get(step, PARAM_INDEX));
    seam_error_detail(error, "values that more than one row has: %s", bad);
    seam_error_hint(error, "remove the duplicates, then `pgseam resume`; `pgseam rollback` undoes the migration");
    return FALSE;
}

static gboolean
create_index(Run *run, const Step *step, GError **error)
{
    if (!check_duplicates(run, step, error))
        return FALSE;
    for (int attempt = 1;; attempt++) {
        g_autoptr(GError) why = NULL;

        if (alone_run(run, step->sql, LEFTOVER, &why))
            return TRUE;
        if (seam_error_is(why, SEAM_ERROR_SQL))
            clean_up(run, step, &why);
        if (seam_error_is(why, SEAM_ERROR_CANCELLED))
            seam_error_hint(&why,
                            "an INVALID index %s may be left, which still costs writes: `pgseam resume` or `pgseam "
                            "rollback` drops it",
                            step_get(step, PARAM_INDEX));
        if (seam_error_has_sqlstate(why, "23505"))
            tell_duplicates(run, step, &why);
        /* A deadlock with the application's own DDL or VACUUM: PostgreSQL chose us, so it did no harm. */
        if (!seam_error_has_sqlstate(why, "40P01") || attempt == MAX_ATTEMPTS) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
}

static gboolean
run_drop(Run *run, const Step *step, GError **error)
{
    return alone_run(run, step->sql, LEFTOVER, error);
}

/* The index of a partition that is attached to the partitioned one goes with that. */
static gboolean
undo_create(Run *run, const Step *step, GError **error)
{
    g_autoptr(DbResult) row =
        db_query(run->control, QUERY_INDEX_ATTACHED, DB_ARGS(step->schema, step_get(step, PARAM_INDEX)), error);

    if (row == NULL)
        return FALSE;
    return db_bool(row, 0, "is_attached") || drop_index(run, step, error);
}

const StepOps step_index_create = {probe_index, create_index, drop_index, verify_index, undo_create};
const StepOps step_index_drop = {probe_index_gone, run_drop, NULL, verify_index_gone, NULL};
