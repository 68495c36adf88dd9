/*
 * rewrite.*: the phases of the online rewrite. What they do is in rewrite/; here is where each begins, goes on after a
 * crash, and goes back.
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "rewrite/apply.h"
#include "rewrite/build.h"
#include "rewrite/capture.h"
#include "rewrite/copy.h"
#include "rewrite/cut_over.h"
#include "rewrite/shape.h"
#include "rewrite/swap.h"
#include "rewrite/verify.h"
#include "rewrite_queries.h"
#include "run/progress.h"
#include "steps/common.h"
#include "steps/ops.h"

#define CLOSE_ENOUGH 1000

/* The rewrite, its tables being those that the migration began with, and capture going on. */
static Rewrite *
begin(Run *run, const Step *step, const char *phase, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);

    if (rewrite == NULL || !rewrite_check(rewrite, error) || !rewrite_check_witness(rewrite, run->control, error) ||
        !rewrite_open_capture(rewrite, error) || !rewrite_note_phase(rewrite, phase, error))
        return NULL;
    return rewrite;
}

/* Each probe answers from the journal's row and the names, which are read anew. */
static Rewrite *
look(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);

    return rewrite != NULL && rewrite_reload(rewrite, error) ? rewrite : NULL;
}

static gboolean
probe_prepare(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    Rewrite *rewrite = look(run, step, error);

    if (rewrite == NULL)
        return FALSE;
    *ret_state = !rewrite->is_known || rewrite->is_dropped ? STEP_ABSENT
                 : rewrite->shadow_oid != 0                ? STEP_PRESENT
                                                           : STEP_PARTIAL;
    return TRUE;
}

static gboolean
note_intent(Rewrite *rewrite, GError **error)
{
    g_autofree char *id = db_int_text(rewrite->run->migration);
    g_autofree char *oid = db_int_text(rewrite->live_oid);

    return db_run(rewrite->run->control, QUERY_REWRITE_INSERT,
                  DB_ARGS(id, rewrite->name, rewrite->schema, rewrite->table, oid), error) &&
           rewrite_reload(rewrite, error);
}

/* Values that a new unique constraint would not allow, found before anything is made. */
static gboolean
check_duplicates(Run *run, const Step *step, GError **error)
{
    g_autofree char *bad = NULL;

    if (step_get(step, PARAM_COUNT) == NULL)
        return TRUE;
    if (!common_count_bad(run, step, &bad, error))
        return FALSE;
    if (bad == NULL)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "the rows of %s.%s are not unique: nothing was begun", step->schema,
                   step->table);
    seam_error_detail(error, "values that more than one row has: %s", bad);
    seam_error_hint(error, "remove the duplicates, then `pgseam resume`; `pgseam rollback` undoes the migration");
    return FALSE;
}

/* A table that the file changes before it rewrites it is not yet what it will be. */
static gboolean
is_first(const Plan *plan, guint n)
{
    const Step *step = g_ptr_array_index(plan->steps, n);

    for (guint i = 0; i < n; i++) {
        if (step_is_of(g_ptr_array_index(plan->steps, i), step->schema, step->table))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_one(Run *run, const Step *step, gboolean is_shape_known, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);
    g_autofree char *why = NULL;

    return rewrite != NULL && swap_check(rewrite, run->control, error) &&
           capture_choose(rewrite, &why, error) != NULL &&
           (!is_shape_known || (shape_try(rewrite, error) && check_duplicates(run, step, error)));
}

gboolean
rewrite_preflight(Run *run, GError **error)
{
    gboolean ok = TRUE;

    for (guint i = 0; i < run->plan->steps->len && ok; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);

        ok = step->kind != STEP_REWRITE_PREPARE || check_one(run, step, is_first(run->plan, i), error);
    }
    run_close_companion(run);
    return ok;
}

/* The same once more, since somebody may have changed the table; nothing has been made yet. */
static gboolean
run_prepare(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);

    return rewrite != NULL && note_intent(rewrite, error) && rewrite_check(rewrite, error) &&
           check_one(run, step, FALSE, error) && check_duplicates(run, step, error) && shape_create(rewrite, error) &&
           rewrite_reload(rewrite, error);
}

static gboolean
undo_prepare(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);

    return rewrite != NULL && shape_drop(rewrite, error);
}

