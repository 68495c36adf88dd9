#include "plan/repack.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "plan/recipe_rewrite.h"
#include "sql/parse.h"

static const char *
first_duplicate(const GPtrArray *names)
{
    for (guint i = 1; i < names->len; i++) {
        for (guint k = 0; k < i; k++) {
            if (strcmp(g_ptr_array_index(names, i), g_ptr_array_index(names, k)) == 0)
                return g_ptr_array_index(names, i);
        }
    }
    return NULL;
}

static gboolean
check_columns(const RepackRequest *request, const FactTable *table, GError **error)
{
    const GPtrArray *order = request->column_order;

    if (order == NULL)
        return TRUE;
    for (guint i = 0; i < order->len; i++) {
        if (facts_column(table, g_ptr_array_index(order, i)) != NULL)
            continue;
        context_refuse(error, "names as they are in the catalog, separated by commas",
                       "column \"%s\" of table %s.%s does not exist", (const char *)g_ptr_array_index(order, i),
                       table->schema, table->name);
        return FALSE;
    }
    if (first_duplicate(order) == NULL)
        return TRUE;
    context_refuse(error, "name each column once", "column \"%s\" is named twice", first_duplicate(order));
    return FALSE;
}

/* One statement, nothing cut off by a comment: an ORDER BY and no more. */
static gboolean
is_one_statement(const char *before, const char *order_by, const char *behind)
{
    g_autofree char *text = g_strconcat(before, order_by, behind, NULL);
    int offset = 0;
    g_autoptr(GPtrArray) stmts = parse_source(text, &offset, NULL);

    return stmts != NULL && stmts->len == 1 && ((const Stmt *)g_ptr_array_index(stmts, 0))->kind != STMT_UNKNOWN;
}

/* It is put behind ORDER BY in a query: LIMIT and the like, which a window does not take, would cost rows. */
static gboolean
check_order_by(const RepackRequest *request, GError **error)
{
    const char *order_by = request->order_by;

    if (order_by == NULL || (strstr(order_by, "--") == NULL && strstr(order_by, "/*") == NULL &&
                             is_one_statement("SELECT FROM t ORDER BY ", order_by, "") &&
                             is_one_statement("SELECT row_number() OVER (ORDER BY ", order_by, ") FROM t")))
        return TRUE;
    context_refuse(error, "as behind ORDER BY: --order-by 'a, b DESC'", "this is no order: %s", order_by);
    return FALSE;
}

static void
note_column_order(PlanContext *ctx, const FactTable *table)
{
    plan_note(
        ctx->plan,
        "a SELECT * and an INSERT without a column list see the columns of %s.%s in their new order from the cut-over "
        "on: an INSERT that counts on the old one fails, or puts values into the wrong columns",
        table->schema, table->name);
}

static void
fill(PlanContext *ctx, const RepackRequest *request, TableRewrite *rewrite)
{
    Step *prepare = context_planned(ctx, rewrite->target, STEP_REWRITE_PREPARE, PARAM_REWRITE, rewrite->name);

    if (request->tablespace != NULL) {
        g_autofree char *text = sql_build("SET TABLESPACE ?", sql_ident(request->tablespace));

        rewrite_add(ctx, rewrite, REWRITE_TABLE, PARAM_ALTER, text);
    }
    if (request->order_by != NULL)
        step_set(prepare, PARAM_ORDER_BY, request->order_by);
    for (guint i = 0; request->column_order != NULL && i < request->column_order->len; i++)
        step_append(prepare, PARAM_COLUMN_ORDER, g_strdup(g_ptr_array_index(request->column_order, i)));
    if (request->column_order != NULL)
        note_column_order(ctx, rewrite->target->table);
}

static gboolean
plan_table(PlanContext *ctx, const RepackRequest *request, const FactTable *table, GError **error)
{
    RelName name = {table->schema, table->name};
    const Target *target = context_target_of(ctx, &name, "rp", error);
    TableRewrite *rewrite;

    if (target == NULL || !check_columns(request, table, error) || !check_order_by(request, error))
        return FALSE;
    rewrite = rewrite_plan(ctx, target, error);
    if (rewrite == NULL)
        return FALSE;
    fill(ctx, request, rewrite);
    return rewrite_finish(ctx, error);
}

Plan *
repack_plan(const RepackRequest *request, const Facts *facts, const FactTable *table, GError **error)
{
    g_autofree char *source = g_strdup_printf("-- %s\n", request->command);
    Script script = {.path = (char *)"pgseam repack", .name = (char *)request->migration, .source = source};
    Stmt stmt = {.kind = STMT_OTHER, .what = "repack", .text = source};
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(Plan) plan = plan_new();
    PlanContext ctx;
    gboolean ok;

    stmt_set_place(&stmt, NULL, 1);
    script.stmts = none;
    planner_begin(&ctx, &script, facts, plan);
    ctx.stmt = &stmt;
    ok = plan_table(&ctx, request, table, error);
    planner_end(&ctx, ok);
    return ok ? g_steal_pointer(&plan) : NULL;
}

GPtrArray *
repack_probes(const RepackRequest *request, const FactTable *table)
{
    GPtrArray *probes = plan_probes_new();
    PlanProbe *probe;

    if (request->order_by == NULL)
        return probes;
    probe = plan_probe_add(probes,
                           sql_build("EXPLAIN SELECT FROM ONLY ? ORDER BY ?", sql_name(table->schema, table->name),
                                     sql_raw(request->order_by)),
                           0);
    probe->wrong = g_strdup_printf("cannot order %s.%s so", table->schema, table->name);
    return probes;
}
