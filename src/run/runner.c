#include "run/runner.h"

#include "base/error.h"
#include "base/sqltext.h"
#include "run/fault.h"
#include "run/progress.h"

#define MAX_RECOVERIES 5

static const MigrationState state_of_phase[] = {
    [PHASE_EXPAND] = STATE_EXPANDING, [PHASE_BACKFILL] = STATE_BACKFILLING, [PHASE_CONTRACT] = STATE_CONTRACTING};
static const Stage stage_of_phase[] = {
    [PHASE_EXPAND] = STAGE_EXPAND, [PHASE_BACKFILL] = STAGE_BACKFILL, [PHASE_CONTRACT] = STAGE_CONTRACT};

static char *
step_title(const Step *step)
{
    g_autofree char *relation = step->table != NULL ? sql_quote_name(step->schema, step->table) : NULL;

    return g_strdup_printf("%d. %s%s%s%s%s%s", step->id, step_trait(step->kind)->name, relation != NULL ? " " : "",
                           relation != NULL ? relation : "", step->file != NULL ? " (" : "",
                           step->file != NULL ? step->place : "", step->file != NULL ? ")" : "");
}

/* Work and "done" commit together for most kinds: then present without "done" was made by somebody else. */
static gboolean
check_foreign(const Step *step, StepStatus status, GError **error)
{
    g_autofree char *title = step_title(step);

    if (step_trait(step->kind)->tx == TX_BATCHED ||
        (step_trait(step->kind)->tx == TX_FORBIDDEN && status == STEP_RUNNING))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_DRIFT, "step %s is there already, but not made by this migration", title);
    seam_error_hint(error, "somebody changed the schema meanwhile: `pgseam rollback`, then plan again");
    return FALSE;
}

/* What the server says of a step, and what the journal says; FALSE with SEAM_ERROR_DRIFT if they cannot both be ours.
 */
static gboolean
probe_step(Run *run, const Step *step, const StepOps *ops, StepState *ret_state, GError **error)
{
    StepStatus status;

    return journal_step_status(run->control, run->migration, step->id, &status, error) &&
           ops->probe(run, step, ret_state, error) &&
           (*ret_state != STEP_PRESENT || status == STEP_DONE || check_foreign(step, status, error));
}

static gboolean
finish_step(Run *run, const Step *step, const StepOps *ops, GError **error)
{
    return (ops->verify == NULL || ops->verify(run, step, error)) && fault_point(run, "step.verified", error) &&
           journal_set_step(run->control, run->migration, step->id, STEP_DONE, error);
}

/* Steps that share a transaction: all of them are done, or none. */
static gboolean
do_joined(Run *run, const GPtrArray *steps, StepOpsOf ops_of, GError **error)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);

    if (!run_name_sessions(run, g_ptr_array_index(steps, 0), error))
        return FALSE;
    for (guint i = 0; i < steps->len; i++) {
        const Step *step = g_ptr_array_index(steps, i);
        const StepOps *ops = ops_of(step->kind);
        GuardPart part = {step, ops->work};
        StepState state;

        if (!probe_step(run, step, ops, &state, error) || !fault_point(run, "step.begin", error))
            return FALSE;
        if (state == STEP_PRESENT)
            continue;
        if (!journal_set_step(run->control, run->migration, step->id, STEP_RUNNING, error) ||
            !fault_point(run, "step.intent", error))
            return FALSE;
        g_ptr_array_add(parts, g_memdup2(&part, sizeof(part)));
    }
    if (parts->len > 0 && !guard_apply_joined(run, parts, error))
        return FALSE;
    for (guint i = 0; i < steps->len; i++) {
        const Step *step = g_ptr_array_index(steps, i);

        if (!finish_step(run, step, ops_of(step->kind), error))
            return FALSE;
    }
    return TRUE;
}

/* One step, from wherever it is, to present. */
static gboolean
do_step(Run *run, const Step *step, const StepOps *ops, StepStatus status, GError **error)
{
    StepState state;

    if (!run_name_sessions(run, step, error) || !ops->probe(run, step, &state, error))
        return FALSE;
    if (state == STEP_PRESENT && !check_foreign(step, status, error))
        return FALSE;
    if (!fault_point(run, "step.begin", error) ||
        !journal_set_step(run->control, run->migration, step->id, STEP_RUNNING, error) ||
        !fault_point(run, "step.intent", error))
        return FALSE;
    if (state == STEP_PARTIAL && ops->repair != NULL && !ops->repair(run, step, error))
        return FALSE;
    if (state != STEP_PRESENT && !ops->run(run, step, error))
        return FALSE;
    return finish_step(run, step, ops, error);
}

/* Lost, hit by a cancel that was meant for the statement before, or kept from the journal by somebody's lock. (Locks of
 * the steps' own are the guard's.) */