static gboolean
probe_capture(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    Rewrite *rewrite = look(run, step, error);

    if (rewrite == NULL)
        return FALSE;
    *ret_state = rewrite->is_capturing || rewrite->is_swapped ? STEP_PRESENT
                 : rewrite->capture_kind != NULL              ? STEP_PARTIAL
                                                              : STEP_ABSENT;
    return TRUE;
}

static gboolean
choose(Rewrite *rewrite, GError **error)
{
    g_autofree char *why = NULL;
    const CaptureOps *ops;
    g_autofree char *assignments = NULL;

    if (rewrite->capture_kind != NULL)
        return TRUE;
    ops = capture_choose(rewrite, &why, error);
    if (ops == NULL)
        return FALSE;
    progress_say(rewrite->run->progress, "  capture: %s (%s)", ops->name, why);
    assignments = sql_build("capture = ?, capture_why = ?", sql_literal(ops->name), sql_literal(why));
    return rewrite_note(rewrite, rewrite->run->control, assignments, error) && rewrite_reload(rewrite, error);
}

static gboolean
run_capture(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = begin(run, step, "capture", error);

    if (rewrite == NULL || !choose(rewrite, error) || rewrite_flow(rewrite, error) == NULL ||
        !capture_ops(rewrite->capture_kind)->start(rewrite, step, error) ||
        !rewrite_note(rewrite, run->control, "is_capturing = true", error))
        return FALSE;
    rewrite->is_capturing = TRUE;
    return TRUE;
}

static gboolean
undo_capture(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);

    if (rewrite == NULL)
        return FALSE;
    if (rewrite->capture_kind != NULL && !capture_ops(rewrite->capture_kind)->remove(rewrite, step, error))
        return FALSE;
    return rewrite_note(rewrite, run->control, "is_capturing = false, capture = NULL, slot = NULL", error);
}

/* A flag of the journal's row that is set once for ever, but for a rollback. */
#define PROBE(name, flag)                                                                                              \
    static gboolean name(Run *run, const Step *step, StepState *ret_state, GError **error)                             \
    {                                                                                                                  \
        Rewrite *rewrite = look(run, step, error);                                                                     \
                                                                                                                       \
        if (rewrite != NULL)                                                                                           \
            *ret_state = rewrite->flag ? STEP_PRESENT : STEP_ABSENT;                                                   \
        return rewrite != NULL;                                                                                        \
    }
PROBE(probe_copy, is_copied)
PROBE(probe_index, is_indexed)
PROBE(probe_verify, is_verified)
PROBE(probe_drop, is_dropped)

static gboolean
run_copy(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = begin(run, step, "copy", error);

    return rewrite != NULL && copy_rows(rewrite, error);
}

static gboolean
run_index(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = begin(run, step, "index", error);

    return rewrite != NULL && build_with_rows(rewrite, error);
}

/* Nothing stays caught up: it is done again whenever the migration goes on, until the cut-over. */
static gboolean
probe_catch_up(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    Rewrite *rewrite = look(run, step, error);

    if (rewrite != NULL)
        *ret_state = rewrite->is_verified || rewrite->is_swapped ? STEP_PRESENT : STEP_ABSENT;
    return rewrite != NULL;
}

static gboolean
run_catch_up(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = begin(run, step, "catch-up", error);
    const Flow *flow = rewrite != NULL ? rewrite_flow(rewrite, error) : NULL;

    return flow != NULL && apply_until(rewrite, flow, CLOSE_ENOUGH, TRUE, error);
}

static gboolean
run_verify(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = begin(run, step, "verify", error);
    const Flow *flow = rewrite != NULL ? rewrite_flow(rewrite, error) : NULL;
    g_auto(VerifyReport) report = {0};
    g_autofree char *assignments = NULL;

    if (flow == NULL || !verify_flow(rewrite, flow, &report, error))
        return FALSE;
    progress_say(run->progress, "  %" G_GINT64_FORMAT " rows compared in %.2f s, all equal", report.target_rows,
                 report.seconds);
    assignments = sql_build("is_verified = true, verified_hash = ?", sql_literal(report.hash));
    return rewrite_note(rewrite, run->control, assignments, error);
}

