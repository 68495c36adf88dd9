#include "run/journal.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "db/array.h"
#include "plan/plan_json.h"
#include "run/ledger.h"
#include "run/settings.h"
#include "run_queries.h"

/* 7: several files of the ledger may be one migration, which an older pgseam would take for files that never ran. */
#define LAYOUT 7

/* What an older layout lacks; it can be read as it is, and is raised by whoever writes. */
static const struct {
    int since;
    const char *table;
    const char *create;
} additions[] = {
    {2, "setting", QUERY_CREATE_SETTING},
    {3, "rewrite", QUERY_CREATE_REWRITE},
    {3, "rewrite_chunk", QUERY_CREATE_REWRITE_CHUNK},
    {4, "ledger", QUERY_CREATE_LEDGER},
    {5, "rollout", QUERY_CREATE_ROLLOUT},
    {5, "rollout_event", QUERY_CREATE_ROLLOUT_EVENT},
    {6, "version_use", QUERY_CREATE_VERSION_USE},
    {6, "version_watch", QUERY_CREATE_VERSION_WATCH},
    {7, "rollout_pair", QUERY_CREATE_ROLLOUT_PAIR},
    {7, "rollout_sample", QUERY_CREATE_ROLLOUT_SAMPLE},
    {7, "rollout_count", QUERY_CREATE_ROLLOUT_COUNT},
    {7, "rollout_mismatch", QUERY_CREATE_ROLLOUT_MISMATCH},
};
/* Serialises the creation of the schema among sessions; the number has no meaning but to be ours ("pgseam"). */
#define LOCK_JOURNAL "SELECT pg_catalog.pg_advisory_xact_lock(123520911401325)"

#define STATE_NAME(id, name, over, active) [id] = name,
static const char *const state_names[] = {MIGRATION_STATES(STATE_NAME)};
#define STATE_OVER(id, name, over, active) [id] = over,
static const gboolean states_over[] = {MIGRATION_STATES(STATE_OVER)};

static const char *const stage_names[] = {
    [STAGE_EXPAND] = "expand",     [STAGE_BACKFILL] = "backfill", [STAGE_GATE] = "gate",
    [STAGE_CONTRACT] = "contract", [STAGE_ROLLBACK] = "rollback", [STAGE_DONE] = "done"};
static const char *const status_names[] = {
    [STEP_PENDING] = "pending", [STEP_RUNNING] = "running", [STEP_DONE] = "done", [STEP_UNDONE] = "undone"};

const char *
state_name(MigrationState state)
{
    return state_names[state];
}

gboolean
state_is_over(MigrationState state)
{
    return states_over[state];
}

const char *
stage_name(Stage stage)
{
    return stage_names[stage];
}

static int
index_of(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    g_assert_not_reached(); /* the journal's layout number was checked */
}

static void
id_text(char out[32], gint64 id)
{
    g_snprintf(out, 32, "%" G_GINT64_FORMAT, id);
}

/* `privilege` is the column that must be true where the schema exists: may_look or may_use. */
static gboolean
check_access(const DbResult *access, const char *privilege, GError **error)
{
    gboolean has_schema = db_bool(access, 0, "has_schema");
    g_autofree char *role = NULL;

    if (db_bool(access, 0, "is_foreign")) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "schema pgseam exists, but is not the journal of pgseam");
        seam_error_hint(error, "rename that schema: the journal needs the name");
        return FALSE;
    }
    if (has_schema ? db_bool(access, 0, privilege) : db_bool(access, 0, "may_create"))
        return TRUE;
    role = sql_quote_ident(db_text(access, 0, "role"));
    seam_error_set(error, SEAM_ERROR_REFUSED, "role %s may not %s schema pgseam, where the journal lives", role,
                   has_schema ? "write to" : "create");
    if (has_schema)
        seam_error_hint(error,
                        "have its owner run once: GRANT ALL ON SCHEMA pgseam TO %s; GRANT ALL ON ALL TABLES IN SCHEMA "
                        "pgseam TO %s",
                        role, role);
    else
        seam_error_hint(error, "have an administrator run once: CREATE SCHEMA pgseam AUTHORIZATION %s", role);
    return FALSE;
}

static gboolean
check_layout(DbConn *conn, int *ret_layout, GError **error)
{
    g_autoptr(DbResult) row = db_query(conn, "SELECT value FROM pgseam.meta WHERE key = 'layout'", DB_NONE, error);

    if (row == NULL)
        return FALSE;
    *ret_layout = db_rows(row) == 1 ? (int)db_int(row, 0, "value") : 0;
    if (*ret_layout >= 1 && *ret_layout <= LAYOUT)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "the journal in schema pgseam was made by another version of pgseam (layout %s, "
                   "this one reads %d)",
                   db_rows(row) == 1 ? db_text(row, 0, "value") : "?", LAYOUT);
    seam_error_hint(error, "use the version that made it");
    return FALSE;
}