static gboolean
is_recoverable(const GError *why)
{
    return seam_error_is(why, SEAM_ERROR_LOST) || seam_error_has_sqlstate(why, "57014") ||
           seam_error_has_sqlstate(why, "55P03");
}

static gboolean
do_steps(Run *run, const GPtrArray *steps, StepOpsOf ops_of, GError **error)
{
    const Step *step = g_ptr_array_index(steps, 0);
    StepStatus status;

    if (steps->len > 1)
        return do_joined(run, steps, ops_of, error);
    return journal_step_status(run->control, run->migration, step->id, &status, error) &&
           (status == STEP_DONE || do_step(run, step, ops_of(step->kind), status, error));
}

/* A lost connection is opened again and the steps probed anew; the fence decides whether it is still ours. */
static gboolean
do_steps_with_recovery(Run *run, const GPtrArray *steps, StepOpsOf ops_of, GError **error)
{
    for (int recoveries = 0;; recoveries++) {
        g_autoptr(GError) why = NULL;

        if (do_steps(run, steps, ops_of, &why))
            return TRUE;
        if (!is_recoverable(why) || recoveries >= MAX_RECOVERIES) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        progress_say(run->progress, "  %s; once more", why->message);
        if (!run_reopen(run, error))
            return FALSE;
    }
}

/* Those of the steps that are still to be done. The caller unrefs. */
static GPtrArray *
pending_of(Run *run, GPtrArray *steps, GError **error)
{
    g_autoptr(GPtrArray) pending = g_ptr_array_new();

    for (guint i = 0; i < steps->len; i++) {
        Step *step = g_ptr_array_index(steps, i);
        StepStatus status;

        if (!journal_step_status(run->control, run->migration, step->id, &status, error))
            return NULL;
        if (status != STEP_DONE)
            g_ptr_array_add(pending, step);
    }
    return g_steal_pointer(&pending);
}

static gboolean
run_steps(Run *run, GPtrArray *steps, StepOpsOf ops_of, GError **error)
{
    gint64 begun = g_get_monotonic_time();
    g_autoptr(GPtrArray) pending = pending_of(run, steps, error);
    const Step *first;

    if (pending == NULL || pending->len == 0)
        return pending != NULL;
    for (guint i = 0; i < pending->len; i++) {
        g_autofree char *title = step_title(g_ptr_array_index(pending, i));
        progress_say(run->progress, "%s", title);
    }
    first = g_ptr_array_index(pending, 0);
    progress_begin(run->progress, step_trait(first->kind)->doc, first->rows);
    if (!do_steps_with_recovery(run, pending, ops_of, error)) {
        if (pending->len == 1)
            run_place_error(first, error);
        return FALSE;
    }
    progress_say(run->progress, "  done in %.2f s", (double)(g_get_monotonic_time() - begun) / G_USEC_PER_SEC);
    return TRUE;
}

/* A step with those that share its transaction. The caller unrefs. */
static GPtrArray *
steps_from(const Plan *plan, guint first)
{
    GPtrArray *steps = g_ptr_array_new();

    g_ptr_array_add(steps, g_ptr_array_index(plan->steps, first));
    while (first + steps->len < plan->steps->len) {
        Step *next = g_ptr_array_index(plan->steps, first + steps->len);

        if (!step_is(next, PARAM_JOINED))
            break;
        g_ptr_array_add(steps, next);
    }
    return steps;
}

static gboolean
run_phase(Run *run, Phase phase, StepOpsOf ops_of, GError **error)
{
    if (!plan_has_phase(run->plan, phase))
        return TRUE;
    if (!journal_set_state(run->control, run->migration, state_of_phase[phase], stage_of_phase[phase], NULL, error))
        return FALSE;
    for (guint i = 0; i < run->plan->steps->len;) {
        g_autoptr(GPtrArray) steps = steps_from(run->plan, i);

        i += steps->len;
        if (((const Step *)g_ptr_array_index(steps, 0))->phase == phase && !run_steps(run, steps, ops_of, error))
            return FALSE;
    }
    return fault_point(run, "phase.end", error);
}

gboolean
runner_expand(Run *run, StepOpsOf ops_of, GError **error)
{
    if (!run_phase(run, PHASE_EXPAND, ops_of, error) || !run_phase(run, PHASE_BACKFILL, ops_of, error))
        return FALSE;
    if (plan_has_phase(run->plan, PHASE_CONTRACT))
        return journal_set_state(run->control, run->migration, STATE_GATED, STAGE_GATE, NULL, error);
    return journal_end(run->control, run->migration, STATE_COMPLETE, error);
}

