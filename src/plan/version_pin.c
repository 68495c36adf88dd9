/*
 * A version with a view for every table that the application finds by its name: `--pin all`, and `pgseam version pin`
 * for the application that runs now. Nobody who comes through it sees a column come, so no prepared SELECT * breaks.
 */
#include "plan/version_pin.h"

#include "base/sqltext.h"
#include "plan/objects.h"
#include "plan/recipe_rewrite.h"
#include "plan/version_move.h"

/* Why no view may stand for the table; NULL: one may. It is then reached by its own name, as before, so leaving it out
 * breaks nothing: the reader is told. */
static const char *
unfit_reason(const PlanContext *ctx, const FactTable *table)
{
    if (table->unfit != NULL)
        return table->unfit;
    if (!table->is_owned)
        return "it belongs to another role";
    if (table->is_typed)
        return "it has its columns from a composite type";
    if (table->has_rules)
        return "it has a rule: what is written through a view would become something else";
    if (table->has_row_security && ctx->facts->server_version < INVOKER_SERVER)
        return "it has row-level security, which a view does not heed before PostgreSQL 15";
    return NULL;
}

static gboolean
is_child_of(const FactTable *table, const FactTable *parent)
{
    for (guint i = 0; i < parent->descendants->len; i++) {
        if (g_ptr_array_index(parent->descendants, i) == table)
            return TRUE;
    }
    return FALSE;
}

/* What the file does to a table it does to the columns of its children, too: a view of one as it is would be of neither
 * shape, and in the way. `changed` are the first ones of the list, which the file changes. */
static gboolean
is_child(const GPtrArray *tables, guint changed, const FactTable *table)
{
    for (guint i = 0; i < changed; i++) {
        if (is_child_of(table, ((const VersionTable *)g_ptr_array_index(tables, i))->table))
            return TRUE;
    }
    return FALSE;
}

/* One note for each reason. */
static void
note_left_out(PlanContext *ctx, GHashTable *left_out)
{
    g_autoptr(GList) reasons = g_list_sort(g_hash_table_get_keys(left_out), (GCompareFunc)g_strcmp0);

    for (GList *reason = reasons; reason != NULL; reason = reason->next)
        plan_note(ctx->plan, "no view for %s: %s; it is reached as before",
                  ((GString *)g_hash_table_lookup(left_out, reason->data))->str, (const char *)reason->data);
}

static void
leave_out(GHashTable *left_out, const char *reason, const char *schema, const char *table)
{
    GString *names = g_hash_table_lookup(left_out, reason);
    g_autofree char *shown = sql_quote_name(schema, table);

    if (names == NULL) {
        names = g_string_new(NULL);
        g_hash_table_insert(left_out, (gpointer)reason, names);
    }
    g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", shown);
}

/* What the file itself makes is not there yet; a table that columns move to has a view all the same. */
static void
leave_out_made(const PlanContext *ctx, GHashTable *left_out)
{
    for (guint i = 0; ctx->targets != NULL && i < ctx->targets->len; i++) {
        const Target *target = g_ptr_array_index(ctx->targets, i);

        if (target->created != NULL && !version_move_fills(ctx, target->created))
            leave_out(left_out, "this file makes it", target->schema, target->name);
    }
}

static void
free_names(gpointer names)
{
    g_string_free(names, TRUE);
}

/* The file makes it look different: then it has a view, or is refused. */
static gboolean
is_visible(const GPtrArray *tables, const FactTable *fact)
{
    const VersionTable *table = version_find_table(tables, fact);

    return table != NULL && table->is_visible;
}

/* It would take views along that are not there yet when the plan says what goes. */
static gboolean
check_cascade(PlanContext *ctx, GError **error)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt->kind != STMT_OBJECT || stmt->object.verb != OBJECT_DROP || !stmt->object.is_cascade)
            continue;
        ctx->offset = stmt->offset;
        context_refuse(error, "put it into a migration of its own, or leave out --pin all",
                       "CASCADE could take views of the version with it");
        return FALSE;
    }
    return TRUE;
}

gboolean
version_pin_all(PlanContext *ctx, GPtrArray *tables, GError **error)
{
    guint changed = tables->len;
    g_autoptr(GHashTable) left_out = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_names);

    if (!check_cascade(ctx, error))
        return FALSE;
    for (guint i = 0; i < ctx->facts->pinned->len; i++) {
        const FactTable *fact = g_ptr_array_index(ctx->facts->pinned, i);
        const char *reason = is_child(tables, changed, fact) ? "it inherits from a table that this file changes"
                                                             : unfit_reason(ctx, fact);

        if (is_visible(tables, fact) || objects_is_table_gone(ctx, fact->schema, fact->name))
            continue;
        if (reason == NULL)
            version_table_of(tables, fact)->is_pinned = TRUE;
        else
            leave_out(left_out, reason, fact->schema, fact->name);
    }
    leave_out_made(ctx, left_out);
    note_left_out(ctx, left_out);
    return TRUE;
}

static void
note_pinned(PlanContext *ctx, const char *name)
{
    g_autofree char *quoted = sql_quote_ident(name);

    plan_note(ctx->plan,
              "version %s: the application that runs now sets search_path = %s, %s, and sees its tables as they are "
              "today, whatever columns come",
              quoted, quoted, ctx->facts->search_path);
}

static gboolean
plan_all(PlanContext *ctx, GError **error)
{
    g_autoptr(GPtrArray) tables = version_tables(ctx);

    if (!version_pin_all(ctx, tables, error))
        return FALSE;
    ctx->plan->version = g_strdup(ctx->script->version);
    if (tables->len == 0) {
        context_refuse(error, "name the schemas that have the tables: --schema NAME",
                       "no table is found that a view could stand for (search_path: %s)", ctx->facts->search_path);
        return FALSE;
    }
    if (!version_check_schema(ctx, error))
        return FALSE;
    version_plan_views(ctx, tables, PHASE_EXPAND);
    note_pinned(ctx, ctx->script->version);
    version_note_limits(ctx, tables);
    return TRUE;
}

Plan *
version_pin_plan(const char *name, const char *migration, const Facts *facts, GError **error)
{
    g_autofree char *source = g_strdup_printf("-- pgseam version pin %s\n", name);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    Script script = {.path = (char *)VERSION_PIN_COMMAND,
                     .name = (char *)migration,
                     .source = source,
                     .version = (char *)name,
                     .stmts = none};
    Stmt stmt = {.kind = STMT_OTHER, .what = "version pin", .text = source, .line = 1};
    g_autoptr(Plan) plan = plan_new();
    PlanContext ctx;
    gboolean ok;

    planner_begin(&ctx, &script, facts, plan);
    ctx.stmt = &stmt;
    ok = plan_all(&ctx, error);
    planner_end(&ctx, ok);
    return ok ? g_steal_pointer(&plan) : NULL;
}
