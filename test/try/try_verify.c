/*
 * pgseam-try verify DSN MODE JOBS SOURCE TARGET DIRTY KEYS [COLUMN=EXPRESSION...]: compares two tables by a flow that
 * has the target's columns, each from the source's column of its name or the expression that is given. KEYS:
 * "id,other"; all in the schema public. MODE "sync": whoever writes to the source writes to the dirty table in the same
 * transaction; "wait": somebody else applies, and differences are looked at again for two seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "rewrite/compare.h"
#include "run/cancel.h"
#include "try.h"

#define PATIENCE_MS 2000

enum { MODE, JOBS, SOURCE, TARGET, DIRTY, KEYS, EXPRESSIONS };

static DbConn *
open_session(gpointer dsn, int number, GError **error)
{
    g_autofree char *name = g_strdup_printf("pgseam/try/worker%d", number);
    return db_open(dsn, name, error);
}

static gboolean
tick(gpointer data, GError **error)
{
    (void)data;
    return cancel_check(error);
}

/* The dirty table is up to date by itself. */
static gboolean
sync_nothing(gpointer data, GError **error)
{
    (void)data;
    return cancel_check(error);
}

static gboolean
sleep_ms(gpointer data, int milliseconds, GError **error)
{
    (void)data;
    g_usleep((gulong)milliseconds * 1000);
    return cancel_check(error);
}

static const char *
expression_of(char **args, const char *column)
{
    for (char **arg = args + EXPRESSIONS; *arg != NULL; arg++) {
        const char *equal = strchr(*arg, '=');

        if (equal != NULL && (size_t)(equal - *arg) == strlen(column) && g_str_has_prefix(*arg, column))
            return equal + 1;
    }
    return NULL;
}

static void
add_column(Flow *flow, char **args, const DbResult *rows, int row)
{
    FlowColumn *column = g_new0(FlowColumn, 1);
    const char *name = db_text(rows, row, "name");
    const char *expr = expression_of(args, name);

    column->name = g_strdup(name);
    column->type = g_strdup(db_text(rows, row, "type"));
    column->relay_type = g_strdup(db_text(rows, row, "relay_type"));
    column->expr = expr != NULL ? g_strdup(expr) : sql_quote_ident(name);
    column->is_plain = expr == NULL && db_bool(rows, row, "is_same");
    g_ptr_array_add(flow->columns, column);
}

static void
add_key(Flow *flow, char **args, const DbResult *rows, int row)
{
    FlowKey *key = g_new0(FlowKey, 1);
    const char *name = db_text(rows, row, "name");
    const char *expr = expression_of(args, name);
    g_autofree char *quoted = sql_quote_ident(name);

    key->name = g_strdup(name);
    key->target = g_strdup(name);
    key->target_type = g_strdup(db_text(rows, row, "type"));
    key->image = sql_build("CAST((?) AS ?)", sql_raw(expr != NULL ? expr : quoted), sql_raw(key->target_type));
    g_ptr_array_add(flow->keys, key);
}

static gboolean
read_flow(DbConn *conn, char **args, Flow *flow, GError **error)
{
    static const char query[] =
        "SELECT s.oid AS source, c.oid AS target, t.attname AS name, pg_catalog.format_type(t.atttypid, t.atttypmod) "
        "AS "
        "type, pg_catalog.format_type(t.atttypid, -1) AS relay_type, coalesce(t.atttypid = a.atttypid AND t.atttypmod "
        "= "
        "a.atttypmod, false) AS is_same, t.attname = ANY (pg_catalog.string_to_array($3, ',')) AS is_key "
        "FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_attribute AS t ON t.attrelid = c.oid AND t.attnum > 0 AND "
        "NOT "
        "t.attisdropped AND t.attgenerated = '' JOIN pg_catalog.pg_class AS s ON s.relname = $1 AND s.relnamespace = "
        "c.relnamespace LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = s.oid AND a.attname = t.attname "
        "WHERE c.relnamespace = 'public'::pg_catalog.regnamespace AND c.relname = $2 ORDER BY t.attnum";
    g_autoptr(DbResult) rows = db_query(conn, query, DB_ARGS(args[SOURCE], args[TARGET], args[KEYS]), error);

    if (rows == NULL)
        return FALSE;
    for (int i = 0; i < db_rows(rows); i++) {
        add_column(flow, args, rows, i);
        if (db_bool(rows, i, "is_key"))
            add_key(flow, args, rows, i);
        flow->source_oid = db_int(rows, i, "source");
        flow->target_oid = db_int(rows, i, "target");
    }
    flow->source = sql_quote_name("public", args[SOURCE]);
    flow->target = sql_quote_name("public", args[TARGET]);
    flow->dirty = sql_quote_name("public", args[DIRTY]);
    return TRUE;
}

static void
print(const VerifyReport *report, const Flow *flow)
{
    g_autofree char *text = verify_report_text(report, flow);

    printf("%s\n", text);
    for (guint i = 0; report->differences != NULL && i < report->differences->len; i++)
        printf("%s\n", (char *)g_ptr_array_index(report->differences, i));
    printf("rows=%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT " buckets=%" G_GINT64_FORMAT " differing=%" G_GINT64_FORMAT
           " explained=%" G_GINT64_FORMAT " seconds=%.3f hash=%s\n",
           report->source_rows, report->target_rows, report->buckets, report->differing, report->explained,
           report->seconds, report->hash);
}

gboolean
try_verify(const char *dsn, char **args, GError **error)
{
    g_autoptr(DbConn) conn = db_open(dsn, "pgseam/try/verify", error);
    g_autoptr(Flow) flow = flow_new();
    g_autoptr(Workers) workers = workers_new(&(WorkersHost){open_session, tick, (gpointer)dsn});
    g_auto(VerifyReport) report = {0};
    gboolean has_sync = g_strcmp0(args[MODE], "sync") == 0;
    CompareHost host = {.conn = conn,
                        .workers = workers,
                        .jobs = atoi(args[JOBS]),
                        .search_path = "public",
                        .time_zone = "UTC",
                        .date_style = "ISO, MDY",
                        .sync = has_sync ? sync_nothing : NULL,
                        .patience_ms = PATIENCE_MS,
                        .sleep = sleep_ms};

    if (conn == NULL || !read_flow(conn, args, flow, error) || !compare_flow(&host, flow, &report, error))
        return FALSE;
    print(&report, flow);
    return TRUE;
}