/* Nothing of contract begins while anything before it is unproven: the journal says done and the server agrees. */
static gboolean
prove_step(Run *run, const Step *step, StepOpsOf ops_of, gboolean is_begun, GError **error)
{
    g_autofree char *title = step_title(step);
    StepStatus status;
    StepState state;

    if (!journal_step_status(run->control, run->migration, step->id, &status, error))
        return FALSE;
    if (status != STEP_DONE) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s cannot be completed: step %s is not done",
                       run->plan->migration, title);
        seam_error_hint(error, "`pgseam resume` finishes it, `pgseam rollback` undoes the migration");
        return FALSE;
    }
    if (step_is(step, PARAM_TRANSIENT) || is_begun)
        return TRUE;
    if (!ops_of(step->kind)->probe(run, step, &state, error))
        return FALSE;
    if (state != STEP_PRESENT) {
        seam_error_set(error, SEAM_ERROR_DRIFT, "step %s was done, but what it made is no longer there", title);
        seam_error_hint(error, "somebody changed the schema meanwhile: `pgseam rollback`, then plan again");
        return FALSE;
    }
    return TRUE;
}

/* A sweep that is refused (the old application still writes) leaves the gate as it was, if nothing else has begun. */
static gboolean
is_only_swept(Run *run, gboolean *ret_only, GError **error)
{
    *ret_only = TRUE;
    for (guint i = 0; i < run->plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);
        StepStatus status;

        if (step->phase != PHASE_CONTRACT || step_is(step, PARAM_SWEEP))
            continue;
        if (!journal_step_status(run->control, run->migration, step->id, &status, error))
            return FALSE;
        *ret_only &= status == STEP_PENDING;
    }
    return TRUE;
}

static gboolean
contract(Run *run, StepOpsOf ops_of, GError **error)
{
    g_autoptr(GError) why = NULL;
    gboolean only_swept = FALSE;

    if (run_phase(run, PHASE_CONTRACT, ops_of, &why))
        return TRUE;
    if (seam_error_is(why, SEAM_ERROR_REFUSED) && is_only_swept(run, &only_swept, NULL) && only_swept)
        journal_set_state(run->control, run->migration, STATE_GATED, STAGE_GATE, why->message, NULL);
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

/* Between a contract that stopped and the one that goes on the old application may have come back: what was swept is
 * swept again, as long as nothing has been dropped that it might need. */
static gboolean
forget_sweep(Run *run, const Step *step, GError **error)
{
    g_autofree char *id = db_int_text(run->migration);
    g_autofree char *number = g_strdup_printf("%d", step->id);

    if (run_begin(run, 60000, error) &&
        db_run(run->work, "DELETE FROM pgseam.chunk WHERE migration_id = $1::bigint AND step_id = $2::int",
               DB_ARGS(id, number), error) &&
        journal_set_step(run->work, run->migration, step->id, STEP_PENDING, error) && run_commit(run, error))
        return TRUE;
    db_abort(run->work);
    return FALSE;
}

static gboolean
has_dropped(Run *run, gboolean *ret_dropped, GError **error)
{
    *ret_dropped = FALSE;
    for (guint i = 0; i < run->plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);
        StepStatus status;

        if (!journal_step_status(run->control, run->migration, step->id, &status, error))
            return FALSE;
        *ret_dropped |= step_trait(step->kind)->is_final && status == STEP_DONE;
    }
    return TRUE;
}

static gboolean
forget_sweeps(Run *run, GError **error)
{
    gboolean dropped;

    if (!has_dropped(run, &dropped, error))
        return FALSE;
    for (guint i = 0; !dropped && i < run->plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);

        if (step->phase == PHASE_CONTRACT && step_is(step, PARAM_SWEEP) && !forget_sweep(run, step, error))
            return FALSE;
    }
    return TRUE;
}

/* What contract has begun to take away or to rename cannot be proven again. */
gboolean
runner_contract(Run *run, StepOpsOf ops_of, GError **error)
{
    gboolean is_untouched;

    if (!is_only_swept(run, &is_untouched, error))
        return FALSE;
    for (guint i = 0; i < run->plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);

        if (step->phase != PHASE_CONTRACT && !prove_step(run, step, ops_of, !is_untouched, error))
            return FALSE;
    }
    return forget_sweeps(run, error) && contract(run, ops_of, error) &&
           journal_end(run->control, run->migration, STATE_COMPLETE, error);
}

