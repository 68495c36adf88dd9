#include "rewrite/inventory.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "rewrite_queries.h"

#define MOST_SHOWN 10

static void
line_free(gpointer data)
{
    InventoryLine *line = data;

    g_free(line->thing);
    g_free(line->needs);
    g_free(line->text);
    g_free(line->loose);
    g_free(line);
}

/* The server prints "(status)::text = 'x'::text" over a varchar and "status = 'x'::text" over a text: without casts and
 * parentheses both are one. */
static char *
without_casts(const GRegex *casts, const char *text)
{
    return g_regex_replace_literal(casts, text, -1, 0, "", 0, NULL);
}

static GRegex *
casts_new(void)
{
    return g_regex_new(
        "::[a-z_\"][a-z0-9_.\"]*( (varying|precision|without time zone|with time zone))?(\\([0-9, ]+\\))?"
        "(\\[\\])*|[()\\s]",
        G_REGEX_OPTIMIZE, 0, NULL);
}

static InventoryLine *
line_of_row(const DbResult *rows, int row, const GRegex *casts)
{
    InventoryLine *line = g_new0(InventoryLine, 1);

    line->thing = g_strstrip(g_strdup_printf("%s %s", db_text(rows, row, "kind"), db_text(rows, row, "object")));
    line->needs = g_strdup(db_text(rows, row, "needs"));
    line->text = g_strdup_printf("%s: %s", line->thing, db_text(rows, row, "definition"));
    line->is_local = db_bool(rows, row, "is_local");
    line->loose =
        line->is_local || db_bool(rows, row, "is_expression") ? without_casts(casts, line->text) : g_strdup(line->text);
    return line;
}

static void
add_lines(GPtrArray *lines, const DbResult *rows)
{
    g_autoptr(GRegex) casts = casts_new();

    for (int i = 0; i < db_rows(rows); i++)
        g_ptr_array_add(lines, line_of_row(rows, i, casts));
}

static DbResult *
read_elsewhere(DbConn *conn, const Dependants *dependants, GError **error)
{
    g_autofree char *views = dependants_names(dependants, DEPENDANT_VIEW_DROPPED, DEPENDANT_VIEW_REPLACED);
    g_autofree char *rules = dependants_oids(dependants, DEPENDANT_RULE);
    g_autofree char *policies = dependants_oids(dependants, DEPENDANT_POLICY);
    g_autofree char *functions = dependants_names(dependants, DEPENDANT_FUNCTION, DEPENDANT_FUNCTION_DROPPED);

    return db_query_kept(conn, QUERY_SWAP_VIEW_LINES, DB_ARGS(views, rules, policies, functions), error);
}

static GPtrArray *
lines_of_rows(const DbResult *rows)
{
    GPtrArray *lines = rows != NULL ? g_ptr_array_new_with_free_func(line_free) : NULL;

    if (rows != NULL)
        add_lines(lines, rows);
    return lines;
}

GPtrArray *
inventory_of(DbConn *conn, const char *schema, const char *table, GError **error)
{
    g_autofree char *name = sql_quote_name(schema, table);
    g_autoptr(DbResult) row =
        db_query(conn, "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid AS oid", DB_ARGS(name), error);
    g_autoptr(DbResult) rows =
        row != NULL ? db_query_kept(conn, QUERY_SWAP_INVENTORY, DB_ARGS(db_text(row, 0, "oid"), "", "", ""), error)
                    : NULL;

    return lines_of_rows(rows);
}

GPtrArray *
inventory_read(const Rewrite *rewrite, DbConn *conn, gint64 oid, const Dependants *dependants, GError **error)
{
    g_autofree char *oid_text = db_int_text(oid);
    const char *slot = rewrite->slot != NULL ? rewrite->slot : "";
    g_autoptr(DbResult) rows =
        db_query_kept(conn, QUERY_SWAP_INVENTORY, DB_ARGS(oid_text, rewrite->name, rewrite->schema, slot), error);
    g_autoptr(GPtrArray) lines = lines_of_rows(rows);
    g_autoptr(DbResult) elsewhere = NULL;

    if (lines == NULL)
        return NULL;
    if (dependants != NULL && dependants->all->len > 0) {
        elsewhere = read_elsewhere(conn, dependants, error);
        if (elsewhere == NULL)
            return NULL;
        add_lines(lines, elsewhere);
    }
    return g_steal_pointer(&lines);
}

