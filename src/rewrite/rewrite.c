#include "rewrite/rewrite.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "rewrite/capture.h"
#include "rewrite/flow_read.h"
#include "rewrite/workers.h"
#include "rewrite_queries.h"

static void
close_sessions(gpointer data)
{
    Rewrite *rewrite = data;

    if (rewrite->capture_kind != NULL)
        capture_ops(rewrite->capture_kind)->close(rewrite);
    g_clear_pointer(&rewrite->workers, workers_free);
    g_clear_pointer(&rewrite->apply, db_close);
    g_clear_pointer(&rewrite->waiter, db_close);
    g_clear_pointer(&rewrite->forward, flow_free);
    g_clear_pointer(&rewrite->reverse, flow_free);
    g_free(rewrite->capture_kind);
    g_free(rewrite->slot);
    g_free(rewrite->name);
    g_free(rewrite->schema);
    g_free(rewrite->table);
    g_free(rewrite);
}

/* Capture is opened by the first step that needs it; until then there is nothing to pump. */
static gboolean
pump(gpointer data, GError **error)
{
    Rewrite *rewrite = data;

    return rewrite->capture == NULL || capture_ops(rewrite->capture_kind)->pump(rewrite, error);
}

static const Step *
find_prepare(const Run *run, const char *name)
{
    for (guint i = 0; i < run->plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);

        if (step->kind == STEP_REWRITE_PREPARE && g_strcmp0(step_get(step, PARAM_REWRITE), name) == 0)
            return step;
    }
    return NULL;
}

char *
rewrite_source_name(const Rewrite *rewrite)
{
    return sql_quote_name(rewrite->schema, rewrite->table);
}

char *
rewrite_shadow_name(const Rewrite *rewrite)
{
    return sql_quote_name(rewrite->name, rewrite->table);
}

char *
rewrite_own_name(const Rewrite *rewrite, const char *name)
{
    return sql_quote_name(rewrite->name, name);
}

gboolean
rewrite_reload(Rewrite *rewrite, GError **error)
{
    g_autofree char *id = db_int_text(rewrite->run->migration);
    g_autofree char *live = rewrite_source_name(rewrite);
    g_autofree char *own = rewrite_shadow_name(rewrite);
    g_autoptr(DbResult) row =
        db_query(rewrite->run->control, QUERY_REWRITE_ROW, DB_ARGS(id, rewrite->name, live, own), error);

    if (row == NULL)
        return FALSE;
    rewrite->is_known = db_bool(row, 0, "is_known");
    rewrite->live_oid = db_int(row, 0, "live_oid");
    rewrite->own_oid = db_int(row, 0, "own_oid");
    rewrite->source_oid = rewrite->is_known ? db_int(row, 0, "source_oid") : rewrite->live_oid;
    rewrite->shadow_oid = db_int(row, 0, "shadow_oid");
    rewrite->filenode = db_int(row, 0, "filenode");
    rewrite->blocks = rewrite->is_known ? db_int(row, 0, "blocks") : -1;
    g_free(rewrite->capture_kind);
    rewrite->capture_kind = g_strdup(db_text(row, 0, "capture"));
    g_free(rewrite->slot);
    rewrite->slot = g_strdup(db_text(row, 0, "slot"));
    rewrite->is_capturing = db_bool(row, 0, "is_capturing");
    rewrite->is_copied = db_bool(row, 0, "is_copied");
    rewrite->is_indexed = db_bool(row, 0, "is_indexed");
    rewrite->is_verified = db_bool(row, 0, "is_verified");
    rewrite->is_swapped = db_bool(row, 0, "is_swapped");
    rewrite->is_dropped = db_bool(row, 0, "is_dropped");
    rewrite->restarts = (int)db_int(row, 0, "restarts");
    rewrite->rows_copied = db_int(row, 0, "rows_copied");
    rewrite->keys_applied = db_int(row, 0, "keys_applied");
    return TRUE;
}

Rewrite *
rewrite_of(Run *run, const Step *step, GError **error)
{
    const char *name = step_get(step, PARAM_REWRITE);
    Rewrite *rewrite = run->companion.data;

    if (rewrite != NULL && strcmp(rewrite->name, name) == 0)
        return rewrite;
    run_close_companion(run);
    rewrite = g_new0(Rewrite, 1);
    rewrite->run = run;
    rewrite->prepare = find_prepare(run, name);
    rewrite->name = g_strdup(name);
    rewrite->schema = g_strdup(step->schema);
    rewrite->table = g_strdup(step->table);
    g_assert(rewrite->prepare != NULL);
    if (!rewrite_reload(rewrite, error)) {
        close_sessions(rewrite);
        return NULL;
    }
    run->companion = (RunCompanion){rewrite, pump, close_sessions};
    return rewrite;
}

