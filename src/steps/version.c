/*
 * version.verify: no row on which the two sides of a version disagree. One query reads the whole table, as VALIDATE
 * CONSTRAINT does; what it takes is time.
 */
#include <string.h>

#include "base/error.h"
#include "run/progress.h"
#include "run/quarantine.h"
#include "steps/common.h"
#include "steps/ops.h"

#define IDLE_MS 60000

static gboolean
set_disagreement(const Step *step, const char *count, const DbResult *rows, GError **error)
{
    g_autoptr(GString) shown = g_string_new(NULL);

    const char *copy = step_get(step, PARAM_COPY);

    for (int i = 0; i < db_rows(rows); i++)
        g_string_append_printf(shown, "%s%s", i > 0 ? "\n" : "", db_text_at(rows, i, 0));
    if (copy != NULL) {
        seam_error_set(error, SEAM_ERROR_FAILED, "%s rows of %s.%s and of %s, to which its columns move, differ", count,
                       step->schema, step->table, copy);
        seam_error_detail(error, "%s", shown->str);
        seam_error_hint(error,
                        "somebody has written to %s, or switched triggers off: `pgseam rollback` undoes the "
                        "migration, and loses nothing that was written through the version or to %s.%s",
                        copy, step->schema, step->table);
        return FALSE;
    }
    seam_error_set(
        error, SEAM_ERROR_FAILED,
        "%s rows of %s.%s do not say the same to both versions: neither \"up\" nor \"down\" leads from one side "
        "to the other",
        count, step->schema, step->table);
    seam_error_detail(error, "%s", shown->str);
    seam_error_hint(error, "correct these rows, then `pgseam resume`; `pgseam rollback` undoes the migration");
    return FALSE;
}

/* Right before the end: nothing that would go with it has come to an old column. What the server prints is compared
 * with what the plan has read under an empty search_path. */
static gboolean
check_unchanged(Run *run, const Step *step, GError **error)
{
    const char *check = step_get(step, PARAM_CHECK);
    g_autoptr(DbResult) row = NULL;

    if (check == NULL)
        return TRUE;
    if (!db_run(run->work, "SELECT pg_catalog.set_config('search_path', '', true)", DB_NONE, error))
        return FALSE;
    row = db_query(run->work, check, DB_NONE, error);
    if (row == NULL)
        return FALSE;
    if (g_strcmp0(db_text_at(row, 0, 0), "t") == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_DRIFT, "%s.%s: %s", step->schema, step->table, step_get(step, PARAM_CHECK_TEXT));
    seam_error_hint(error, "take it off the old column and make it on the new one when the migration is complete; then "
                           "`pgseam complete` again. `pgseam rollback` undoes the migration");
    return FALSE;
}

static gboolean
compare(Run *run, const Step *step, GError **error)
{
    g_autoptr(DbResult) count = NULL;
    g_autoptr(DbResult) rows = NULL;

    if (!run_begin(run, IDLE_MS, error) || !db_set_local_ms(run->work, "statement_timeout", 0, error))
        return FALSE;
    count = db_query(run->work, step->sql, DB_NONE, error);
    if (count == NULL)
        return FALSE;
    if (strcmp(db_text_at(count, 0, 0), "0") == 0)
        return check_unchanged(run, step, error);
    rows = db_query(run->work, step_get(step, PARAM_SHOW), DB_NONE, error);
    return rows != NULL && set_disagreement(step, db_text_at(count, 0, 0), rows, error);
}

/* They are let through the gate, and told. */
static gboolean
note_quarantine(Run *run, const Step *step, GError **error)
{
    gint64 rows;

    if (!quarantine_look(run, step, &rows, error))
        return FALSE;
    if (rows > 0)
        progress_say(run->progress,
                     "  %" G_GINT64_FORMAT
                     " rows of %s.%s are in quarantine, since \"up\" fails on them: `pgseam version "
                     "quarantine %s` shows them; complete is refused while there are any",
                     rows, step->schema, step->table, run->plan->migration);
    return TRUE;
}

static gboolean
run_verify(Run *run, const Step *step, GError **error)
{
    gboolean ok = note_quarantine(run, step, error) && compare(run, step, error);

    db_abort(run->work);
    return ok;
}

const StepOps step_version_verify = {common_probe_journal, run_verify, NULL, NULL, NULL, NULL};