/* Exchanged back, but its foreign keys not yet proven again: that is half of it, too. */
static gboolean
probe_swap(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    Rewrite *rewrite = look(run, step, error);
    gboolean is_unproven;

    if (rewrite == NULL || !cut_over_is_unproven(rewrite, &is_unproven, error))
        return FALSE;
    if (rewrite->is_swapped)
        *ret_state = rewrite->is_capturing ? STEP_PARTIAL : STEP_PRESENT;
    else
        *ret_state = is_unproven ? STEP_PARTIAL : STEP_ABSENT;
    return TRUE;
}

static gboolean
run_swap(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = begin(run, step, "cut-over", error);

    return rewrite != NULL && cut_over(rewrite, step, error);
}

static gboolean
undo_swap(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);

    return rewrite != NULL && rewrite_check(rewrite, error) && cut_back(rewrite, step, error);
}

static gboolean
check_way_back(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = look(run, step, error);

    if (rewrite == NULL)
        return FALSE;
    return !rewrite->is_swapped || step_is(step, PARAM_ONE_WAY) ||
           (rewrite_check(rewrite, error) && swap_check(rewrite, run->control, error) &&
            swap_check_unchanged(rewrite, run->control, error));
}

gboolean
rewrite_check_undo(Run *run, GError **error)
{
    gboolean ok = TRUE;

    for (guint i = 0; i < run->plan->steps->len && ok; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);

        ok = step->kind != STEP_REWRITE_SWAP || check_way_back(run, step, error);
    }
    if (!ok && error != NULL && seam_error_is(*error, SEAM_ERROR_DRIFT)) {
        seam_error_recode(error, SEAM_ERROR_REFUSED);
        seam_error_hint(
            error, "nothing was undone. Take that change back and roll back again, or go on with `pgseam complete`");
    }
    return ok;
}

/* Where the new shape had no index on the key, one was made for us. */
static gboolean
drop_key_index(Rewrite *rewrite, GError **error)
{
    g_autofree char *index = shape_key_index(rewrite);
    g_autofree char *sql = sql_build("DROP INDEX CONCURRENTLY IF EXISTS ?", sql_name(rewrite->schema, index));

    return run_prepare_alone(rewrite->run, error) && db_run(rewrite->run->work, sql, DB_NONE, error);
}

/* The old table may go whatever the new one is called by now, but not if it is the only one left. */
static gboolean
check_new_table(Rewrite *rewrite, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->shadow_oid);
    g_autofree char *old = rewrite_shadow_name(rewrite);
    g_autoptr(DbResult) row = db_query(
        rewrite->run->control, "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = $1::oid) AS is_there",
        DB_ARGS(oid), error);

    if (row == NULL)
        return FALSE;
    if (rewrite->is_dropped || rewrite->own_oid == 0 ||
        (db_bool(row, 0, "is_there") && rewrite->own_oid == rewrite->source_oid))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_DRIFT, "the table that took the place of %s.%s is gone: %s is not dropped",
                   rewrite->schema, rewrite->table, old);
    seam_error_hint(error, "take from %s what you need, or drop it, then `pgseam complete`", old);
    return FALSE;
}

static gboolean
run_drop(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);
    gboolean ok;

    if (rewrite == NULL || !rewrite_reload(rewrite, error) || !check_new_table(rewrite, error) ||
        !capture_remove_reverse(rewrite, step, TRUE, error))
        return FALSE;
    ok = drop_key_index(rewrite, error);
    run_restore(run);
    return ok && shape_drop(rewrite, error);
}

const StepOps step_rewrite_prepare = {probe_prepare, run_prepare, NULL, NULL, undo_prepare, NULL};
const StepOps step_rewrite_capture = {probe_capture, run_capture, NULL, NULL, undo_capture, NULL};
const StepOps step_rewrite_copy = {probe_copy, run_copy, NULL, NULL, NULL, NULL};
const StepOps step_rewrite_index = {probe_index, run_index, NULL, NULL, NULL, NULL};
const StepOps step_rewrite_catch_up = {probe_catch_up, run_catch_up, NULL, NULL, NULL, NULL};
const StepOps step_rewrite_verify = {probe_verify, run_verify, NULL, NULL, NULL, NULL};
const StepOps step_rewrite_swap = {probe_swap, run_swap, NULL, NULL, undo_swap, NULL};
const StepOps step_rewrite_drop = {probe_drop, run_drop, NULL, NULL, NULL, NULL};
