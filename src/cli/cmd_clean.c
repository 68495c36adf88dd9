#include "base/document.h"
#include "base/sqltext.h"
#include "cli/command.h"
#include "cli/driver.h"
#include "rewrite/leftover.h"

static gboolean is_dry_run;
static gboolean takes_old_tables;

/* "slot x", "trigger t on public.orders". The caller frees. */
static char *
title_of(const Leftover *item)
{
    g_autofree char *on = item->table != NULL ? sql_quote_name(item->schema, item->table) : NULL;

    if (g_strcmp0(item->kind, "table") == 0)
        return g_strdup_printf("table %s", on);
    return g_strdup_printf("%s %s%s%s", item->kind, item->name, on != NULL ? " on " : "", on != NULL ? on : "");
}

static char *
to_text(const GPtrArray *items, const char *verb)
{
    GString *out = g_string_new(NULL);
    const char *within = "";

    for (guint i = 0; i < items->len; i++) {
        const Leftover *item = g_ptr_array_index(items, i);
        const char *home = item->within != NULL ? item->within : "of a rewrite that no journal knows";
        g_autofree char *title = title_of(item);

        if (g_strcmp0(home, within) != 0)
            g_string_append_printf(out, "%s%s%s%s%s\n", home, item->migration != NULL ? ": migration " : "",
                                   item->migration != NULL ? item->migration : "", item->migration != NULL ? ", " : "",
                                   item->migration != NULL ? item->state : "");
        within = home;
        g_string_append_printf(out, "  %-8s %s%s%s\n", item->kept == NULL ? verb : "stays", title,
                               item->kept != NULL ? ": " : "", item->kept != NULL ? item->kept : "");
    }
    if (items->len == 0)
        g_string_append(out, "nothing is left over\n");
    return g_string_free(out, FALSE);
}

static void
put_leftover(JsonBuilder *builder, gconstpointer data)
{
    const Leftover *item = data;
    g_autofree char *on = item->table != NULL ? sql_quote_name(item->schema, item->table) : NULL;

    json_builder_begin_object(builder);
    document_put_text(builder, "kind", item->kind);
    document_put_text(builder, "name", item->name);
    document_put_text(builder, "table", on);
    document_put_text(builder, "rewrite", item->within);
    document_put_text(builder, "migration", item->migration);
    document_put_text(builder, "state", item->state);
    document_put_bool(builder, "stays", item->kept != NULL);
    document_put_text(builder, "reason", item->kept);
    json_builder_end_object(builder);
}

static char *
to_json(const GPtrArray *items)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    document_put_list(builder, "leftovers", items, put_leftover);
    document_put_bool(builder, "dry_run", is_dry_run);
    json_builder_end_object(builder);
    return document_text(builder);
}

static gboolean
run_clean(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_autoptr(DbConn) conn = db_open(options->target, "pgseam/clean", error);
    g_autoptr(GPtrArray) items = conn != NULL ? leftover_find(conn, takes_old_tables, error) : NULL;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autoptr(Plan) plan = NULL;
    g_autofree char *text = NULL;

    if (items == NULL)
        return FALSE;
    plan = leftover_plan(conn, items, now);
    if (!is_dry_run && plan->steps->len > 0 && !driver_carry_out(options, "clean", g_steal_pointer(&plan), error))
        return FALSE;
    text = common->is_json ? to_json(items) : to_text(items, is_dry_run ? "can go" : "removed");
    command_print(text);
    return TRUE;
}

static GOptionEntry clean_options[] = {
    {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &is_dry_run, "Only show what there is", NULL},
    {"old-tables", 0, 0, G_OPTION_ARG_NONE, &takes_old_tables,
     "Drop tables, too, that may be the only copy of their rows", NULL},
    {NULL}};

const Command command_clean = {
    .name = "clean",
    .summary = "remove what online rewrites have left behind",
    .help =
        "Finds schemas, tables, triggers, functions, replication slots and publications of rewrites that belong to no "
        "migration\n"
        "under way: it was completed or rolled back, or its journal is gone. They are removed under the lock budget, "
        "as a\n"
        "migration of its own. What belongs to a migration under way stays: `pgseam rollback` takes that away. A table "
        "that may\n"
        "be the only copy of its rows stays unless --old-tables is given.\n\n"
        "Example: pgseam clean -d shop --dry-run",
    .min_args = 0,
    .max_args = 0,
    .options = clean_options,
    .takes_run_options = TRUE,
    .run = run_clean,
};
