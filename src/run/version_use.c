#include "run/version_use.h"

#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "db/array.h"
#include "run/journal.h"
#include "run/version_list.h"
#include "run_queries.h"

#define MOST_PIDS 3

static const char *const side_names[] = {[SIDE_OLD] = "old", [SIDE_NEW] = "new"};

const char *
version_side_name(VersionSide side)
{
    return side_names[side];
}

static void
user_free(gpointer data)
{
    VersionUser *user = data;

    g_free(user->role);
    g_free(user->application_name);
    g_free(user->client_addr);
    g_free(user->first_seen);
    g_free(user->last_seen);
    g_free(user->query);
    g_ptr_array_unref(user->pids);
    g_free(user);
}

void
version_watch_clear(VersionWatch *watch)
{
    g_clear_pointer(&watch->schema, g_free);
    g_clear_pointer(&watch->schemas, g_free);
    g_clear_pointer(&watch->watched, g_free);
    g_clear_pointer(&watch->watched_all, g_free);
    g_clear_pointer(&watch->begun, g_free);
}

static void
add_all(GPtrArray *names, const Step *step, const char *param)
{
    const char *name;

    for (guint n = 1; (name = step_get_nth(step, param, n)) != NULL; n++)
        g_ptr_array_add(names, (gpointer)name);
}

void
version_watch_of_plan(VersionWatch *watch, const Plan *plan)
{
    g_autoptr(GPtrArray) watched = g_ptr_array_new();
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    for (guint i = 0; i < plan->steps->len; i++) {
        add_all(watched, g_ptr_array_index(plan->steps, i), PARAM_WATCHED);
        add_all(all, g_ptr_array_index(plan->steps, i), PARAM_WATCHED_ALL);
    }
    watch->watched = watched->len > 0 || plan->pins_all ? db_array_text(watched) : NULL;
    watch->watched_all = db_array_text(all);
}

static char *
all_schemas(DbConn *conn, GError **error)
{
    g_autoptr(GPtrArray) versions = version_list(conn, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; versions != NULL && i < versions->len; i++)
        g_ptr_array_add(names, ((const VersionEntry *)g_ptr_array_index(versions, i))->name);
    return versions != NULL ? db_array_text(names) : NULL;
}

gboolean
version_watch_begin(VersionWatch *watch, DbConn *conn, GError **error)
{
    g_autofree char *id = db_int_text(watch->migration);
    g_autoptr(DbResult) row = NULL;

    watch->schemas = all_schemas(conn, error);
    if (watch->schemas == NULL)
        return FALSE;
    row = db_query(conn, QUERY_VERSION_WATCH_GET, DB_ARGS(id, side_names[watch->side]), error);
    if (row == NULL)
        return FALSE;
    watch->begun = g_strdup(db_text(row, 0, "now"));
    watch->quiet_ms = db_int(row, 0, "quiet_ms");
    return TRUE;
}

gboolean
version_watch_look(const VersionWatch *watch, DbConn *conn, gboolean *ret_seen, GError **error)
{
    g_autofree char *id = db_int_text(watch->migration);
    g_autoptr(DbResult) row = db_query_kept(
        conn, QUERY_VERSION_LOOK,
        DB_ARGS(watch->schema, watch->schemas, id, side_names[watch->side], watch->watched, watch->watched_all), error);

    *ret_seen = row != NULL && db_int(row, 0, "seen") > 0;
    return row != NULL;
}

gboolean
version_watch_note(const VersionWatch *watch, DbConn *conn, GError **error)
{
    g_autofree char *id = db_int_text(watch->migration);
    g_autofree char *quiet = db_int_text(watch->quiet_ms);
    g_autoptr(DbResult) result =
        db_query(conn, QUERY_VERSION_WATCH_PUT, DB_ARGS(id, side_names[watch->side], quiet), error);

    if (result == NULL)
        return FALSE;
    if (db_affected(result) > 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FENCED, "the migration has left the gate meanwhile");
    seam_error_hint(error, "look again with `pgseam status`");
    return FALSE;
}

