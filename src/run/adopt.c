#include "run/adopt.h"

#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "base/sqltext.h"
#include "db/array.h"
#include "run_queries.h"

/* What a version in a ledger means: its own file is applied; so are all up to it; all up to it, but there need not be a
 * file of that number; it was taken back; it stopped half-way. */
#define APPLIED "applied"
#define UP_TO   "up to"
#define BELOW   "below"
#define OUT     "out"
#define DIRTY   "dirty"

/* The tools: their table, a column that it has, one that it has not, and its rows as version and meaning. */
static const struct {
    const char *tool;
    const char *relation;
    const char *has;
    const char *lacks;
    gboolean is_by_name; /* the version is the file's name */
    const char *query;
} tools[] = {
    {"goose", "goose_db_version", "version_id", NULL, FALSE,
     "SELECT version_id::text AS version, CASE WHEN is_applied THEN 'applied' ELSE 'out' END AS meaning FROM (SELECT "
     "DISTINCT ON (version_id) version_id, is_applied FROM ? ORDER BY version_id, id DESC) AS newest WHERE version_id "
     "> 0 ORDER BY version_id"},
    {"golang-migrate", "schema_migrations", "dirty", NULL, FALSE,
     "SELECT version::text AS version, CASE WHEN dirty THEN 'dirty' ELSE 'up to' END AS meaning FROM ?"},
    {"dbmate", "schema_migrations", "version", "dirty", FALSE,
     "SELECT version::text AS version, 'applied' AS meaning FROM ? ORDER BY 1"},
    {"rails", "schema_migrations", "version", "dirty", FALSE,
     "SELECT version::text AS version, 'applied' AS meaning FROM ? ORDER BY 1"},
    {"flyway", "flyway_schema_history", "installed_rank", NULL, FALSE,
     "SELECT version, CASE WHEN NOT success THEN 'dirty' WHEN type = 'BASELINE' THEN 'below' WHEN type LIKE 'UNDO%' OR "
     "type = 'DELETE' THEN 'out' ELSE 'applied' END AS meaning FROM (SELECT DISTINCT ON (version) version::text AS "
     "version, type, success, installed_rank FROM ? WHERE version IS NOT NULL ORDER BY version, installed_rank DESC) "
     "AS "
     "newest ORDER BY installed_rank"},
    {"diesel", "__diesel_schema_migrations", "version", NULL, FALSE,
     "SELECT version::text AS version, 'applied' AS meaning FROM ? ORDER BY 1"},
    {"sql-migrate", "gorp_migrations", "id", NULL, TRUE,
     "SELECT id::text AS version, 'applied' AS meaning FROM ? ORDER BY 1"},
};

static char *
known_tools(void)
{
    g_autoptr(GString) names = g_string_new("auto");

    for (guint i = 0; i < G_N_ELEMENTS(tools); i++)
        g_string_append_printf(names, ", %s", tools[i].tool);
    return g_string_free(g_steal_pointer(&names), FALSE);
}

static gboolean
check_tool(const char *tool, GError **error)
{
    g_autofree char *known = known_tools();

    if (strcmp(tool, "auto") == 0)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(tools); i++) {
        if (strcmp(tools[i].tool, tool) == 0)
            return TRUE;
    }
    seam_error_set(error, SEAM_ERROR_USAGE, "the ledger of \"%s\" is not known", tool);
    seam_error_hint(error, "known: %s", known);
    return FALSE;
}

/* The tool whose table this is; -1: of none that is meant. Of two that keep the same table the first will do. */
static int
tool_of(const DbResult *tables, int row, const char *tool)
{
    g_autoptr(GPtrArray) columns = db_array(tables, row, "columns");

    for (guint i = 0; i < G_N_ELEMENTS(tools); i++) {
        if (strcmp(tools[i].relation, db_text(tables, row, "relation")) == 0 && names_contain(columns, tools[i].has) &&
            (tools[i].lacks == NULL || !names_contain(columns, tools[i].lacks)) &&
            (strcmp(tool, "auto") == 0 || strcmp(tool, tools[i].tool) == 0))
            return (int)i;
    }
    return -1;
}