GPtrArray *
inventory_shape(const GPtrArray *lines)
{
    GPtrArray *shape = g_ptr_array_new();

    for (guint i = 0; i < lines->len; i++) {
        const InventoryLine *line = g_ptr_array_index(lines, i);

        if (line->is_local)
            g_ptr_array_add(shape, line->text);
    }
    return shape;
}

/* Each text of `list` that is not in `other` as often, into `into` under `word`; how many. */
static guint
tell_missing(const GPtrArray *list, const GPtrArray *other, const char *word, GString *into)
{
    g_autoptr(GHashTable) left = g_hash_table_new(g_str_hash, g_str_equal);
    guint n = 0;

    for (guint i = 0; i < other->len; i++) {
        gpointer text = g_ptr_array_index(other, i);
        guint times = GPOINTER_TO_UINT(g_hash_table_lookup(left, text));

        g_hash_table_insert(left, text, GUINT_TO_POINTER(times + 1));
    }
    for (guint i = 0; i < list->len; i++) {
        gpointer text = g_ptr_array_index(list, i);
        guint times = GPOINTER_TO_UINT(g_hash_table_lookup(left, text));

        if (times > 0) {
            g_hash_table_insert(left, text, GUINT_TO_POINTER(times - 1));
            continue;
        }
        if (n++ < MOST_SHOWN)
            g_string_append_printf(into, "%s%s: %s", into->len > 0 ? "\n" : "", word, (const char *)text);
    }
    return n;
}

gboolean
inventory_check_shape(const GPtrArray *then, const GPtrArray *now, const char *what, GError **error)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    guint n = tell_missing(then, now, "was", lines) + tell_missing(now, then, "is", lines);

    if (n == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_DRIFT, "%s is not what it was when the rewrite was prepared", what);
    seam_error_detail(error, "%s", lines->str);
    seam_error_hint(error,
                    "somebody else changed it. Take that change back and `pgseam resume`, or `pgseam rollback` and "
                    "start again from the table as it is now");
    return FALSE;
}

/* The texts to compare: of dependants whose local thing is in `things`, or that need none. */
static GPtrArray *
moved_texts(const GPtrArray *lines, GHashTable *things, gboolean is_loose)
{
    GPtrArray *texts = g_ptr_array_new();

    for (guint i = 0; i < lines->len; i++) {
        const InventoryLine *line = g_ptr_array_index(lines, i);

        if (!line->is_local && (line->needs[0] == '\0' || g_hash_table_contains(things, line->needs)))
            g_ptr_array_add(texts, is_loose ? line->loose : line->text);
    }
    return texts;
}

static gboolean
same_columns(const GPtrArray *before, const GPtrArray *after)
{
    g_autoptr(GPtrArray) then = inventory_shape(before);
    g_autoptr(GPtrArray) now = inventory_shape(after);
    g_autoptr(GString) lines = g_string_new(NULL);

    return tell_missing(then, now, "", lines) + tell_missing(now, then, "", lines) == 0;
}

gboolean
inventory_check_moved(const GPtrArray *before, const GPtrArray *after, GError **error)
{
    g_autoptr(GHashTable) things = g_hash_table_new(g_str_hash, g_str_equal);
    gboolean is_loose = !same_columns(before, after);
    g_autoptr(GPtrArray) then = NULL;
    g_autoptr(GPtrArray) now = NULL;
    g_autoptr(GString) lines = g_string_new(NULL);
    guint n;

    for (guint i = 0; i < after->len; i++) {
        const InventoryLine *line = g_ptr_array_index(after, i);

        if (line->is_local)
            g_hash_table_add(things, line->thing);
    }
    then = moved_texts(before, things, is_loose);
    now = moved_texts(after, things, is_loose);
    n = tell_missing(then, now, "before", lines) + tell_missing(now, then, "after", lines);
    if (n == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_DRIFT,
                   "not all that hangs on the table came with it; the cut-over was taken back");
    seam_error_detail(error, "%s", lines->str);
    seam_error_hint(error,
                    "nothing has changed. Please report this; dropping what is named, `pgseam resume` and making "
                    "it again afterwards is a way round it");
    return FALSE;
}
