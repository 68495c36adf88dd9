#include "rewrite/slot.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "db/stream.h"
#include "rewrite_queries.h"
#include "run/blockers.h"
#include "run/guard.h"
#include "run/journal.h"
#include "run/patience.h"
#include "run/progress.h"

#define COLUMN_LISTS     150000 /* server_version_num from which a publication may name columns */
#define STEM_BYTES       24     /* of the table's name in the slot's */
#define LOOK_US          1000000
#define BARRIER_POLL_MS  20
#define REMOVE_S         15
#define REMOVE_POLL_MS   50
#define NO_SUCH_OBJECT   "42704"
#define OBJECT_IN_USE    "55006"
#define DUPLICATE_OBJECT "42710"

char *
slot_name(const char *database_oid, gint64 migration, const char *rewrite, const char *table)
{
    g_autofree char *identity = g_strdup_printf("%" G_GINT64_FORMAT "/%s", migration, rewrite);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, identity, -1);
    g_autoptr(GString) stem = g_string_new(NULL);

    for (const char *c = table; *c != '\0' && stem->len < STEM_BYTES; c++) {
        if (g_ascii_isalnum(*c) || *c == '_')
            g_string_append_c(stem, g_ascii_tolower(*c));
    }
    return g_strdup_printf("pgseam_%s_%s_%.8s", database_oid, stem->str, hash);
}

static DbResult *
read_facts(const Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->source_oid);
    g_autoptr(DbResult) facts = db_query(conn, QUERY_CAPTURE_FACTS, DB_ARGS(oid), error);

    if (facts != NULL && db_rows(facts) == 0) {
        seam_error_set(error, SEAM_ERROR_DRIFT, "%s.%s is no longer there", rewrite->schema, rewrite->table);
        return NULL;
    }
    return g_steal_pointer(&facts);
}

static gboolean
is_full(const DbResult *facts)
{
    return strcmp(db_text(facts, 0, "identity"), "f") == 0;
}

/* Why publishing the table would keep the application from writing, or would not tell which rows it changes. */
static const char *
bad_identity(const DbResult *facts)
{
    g_autoptr(GPtrArray) columns = db_array(facts, 0, "columns");
    const char *identity = db_text(facts, 0, "identity");

    if (is_full(facts))
        return NULL;
    if (strcmp(identity, "n") == 0)
        return "the table has REPLICA IDENTITY NOTHING: published, its rows could be neither updated nor deleted";
    if (columns->len == 0 && strcmp(identity, "i") == 0)
        return "the index of the table's REPLICA IDENTITY is gone: published, its rows could be neither updated nor "
               "deleted";
    if (columns->len == 0 && db_bool(facts, 0, "is_deferrable"))
        return "the table's primary key is deferrable, so it is no replica identity";
    if (columns->len == 0)
        return "the table has no replica identity, as it has no primary key";
    if (db_bool(facts, 0, "is_generated"))
        return "a column of the table's replica identity is generated";
    return NULL;
}

static const char *
bad_server(const DbResult *facts)
{
    if (strcmp(db_text(facts, 0, "wal_level"), "logical") != 0)
        return "wal_level is not logical";
    /* Such a server would let commits wait for us, who wait until they are visible. */
    if (strchr(db_text(facts, 0, "sync_names"), '*') != NULL)
        return "synchronous_standby_names has '*', which would make our stream a synchronous standby";
    if (db_int(facts, 0, "used_slots") >= db_int(facts, 0, "slots"))
        return "all replication slots are in use (max_replication_slots)";
    return NULL;
}

static const char *
bad_table(const DbResult *facts)
{
    if (strcmp(db_text(facts, 0, "relkind"), "r") != 0)
        return "it is not an ordinary table";
    if (strcmp(db_text(facts, 0, "relpersistence"), "p") != 0)
        return "the table is unlogged or temporary, so its changes are not in the log";
    if (!db_bool(facts, 0, "may_create"))
        return "the role may not make a publication (CREATE on the database)";
    if (!db_bool(facts, 0, "is_owner"))
        return "the role does not own the table, so it may not publish it";
    return bad_identity(facts);
}

/* NULL: nothing is known to be in the way. */
static const char *
first_reason(const DbResult *facts)
{
    const char *why = bad_server(facts);

    return why != NULL ? why : bad_table(facts);
}

static char *
stream_role(const Rewrite *rewrite)
{
    return g_strdup_printf("pgseam/%s/stream", rewrite->run->plan->migration);
}