/* The one table that is meant: its tool, or -1 with an error. */
static int
find_ledger(DbConn *conn, const char *tool, char **ret_table, GError **error)
{
    g_autoptr(GPtrArray) relations = g_ptr_array_new();
    g_autofree char *names = NULL;
    g_autofree char *table = NULL;
    g_autoptr(DbResult) tables = NULL;
    int found = -1;

    for (guint i = 0; i < G_N_ELEMENTS(tools); i++)
        g_ptr_array_add(relations, (gpointer)tools[i].relation);
    names = db_array_text(relations);
    tables = db_query(conn, QUERY_FOREIGN_LEDGERS, DB_ARGS(names), error);
    for (int row = 0; tables != NULL && row < db_rows(tables); row++) {
        int own = tool_of(tables, row, tool);
        g_autofree char *here = sql_quote_name(db_text(tables, row, "schema"), db_text(tables, row, "relation"));

        if (own >= 0 && found >= 0) {
            seam_error_set(error, SEAM_ERROR_REFUSED, "there are two ledgers of other tools: %s (%s) and %s (%s)",
                           table, tools[found].tool, here, tools[own].tool);
            seam_error_hint(error, "name the tool (--adopt=TOOL), or drop the one that is out of use");
            return -1;
        }
        if (own >= 0) {
            found = own;
            table = g_steal_pointer(&here);
        }
    }
    if (tables != NULL && found < 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "this database has no ledger of %s",
                       strcmp(tool, "auto") == 0 ? "another tool" : tool);
        seam_error_hint(error,
                        "without --adopt, `pgseam baseline DIR --to NAME` notes the files up to NAME as applied");
    }
    *ret_table = g_steal_pointer(&table);
    return found;
}

static void
add_once(GPtrArray *files, const FolderFile *file)
{
    if (!g_ptr_array_find(files, file, NULL))
        g_ptr_array_add(files, (gpointer)file);
}

/* Read as text, so that a version of any type is one. */
static char *
ledger_query(int tool, const char *table)
{
    const SqlArg args[] = {sql_raw(table)};

    return sql_build_args(tools[tool].query, G_N_ELEMENTS(args), args);
}

/* One version's files; FALSE with what is wrong with it. */
static gboolean
take_version(const Folder *folder, const FolderFile *file, const char *version, const char *meaning, GPtrArray *files,
             GString *wrong)
{
    gboolean is_up_to = strcmp(meaning, UP_TO) == 0 || strcmp(meaning, BELOW) == 0;

    if (strcmp(meaning, OUT) == 0)
        return TRUE;
    if (strcmp(meaning, DIRTY) == 0) {
        g_string_append_printf(wrong, "%sversion %s stopped half-way (it is marked as dirty or failed)",
                               wrong->len > 0 ? "\n" : "", version);
        return FALSE;
    }
    if (file == NULL && strcmp(meaning, BELOW) != 0) {
        g_string_append_printf(wrong, "%sversion %s has no file in %s", wrong->len > 0 ? "\n" : "", version,
                               folder->path);
        return FALSE;
    }
    for (guint i = 0; is_up_to && i < folder->files->len; i++) {
        const FolderFile *other = g_ptr_array_index(folder->files, i);

        if (folder_is_up_to(other, version))
            add_once(files, other);
    }
    if (file != NULL)
        add_once(files, file);
    return TRUE;
}

GPtrArray *
adopt_files(DbConn *conn, const Folder *folder, const char *tool, char **ret_ledger, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    g_autoptr(GString) wrong = g_string_new(NULL);
    g_autofree char *table = NULL;
    g_autofree char *query = NULL;
    g_autoptr(DbResult) rows = NULL;
    gboolean ok = TRUE;
    int found;

    if (!check_tool(tool, error))
        return NULL;
    found = find_ledger(conn, tool, &table, error);
    query = found >= 0 ? ledger_query(found, table) : NULL;
    rows = query != NULL ? db_query(conn, query, DB_NONE, error) : NULL;
    if (rows == NULL)
        return NULL;
    for (int i = 0; i < db_rows(rows); i++) {
        const char *version = db_text(rows, i, "version");
        const FolderFile *file =
            tools[found].is_by_name ? folder_find(folder, version) : folder_find_version(folder, version);

        ok &= take_version(folder, file, version, db_text(rows, i, "meaning"), files, wrong);
    }
    if (ok) {
        *ret_ledger = g_steal_pointer(&table);
        return g_steal_pointer(&files);
    }
    seam_error_set(error, SEAM_ERROR_REFUSED, "the ledger of %s, %s, cannot be taken over", tools[found].tool, table);
    seam_error_detail(error, "%s", wrong->str);
    seam_error_hint(error, "mend that with %s, or bring the files, then try again; nothing has been noted",
                    tools[found].tool);
    return NULL;
}
