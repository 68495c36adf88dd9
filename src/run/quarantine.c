#include "run/quarantine.h"

#include "base/error.h"
#include "base/sqltext.h"
#include "run/fault.h"
#include "run/progress.h"
#include "run_queries.h"

#define SHOWN   5
#define IDLE_MS 60000

static void
row_free(gpointer data)
{
    QuarantineRow *row = data;

    g_free(row->table);
    g_free(row->key);
    g_free(row->side);
    g_free(row->columns);
    g_free(row->sqlstate);
    g_free(row->message);
    g_free(row->at);
    g_free(row->role);
    g_free(row->application);
    g_free(row->written);
    g_free(row->replaced);
    g_free(row);
}

static void
take_rows(GPtrArray *list, const DbResult *rows)
{
    for (int i = 0; i < db_rows(rows); i++) {
        QuarantineRow *row = g_new0(QuarantineRow, 1);

        row->table = g_strdup(db_text(rows, i, "table"));
        row->key = g_strdup(db_text(rows, i, "key"));
        row->side = g_strdup(db_text(rows, i, "side"));
        row->columns = g_strdup(db_text(rows, i, "columns"));
        row->sqlstate = g_strdup(db_text(rows, i, "sqlstate"));
        row->message = g_strdup(db_text(rows, i, "message"));
        row->at = g_strdup(db_text(rows, i, "at"));
        row->role = g_strdup(db_text(rows, i, "role"));
        row->application = g_strdup(db_text(rows, i, "application"));
        row->written = g_strdup(db_text(rows, i, "written"));
        row->replaced = g_strdup(db_text(rows, i, "replaced"));
        g_ptr_array_add(list, row);
    }
}

/* Before expand has made the table of failures, and after complete or rollback has taken it away, there is none. */
static gboolean
is_not_there(const GError *why, Stage stage)
{
    const char *sqlstate = seam_error_get_sqlstate(why);

    return stage != STAGE_GATE && sqlstate != NULL &&
           (g_str_has_prefix(sqlstate, "42P") || g_str_has_prefix(sqlstate, "3F") ||
            g_strcmp0(sqlstate, "42883") == 0 || g_strcmp0(sqlstate, "42703") == 0);
}

/* A key of a type of the user's is compared as his search_path has it. `value`: $1, or NULL: there is none. */
static DbResult *
ask(DbConn *conn, const Plan *plan, const char *sql, const char *value, GError **error)
{
    g_autoptr(DbResult) rows = NULL;
    const char *const values[] = {value};

    if (!db_run(conn, "BEGIN", DB_NONE, error))
        return NULL;
    if (db_run(conn, "SELECT pg_catalog.set_config('search_path', $1, true)", DB_ARGS(plan->search_path), error))
        rows = db_query(conn, sql, value != NULL ? 1 : 0, values, error);
    if (rows == NULL || !db_commit(conn, error)) {
        db_abort(conn);
        return NULL;
    }
    return g_steal_pointer(&rows);
}

/* The list of the step's table, if the plan has one here. */
static const char *
list_of(const Step *step)
{
    return step->phase == PHASE_BACKFILL ? step_get(step, PARAM_LIST) : NULL;
}

static gboolean
list_live(DbConn *conn, const Plan *plan, Stage stage, GPtrArray *list, GError **error)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const char *sql = list_of(g_ptr_array_index(plan->steps, i));
        g_autoptr(GError) why = NULL;
        g_autoptr(DbResult) rows = sql != NULL ? ask(conn, plan, sql, NULL, &why) : NULL;

        if (rows != NULL)
            take_rows(list, rows);
        else if (sql != NULL && !is_not_there(why, stage)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
    return TRUE;
}

GPtrArray *
quarantine_list(DbConn *conn, const JournalMigration *migration, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(row_free);
    g_autoptr(Plan) plan = NULL;
    g_autoptr(DbResult) kept = NULL;
    g_autofree char *id = db_int_text(migration->id);

    if (migration->state == STATE_ROLLED_BACK) {
        kept = db_query(conn, QUERY_QUARANTINE_KEPT, DB_ARGS(id), error);
        if (kept == NULL)
            return NULL;
        take_rows(list, kept);
        return g_steal_pointer(&list);
    }
    plan = journal_plan(conn, migration->id, error);
    if (plan == NULL || !list_live(conn, plan, migration->stage, list, error))
        return NULL;
    return g_steal_pointer(&list);
}