gboolean
rewrite_check(const Rewrite *rewrite, GError **error)
{
    gboolean is_swapped = rewrite->is_swapped;
    gint64 live = is_swapped ? rewrite->shadow_oid : rewrite->source_oid;
    gint64 own = is_swapped ? rewrite->source_oid : rewrite->shadow_oid;

    if (rewrite->live_oid != 0 && rewrite->live_oid == live && (own == 0 || rewrite->own_oid == own))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_DRIFT, "%s.%s is no longer the table that the migration began with",
                   rewrite->live_oid == live ? rewrite->name : rewrite->schema, rewrite->table);
    seam_error_hint(error, "somebody dropped or replaced it meanwhile: `pgseam rollback`, then plan again");
    return FALSE;
}

gboolean
rewrite_open_capture(Rewrite *rewrite, GError **error)
{
    if (rewrite->capture != NULL || !rewrite->is_capturing)
        return TRUE;
    return capture_ops(rewrite->capture_kind)->open(rewrite, error);
}

gboolean
rewrite_begin(Rewrite *rewrite, DbConn *conn, GError **error)
{
    return run_begin_on(rewrite->run, conn, NULL, error);
}

DbConn *
rewrite_session(Rewrite *rewrite, const char *role, GError **error)
{
    return run_session(rewrite->run, role, error);
}

DbConn *
rewrite_apply_session(Rewrite *rewrite, GError **error)
{
    if (rewrite->apply == NULL)
        rewrite->apply = rewrite_session(rewrite, "apply", error);
    return rewrite->apply;
}

gboolean
rewrite_note(Rewrite *rewrite, DbConn *conn, const char *assignments, GError **error)
{
    g_autofree char *sql =
        sql_build("UPDATE pgseam.rewrite SET ?, changed_at = pg_catalog.clock_timestamp() WHERE migration_id = ? AND "
                  "name = ?",
                  sql_raw(assignments), sql_int(rewrite->run->migration), sql_literal(rewrite->name));

    return db_run(conn, sql, DB_NONE, error);
}

gboolean
rewrite_note_phase(Rewrite *rewrite, const char *phase, GError **error)
{
    g_autofree char *assignment = sql_build("phase = ?", sql_literal(phase));

    return rewrite_note(rewrite, rewrite->run->control, assignment, error);
}

gboolean
rewrite_check_witness(const Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *name = rewrite_own_name(rewrite, REWRITE_WITNESS);
    g_autofree char *sql = sql_build("SELECT EXISTS (SELECT FROM ?) AS is_there", sql_raw(name));
    g_autoptr(DbResult) table =
        db_query(conn, "SELECT pg_catalog.to_regclass($1) IS NOT NULL AS is_there", DB_ARGS(name), error);
    g_autoptr(DbResult) row = NULL;

    if (table == NULL || !db_bool(table, 0, "is_there"))
        return table != NULL;
    row = db_query(conn, sql, DB_NONE, error);
    if (row == NULL || db_bool(row, 0, "is_there"))
        return row != NULL;
    seam_error_set(
        error, SEAM_ERROR_FAILED,
        "the server has recovered from a crash, which empties unlogged tables: the rewrite of %s.%s cannot go on",
        rewrite->schema, rewrite->table);
    seam_error_hint(error, "`pgseam rollback`, then begin again from the table as it is now");
    return FALSE;
}

gboolean
rewrite_is_one_way(const Rewrite *rewrite)
{
    const GPtrArray *steps = rewrite->run->plan->steps;

    for (guint i = 0; i < steps->len; i++) {
        const Step *step = g_ptr_array_index(steps, i);

        if (step->kind == STEP_REWRITE_SWAP && g_strcmp0(step_get(step, PARAM_REWRITE), rewrite->name) == 0)
            return step_is(step, PARAM_ONE_WAY);
    }
    return FALSE;
}

gboolean
rewrite_read_flow(Rewrite *rewrite, GError **error)
{
    g_clear_pointer(&rewrite->forward, flow_free);
    g_clear_pointer(&rewrite->reverse, flow_free);
    if (!rewrite_reload(rewrite, error))
        return FALSE;
    if (rewrite->is_swapped && rewrite_is_one_way(rewrite)) {
        seam_error_set(error, SEAM_ERROR_REFUSED,
                       "the old table of %s.%s is not kept up to date: its migration was allowed "
                       "to have no way back",
                       rewrite->schema, rewrite->table);
        return FALSE;
    }
    if (!rewrite->is_swapped)
        rewrite->forward = flow_read(rewrite, FLOW_FORWARD, error);
    else
        rewrite->reverse = flow_read(rewrite, FLOW_REVERSE, error);
    return rewrite->forward != NULL || rewrite->reverse != NULL;
}

const Flow *
rewrite_flow(Rewrite *rewrite, GError **error)
{
    if ((rewrite->is_swapped ? rewrite->reverse : rewrite->forward) == NULL && !rewrite_read_flow(rewrite, error))
        return NULL;
    return rewrite->is_swapped ? rewrite->reverse : rewrite->forward;
}