/* A cut-over without a way back, by consent: final once it has happened, and not while it is tried. */
static gboolean
has_gone_one_way(Run *run, const Step *step, gboolean *ret_gone, GError **error)
{
    g_autofree char *id = db_int_text(run->migration);
    g_autoptr(DbResult) row = NULL;

    *ret_gone = FALSE;
    if (step->kind != STEP_REWRITE_SWAP || !step_is(step, PARAM_ONE_WAY))
        return TRUE;
    row = db_query(run->control,
                   "SELECT EXISTS (SELECT FROM pgseam.rewrite WHERE migration_id = $1::bigint AND name = $2 AND "
                   "is_swapped) AS is_swapped",
                   DB_ARGS(id, step_get(step, PARAM_REWRITE)), error);
    if (row == NULL)
        return FALSE;
    *ret_gone = db_bool(row, 0, "is_swapped");
    return TRUE;
}

static gboolean
set_irrevocable(const Run *run, const char *title, const char *how, GError **error)
{
    seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s can no longer be rolled back: step %s %s",
                   run->plan->migration, title, how);
    seam_error_hint(error, "`pgseam complete` finishes it");
    return FALSE;
}

/* A step beyond rollback counts from the moment it may have begun. */
static gboolean
check_revocable(Run *run, GError **error)
{
    for (guint i = 0; i < run->plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);
        g_autofree char *title = step_title(step);
        StepStatus status;
        gboolean is_gone;

        if (!has_gone_one_way(run, step, &is_gone, error))
            return FALSE;
        if (is_gone)
            return set_irrevocable(run, title, "is done, and was allowed to have no way back", error);
        if (!step_trait(step->kind)->is_final)
            continue;
        if (!journal_step_status(run->control, run->migration, step->id, &status, error))
            return FALSE;
        if (status == STEP_PENDING || status == STEP_UNDONE ||
            (status == STEP_RUNNING && step_trait(step->kind)->tx == TX_WITH_JOURNAL))
            continue;
        return set_irrevocable(run, title, status == STEP_RUNNING ? "has begun" : "is done", error);
    }
    return TRUE;
}

/* Somebody has dropped the table, or a partition, since: what was done to it went with it. (A statement that runs as it
 * stands may itself have renamed it, and a rewrite has more than the table to clear away; their undo knows.) */
static gboolean
is_relation_gone(Run *run, const Step *step, gboolean *ret_gone, GError **error)
{
    g_autofree char *name = step->table != NULL ? sql_quote_name(step->schema, step->table) : NULL;
    g_autoptr(DbResult) row = NULL;

    *ret_gone = FALSE;
    if (name == NULL || step->kind == STEP_DDL_RUN || step_get(step, PARAM_REWRITE) != NULL)
        return TRUE;
    row = db_query(run->control, "SELECT pg_catalog.to_regclass($1) IS NULL AS gone", DB_ARGS(name), error);
    if (row == NULL)
        return FALSE;
    *ret_gone = db_bool(row, 0, "gone");
    return TRUE;
}

static gboolean
undo_step(Run *run, const Step *step, StepOpsOf ops_of, GError **error)
{
    const StepOps *ops = ops_of(step->kind);
    g_autofree char *title = step_title(step);
    gboolean is_gone;
    StepStatus status;
    StepState state;

    if (!journal_step_status(run->control, run->migration, step->id, &status, error))
        return FALSE;
    if (status == STEP_PENDING || status == STEP_UNDONE)
        return TRUE;
    if (ops->undo == NULL)
        return journal_set_step(run->control, run->migration, step->id, STEP_UNDONE, error);
    if (!is_relation_gone(run, step, &is_gone, error))
        return FALSE;
    if (is_gone) {
        progress_say(run->progress, "%s: the relation is no longer there, nothing to undo", title);
        return journal_set_step(run->control, run->migration, step->id, STEP_UNDONE, error);
    }
    if (!run_name_sessions(run, step, error) || !ops->probe(run, step, &state, error))
        return FALSE;
    /* Only what we made is taken back: without "done", and with work and journal in one transaction, it is not ours. */
    if (state == STEP_ABSENT || (status != STEP_DONE && step_trait(step->kind)->tx == TX_WITH_JOURNAL))
        return journal_set_step(run->control, run->migration, step->id, STEP_UNDONE, error);
    progress_say(run->progress, "undo %s", title);
    return fault_point(run, "undo.begin", error) && ops->undo(run, step, error) &&
           fault_point(run, "undo.done", error) &&
           journal_set_step(run->control, run->migration, step->id, STEP_UNDONE, error);
}

gboolean
runner_rollback(Run *run, StepOpsOf ops_of, GError **error)
{
    if (!check_revocable(run, error) ||
        !journal_set_state(run->control, run->migration, STATE_ROLLING_BACK, STAGE_ROLLBACK, NULL, error))
        return FALSE;
    for (guint i = run->plan->steps->len; i > 0; i--) {
        if (!undo_step(run, g_ptr_array_index(run->plan->steps, i - 1), ops_of, error))
            return FALSE;
    }
    return journal_end(run->control, run->migration, STATE_ROLLED_BACK, error);
}