gboolean
slot_check(Rewrite *rewrite, char **ret_why, GError **error)
{
    g_autoptr(DbResult) facts = read_facts(rewrite, rewrite->run->control, error);
    g_autofree char *role = stream_role(rewrite);
    g_autoptr(DbStream) stream = NULL;
    g_autoptr(GError) why = NULL;

    *ret_why = NULL;
    if (facts == NULL)
        return FALSE;
    *ret_why = g_strdup(first_reason(facts));
    if (*ret_why != NULL)
        return TRUE;
    stream = stream_open(rewrite->run->options.target, role, &why);
    if (stream == NULL)
        *ret_why = g_strdup_printf("a replication connection cannot be had: %s", why->message);
    return TRUE;
}

/* In the guard's transaction, which holds the table. */
static gboolean
create_publication(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);
    g_autoptr(DbResult) facts = rewrite != NULL ? read_facts(rewrite, run->work, error) : NULL;
    g_autoptr(GPtrArray) columns = NULL;
    g_autofree char *list = NULL;
    g_autofree char *table = NULL;
    g_autofree char *sql = NULL;

    if (facts == NULL)
        return FALSE;
    if (bad_table(facts) != NULL) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "the changes of %s.%s cannot be read from the log: %s",
                       rewrite->schema, rewrite->table, bad_table(facts));
        return FALSE;
    }
    columns = db_array(facts, 0, "columns");
    list = sql_quote_list(columns);
    table = db_server_version(run->work) >= COLUMN_LISTS && !is_full(facts)
                ? sql_build("? (?)", sql_name(rewrite->schema, rewrite->table), sql_raw(list))
                : sql_quote_name(rewrite->schema, rewrite->table);
    sql = sql_build("CREATE PUBLICATION ? FOR TABLE ONLY ? WITH (publish = 'insert, update, delete, truncate', "
                    "publish_via_partition_root = false)",
                    sql_ident(rewrite->slot), sql_raw(table));
    return db_run(run->work, sql, DB_NONE, error);
}

gboolean
slot_publish(Rewrite *rewrite, const Step *step, GError **error)
{
    Step *locked = step_new(step->phase, step->kind, step->schema, step->table);
    gboolean ok;

    locked->id = step->id;
    step_set(locked, PARAM_REWRITE, rewrite->name);
    step_add_lock(locked, step->schema, step->table, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_INSTANT, TRUE);
    ok = guard_apply(rewrite->run, locked, create_publication, GUARD_NOTE_NOTHING, error);
    step_free(locked);
    return ok;
}

/* Waiting for the slot. */
typedef struct Making {
    Rewrite *rewrite;
    int stream_pid;
    gint64 deadline; /* monotonic microseconds */
    gint64 next_look;
    char *told; /* those who were told of; NULL: nobody yet */
} Making;

static gboolean
tell(Making *making, const char *who, GError **error)
{
    Run *run = making->rewrite->run;

    if (who[0] == '\0' || g_strcmp0(who, making->told) == 0)
        return TRUE;
    if (making->told == NULL)
        progress_say(run->progress, "  the capture begins when older transactions have ended; in the way:\n%s", who);
    g_free(making->told);
    making->told = g_strdup(who);
    return journal_set_reason(run->control, run->migration, who, error);
}

static void
set_late(const Making *making, GError **error)
{
    const Run *run = making->rewrite->run;

    seam_error_set(error, SEAM_ERROR_LOCK, "the capture of %s.%s could not begin within %d s", making->rewrite->schema,
                   making->rewrite->table, run->options.lock_deadline_s);
    seam_error_detail(error, "it waits for all transactions that were open; in the way: %s",
                      making->told != NULL ? making->told : "nobody that we may see");
    seam_error_hint(error, "let them end, then `pgseam resume`; or capture by triggers, which waits only for those "
                           "that write to the table: --capture trigger");
}

/* Whose end the walsender awaits, with the policies for those in the way. */
static gboolean
look_who(Making *making, GError **error)
{
    Run *run = making->rewrite->run;
    g_autoptr(GPtrArray) blockers = blockers_of(run->watch, making->stream_pid, error);
    g_autofree char *who = blockers != NULL ? blockers_describe(blockers) : NULL;

    if (blockers == NULL)
        return FALSE;
    patience_complete_ages(run, blockers);
    return tell(making, who, error) && patience_apply(run, blockers, error);
}

