/*
 * The steps by which columns move to a table of their own.
 */
#include "plan/version_move.h"

#include <string.h>

#include "base/sqltext.h"
#include "plan/dml.h"

#define SHOWN 5

static gboolean
check_beside(PlanContext *ctx, const VersionMove *move, const GPtrArray *moves, const GPtrArray *tables, GError **error)
{
    const VersionTable *source = version_find_table(tables, move->source);

    ctx->offset = move->insert->offset;
    if (source == NULL || source->sync != NULL) {
        context_refuse(error, "put one of the changes into a migration of its own",
                       "other columns of table %s are kept in step in the same file", move->source->name);
        return FALSE;
    }
    for (guint i = 0; i < tables->len; i++) {
        if (strcmp(((const VersionTable *)g_ptr_array_index(tables, i))->name, move->move->new_table) != 0)
            continue;
        context_refuse(error, "put the rename into a migration of its own",
                       "another table would be \"%s\" in the version, too", move->move->new_table);
        return FALSE;
    }
    for (guint i = 0; i < moves->len; i++) {
        const VersionMove *other = g_ptr_array_index(moves, i);

        if (other->source != move->source && strcmp(other->move->new_table, move->move->new_table) != 0)
            continue;
        context_refuse(error, "make two migrations of it", "a table's columns can move to one other table at a time");
        return FALSE;
    }
    return TRUE;
}

GPtrArray *
version_moves(PlanContext *ctx, const GPtrArray *tables, GError **error)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func(version_move_free);

    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);
        g_autoptr(GError) why = NULL;
        VersionMove *move = version_move_is(ctx, stmt) ? version_move_read(ctx, stmt, &why) : NULL;

        /* What was refused has run by consent, or been told. */
        if (move == NULL)
            continue;
        if (!check_beside(ctx, move, moves, tables, error)) {
            version_move_free(move);
            return NULL;
        }
        g_ptr_array_add(moves, move);
    }
    return g_steal_pointer(&moves);
}

/* A step of the new table. */
static Step *
new_step(PlanContext *ctx, const VersionMove *move, Phase phase, StepKind kind)
{
    Step *step = step_new(phase, kind, move->move->new_schema, move->move->new_table);

    step_set_place(step, move->insert->file, move->insert->line);
    g_ptr_array_add(ctx->phases[phase], step);
    g_hash_table_insert(ctx->stmts, step, (gpointer)move->insert);
    return step;
}

static void
plan_keep(PlanContext *ctx, const VersionMove *move)
{
    const FactTable *source = move->source;
    SqlArg own = sql_ident(move->move->own_schema);
    Step *step = version_step(ctx, PHASE_EXPAND, STEP_DDL_RUN, move->insert, source);
    g_autoptr(GPtrArray) begin = move_begin_sql(move->move);
    g_autoptr(GPtrArray) undo = move_undo_sql(move->move);
    g_autofree char *verify = move_verify_sql(move->move);

    step->why =
        g_strdup("from now on each write of the old columns is copied to the new table, in its own transaction");
    step->sql = sql_build("CREATE SCHEMA ?", own);
    step_append(step, PARAM_MORE, sql_build("GRANT USAGE ON SCHEMA ? TO PUBLIC", own));
    version_add_all(step, begin);
    version_undo_all(step, undo);
    step_append(step, PARAM_UNDO, sql_build("DROP SCHEMA ?", own));
    step_set(step, PARAM_VERIFY, verify);
    step_add_lock(step, source->schema, source->name, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT, TRUE);
    step_add_undo_lock(step, source->schema, source->name, LOCK_ACCESS_EXCLUSIVE, TRUE);
}

/* The user's own statement, by the key, but so that it may meet writers. */
static gboolean
plan_fill(PlanContext *ctx, const VersionMove *move, GError **error)
{
    DmlChoice choice = {.way = DML_BY_KEY, .walked = move->source, .key = facts_key(move->source)};
    StepLock rows = {
        .schema = move->source->schema, .table = move->source->name, .mode = LOCK_ROW_SHARE, .hold = HOLD_BATCH};
    g_autofree char *tail = move_batch_tail(move->move);
    g_autofree char *head = NULL;
    const Target *target;
    Step *step;

    ctx->stmt = move->insert;
    target = dml_target(ctx, move->insert, error);
    if (target == NULL)
        return FALSE;
    step = dml_step(ctx, target, PHASE_BACKFILL, &choice);
    head = g_steal_pointer(&step->sql);
    step->sql = g_strconcat(head, tail, NULL);
    step->why =
        g_strdup("in batches by the key; each row is locked until its copy is committed, so that none is copied "
                 "as it was before");
    step_merge_lock(step, &rows);
    return TRUE;
}

static void
plan_guard(PlanContext *ctx, const VersionMove *move)
{
    const Move *what = move->move;
    Step *step = new_step(ctx, move, PHASE_BACKFILL, STEP_DDL_RUN);
    g_autoptr(GPtrArray) guard = move_guard_sql(what);

    step->why =
        g_strdup("nobody shall write to it by its own name before complete: the old application would not see it");
    version_add_all(step, guard);
    step_append(step, PARAM_UNDO, move_unguard_sql(what));
    step_add_lock(step, what->new_schema, what->new_table, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT, TRUE);
    step_add_undo_lock(step, what->new_schema, what->new_table, LOCK_ACCESS_EXCLUSIVE, TRUE);
}

