#include "cli/folder_run.h"

#include "base/error.h"
#include "cli/driver.h"
#include "cli/planning.h"
#include "run/progress.h"
#include "run/throttle.h"
#include "run/version_gate.h"

/* --complete says that no application is there: where nobody is connected, at little cost. */
#define LOOK_ALONE_MS 200

Plan *
folder_plan(const FolderRun *job, const Turn *turn, GError **error)
{
    const FolderFile *first = g_ptr_array_index(turn->files, 0);

    if (turn->files->len == 1)
        return planning_from_text(job->options->target, first->path, first->name, first->text, job->pins_all, error);
    return planning_from_files(job->options->target, job->folder->path, turn->migration, turn->files, job->pins_all,
                               error);
}

char *
folder_turn_text(const Turn *turn)
{
    GString *out;

    if (turn->files->len == 1)
        return g_strdup(((const FolderFile *)g_ptr_array_index(turn->files, 0))->path);
    out = g_string_new(NULL);
    g_string_append_printf(out, "%s, one migration of %u files", turn->migration, turn->files->len);
    for (guint i = 0; i < turn->files->len; i++)
        g_string_append_printf(out, "\n  %s", ((const FolderFile *)g_ptr_array_index(turn->files, i))->path);
    return g_string_free(out, FALSE);
}

static GPtrArray *
entries_of(const Turn *turn)
{
    GPtrArray *entries = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < turn->files->len; i++) {
        const FolderFile *file = g_ptr_array_index(turn->files, i);
        LedgerEntry *entry = g_new0(LedgerEntry, 1);

        *entry = (LedgerEntry){file->name, file->checksum, "migrated"};
        g_ptr_array_add(entries, entry);
    }
    return entries;
}

/* As `start` does. */
static gboolean
begin_turn(const FolderRun *job, const Turn *turn, GError **error)
{
    g_auto(Run) run = {.options = *job->options};
    g_autoptr(GPtrArray) entries = entries_of(turn);

    run.plan = folder_plan(job, turn, error);
    if (run.plan == NULL)
        return FALSE;
    run.progress = progress_new(job->options->is_quiet);
    for (guint i = 0; i < run.plan->notes->len; i++)
        progress_say(run.progress, "note: %s", (const char *)g_ptr_array_index(run.plan->notes, i));
    return driver_begin(&run, entries, error) && driver_do(&run, "migrate", STAGE_EXPAND, runner_expand, error);
}

static gboolean
check_going_on(const JournalMigration *migration, GError **error)
{
    if (migration->stage == STAGE_ROLLBACK) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s is being rolled back", migration->name);
        seam_error_hint(error, "`pgseam rollback %s` finishes that; then migrate again", migration->name);
        return FALSE;
    }
    if (migration->is_paused) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s is paused", migration->name);
        seam_error_hint(error, "`pgseam resume %s` lets it go on; then migrate again", migration->name);
        return FALSE;
    }
    return TRUE;
}

/* Who works with what is about to go is looked for; `complete` can be told otherwise, we cannot. */
static gboolean
pass_gate(Run *run, gboolean is_left, GError **error)
{
    const GateOptions gate = {.look_ms = GATE_LOOK_MS, .alone_ms = LOOK_ALONE_MS, .is_left = is_left};

    return version_gate_pass(run, &gate, error);
}

/* As `resume` does: from wherever it was left. What somebody has begun to contract is contracted to its end, unless an
 * application of the old shape has come back since. */
static gboolean
go_on(const RunOptions *options, const Turn *turn, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(options, turn->migration, error);
    g_auto(Run) run = {0};
    DriverWork work;

    if (migration == NULL || !check_going_on(migration, error) || !driver_open(&run, options, migration, error))
        return FALSE;
    work = migration->stage == STAGE_CONTRACT ? runner_contract : runner_expand;
    return throttle_check(&run, error) && (migration->stage != STAGE_CONTRACT || pass_gate(&run, TRUE, error)) &&
           driver_do(&run, "migrate", migration->stage, work, error);
}

/* As `complete` does. */
static gboolean
contract(const RunOptions *options, const JournalMigration *migration, GError **error)
{
    g_auto(Run) run = {0};

    return driver_open(&run, options, migration, error) && throttle_check(&run, error) &&
           pass_gate(&run, FALSE, error) && driver_do(&run, "migrate", migration->stage, runner_contract, error);
}

static void
refuse_gate(const Turn *turn, guint behind, GError **error)
{
    seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s is at the gate, and %u file%s wait%s behind it",
                   turn->migration, behind, behind == 1 ? "" : "s", behind == 1 ? "s" : "");
    seam_error_detail(error, "what it still has to do would break an application that was made for the schema before "
                             "it");
    seam_error_hint(
        error,
        "when the old application is gone: `pgseam complete %s`, then migrate again; where none runs (a new "
        "database): --complete",
        turn->migration);
}

/* At the gate: on, out, or no further. */
static gboolean
leave_gate(const FolderRun *job, const Turn *turn, guint behind, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(job->options, turn->migration, error);

    if (migration == NULL)
        return FALSE;
    if (migration->stage != STAGE_GATE)
        return TRUE;
    if (job->policy == COMPLETE_ALL || (job->policy == COMPLETE_EARLIER && behind > 0))
        return contract(job->options, migration, error);
    if (behind == 0)
        return TRUE;
    refuse_gate(turn, behind, error);
    return FALSE;
}

gboolean
folder_run(const FolderRun *job, GPtrArray *names, GError **error)
{
    g_autoptr(Progress) progress = progress_new(job->options->is_quiet);

    for (guint i = 0; i < job->turns->len; i++) {
        const Turn *turn = g_ptr_array_index(job->turns, i);
        g_autofree char *files = folder_turn_text(turn);

        progress_say(progress, "%s", files);
        g_ptr_array_add(names, g_strdup(turn->migration));
        if ((turn->state == FILE_PENDING && !begin_turn(job, turn, error)) ||
            (turn->state == FILE_UNDER_WAY && !go_on(job->options, turn, error)) ||
            !leave_gate(job, turn, turns_behind(job->turns, i), error))
            return FALSE;
    }
    return TRUE;
}