static gboolean
tick_making(gpointer data, GError **error)
{
    Making *making = data;
    gint64 now = g_get_monotonic_time();

    if (!run_tick(making->rewrite->run, error))
        return FALSE;
    if (now > making->deadline) {
        set_late(making, error);
        return FALSE;
    }
    if (now < making->next_look)
        return TRUE;
    making->next_look = now + LOOK_US;
    return look_who(making, error);
}

static Making
making_new(Rewrite *rewrite)
{
    gint64 now = g_get_monotonic_time();

    return (Making){.rewrite = rewrite,
                    .deadline = now + (gint64)rewrite->run->options.lock_deadline_s * G_USEC_PER_SEC,
                    .next_look = now + LOOK_US / 4};
}

static gboolean
making_end(Making *making, gboolean ok, GError **error)
{
    Run *run = making->rewrite->run;
    gboolean was_told = making->told != NULL;

    g_clear_pointer(&making->told, g_free);
    return ok && (!was_told || journal_set_reason(run->control, run->migration, NULL, error));
}

gboolean
slot_make(Rewrite *rewrite, GError **error)
{
    Making making = making_new(rewrite);
    g_autofree char *role = stream_role(rewrite);
    g_autoptr(DbStream) stream = stream_open(rewrite->run->options.target, role, error);
    gboolean ok;

    if (stream == NULL)
        return FALSE;
    making.stream_pid = stream_backend_pid(stream);
    ok = stream_create_slot(stream, rewrite->slot, &(StreamWait){100, tick_making, &making}, NULL, error);
    if (!ok && error != NULL && seam_error_has_sqlstate(*error, DUPLICATE_OBJECT))
        seam_error_hint(error, "the slot is not of this database: remove it with pg_drop_replication_slot(), then "
                               "`pgseam resume`");
    return making_end(&making, ok, error);
}

/* A transaction id of our own, which all that runs now is older than. It writes nothing, so its commit waits for no
 * standby. */
static char *
take_xid(Rewrite *rewrite, GError **error)
{
    g_autoptr(DbResult) row =
        db_query(rewrite->run->watch, "SELECT pg_catalog.pg_current_xact_id()::text AS xid", DB_NONE, error);

    return row != NULL ? g_strdup(db_text(row, 0, "xid")) : NULL;
}

static gboolean
tell_older(Making *making, const char *xid, GError **error)
{
    g_autoptr(DbResult) rows = db_query(making->rewrite->run->watch, QUERY_OLDER_TRANSACTIONS, DB_ARGS(xid), error);
    g_autoptr(GString) who = g_string_new(NULL);

    for (int i = 0; rows != NULL && i < db_rows(rows); i++)
        g_string_append_printf(who, "%s%s", i > 0 ? "\n" : "", db_text(rows, i, "who"));
    return rows != NULL && tell(making, who->str, error);
}

static gboolean
wait_for_xid(Making *making, const char *xid, GError **error)
{
    Run *run = making->rewrite->run;

    for (;;) {
        g_autoptr(DbResult) row = db_query(run->watch,
                                           "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) >= "
                                           "$1::xid8 AS is_past",
                                           DB_ARGS(xid), error);

        if (row == NULL)
            return FALSE;
        if (db_bool(row, 0, "is_past"))
            return TRUE;
        if (g_get_monotonic_time() > making->deadline) {
            set_late(making, error);
            return FALSE;
        }
        if (g_get_monotonic_time() > making->next_look) {
            making->next_look = g_get_monotonic_time() + LOOK_US;
            if (!tell_older(making, xid, error))
                return FALSE;
        }
        if (!run_sleep(run, BARRIER_POLL_MS, error))
            return FALSE;
    }
}

gboolean
slot_barrier(Rewrite *rewrite, GError **error)
{
    Making making = making_new(rewrite);
    g_autofree char *xid = take_xid(rewrite, error);

    return making_end(&making, xid != NULL && wait_for_xid(&making, xid, error), error);
}

void
slot_state_clear(SlotState *state)
{
    g_clear_pointer(&state->publication_mark, g_free);
    g_clear_pointer(&state->identity_mark, g_free);
    g_clear_pointer(&state->keep_size, g_free);
}