gboolean
journal_lock(DbConn *conn, GError **error)
{
    return db_run(conn, LOCK_JOURNAL, DB_NONE, error);
}

gboolean
journal_exists(DbConn *conn, gboolean *ret_exists, GError **error)
{
    g_autoptr(DbResult) access = db_query(conn, QUERY_JOURNAL_ACCESS, DB_NONE, error);
    int layout;

    if (access == NULL || (db_bool(access, 0, "has_schema") && !check_access(access, "may_look", error)))
        return FALSE;
    *ret_exists = db_bool(access, 0, "has_tables");
    return !*ret_exists || check_layout(conn, &layout, error);
}

static gboolean
create_tables(DbConn *conn, gboolean has_schema, GError **error)
{
    static const char *const queries[] = {QUERY_CREATE_META,  QUERY_CREATE_MIGRATION, QUERY_CREATE_MIGRATION_LIVE,
                                          QUERY_CREATE_STEP,  QUERY_CREATE_CHUNK,     QUERY_CREATE_EVENT,
                                          QUERY_CREATE_LEASE, QUERY_CREATE_FENCE,     QUERY_CREATE_RUNNER};
    g_autofree char *layout = g_strdup_printf("%d", LAYOUT);

    if (!has_schema && !db_run(conn, QUERY_CREATE_SCHEMA, DB_NONE, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(queries); i++) {
        if (!db_run(conn, queries[i], DB_NONE, error))
            return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(additions); i++) {
        if (!db_run(conn, additions[i].create, DB_NONE, error))
            return FALSE;
    }
    return db_run(conn, "INSERT INTO pgseam.meta (key, value) VALUES ('layout', $1) ON CONFLICT DO NOTHING",
                  DB_ARGS(layout), error);
}

/* A table for everybody who uses the others. */
static gboolean
add_table(DbConn *conn, const char *table, const char *create, GError **error)
{
    g_autoptr(DbResult) grants = NULL;

    if (!db_run(conn, create, DB_NONE, error))
        return FALSE;
    grants = db_query(conn, QUERY_JOURNAL_GRANTS, DB_ARGS(table), error);
    if (grants == NULL)
        return FALSE;
    for (int i = 0; i < db_rows(grants); i++) {
        if (!db_run(conn, db_text(grants, i, "statement"), DB_NONE, error))
            return FALSE;
    }
    return TRUE;
}

/* An older journal gets the tables that it lacks. */
static gboolean
upgrade(DbConn *conn, int from, GError **error)
{
    g_autofree char *layout = g_strdup_printf("%d", LAYOUT);

    for (guint i = 0; i < G_N_ELEMENTS(additions); i++) {
        if (additions[i].since > from && !add_table(conn, additions[i].table, additions[i].create, error))
            return FALSE;
    }
    return db_run(conn, "UPDATE pgseam.meta SET value = $1 WHERE key = 'layout'", DB_ARGS(layout), error);
}

gboolean
journal_ensure(DbConn *conn, GError **error)
{
    g_autoptr(DbResult) access = NULL;
    int layout = LAYOUT;

    if (!db_run(conn, "BEGIN", DB_NONE, error) || !journal_lock(conn, error))
        goto failed;
    access = db_query(conn, QUERY_JOURNAL_ACCESS, DB_NONE, error);
    if (access == NULL || !check_access(access, "may_use", error))
        goto failed;
    if (!db_bool(access, 0, "has_tables") && !create_tables(conn, db_bool(access, 0, "has_schema"), error))
        goto failed;
    if (!check_layout(conn, &layout, error) || (layout < LAYOUT && !upgrade(conn, layout, error)) ||
        !db_commit(conn, error))
        goto failed;
    return TRUE;
failed:
    db_abort(conn);
    return FALSE;
}

gboolean
journal_check_publications(DbConn *conn, const char *table, gboolean is_wanted, GError **error)
{
    g_autoptr(DbResult) row = db_query(conn, QUERY_PUBLICATIONS, DB_ARGS(table), error);

    if (row == NULL || db_text(row, 0, "name") == NULL || (!is_wanted && db_bool(row, 0, "is_harmless")))
        return row != NULL;
    seam_error_set(
        error, SEAM_ERROR_REFUSED,
        "publication \"%s\" is FOR ALL TABLES: the tables that pgseam makes would go to its subscribers, which do "
        "not have them",
        db_text(row, 0, "name"));
    seam_error_hint(error, "make it FOR TABLE with the tables by name, or FOR TABLES IN SCHEMA (15 and newer), before");
    return FALSE;
}

/* A write that finds no row was made with a token that is no longer the newest. */
static gboolean
write_fenced(DbConn *conn, const char *query, int n_values, const char *const *values, GError **error)
{
    g_autoptr(DbResult) result = db_query(conn, query, n_values, values, error);

    if (result == NULL)
        return FALSE;
    if (db_affected(result) > 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FENCED, "another pgseam has taken over; nothing more is written from here");
    seam_error_hint(error, "see `pgseam status`");
    return FALSE;
}

static gboolean
insert_steps(DbConn *conn, const Plan *plan, const char *id, GError **error)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(plan->steps, i);
        g_autofree char *number = g_strdup_printf("%d", step->id);
        g_autofree char *rows = g_strdup_printf("%.0f", step->rows);
        g_autofree char *relation = step->table != NULL ? sql_quote_name(step->schema, step->table) : NULL;

        if (!db_run(conn, QUERY_STEP_INSERT,
                    DB_ARGS(id, number, phase_name(step->phase), step_trait(step->kind)->name, relation, rows), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
take_tables(DbConn *conn, const Plan *plan, const char *id, GError **error)
{
    g_autoptr(GPtrArray) tables = plan_tables(plan);

    for (guint i = 0; i < tables->len; i++) {
        const char *relation = g_ptr_array_index(tables, i);
        g_autoptr(DbResult) taken = db_query(conn, QUERY_LEASE_INSERT, DB_ARGS(relation, id), error);
        g_autoptr(DbResult) holder = NULL;

        if (taken == NULL)
            return FALSE;
        if (db_rows(taken) == 1)
            continue;
        holder = db_query(conn, QUERY_LEASE_HOLDER, DB_ARGS(relation), error);
        if (holder == NULL)
            return FALSE;
        seam_error_set(error, SEAM_ERROR_FENCED, "table %s is being changed by migration %s (%s)", relation,
                       db_rows(holder) > 0 ? db_text(holder, 0, "name") : "?",
                       db_rows(holder) > 0 ? db_text(holder, 0, "state") : "?");
        seam_error_hint(error,
                        "one migration per table at a time: `pgseam complete` or `pgseam rollback` that one first");
        return FALSE;
    }
    return TRUE;
}

/* A name that was used: under way, or done. */
gboolean
journal_check_name(DbConn *conn, const char *name, GError **error)
{
    g_autoptr(GPtrArray) before = journal_list(conn, name, error);

    if (before == NULL)
        return FALSE;
    for (guint i = 0; i < before->len; i++) {
        const JournalMigration *migration = g_ptr_array_index(before, i);

        if (migration->state == STATE_ROLLED_BACK)
            continue;
        if (migration->state == STATE_COMPLETE) {
            seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s is complete already (since %s)", name,
                           migration->changed_at);
            seam_error_hint(error, "a new migration needs a file of another name");
        } else {
            seam_error_set(error, SEAM_ERROR_FENCED, "migration %s is under way: %s%s%s", name,
                           state_name(migration->state), migration->runner != NULL ? ", " : "",
                           migration->runner != NULL ? migration->runner : "");
            seam_error_hint(error,
                            "`pgseam status` shows where it is; `pgseam resume`, `complete` or `rollback` ends it");
        }
        return FALSE;
    }
    return ledger_check_name(conn, name, error);
}

static gboolean
insert_migration(DbConn *conn, const Plan *plan, gint64 *ret_id, GError **error)
{
    g_autofree char *document = plan_to_json(plan);
    g_autoptr(DbResult) row = db_query(conn, QUERY_MIGRATION_INSERT, DB_ARGS(plan->migration, document), error);
    char id[32];

    if (row == NULL)
        return FALSE;
    *ret_id = db_int(row, 0, "id");
    id_text(id, *ret_id);
    return db_run(conn, "INSERT INTO pgseam.fence (migration_id) VALUES ($1::bigint)", DB_ARGS(id), error) &&
           insert_steps(conn, plan, id, error) && take_tables(conn, plan, id, error);
}

gboolean
journal_begin(DbConn *conn, const Plan *plan, const RunOptions *options, const GPtrArray *entries, gint64 *ret_id,
              GError **error)
{
    if (db_run(conn, "BEGIN", DB_NONE, error) && journal_lock(conn, error) &&
        journal_check_name(conn, plan->migration, error) && insert_migration(conn, plan, ret_id, error) &&
        ledger_put_all(conn, entries, *ret_id, error) && settings_store(conn, *ret_id, options, error) &&
        db_commit(conn, error))
        return TRUE;
    db_abort(conn);
    return FALSE;
}

gboolean
journal_set_state(DbConn *conn, gint64 migration, MigrationState state, Stage stage, const char *reason, GError **error)
{
    char id[32];

    id_text(id, migration);
    return write_fenced(conn, QUERY_MIGRATION_STATE, DB_ARGS(id, state_names[state], stage_names[stage], reason),
                        error) &&
           journal_event(conn, migration, 0, "state", state_names[state], error);
}

gboolean
journal_set_failed(DbConn *conn, gint64 migration, MigrationState state, const char *reason, GError **error)
{
    char id[32];

    id_text(id, migration);
    return write_fenced(conn, QUERY_MIGRATION_FAILED, DB_ARGS(id, state_names[state], reason), error) &&
           journal_event(conn, migration, 0, "state", reason, error);
}

gboolean
journal_set_paused(DbConn *conn, gint64 migration, gboolean is_paused, GError **error)
{
    char id[32];

    id_text(id, migration);
    return db_run(conn, "UPDATE pgseam.migration SET is_paused = $2::boolean WHERE id = $1::bigint",
                  DB_ARGS(id, is_paused ? "true" : "false"), error) &&
           journal_event(conn, migration, 0, "operator", is_paused ? "pause" : "resume", error);
}

gboolean
journal_set_reason(DbConn *conn, gint64 migration, const char *reason, GError **error)
{
    char id[32];

    id_text(id, migration);
    return db_run(conn, "UPDATE pgseam.migration SET reason = $2 WHERE id = $1::bigint", DB_ARGS(id, reason), error);
}

gboolean
journal_is_paused(DbConn *conn, gint64 migration, gboolean *ret_is_paused, GError **error)
{
    char id[32];
    g_autoptr(DbResult) row = NULL;

    id_text(id, migration);
    row = db_query(conn, "SELECT is_paused FROM pgseam.migration WHERE id = $1::bigint", DB_ARGS(id), error);
    if (row != NULL)
        *ret_is_paused = db_rows(row) == 1 && db_bool(row, 0, "is_paused");
    return row != NULL;
}

gboolean
journal_step_status(DbConn *conn, gint64 migration, int step, StepStatus *ret_status, GError **error)
{
    char id[32];
    char number[32];
    g_autoptr(DbResult) row = NULL;

    id_text(id, migration);
    id_text(number, step);
    row = db_query(conn, "SELECT status FROM pgseam.step WHERE migration_id = $1::bigint AND id = $2::int",
                   DB_ARGS(id, number), error);
    if (row == NULL)
        return FALSE;
    g_assert(db_rows(row) == 1);
    *ret_status = (StepStatus)index_of(status_names, G_N_ELEMENTS(status_names), db_text(row, 0, "status"));
    return TRUE;
}

gboolean
journal_set_step(DbConn *conn, gint64 migration, int step, StepStatus status, GError **error)
{
    char id[32];
    char number[32];

    id_text(id, migration);
    id_text(number, step);
    return write_fenced(conn, QUERY_STEP_STATUS, DB_ARGS(id, number, status_names[status]), error);
}

gboolean
journal_check_names(DbConn *conn, gint64 migration, const GPtrArray *renames, GError **error)
{
    char id[32];
    g_autofree char *own = db_array_text(renames);
    g_autoptr(DbResult) renamed = NULL;

    id_text(id, migration);
    renamed = db_query(conn, QUERY_RENAMED, DB_ARGS(id, own), error);
    if (renamed == NULL || db_rows(renamed) == 0)
        return renamed != NULL;
    seam_error_set(error, SEAM_ERROR_DRIFT, "table %s has been renamed to %s meanwhile",
                   db_text(renamed, 0, "relation"), db_text(renamed, 0, "now_called"));
    seam_error_hint(error, "give it its name back, then `pgseam resume` or `pgseam rollback`");
    return FALSE;
}

gboolean
journal_event(DbConn *conn, gint64 migration, int step, const char *kind, const char *message, GError **error)
{
    char id[32];
    char number[32];

    id_text(id, migration);
    id_text(number, step);
    return db_run(conn,
                  "INSERT INTO pgseam.event (migration_id, step_id, kind, message) "
                  "VALUES ($1::bigint, nullif($2::int, 0), $3, $4)",
                  DB_ARGS(id, number, kind, message), error);
}

gboolean
journal_end(DbConn *conn, gint64 migration, MigrationState state, GError **error)
{
    char id[32];

    id_text(id, migration);
    if (db_run(conn, "BEGIN", DB_NONE, error) && journal_set_state(conn, migration, state, STAGE_DONE, NULL, error) &&
        db_run(conn, "DELETE FROM pgseam.lease WHERE migration_id = $1::bigint", DB_ARGS(id), error) &&
        db_commit(conn, error))
        return TRUE;
    db_abort(conn);
    return FALSE;
}
