#include "run/blockers.h"

#include "base/sqltext.h"
#include "db/array.h"
#include "run_queries.h"

#define MOST_SHOWN 5

static void
blocker_free(gpointer data)
{
    Blocker *blocker = data;

    g_free(blocker->who);
    g_free(blocker->state);
    g_free(blocker->vxid);
    g_free(blocker->since);
    g_free(blocker->mode);
    g_free(blocker->relation);
    g_free(blocker->query);
    g_free(blocker);
}

static Blocker *
read_blocker(const DbResult *rows, int i)
{
    Blocker *blocker = g_new0(Blocker, 1);

    blocker->pid = (int)db_int(rows, i, "pid");
    blocker->who = g_strdup(db_text(rows, i, "who"));
    blocker->state = g_strdup(db_text(rows, i, "state"));
    blocker->since = g_strdup(db_text(rows, i, "since"));
    blocker->age_ms = db_int(rows, i, "age_ms");
    blocker->vxid = g_strdup(db_text(rows, i, "vxid"));
    blocker->mode = g_strdup(lock_mode_name(lock_mode_of_name(db_text(rows, i, "mode"))));
    blocker->relation = sql_quote_name(db_text(rows, i, "schema"), db_text(rows, i, "name"));
    blocker->query = g_strdup(db_text(rows, i, "query"));
    blocker->is_autovacuum = db_bool(rows, i, "is_autovacuum");
    blocker->is_wraparound = db_bool(rows, i, "is_wraparound");
    return blocker;
}

static char *
conflicting_modes(LockMode mode)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (int other = LOCK_ACCESS_SHARE; other <= LOCK_ACCESS_EXCLUSIVE; other++) {
        if (lock_modes_conflict(mode, (LockMode)other))
            g_ptr_array_add(names, (gpointer)lock_mode_catalog_name((LockMode)other));
    }
    return db_array_text(names);
}

GPtrArray *
blockers_find(DbConn *watch, const GPtrArray *relations, LockMode mode, int own_pid, GError **error)
{
    g_autofree char *names = db_array_text(relations);
    g_autofree char *modes = conflicting_modes(mode);
    g_autofree char *pid = g_strdup_printf("%d", own_pid);
    g_autoptr(DbResult) rows = db_query(watch, QUERY_BLOCKERS, DB_ARGS(names, modes, pid), error);
    GPtrArray *blockers;

    if (rows == NULL)
        return NULL;
    blockers = g_ptr_array_new_with_free_func(blocker_free);
    for (int i = 0; i < db_rows(rows); i++)
        g_ptr_array_add(blockers, read_blocker(rows, i));
    return blockers;
}

gboolean
blockers_queue(DbConn *watch, const GPtrArray *relations, int own_pid, int *ret_waiting, gint64 *ret_longest_ms,
               GError **error)
{
    g_autofree char *names = db_array_text(relations);
    g_autofree char *pid = g_strdup_printf("%d", own_pid);
    g_autoptr(DbResult) row = db_query(watch, QUERY_QUEUE, DB_ARGS(names, pid), error);

    if (row == NULL)
        return FALSE;
    *ret_waiting = (int)db_int(row, 0, "waiting");
    *ret_longest_ms = db_int(row, 0, "longest_ms");
    return TRUE;
}

gboolean
blockers_of_session(DbConn *watch, int pid, char **ret_who, GError **error)
{
    g_autofree char *text = g_strdup_printf("%d", pid);
    g_autoptr(DbResult) row = db_query(watch, QUERY_BLOCKING_SESSION, DB_ARGS(text), error);

    *ret_who = row != NULL ? g_strdup(db_text(row, 0, "who")) : NULL;
    return row != NULL;
}

static void
append_one(GString *out, const Blocker *blocker)
{
    if (out->len > 0)
        g_string_append_c(out, '\n');
    if (blocker->pid != 0)
        g_string_append_printf(out, "pid %d (%s, %s", blocker->pid, blocker->who, blocker->state);
    else
        g_string_append_printf(out, "%s (", blocker->who);
    if (blocker->since != NULL)
        g_string_append_printf(out, "%ssince %s", blocker->pid != 0 ? " " : "", blocker->since);
    if (blocker->query != NULL && blocker->query[0] != '\0') {
        g_autofree char *line = g_strdelimit(g_strdup(blocker->query), "\r\n\t", ' ');
        g_string_append_printf(out, ", %s", line);
    }
    g_string_append_printf(out, ") holds %s on %s", blocker->mode, blocker->relation);
}

char *
blockers_describe(const GPtrArray *blockers)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < MIN(blockers->len, MOST_SHOWN); i++)
        append_one(out, g_ptr_array_index(blockers, i));
    if (blockers->len > MOST_SHOWN)
        g_string_append_printf(out, "\nand %u more", blockers->len - MOST_SHOWN);
    return g_string_free(out, FALSE);
}