/* -1: there is no quarantine, or it is not for our role to see. */
static gboolean
count_one(DbConn *conn, JournalMigration *migration, GError **error)
{
    g_autoptr(Plan) plan = journal_plan(conn, migration->id, error);

    if (plan == NULL)
        return FALSE;
    for (guint i = 0; i < plan->steps->len; i++) {
        const char *sql = list_of(g_ptr_array_index(plan->steps, i));
        g_autofree char *counted =
            sql != NULL ? sql_build("SELECT pg_catalog.count(*) FROM (?) AS l", sql_raw(sql)) : NULL;
        g_autoptr(GError) why = NULL;
        g_autoptr(DbResult) row = counted != NULL ? ask(conn, plan, counted, NULL, &why) : NULL;

        if (row != NULL)
            migration->quarantined = MAX(migration->quarantined, 0) + g_ascii_strtoll(db_text_at(row, 0, 0), NULL, 10);
        else if (sql != NULL && !seam_error_is(why, SEAM_ERROR_SQL)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
quarantine_count(DbConn *conn, GPtrArray *migrations, GError **error)
{
    for (guint i = 0; i < migrations->len; i++) {
        JournalMigration *migration = g_ptr_array_index(migrations, i);

        if (!state_is_over(migration->state) && !count_one(conn, migration, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
scan(DbConn *conn, const Step *step, gint64 *ret_rows, GError **error)
{
    g_autoptr(DbResult) row = db_query(conn, step_get(step, PARAM_QUARANTINE), DB_NONE, error);

    if (row == NULL)
        return FALSE;
    *ret_rows = g_ascii_strtoll(db_text_at(row, 0, 0), NULL, 10);
    return TRUE;
}

gboolean
quarantine_look(Run *run, const Step *step, gint64 *ret_rows, GError **error)
{
    *ret_rows = 0;
    if (step_get(step, PARAM_QUARANTINE) == NULL)
        return TRUE;
    if (run_begin(run, IDLE_MS, error) && db_set_local_ms(run->work, "statement_timeout", 0, error) &&
        scan(run->work, step, ret_rows, error) && fault_point(run, "quarantine.work", error) && run_commit(run, error))
        return TRUE;
    db_abort(run->work);
    return FALSE;
}

/* Some of them, a line each. The caller frees. */
static char *
describe(const GPtrArray *list, const char *side)
{
    GString *out = g_string_new(NULL);
    guint n = 0;

    for (guint i = 0; i < list->len; i++) {
        const QuarantineRow *row = g_ptr_array_index(list, i);

        if (g_strcmp0(row->side, side) == 0 && n++ < SHOWN)
            g_string_append_printf(out, "%s%s %s: %s %s", n > 1 ? "\n" : "", row->table, row->key, row->sqlstate,
                                   row->message);
    }
    return g_string_free(out, FALSE);
}

void
quarantine_refuse(Run *run, const Step *step, gint64 rows, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(row_free);
    g_autoptr(DbResult) found = ask(run->control, run->plan, step_get(step, PARAM_LIST), NULL, NULL);
    g_autofree char *shown = NULL;

    if (found != NULL)
        take_rows(list, found);
    shown = describe(list, "new");
    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "migration %s cannot be completed: \"up\" fails on %" G_GINT64_FORMAT " rows of %s.%s, and what the "
                   "old columns have there would be lost with them",
                   run->plan->migration, rows, step->schema, step->table);
    seam_error_detail(error, "%s", shown);
    seam_error_hint(
        error,
        "`pgseam version quarantine %s` shows them. Write a value that \"up\" can compute by the old names, "
        "or one by the new ones, then complete again; or `pgseam rollback`",
        run->plan->migration);
}

static gboolean
check_step(Run *run, const Step *step, GError **error)
{
    gint64 rows = 0;

    if (!scan(run->control, step, &rows, error))
        return FALSE;
    if (rows > 0)
        quarantine_refuse(run, step, rows, error);
    return rows == 0;
}

gboolean
quarantine_gate(Run *run, GError **error)
{
    for (guint i = 0; i < run->plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);

        if (step->phase == PHASE_BACKFILL && step_get(step, PARAM_QUARANTINE) != NULL && !check_step(run, step, error))
            return FALSE;
    }
    return TRUE;
}

/* One table's, in a transaction; how many. */
static gboolean
keep(Run *run, const char *sql, gint64 *n, GError **error)
{
    g_autofree char *id = db_int_text(run->migration);
    g_autoptr(DbResult) kept = ask(run->control, run->plan, sql, id, error);

    if (kept != NULL)
        *n += db_affected(kept);
    return kept != NULL;
}

gboolean
quarantine_keep(Run *run, GError **error)
{
    gint64 n = 0;

    for (guint i = 0; i < run->plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);
        const char *sql = step->phase == PHASE_BACKFILL ? step_get(step, PARAM_KEEP) : NULL;
        g_autoptr(GError) why = NULL;

        if (sql == NULL || keep(run, sql, &n, &why) || is_not_there(why, STAGE_ROLLBACK))
            continue;
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (n > 0)
        progress_say(run->progress,
                     "warning: %" G_GINT64_FORMAT
                     " rows have values of the new application that \"down\" cannot compute: "
                     "the old columns have NULL there, and `pgseam version quarantine %s` goes on showing what was "
                     "written",
                     n, run->plan->migration);
    return TRUE;
}
