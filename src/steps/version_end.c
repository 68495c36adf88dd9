/*
 * version.end: the old shape goes, in one transaction; what the catalog says of the table before and after is compared
 * in it, and anything that is gone or other without having been planned takes all of it back.
 */
#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "base/sqltext.h"
#include "rewrite/inventory.h"
#include "run/quarantine.h"
#include "steps/common.h"
#include "steps/ops.h"

#define MOST_SHOWN 10

/* What the plan says of the difference: names, which belong to the step. */
typedef struct Planned {
    GPtrArray *gone;
    GPtrArray *dropped;
    GPtrArray *retyped;   /* "column a" */
    GPtrArray *defaulted; /* the same */
    GPtrArray *comments;  /* "comment index i": on what goes; they are the list's own */
} Planned;

static GPtrArray *
values_of(const Step *step, const char *param)
{
    GPtrArray *values = g_ptr_array_new();
    const char *value;

    for (guint n = 1; (value = step_get_nth(step, param, n)) != NULL; n++)
        g_ptr_array_add(values, (gpointer)value);
    return values;
}

static gboolean
set_search_path(Run *run, const char *path, GError **error)
{
    return db_run(run->work, "SELECT pg_catalog.set_config('search_path', $1, true)", DB_ARGS(path), error);
}

/* The inventory is printed under an empty search_path; what the step runs may rest on that of the file. */
static GPtrArray *
read_lines(Run *run, const Step *step, GError **error)
{
    g_autoptr(GPtrArray) lines = NULL;

    if (!set_search_path(run, "", error))
        return NULL;
    lines = inventory_of(run->work, step->schema, step->table, error);
    return lines != NULL && set_search_path(run, run->plan->search_path, error) ? g_steal_pointer(&lines) : NULL;
}

static gboolean
is_planned(const Planned *planned, const InventoryLine *line)
{
    if (names_contain(planned->gone, line->thing) || names_contain(planned->gone, line->needs) ||
        names_contain(planned->comments, line->thing))
        return TRUE;
    for (guint i = 0; i < planned->dropped->len; i++) {
        const char *name = g_ptr_array_index(planned->dropped, i);
        g_autofree char *thing = g_strconcat("column ", name, NULL);

        if (strcmp(line->thing, thing) == 0 || strcmp(line->needs, thing) == 0 || sql_mentions(line->text, name))
            return TRUE;
    }
    return FALSE;
}

/* The comments on what goes as planned: they say what they are about in their own words, "comment index i". */
static void
add_comments(const GPtrArray *lines, const Planned *planned)
{
    for (guint i = 0; i < lines->len; i++) {
        const InventoryLine *line = g_ptr_array_index(lines, i);
        const char *thing = line->thing + (g_str_has_prefix(line->thing, "foreign key ") ? strlen("foreign key ") : 0);

        if (!g_str_has_prefix(line->thing, "comment ") && is_planned(planned, line))
            g_ptr_array_add(planned->comments,
                            g_strconcat("comment ", thing != line->thing ? "constraint " : "", thing, NULL));
    }
}

/* Without the place of a column, which others that go change; of a column of another type what is said of it. */
static char *
comparable(const Planned *planned, const InventoryLine *line)
{
    static const char *const said[] = {" default ",  " NOT NULL",   " COLLATE ",
                                       " identity ", " generated ", " statistics "};
    gsize first = names_contain(planned->defaulted, line->thing) ? 1 : 0;
    const char *text = line->text + strlen(line->thing);
    GString *out;

    if (!g_str_has_prefix(line->thing, "column "))
        return g_strdup(line->loose);
    if (!names_contain(planned->retyped, line->thing))
        return g_strdup_printf("%s%s", line->thing, text + 1 + strcspn(text + 2, " ") + 1);
    out = g_string_new(line->thing);
    for (gsize i = first; i < G_N_ELEMENTS(said); i++) {
        if (strstr(text, said[i]) != NULL)
            g_string_append(out, said[i]);
    }
    return g_string_free(out, FALSE);
}

/* The lines of `list` that are in none of `other`, and need not be, into `into`; how many. */
static guint
tell_missing(const Planned *planned, const GPtrArray *list, const GPtrArray *other, const char *word, GString *into)
{
    g_autoptr(GHashTable) there = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint n = 0;

    for (guint i = 0; i < other->len; i++)
        g_hash_table_add(there, comparable(planned, g_ptr_array_index(other, i)));
    for (guint i = 0; i < list->len; i++) {
        const InventoryLine *line = g_ptr_array_index(list, i);
        g_autofree char *text = comparable(planned, line);

        if (is_planned(planned, line) || g_hash_table_contains(there, text))
            continue;
        if (n++ < MOST_SHOWN)
            g_string_append_printf(into, "%s%s: %s", into->len > 0 ? "\n" : "", word, line->text);
    }
    return n;
}

static gboolean
compare(const Step *step, const GPtrArray *before, const GPtrArray *after, GError **error)
{
    g_autoptr(GPtrArray) gone = values_of(step, PARAM_GONE);
    g_autoptr(GPtrArray) dropped = values_of(step, PARAM_DROPPED);
    g_autoptr(GPtrArray) retyped = values_of(step, PARAM_RETYPED);
    g_autoptr(GPtrArray) defaulted = values_of(step, PARAM_DEFAULTED);
    g_autoptr(GPtrArray) comments = g_ptr_array_new_with_free_func(g_free);
    Planned planned = {gone, dropped, retyped, defaulted, comments};
    g_autoptr(GString) lines = g_string_new(NULL);
    guint n;

    add_comments(before, &planned);
    n = tell_missing(&planned, before, after, "before", lines) + tell_missing(&planned, after, before, "after", lines);

    if (n == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_DRIFT,
                   "not all that hangs on table %s.%s would still be there; the end of the version was taken back",
                   step->schema, step->table);
    seam_error_detail(error, "%s", lines->str);
    seam_error_hint(error, "somebody may have changed what is named since the start: take that back, then `pgseam "
                           "resume`. `pgseam rollback` undoes the migration if nothing final is done");
    return FALSE;
}

static gboolean
end(Run *run, const Step *step, GError **error)
{
    g_autoptr(GPtrArray) before = read_lines(run, step, error);
    g_autoptr(GPtrArray) after = NULL;

    if (before == NULL || !common_run_sql(run, step, error))
        return FALSE;
    after = read_lines(run, step, error);
    return after != NULL && compare(step, before, after, error);
}

/* With the lock there is no time to go through the table: then only what has come since is looked for (PARAM_CHECK). */
static gboolean
check_quarantine(Run *run, const Step *step, GError **error)
{
    gint64 rows;

    if (!quarantine_look(run, step, &rows, error))
        return FALSE;
    if (rows > 0)
        quarantine_refuse(run, step, rows, error);
    return rows == 0;
}

static gboolean
run_end(Run *run, const Step *step, GError **error)
{
    return check_quarantine(run, step, error) && guard_apply(run, step, end, GUARD_NOTE_DONE, error);
}

const StepOps step_version_end = {common_probe_journal, run_end, NULL, NULL, NULL, NULL};
