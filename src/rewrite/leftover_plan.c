/*
 * Leftovers as a plan: each is a step that the runner takes under the guard, notes, and goes on with after a crash.
 */
#include <string.h>

#include "base/sqltext.h"
#include "rewrite/leftover.h"
#include "run/own_plan.h"

static char *
drop_trigger(const Leftover *item)
{
    return sql_build("DROP TRIGGER IF EXISTS ? ON ?", sql_ident(item->name), sql_name(item->schema, item->table));
}

/* A slot goes whether or not the transaction commits, so what must hold stands in the statement itself. */
static char *
drop_slot(const Leftover *item)
{
    return sql_build(
        "SELECT pg_catalog.pg_drop_replication_slot(s.slot_name) FROM pg_catalog.pg_replication_slots AS s "
        "WHERE s.slot_name = ? AND NOT s.active AND (?)",
        sql_literal(item->name), sql_raw(item->check));
}

static char *
drop_publication(const Leftover *item)
{
    return sql_build("DROP PUBLICATION IF EXISTS ?", sql_ident(item->name));
}

static char *
drop_table(const Leftover *item)
{
    return sql_build("DROP TABLE IF EXISTS ?", sql_name(item->schema, item->table));
}

static char *
drop_function(const Leftover *item)
{
    return sql_build("DROP FUNCTION IF EXISTS ?", sql_raw(item->name));
}

static char *
drop_schema(const Leftover *item)
{
    return sql_build("DROP SCHEMA IF EXISTS ?", sql_ident(item->name));
}

/* In the order in which they can go. */
static const struct {
    const char *kind;
    char *(*sql)(const Leftover *item);
    gboolean locks;
} ways[] = {
    {"trigger", drop_trigger, TRUE}, {"slot", drop_slot, FALSE},         {"publication", drop_publication, FALSE},
    {"table", drop_table, TRUE},     {"function", drop_function, FALSE}, {"schema", drop_schema, FALSE},
};

/* Dropping a foreign key locks the table that it leads to as well (ATExecDropConstraint and its like by dependency:
 * heap_drop_with_catalog and RemoveTriggerById in src/backend/catalog/heap.c, commands/trigger.c). */
static void
add_locks(Step *step, const Leftover *item)
{
    step_add_lock(step, item->schema, item->table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
    for (guint i = 0; i + 1 < item->refers->len; i += 2)
        step_add_lock(step, g_ptr_array_index(item->refers, i), g_ptr_array_index(item->refers, i + 1),
                      LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, FALSE);
}

/* Triggers of one rewrite on one table share a lock. */
static Step *
step_before(const Plan *plan, const Leftover *item, const Leftover *last)
{
    if (last == NULL || strcmp(item->kind, "trigger") != 0 || strcmp(last->kind, "trigger") != 0 ||
        strcmp(item->within, last->within) != 0 || strcmp(item->schema, last->schema) != 0 ||
        strcmp(item->table, last->table) != 0)
        return NULL;
    return g_ptr_array_index(plan->steps, plan->steps->len - 1);
}

static void
add_step(Plan *plan, guint way, const Leftover *item)
{
    Step *step = step_new(PHASE_CONTRACT, STEP_DDL_FINAL, ways[way].locks ? item->schema : NULL,
                          ways[way].locks ? item->table : NULL);

    step->id = (int)plan->steps->len + 1;
    step->sql = ways[way].sql(item);
    step->why =
        g_strdup_printf("left over from rewrite %s", item->within != NULL ? item->within : "of an unknown name");
    if (item->within != NULL) {
        step_set(step, PARAM_CHECK, item->check);
        step_set(step, PARAM_CHECK_TEXT, "what was left over belongs to a migration again, or its table has changed");
    }
    if (ways[way].locks)
        add_locks(step, item);
    g_ptr_array_add(plan->steps, step);
}

static void
add_steps(Plan *plan, const GPtrArray *items, guint way)
{
    const Leftover *last = NULL;

    for (guint i = 0; i < items->len; i++) {
        const Leftover *item = g_ptr_array_index(items, i);
        Step *before;

        if (item->kept != NULL || strcmp(item->kind, ways[way].kind) != 0)
            continue;
        before = step_before(plan, item, last);
        if (before != NULL)
            step_append(before, PARAM_MORE, ways[way].sql(item));
        else
            add_step(plan, way, item);
        last = item;
    }
}

Plan *
leftover_plan(DbConn *conn, const GPtrArray *leftovers, GDateTime *now)
{
    Plan *plan = own_plan(conn, g_date_time_format(now, "pgseam_clean_%Y%m%d_%H%M%S_%f"), "pgseam clean",
                          db_settings(conn)->search_path);

    for (guint way = 0; way < G_N_ELEMENTS(ways); way++)
        add_steps(plan, leftovers, way);
    return plan;
}
