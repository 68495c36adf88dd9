#include "cli/folder_run.h"

#include "base/error.h"
#include "cli/driver.h"
#include "cli/planning.h"
#include "run/progress.h"
#include "run/throttle.h"
#include "run/version_gate.h"

/* --complete says that no application is there: where nobody is connected, at little cost. */
#define LOOK_ALONE_MS 200

const Standing *
folder_run_next(const GPtrArray *standings, const FolderFile *last, guint *ret_behind)
{
    const Standing *next = NULL;

    *ret_behind = 0;
    for (guint i = 0; i < standings->len; i++) {
        const Standing *standing = g_ptr_array_index(standings, i);

        if (standing->file == NULL)
            break;
        if (standing->state != FILE_APPLIED && next == NULL)
            next = standing;
        else if (standing->state != FILE_APPLIED)
            (*ret_behind)++;
        if (standing->file == last)
            break;
    }
    return next;
}

/* As `start` does. */
static gboolean
begin_file(const RunOptions *options, const FolderFile *file, GError **error)
{
    g_auto(Run) run = {.options = *options};
    LedgerEntry entry = {file->name, file->checksum, "migrated"};

    run.plan = planning_from_text(options->target, file->path, file->name, file->text, error);
    if (run.plan == NULL)
        return FALSE;
    run.progress = progress_new(options->is_quiet);
    for (guint i = 0; i < run.plan->notes->len; i++)
        progress_say(run.progress, "note: %s", (const char *)g_ptr_array_index(run.plan->notes, i));
    return driver_begin(&run, &entry, error) && driver_do(&run, "migrate", STAGE_EXPAND, runner_expand, error);
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

/* As `resume` does: from wherever it was left. What somebody has begun to contract is contracted to its end. */
static gboolean
go_on(const RunOptions *options, const FolderFile *file, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(options, file->name, error);
    g_auto(Run) run = {0};
    DriverWork work;

    if (migration == NULL || !check_going_on(migration, error) || !driver_open(&run, options, migration, error))
        return FALSE;
    work = migration->stage == STAGE_CONTRACT ? runner_contract : runner_expand;
    return throttle_check(&run, error) && driver_do(&run, "migrate", migration->stage, work, error);
}

/* As `complete` does. */
static gboolean
contract(const RunOptions *options, const JournalMigration *migration, GError **error)
{
    g_auto(Run) run = {0};
    const GateOptions gate = {.look_ms = GATE_LOOK_MS, .alone_ms = LOOK_ALONE_MS};

    return driver_open(&run, options, migration, error) && throttle_check(&run, error) &&
           version_gate_pass(&run, &gate, error) &&
           driver_do(&run, "migrate", migration->stage, runner_contract, error);
}

static void
refuse_gate(const FolderFile *file, guint behind, GError **error)
{
    seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s is at the gate, and %u file%s wait%s behind it", file->name,
                   behind, behind == 1 ? "" : "s", behind == 1 ? "s" : "");
    seam_error_detail(error, "what it still has to do would break an application that was made for the schema before "
                             "it");
    seam_error_hint(
        error,
        "when the old application is gone: `pgseam complete %s`, then migrate again; where none runs (a new "
        "database): --complete",
        file->name);
}

/* At the gate: on, out, or no further. */
static gboolean
leave_gate(const RunOptions *options, const FolderFile *file, CompletePolicy policy, guint behind, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(options, file->name, error);

    if (migration == NULL)
        return FALSE;
    if (migration->stage != STAGE_GATE)
        return TRUE;
    if (policy == COMPLETE_ALL || (policy == COMPLETE_EARLIER && behind > 0))
        return contract(options, migration, error);
    if (behind == 0)
        return TRUE;
    refuse_gate(file, behind, error);
    return FALSE;
}

gboolean
folder_run(const RunOptions *options, const GPtrArray *standings, const FolderFile *last, CompletePolicy policy,
           GPtrArray *names, GError **error)
{
    g_autoptr(Progress) progress = progress_new(options->is_quiet);
    guint behind;

    folder_run_next(standings, last, &behind);
    for (guint i = 0; i < standings->len; i++) {
        const Standing *standing = g_ptr_array_index(standings, i);
        const FolderFile *file = standing->file;

        if (file == NULL)
            break;
        if (standing->state != FILE_APPLIED) {
            progress_say(progress, "%s", file->path);
            g_ptr_array_add(names, g_strdup(file->name));
            if ((standing->state == FILE_PENDING && !begin_file(options, file, error)) ||
                (standing->state == FILE_UNDER_WAY && !go_on(options, file, error)) ||
                !leave_gate(options, file, policy, behind, error))
                return FALSE;
            behind -= behind > 0;
        }
        if (file == last)
            break;
    }
    return TRUE;
}