static void
plan_verify(PlanContext *ctx, const VersionMove *move, Phase phase)
{
    const Move *what = move->move;
    Step *step = version_step(ctx, phase, STEP_VERSION_VERIFY, move->insert, move->source);
    g_autofree char *show = move_mismatch_show_sql(what, SHOWN);
    g_autofree char *name = sql_quote_name(what->new_schema, what->new_table);

    step->sql = move_mismatch_sql(what);
    step->why = g_strdup("each row of both tables has its partner, and the same values");
    step->rows = move->source->rows;
    step_set(step, PARAM_SHOW, show);
    step_set(step, PARAM_COPY, name);
    step_add_lock(step, move->source->schema, move->source->name, LOCK_ACCESS_SHARE, HOLD_SCAN, FALSE);
    step_add_lock(step, what->new_schema, what->new_table, LOCK_ACCESS_SHARE, HOLD_SCAN, FALSE);
}

static void
plan_end(PlanContext *ctx, const VersionMove *move, const VersionTable *table)
{
    const Move *what = move->move;
    Step *step = version_step(ctx, PHASE_CONTRACT, STEP_DDL_FINAL, move->insert, move->source);
    g_autoptr(GPtrArray) end = move_end_sql(what, ctx->facts->server_version >= INVOKER_SERVER);

    step->why = g_strdup("the new table takes over, and its copy in the old columns goes; cannot be undone");
    step_add_view_lock(step, what->view_schema, what->new_table, LOCK_ACCESS_EXCLUSIVE);
    step_add_lock(step, what->schema, what->table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
    step_add_lock(step, what->new_schema, what->new_table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
    version_add_all(step, end);
    step_add_sql(step, sql_build("DROP SCHEMA ?", sql_ident(what->own_schema)));
    version_take_drops(ctx, table, step);
}

static void
note_move(PlanContext *ctx, const VersionMove *move)
{
    const Move *what = move->move;
    g_autoptr(GPtrArray) moved = move_names(what, FALSE, TRUE);
    g_autoptr(GPtrArray) keys = move_names(what, TRUE, TRUE);
    g_autofree char *columns = sql_quote_list(moved);
    g_autofree char *key = sql_quote_list(keys);
    g_autofree char *view = sql_quote_name(what->view_schema, what->new_table);
    g_autofree char *table = sql_quote_name(what->new_schema, what->new_table);

    plan_note(
        ctx->plan,
        "%s: until complete table %s.%s keeps what moves; the new application has the view %s of it, and table %s "
        "is filled by triggers and takes no other writes. Rollback drops it, and nothing that either application "
        "has written is lost",
        move->insert->place, what->schema, what->table, view, table);
    plan_note(
        ctx->plan,
        "until complete %s takes no ON CONFLICT, no TRUNCATE, no MERGE with INSERT or DELETE, and no change of %s; %s",
        view, key,
        what->is_optional ? "a row in which all else is NULL is refused, and a DELETE by more than the key fails "
                            "(40001, to be repeated) on a row that somebody changes at that moment"
                          : "each row has its partner there, so DELETE is refused, and INSERT fills one whose columns "
                            "are all NULL");
    plan_note(ctx->plan, "%s: triggers of %s.%s fire for what the new application writes to %s (%s), as UPDATE",
              move->insert->place, what->schema, what->table, view, columns);
}

gboolean
version_move_plan(PlanContext *ctx, const GPtrArray *moves, const GPtrArray *tables, GError **error)
{
    for (guint i = 0; i < moves->len; i++) {
        const VersionMove *move = g_ptr_array_index(moves, i);

        plan_keep(ctx, move);
        if (!plan_fill(ctx, move, error))
            return FALSE;
        plan_guard(ctx, move);
        plan_verify(ctx, move, PHASE_BACKFILL);
        plan_verify(ctx, move, PHASE_CONTRACT);
        plan_end(ctx, move, version_find_table(tables, move->source));
        note_move(ctx, move);
    }
    return TRUE;
}

void
version_move_views(PlanContext *ctx, const GPtrArray *moves)
{
    for (guint i = 0; i < moves->len; i++) {
        const VersionMove *move = g_ptr_array_index(moves, i);
        const Move *what = move->move;
        Step *step = new_step(ctx, move, PHASE_BACKFILL, STEP_DDL_RUN);
        g_autoptr(GPtrArray) statements = move_view_sql(what);
        g_autofree char *name = sql_quote_name(what->view_schema, what->new_table);
        g_autofree char *verify = sql_build("SELECT pg_catalog.to_regclass(?) IS NOT NULL", sql_literal(name));

        version_add_all(step, statements);
        step->why = g_strdup("the new table as the new application sees it: a view of the columns that move");
        step_append(step, PARAM_UNDO, sql_build("DROP VIEW ?", sql_name(what->view_schema, what->new_table)));
        step_set(step, PARAM_VERIFY, verify);
        step_add_lock(step, what->schema, what->table, LOCK_ACCESS_SHARE, HOLD_INSTANT, FALSE);
        step_add_undo_lock(step, what->view_schema, what->new_table, LOCK_ACCESS_EXCLUSIVE, FALSE);
    }
}
