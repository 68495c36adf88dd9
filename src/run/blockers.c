#include "run/blockers.h"

#include <string.h>

#include "base/sqltext.h"
#include "db/array.h"
#include "run_queries.h"

#define MOST_SHOWN 5

static void
blocker_free(gpointer data)
{
    Blocker *blocker = data;

    g_free(blocker->standby);
    g_free(blocker->who);
    g_free(blocker->state);
    g_free(blocker->vxid);
    g_free(blocker->since);
    g_free(blocker->query_start);
    g_free(blocker->backend_start);
    g_free(blocker->mode);
    g_free(blocker->relation);
    g_free(blocker->query);
    g_free(blocker->may_not);
    g_free(blocker);
}

void
lock_target_free(gpointer data)
{
    LockTarget *target = data;

    g_free(target->relation);
    g_free(target);
}

static BlockerKind
kind_of_name(const char *name)
{
    for (int kind = 0; kind < N_BLOCKER_KINDS; kind++) {
        if (strcmp(blocker_kind_name((BlockerKind)kind), name) == 0)
            return (BlockerKind)kind;
    }
    g_assert_not_reached(); /* the query's own words */
}

static Blocker *
read_blocker(const DbResult *rows, int i)
{
    Blocker *blocker = g_new0(Blocker, 1);
    const char *mode = db_text(rows, i, "mode");

    blocker->pid = (int)db_int(rows, i, "pid");
    blocker->kind = kind_of_name(db_text(rows, i, "kind"));
    blocker->who = g_strdup(db_text(rows, i, "who"));
    blocker->state = g_strdup(db_text(rows, i, "state"));
    blocker->since = g_strdup(db_text(rows, i, "since"));
    blocker->query_start = g_strdup(db_text(rows, i, "query_start"));
    blocker->age_ms = db_int(rows, i, "age_ms");
    blocker->vxid = g_strdup(db_text(rows, i, "vxid"));
    blocker->backend_start = g_strdup(db_text(rows, i, "backend_start"));
    blocker->query = g_strdup(db_text(rows, i, "query"));
    blocker->may_not = g_strdup(db_text(rows, i, "may_not"));
    if (mode != NULL) {
        blocker->mode = g_strdup(lock_mode_name(lock_mode_of_name(mode)));
        blocker->relation = sql_quote_name(db_text(rows, i, "schema"), db_text(rows, i, "name"));
    }
    return blocker;
}

static GPtrArray *
read_blockers(const DbResult *rows)
{
    GPtrArray *blockers = g_ptr_array_new_with_free_func(blocker_free);

    for (int i = 0; i < db_rows(rows); i++)
        g_ptr_array_add(blockers, read_blocker(rows, i));
    return blockers;
}

GPtrArray *
blockers_find(DbConn *watch, const GPtrArray *targets, int own_pid, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autoptr(GPtrArray) modes = g_ptr_array_new();
    g_autofree char *pid = g_strdup_printf("%d", own_pid);
    g_autofree char *name_list = NULL;
    g_autofree char *mode_list = NULL;
    g_autoptr(DbResult) rows = NULL;

    for (guint i = 0; i < targets->len; i++) {
        const LockTarget *target = g_ptr_array_index(targets, i);

        for (int mode = LOCK_ACCESS_SHARE; mode <= LOCK_ACCESS_EXCLUSIVE; mode++) {
            if (!lock_modes_conflict(target->mode, (LockMode)mode))
                continue;
            g_ptr_array_add(names, target->relation);
            g_ptr_array_add(modes, (gpointer)lock_mode_catalog_name((LockMode)mode));
        }
    }
    name_list = db_array_text(names);
    mode_list = db_array_text(modes);
    rows = db_query(watch, QUERY_BLOCKERS, DB_ARGS(name_list, mode_list, pid, NULL), error);
    return rows != NULL ? read_blockers(rows) : NULL;
}

GPtrArray *
blockers_of(DbConn *watch, int pid, GError **error)
{
    g_autofree char *text = g_strdup_printf("%d", pid);
    g_autoptr(DbResult) rows = db_query(watch, QUERY_BLOCKERS, DB_ARGS("{}", "{}", text, text), error);

    return rows != NULL ? read_blockers(rows) : NULL;
}

gboolean
blockers_queue(DbConn *watch, const GPtrArray *targets, int own_pid, int *ret_waiting, gint64 *ret_longest_ms,
               GError **error)
{
    g_autoptr(GPtrArray) relations = g_ptr_array_new();
    g_autofree char *names = NULL;
    g_autofree char *pid = g_strdup_printf("%d", own_pid);
    g_autoptr(DbResult) row = NULL;

    for (guint i = 0; i < targets->len; i++)
        g_ptr_array_add(relations, ((const LockTarget *)g_ptr_array_index(targets, i))->relation);
    names = db_array_text(relations);
    row = db_query(watch, QUERY_QUEUE, DB_ARGS(names, pid), error);
    if (row == NULL)
        return FALSE;
    *ret_waiting = (int)db_int(row, 0, "waiting");
    *ret_longest_ms = db_int(row, 0, "longest_ms");
    return TRUE;
}

gboolean
blockers_signal(DbConn *conn, const Blocker *blocker, gboolean terminate, gboolean *ret_sent, GError **error)
{
    g_autofree char *pid = g_strdup_printf("%d", blocker->pid);
    g_autoptr(DbResult) row = db_query(
        conn, QUERY_SIGNAL, DB_ARGS(pid, blocker->backend_start, blocker->vxid, terminate ? "true" : "false"), error);

    *ret_sent = row != NULL && db_rows(row) == 1 && db_bool(row, 0, "sent");
    return row != NULL;
}

gboolean
blockers_waiting_for(DbConn *watch, int pid, gint64 *ret_longest_ms, GError **error)
{
    g_autofree char *text = g_strdup_printf("%d", pid);
    g_autoptr(DbResult) row = db_query(watch, QUERY_WAITING_FOR, DB_ARGS(text), error);

    *ret_longest_ms = row != NULL ? db_int(row, 0, "longest_ms") : 0;
    return row != NULL;
}

char *
blocker_describe(const Blocker *blocker)
{
    GString *out = g_string_new(NULL);

    if (blocker->standby != NULL)
        g_string_append_printf(out, "standby %s: ", blocker->standby);
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
    g_string_append_c(out, ')');
    if (blocker->mode != NULL)
        g_string_append_printf(out, " holds %s on %s", blocker->mode, blocker->relation);
    return g_string_free(out, FALSE);
}

char *
blockers_describe(const GPtrArray *blockers)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < MIN(blockers->len, MOST_SHOWN); i++) {
        g_autofree char *line = blocker_describe(g_ptr_array_index(blockers, i));

        g_string_append_printf(out, "%s%s", i > 0 ? "\n" : "", line);
    }
    if (blockers->len > MOST_SHOWN)
        g_string_append_printf(out, "\nand %u more", blockers->len - MOST_SHOWN);
    return g_string_free(out, FALSE);
}
