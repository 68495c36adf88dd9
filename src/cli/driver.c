#include "cli/driver.h"

#include <string.h>

#include "base/error.h"
#include "report/status.h"
#include "run/lease.h"
#include "run/progress.h"
#include "run/quarantine.h"
#include "run/settings.h"
#include "run/throttle.h"
#include "steps/ops.h"

JournalMigration *
driver_find(const RunOptions *options, const char *name, GError **error)
{
    g_autoptr(DbConn) conn = db_open(options->target, "pgseam/find", error);

    return conn != NULL ? journal_find(conn, name, error) : NULL;
}

static gboolean
check_publications(Run *run, GError **error)
{
    gboolean rewrites = FALSE;

    for (guint i = 0; i < run->plan->steps->len; i++)
        rewrites |= ((const Step *)g_ptr_array_index(run->plan->steps, i))->kind == STEP_REWRITE_PREPARE;
    return journal_check_publications(run->control, JOURNAL_NEWEST, rewrites, error);
}

gboolean
driver_begin(Run *run, const GPtrArray *entries, GError **error)
{
    return run_open(run, run->plan->migration, error) && throttle_check(run, error) && check_publications(run, error) &&
           journal_ensure(run->control, error) && rewrite_preflight(run, error) &&
           journal_begin(run->control, run->plan, &run->options, entries, &run->migration, error);
}

gboolean
driver_open(Run *run, const RunOptions *options, const JournalMigration *migration, GError **error)
{
    g_autoptr(DbConn) conn = db_open(options->target, "pgseam/find", error);

    if (conn == NULL)
        return FALSE;
    run->options = *options;
    run->progress = progress_new(options->is_quiet);
    run->migration = migration->id;
    run->plan = journal_plan(conn, migration->id, error);
    return run->plan != NULL && run_open(run, migration->name, error) && journal_ensure(run->control, error) &&
           settings_load(run->control, migration->id, TRUE, &run->options, error);
}

gboolean
driver_print_status(DbConn *conn, const CommonOptions *common, const char *name, GError **error)
{
    g_autoptr(GPtrArray) list = journal_list(conn, name, error);
    g_autofree char *text = NULL;

    if (list == NULL)
        return FALSE;
    if (list->len > 1)
        g_ptr_array_remove_range(list, 1, list->len - 1);
    if (!quarantine_count(conn, list, error))
        return FALSE;
    text = common->is_json ? status_to_json(list) : status_to_text(list);
    command_print(text);
    return TRUE;
}

/* A hint of the server's own stays; the command that finishes is named beside it, unless it is named already. */
static void
name_way_on(const Run *run, const char *state, GError **error)
{
    g_autofree char *before = g_strdup(seam_error_get_hint(*error));

    if (before != NULL && strstr(before, "pgseam") != NULL)
        return;
    seam_error_hint(error, "%s%smigration %s is %s: `pgseam resume` goes on from here, `pgseam rollback` undoes it",
                    before != NULL ? before : "", before != NULL ? "\n" : "", run->plan->migration, state);
}

/* The state after a failure: what it was in the middle of stays, so that resume knows the way. Not ours to write once
 * fenced or without a connection; then `status` finds out by itself. A refusal of contract leaves the gate as it was.
 */
/* Nobody reads it now, so the server keeps all the log from here on. */
static void
tell_slots(Run *run)
{
    g_autofree char *id = db_int_text(run->migration);
    g_autoptr(DbResult) rows =
        db_query(run->control,
                 "SELECT r.slot FROM pgseam.rewrite AS r JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name = "
                 "r.slot WHERE r.migration_id = $1::bigint ORDER BY 1",
                 DB_ARGS(id), NULL);

    for (int i = 0; rows != NULL && i < db_rows(rows); i++)
        progress_say(
            run->progress,
            "note: replication slot %s is not being read now, so the server keeps its WAL until `pgseam resume` "
            "or `pgseam rollback`",
            db_text(rows, i, "slot"));
}

static void
note_failure(Run *run, GError **error)
{
    gboolean is_stopped = seam_error_is(*error, SEAM_ERROR_CANCELLED);

    if (seam_error_is(*error, SEAM_ERROR_FENCED) || db_is_lost(run->control))
        return;
    journal_set_failed(run->control, run->migration, is_stopped ? STATE_INTERRUPTED : STATE_FAILED, (*error)->message,
                       NULL);
    name_way_on(run, is_stopped ? "interrupted" : "failed", error);
    tell_slots(run);
}

static void
hint_at_resume(Run *run, GError **error)
{
    if (seam_error_is(*error, SEAM_ERROR_LOST))
        seam_error_hint(
            error, "when the server is back: `pgseam resume` goes on from here, `pgseam rollback` undoes migration %s",
            run->plan->migration);
}

static gboolean
check_stage(Run *run, Stage stage, GError **error)
{
    g_autoptr(GPtrArray) list = journal_list(run->control, run->plan->migration, error);

    if (list == NULL)
        return FALSE;
    for (guint i = 0; i < list->len; i++) {
        const JournalMigration *migration = g_ptr_array_index(list, i);

        if (migration->id != run->migration || migration->stage == stage)
            continue;
        seam_error_set(error, SEAM_ERROR_FENCED, "migration %s has moved on meanwhile: it is %s now", migration->name,
                       state_name(migration->state));
        seam_error_hint(error, "look again with `pgseam status`");
        return FALSE;
    }
    return TRUE;
}

/* What the migration's own steps rename: from contract on the old names may be gone. */
static gboolean
check_names(Run *run, GError **error)
{
    g_autoptr(GPtrArray) renames = g_ptr_array_new();
    const char *name;

    for (guint i = 0; i < run->plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);

        for (guint n = 1; (name = step_get_nth(step, PARAM_RENAMES, n)) != NULL; n++)
            g_ptr_array_add(renames, (gpointer)name);
    }
    return journal_check_names(run->control, run->migration, renames, error);
}

gboolean
driver_do(Run *run, const char *command, Stage stage, DriverWork work, GError **error)
{
    GError *why = NULL;

    if (!lease_take(run, command, error) || !check_stage(run, stage, error) || !check_names(run, error) ||
        !settings_store(run->control, run->migration, &run->options, error))
        return FALSE;
    if (!work(run, ops_of, &why)) {
        if (!seam_error_is(why, SEAM_ERROR_REFUSED))
            note_failure(run, &why);
        hint_at_resume(run, &why);
        g_propagate_error(error, why);
        return FALSE;
    }
    lease_release(run);
    return TRUE;
}

gboolean
driver_carry_out(const RunOptions *options, const char *command, Plan *plan, GError **error)
{
    g_auto(Run) run = {.options = *options, .plan = plan};

    run.progress = progress_new(options->is_quiet);
    return run_open(&run, plan->migration, error) && journal_ensure(run.control, error) &&
           journal_begin(run.control, plan, &run.options, NULL, &run.migration, error) &&
           driver_do(&run, command, STAGE_EXPAND,
                     plan_has_phase(plan, PHASE_CONTRACT) ? runner_contract : runner_expand, error);
}

gboolean
driver_run(Run *run, const CommonOptions *common, const char *command, Stage stage, DriverWork work, GError **error)
{
    return driver_do(run, command, stage, work, error) &&
           driver_print_status(run->control, common, run->plan->migration, error);
}