gboolean
slot_look(const Rewrite *rewrite, DbConn *conn, SlotState *ret, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->source_oid);
    g_autoptr(DbResult) row = db_query(conn, QUERY_SLOT_STATE, DB_ARGS(rewrite->slot, oid), error);

    if (row == NULL)
        return FALSE;
    slot_state_clear(ret);
    *ret = (SlotState){
        .is_there = db_bool(row, 0, "is_there"),
        .is_complete = db_bool(row, 0, "is_complete"),
        .is_lost = strcmp(db_text(row, 0, "wal_status"), "lost") == 0,
        .is_in_danger = strcmp(db_text(row, 0, "wal_status"), "unreserved") == 0,
        .active_pid = (int)db_int(row, 0, "active_pid"),
        .behind_bytes = db_int(row, 0, "behind_bytes"),
        .kept_bytes = db_int(row, 0, "kept_bytes"),
        .is_published = db_bool(row, 0, "is_published"),
        .publication_mark = g_strdup(db_text(row, 0, "publication_mark")),
        .identity_mark = g_strdup(db_text(row, 0, "identity_mark")),
        .keep_size = g_strdup(db_text(row, 0, "keep_size")),
        .sync_priority = (int)db_int(row, 0, "sync_priority"),
    };
    return TRUE;
}

gboolean
slot_is_lost(const Rewrite *rewrite, const SlotState *state, GError **error)
{
    if (!state->is_there)
        seam_error_set(error, SEAM_ERROR_FAILED,
                       "replication slot %s is gone: somebody dropped it, or this server took over from another one",
                       rewrite->slot);
    else if (state->is_lost)
        seam_error_set(error, SEAM_ERROR_FAILED,
                       "replication slot %s is lost: the server removed log that was not read yet "
                       "(max_slot_wal_keep_size = %s)",
                       rewrite->slot, state->keep_size);
    else if (!state->is_published)
        seam_error_set(error, SEAM_ERROR_FAILED, "publication %s is gone or no longer gives all changes of %s.%s",
                       rewrite->slot, rewrite->schema, rewrite->table);
    else
        return FALSE;
    seam_error_detail(error,
                      "changes of %s.%s may have been missed, so the copy is of no use; the table itself is "
                      "untouched",
                      rewrite->schema, rewrite->table);
    seam_error_hint(error, "`pgseam rollback` takes away what is left, then start again; --capture trigger needs no "
                           "slot");
    return TRUE;
}

/* One turn: end who reads it, then drop it. *ret_gone FALSE: somebody still does. */
static gboolean
try_drop_slot(Rewrite *rewrite, gboolean *ret_gone, GError **error)
{
    DbConn *conn = rewrite->run->control;
    g_auto(SlotState) state = {0};
    g_autofree char *pid = NULL;
    g_autoptr(GError) why = NULL;

    *ret_gone = FALSE;
    if (!slot_look(rewrite, conn, &state, error))
        return FALSE;
    *ret_gone = !state.is_there;
    if (*ret_gone)
        return TRUE;
    pid = g_strdup_printf("%d", state.active_pid);
    if (state.active_pid != 0)
        return db_run(conn, "SELECT pg_catalog.pg_terminate_backend($1::int)", DB_ARGS(pid), error);
    *ret_gone = db_run(conn, "SELECT pg_catalog.pg_drop_replication_slot($1)", DB_ARGS(rewrite->slot), &why);
    if (*ret_gone || seam_error_has_sqlstate(why, OBJECT_IN_USE) || seam_error_has_sqlstate(why, NO_SUCH_OBJECT))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
drop_slot(Rewrite *rewrite, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)REMOVE_S * G_USEC_PER_SEC;
    gboolean is_gone;

    for (;;) {
        if (!try_drop_slot(rewrite, &is_gone, error))
            return FALSE;
        if (is_gone)
            return TRUE;
        if (g_get_monotonic_time() > deadline) {
            seam_error_set(error, SEAM_ERROR_FAILED, "replication slot %s cannot be dropped: it is still being read",
                           rewrite->slot);
            seam_error_hint(error, "it keeps the server from removing its log: end the session that pg_replication_"
                                   "slots.active_pid names, then try again");
            return FALSE;
        }
        g_usleep(REMOVE_POLL_MS * 1000);
    }
}

gboolean
slot_remove(Rewrite *rewrite, GError **error)
{
    g_autofree char *sql = sql_build("DROP PUBLICATION IF EXISTS ?", sql_ident(rewrite->slot));

    return drop_slot(rewrite, error) && db_run(rewrite->run->control, sql, DB_NONE, error);
}
