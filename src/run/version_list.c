#include "run/version_list.h"

#include "base/names.h"
#include "base/sqltext.h"
#include "db/array.h"
#include "run/own_plan.h"
#include "run_queries.h"

#define MOST_VIEWS 50

static void
entry_free(gpointer data)
{
    VersionEntry *entry = data;

    g_free(entry->name);
    g_free(entry->migration);
    g_free(entry->search_path);
    g_free(entry->others);
    g_free(entry->dependants);
    g_ptr_array_unref(entry->views);
    g_free(entry);
}

GPtrArray *
version_list(DbConn *conn, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(entry_free);
    g_autoptr(DbResult) rows = NULL;
    gboolean exists = FALSE;

    if (!journal_exists(conn, &exists, error))
        return NULL;
    rows = exists ? db_query(conn, QUERY_VERSION_LIST, DB_NONE, error) : NULL;
    if (exists && rows == NULL)
        return NULL;
    for (int i = 0; exists && i < db_rows(rows); i++) {
        VersionEntry *entry = g_new0(VersionEntry, 1);

        entry->name = g_strdup(db_text(rows, i, "name"));
        entry->id = db_int(rows, i, "migration_id");
        entry->migration = g_strdup(db_text(rows, i, "migration"));
        entry->search_path = g_strdup(db_text(rows, i, "search_path"));
        entry->views = db_array(rows, i, "views");
        entry->others = g_strdup(db_text(rows, i, "others"));
        entry->is_pinned = db_bool(rows, i, "is_pinned");
        entry->is_ours = db_bool(rows, i, "is_ours");
        entry->dependants = g_strdup(db_text(rows, i, "dependants"));
        entry->state = state_of_name(db_text(rows, i, "state"));
        g_ptr_array_add(list, entry);
    }
    return g_steal_pointer(&list);
}

/* As many views as go within a lock budget, and with the last of them the schema. */
static Step *
drop_step(const VersionEntry *version, guint first)
{
    Step *step = step_new(PHASE_CONTRACT, STEP_DDL_FINAL, NULL, NULL);

    step->why = g_strdup_printf("version %s is not used any more", version->name);
    for (guint i = first; i < version->views->len && i < first + MOST_VIEWS; i++) {
        const char *view = g_ptr_array_index(version->views, i);

        step_add_lock(step, version->name, view, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, FALSE);
        step_add_sql(step, sql_build("DROP VIEW ?", sql_name(version->name, view)));
    }
    if (first + MOST_VIEWS >= version->views->len)
        step_add_sql(step, sql_build("DROP SCHEMA ?", sql_ident(version->name)));
    return step;
}

Plan *
version_drop_plan(DbConn *conn, const VersionEntry *version)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *stamp = g_date_time_format(now, "%Y%m%d_%H%M%S_%f");
    g_autofree char *stem = g_strdup_printf("version_drop_%s_%s", version->name, stamp);
    Plan *plan = own_plan(conn, name_bounded("drop", stem), "pgseam version drop", "");

    for (guint first = 0; first == 0 || first < version->views->len; first += MOST_VIEWS) {
        Step *step = drop_step(version, first);

        g_ptr_array_add(plan->steps, step);
        step->id = (int)plan->steps->len;
    }
    return plan;
}