static VersionUser *
read_user(const DbResult *rows, int i)
{
    VersionUser *user = g_new0(VersionUser, 1);

    user->side = strcmp(db_text(rows, i, "side"), side_names[SIDE_OLD]) == 0 ? SIDE_OLD : SIDE_NEW;
    user->role = g_strdup(db_text(rows, i, "role"));
    user->application_name = g_strdup(db_text(rows, i, "application_name"));
    user->client_addr = g_strdup(db_text(rows, i, "client_addr"));
    user->first_seen = g_strdup(db_text(rows, i, "first_seen"));
    user->last_seen = g_strdup(db_text(rows, i, "last_seen"));
    user->ago_ms = db_int(rows, i, "ago_ms");
    user->times = db_int(rows, i, "times");
    user->query = g_strdup(db_text(rows, i, "last_query"));
    user->pids = db_array(rows, i, "pids");
    user->is_recent = db_bool(rows, i, "is_recent");
    user->has_moved = db_bool(rows, i, "has_moved");
    return user;
}

/* A journal of an older layout has no such table. */
static gboolean
knows_users(DbConn *conn, gboolean *ret_knows, GError **error)
{
    g_autoptr(DbResult) row = NULL;

    if (!journal_exists(conn, ret_knows, error))
        return FALSE;
    if (!*ret_knows)
        return TRUE;
    row = db_query(conn, "SELECT pg_catalog.to_regclass('pgseam.version_use') IS NOT NULL AS knows", DB_NONE, error);
    *ret_knows = row != NULL && db_bool(row, 0, "knows");
    return row != NULL;
}

GPtrArray *
version_users(DbConn *conn, gint64 migration, const char *since, gint64 for_ms, GError **error)
{
    g_autoptr(GPtrArray) users = g_ptr_array_new_with_free_func(user_free);
    g_autofree char *id = db_int_text(migration);
    g_autofree char *before = db_int_text(for_ms);
    g_autoptr(DbResult) rows = NULL;
    gboolean knows = FALSE;

    if (!knows_users(conn, &knows, error))
        return NULL;
    rows = knows ? db_query(conn, QUERY_VERSION_USE_LIST, DB_ARGS(id, since, before), error) : NULL;
    if (knows && rows == NULL)
        return NULL;
    for (int i = 0; rows != NULL && i < db_rows(rows); i++)
        g_ptr_array_add(users, read_user(rows, i));
    return g_steal_pointer(&users);
}

static void
append_pids(GString *out, const GPtrArray *pids)
{
    if (pids->len == 0) {
        g_string_append(out, ", not connected now");
        return;
    }
    g_string_append(out, pids->len == 1 ? ", connected as pid " : ", connected as pids ");
    for (guint i = 0; i < MIN(pids->len, MOST_PIDS); i++)
        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", (const char *)g_ptr_array_index(pids, i));
    if (pids->len > MOST_PIDS)
        g_string_append_printf(out, " and %u more", pids->len - MOST_PIDS);
}

char *
version_user_describe(const VersionUser *user)
{
    GString *out = g_string_new(NULL);
    g_autofree char *ago = units_ms_text(user->ago_ms / 1000 * 1000);

    g_string_append_printf(out, "role %s, application_name %s", user->role,
                           user->application_name[0] != '\0' ? user->application_name : "\"\"");
    if (user->client_addr != NULL)
        g_string_append_printf(out, ", from %s", user->client_addr);
    g_string_append_printf(out, ": last seen %s ago", user->ago_ms >= 1000 ? ago : "less than 1s");
    append_pids(out, user->pids);
    if (user->query != NULL && user->query[0] != '\0') {
        g_autofree char *line = g_strdelimit(g_strdup(user->query), "\r\n\t", ' ');
        g_autofree char *shown = g_utf8_strlen(line, -1) > 60 ? g_utf8_substring(line, 0, 60) : g_strdup(line);

        g_string_append_printf(out, ", %s%s", shown, strlen(shown) < strlen(line) ? "..." : "");
    }
    return g_string_free(out, FALSE);
}
