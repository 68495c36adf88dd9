#include "plan/recipe_rewrite.h"

#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/objects.h"

static void
part_free(gpointer data)
{
    RewritePart *part = data;

    g_free(part->text);
    g_free(part->reason);
    g_free(part->column);
    g_free(part->down);
    g_free(part);
}

void
table_rewrite_free(gpointer data)
{
    TableRewrite *rewrite = data;

    g_free(rewrite->name);
    g_ptr_array_unref(rewrite->parts);
    g_free(rewrite);
}

TableRewrite *
rewrite_find(const PlanContext *ctx, const Target *target)
{
    for (guint i = 0; i < ctx->rewrites->len; i++) {
        TableRewrite *rewrite = g_ptr_array_index(ctx->rewrites, i);

        if (rewrite->target == target)
            return rewrite;
    }
    return NULL;
}

const RewritePart *
rewrite_part_of(const TableRewrite *rewrite, const char *column)
{
    for (guint i = 0; i < rewrite->parts->len; i++) {
        const RewritePart *part = g_ptr_array_index(rewrite->parts, i);

        if (g_strcmp0(part->column, column) == 0)
            return part;
    }
    return NULL;
}

gboolean
rewrite_mentions(const PlanContext *ctx, const char *sql)
{
    for (guint i = 0; i < ctx->rewrites->len; i++) {
        const TableRewrite *rewrite = g_ptr_array_index(ctx->rewrites, i);

        for (guint k = 0; k < rewrite->parts->len; k++) {
            const RewritePart *part = g_ptr_array_index(rewrite->parts, k);

            if (part->column != NULL && sql_mentions(sql, part->column))
                return TRUE;
        }
    }
    return FALSE;
}

gboolean
rewrite_changes(const PlanContext *ctx, const FactTable *table, const GPtrArray *columns)
{
    for (guint i = 0; columns != NULL && i < ctx->rewrites->len; i++) {
        const TableRewrite *rewrite = g_ptr_array_index(ctx->rewrites, i);

        for (guint k = 0; rewrite->target->table == table && k < columns->len; k++) {
            if (rewrite_part_of(rewrite, g_ptr_array_index(columns, k)) != NULL)
                return TRUE;
        }
    }
    return FALSE;
}

RewritePart *
rewrite_add(PlanContext *ctx, TableRewrite *rewrite, RewriteRank rank, const char *param, const char *text)
{
    RewritePart *part = g_new0(RewritePart, 1);

    part->stmt = ctx->stmt;
    part->offset = ctx->offset;
    part->rank = rank;
    part->param = param;
    part->text = g_strdup(text);
    g_ptr_array_add(rewrite->parts, part);
    return part;
}

/* A step of the rewrite: `sql` says what happens, it is not what runs. */
static Step *
add_step(PlanContext *ctx, const TableRewrite *rewrite, Phase phase, StepKind kind, char *sql, const char *why)
{
    Step *step = context_step(ctx, phase, kind, rewrite->target);

    step->sql = sql;
    step->why = g_strdup(why);
    step_set(step, PARAM_REWRITE, rewrite->name);
    return step;
}

/* Dropping a foreign key takes ACCESS EXCLUSIVE on both its tables; a referenced table that is not ours is locked by
 * the statement itself. */
static void
lock_partners(Step *step, const FactTable *table)
{
    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);
        StepLock lock = {constraint->other_schema,   constraint->other_table,
                         LOCK_ACCESS_EXCLUSIVE,      HOLD_INSTANT,
                         constraint->other_is_owned, FALSE};

        if (constraint->kind == 'f' && constraint->other_table != NULL &&
            !step_is_of(step, constraint->other_schema, constraint->other_table))
            step_merge_lock(step, &lock);
    }
}

static void
add_copy(PlanContext *ctx, const TableRewrite *rewrite)
{
    const Target *target = rewrite->target;
    SqlArg source = sql_name(target->schema, target->name);
    SqlArg shadow = sql_name(rewrite->name, target->name);
    Step *step = add_step(ctx, rewrite, PHASE_BACKFILL, STEP_REWRITE_PREPARE,
                          sql_build("CREATE TABLE ? (LIKE ?)", shadow, source), "");

    context_lock(step, target, LOCK_ACCESS_SHARE, HOLD_INSTANT);
    step = add_step(ctx, rewrite, PHASE_BACKFILL, STEP_REWRITE_CAPTURE,
                    sql_build("-- the keys of rows that change in ? are written down", source),
                    "from a replication slot where the server allows it, else by triggers, which take this lock");
    context_lock(step, target, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT);
    step_add_undo_lock(step, target->schema, target->name, LOCK_ACCESS_EXCLUSIVE, TRUE);
    step = add_step(ctx, rewrite, PHASE_BACKFILL, STEP_REWRITE_COPY,
                    sql_build("INSERT INTO ? SELECT ... FROM ?", shadow, source),
                    "in parallel, by ranges of blocks, each a short transaction: no snapshot is held");
    step->rows = target->table->rows;
    step->bytes = (double)target->table->table_bytes;
    context_lock(step, target, LOCK_ACCESS_SHARE, HOLD_BATCH);
    step = add_step(ctx, rewrite, PHASE_BACKFILL, STEP_REWRITE_INDEX,
                    sql_build("-- the indexes and constraints of ? are made on ?", source, shadow),
                    "in parallel, on the shadow, which nobody else uses");
    step->bytes = (double)target->table->index_bytes;
    context_lock(step, target, LOCK_ACCESS_SHARE, HOLD_INSTANT);
    step = add_step(ctx, rewrite, PHASE_BACKFILL, STEP_REWRITE_CATCH_UP,
                    sql_build("-- rows of ? that have changed are read again into ?", source, shadow),
                    "by key, in short transactions, until hardly any are left");
    context_lock(step, target, LOCK_ACCESS_SHARE, HOLD_BATCH);
    step = add_step(ctx, rewrite, PHASE_BACKFILL, STEP_REWRITE_VERIFY, sql_build("-- ? = ?", source, shadow),
                    "nothing is taken on trust: what differs and is not being written at the moment stops it here");
    step->rows = target->table->rows;
    context_lock(step, target, LOCK_ACCESS_SHARE, HOLD_SCAN);
}

/* Views, materialized views and the like, each once. */
static char *
list_dependents(const FactTable *table)
{
    g_autoptr(GPtrArray) seen = g_ptr_array_new();
    GString *list = g_string_new(NULL);

    for (guint i = 0; i < table->dependents->len; i++) {
        const char *what = ((const FactDependent *)g_ptr_array_index(table->dependents, i))->what;

        if (g_str_has_prefix(what, "constraint ") || g_ptr_array_find_with_equal_func(seen, what, g_str_equal, NULL))
            continue;
        g_ptr_array_add(seen, (gpointer)what);
        g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", what);
    }
    return g_string_free(list, FALSE);
}

static char *
list_sequences(const FactTable *table)
{
    GString *list = g_string_new(NULL);

    for (guint i = 0; i < table->columns->len; i++) {
        const FactColumn *column = g_ptr_array_index(table->columns, i);

        if (column->sequence != NULL)
            g_string_append_printf(list, "%ssequence %s", list->len > 0 ? ", " : "", column->sequence);
    }
    return g_string_free(list, FALSE);
}

static void
add_swap(PlanContext *ctx, const TableRewrite *rewrite)
{
    const Target *target = rewrite->target;
    g_autofree char *dependents = list_dependents(target->table);
    g_autofree char *sequences = list_sequences(target->table);
    g_autoptr(GString) why = g_string_new("all in one short transaction, tried again until it fits the lock budget");
    Step *step = add_step(ctx, rewrite, PHASE_BACKFILL, STEP_REWRITE_SWAP,
                          sql_build("-- ? takes the place of ?", sql_name(rewrite->name, target->name),
                                    sql_name(target->schema, target->name)),
                          "");

    if (dependents[0] != '\0')
        g_string_append_printf(why, "; made anew in it: %s", dependents);
    if (sequences[0] != '\0')
        g_string_append_printf(why, "; going over: %s", sequences);
    g_free(step->why);
    step->why = g_strdup(why->str);
    step_append(step, PARAM_RENAMES, sql_quote_name(target->schema, target->name));
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    lock_partners(step, target->table);
    step = add_step(ctx, rewrite, PHASE_CONTRACT, STEP_REWRITE_DROP,
                    sql_build("DROP TABLE ?", sql_name(rewrite->name, target->name)),
                    "until then the old table is kept up to date, so that rollback loses nothing");
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
}

static Step *
prepare_of(const PlanContext *ctx, const TableRewrite *rewrite)
{
    return context_planned(ctx, rewrite->target, STEP_REWRITE_PREPARE, PARAM_REWRITE, rewrite->name);
}

TableRewrite *
rewrite_plan(PlanContext *ctx, const Target *target, GError **error)
{
    TableRewrite *rewrite = rewrite_find(ctx, target);

    if (rewrite == NULL) {
        g_autofree char *stem = g_strdup_printf("%s_%s.%s", ctx->script->name, target->schema, target->name);

        if (!rewrite_check_table(ctx, target, error))
            return NULL;
        rewrite = g_new0(TableRewrite, 1);
        rewrite->target = target;
        rewrite->name = name_bounded("rewrite", stem);
        rewrite->parts = g_ptr_array_new_with_free_func(part_free);
        g_ptr_array_add(ctx->rewrites, rewrite);
    }
    if (prepare_of(ctx, rewrite) == NULL) {
        add_copy(ctx, rewrite);
        add_swap(ctx, rewrite);
    }
    return rewrite;
}

void
rewrite_forget(PlanContext *ctx, const Stmt *stmt)
{
    for (guint i = ctx->rewrites->len; i > 0; i--) {
        TableRewrite *rewrite = g_ptr_array_index(ctx->rewrites, i - 1);

        for (guint k = rewrite->parts->len; k > 0; k--) {
            if (((const RewritePart *)g_ptr_array_index(rewrite->parts, k - 1))->stmt == stmt)
                g_ptr_array_remove_index(rewrite->parts, k - 1);
        }
        if (prepare_of(ctx, rewrite) == NULL)
            g_ptr_array_remove_index(ctx->rewrites, i - 1);
    }
}

/* A serial column's sequence would end at the old type's last number; that of an identity follows by itself. */
static void
widen_sequence(Step *prepare, const TableRewrite *rewrite, const RewritePart *part)
{
    const FactColumn *column = facts_column(rewrite->target->table, part->column);

    if (column->sequence != NULL && !column->is_identity && g_strcmp0(column->sequence_type, "bigint") != 0 &&
        (strcmp(part->new_type, "bigint") == 0 || g_str_has_prefix(part->new_type, "numeric")))
        step_append(prepare, PARAM_WIDEN, g_strdup(column->sequence));
}

static char *
reasons_of(const TableRewrite *rewrite)
{
    GString *why = g_string_new(NULL);

    for (guint i = 0; i < rewrite->parts->len; i++) {
        const char *reason = ((const RewritePart *)g_ptr_array_index(rewrite->parts, i))->reason;

        if (reason != NULL)
            g_string_append_printf(why, "%s%s", why->len > 0 ? "; " : "", reason);
    }
    if (why->len == 0)
        return g_strdup("the rows go into a shadow table in a schema of ours: dead rows and gaps are left behind");
    g_string_append(why, ". So the rows go into a shadow table in its final shape, in a schema of ours");
    return g_string_free(why, FALSE);
}

/* What prepare's parameters say of the indexes is shown where it happens. */
static void
show_builds(const PlanContext *ctx, const TableRewrite *rewrite)
{
    Step *index = context_planned(ctx, rewrite->target, STEP_REWRITE_INDEX, PARAM_REWRITE, rewrite->name);

    for (guint i = 0; i < rewrite->parts->len; i++) {
        const RewritePart *part = g_ptr_array_index(rewrite->parts, i);

        if (strcmp(part->param, PARAM_BUILD) == 0)
            step_append(
                index, PARAM_MORE,
                sql_build("ALTER TABLE ? ?", sql_name(rewrite->name, rewrite->target->name), sql_raw(part->text)));
    }
}

static void
mark_one_way(Step *prepare, Step *swap)
{
    step_set(prepare, PARAM_ONE_WAY, "true");
    step_set(swap, PARAM_ONE_WAY, "true");
}

static void
fill_prepare(const TableRewrite *rewrite, Step *prepare, Step *swap)
{
    const FactIndex *key = rewrite_key(rewrite->target->table);

    for (guint i = 0; i < key->columns->len; i++) {
        const char *column = g_ptr_array_index(key->columns, i);

        g_ptr_array_add(prepare->key, g_strdup(column));
        g_ptr_array_add(prepare->key_types, g_strdup(facts_column(rewrite->target->table, column)->type));
    }
    for (int rank = REWRITE_DROP; rank <= REWRITE_TABLE; rank++) {
        for (guint i = 0; i < rewrite->parts->len; i++) {
            const RewritePart *part = g_ptr_array_index(rewrite->parts, i);

            if ((int)part->rank == rank)
                step_append(prepare, part->param, g_strdup(part->text));
        }
    }
    for (guint i = 0; i < rewrite->parts->len; i++) {
        const RewritePart *part = g_ptr_array_index(rewrite->parts, i);

        if (part->old_type == NULL)
            continue;
        step_append(prepare, PARAM_MAP_COLUMN, g_strdup(part->column));
        step_append(prepare, PARAM_MAP_UP, g_strdup(part->up != NULL ? part->up->text : ""));
        step_append(prepare, PARAM_MAP_DOWN, g_strdup(part->down != NULL ? part->down : ""));
        widen_sequence(prepare, rewrite, part);
        if (part->stmt->one_way != NULL)
            mark_one_way(prepare, swap);
    }
    g_free(prepare->why);
    prepare->why = reasons_of(rewrite);
    rewrite_find_duplicates(prepare, rewrite);
}

/* The swap leaves foreign keys NOT VALID: each that was proven, or is by then, is proven again. */
static Step *
validate_step(PlanContext *ctx, const Step *swap, const char *schema, const char *table, const char *name)
{
    Step *step = step_new(PHASE_BACKFILL, STEP_FOREIGN_KEY_VALIDATE, schema, table);

    step_set_place(step, swap->file, swap->line);
    step->sql = sql_build("ALTER TABLE ? VALIDATE CONSTRAINT ?", sql_name(schema, table), sql_ident(name));
    step->why = g_strdup("the cut-over has made the foreign key anew, NOT VALID: looks up every row once, while reads "
                         "and writes go on");
    step_set(step, PARAM_CONSTRAINT, name);
    step_add_lock(step, schema, table, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_SCAN, TRUE);
    g_hash_table_insert(ctx->stmts, step, g_hash_table_lookup(ctx->stmts, swap));
    return step;
}

static guint
place_of(const GPtrArray *steps, const TableRewrite *rewrite)
{
    guint place = 0;

    while (((const Step *)g_ptr_array_index(steps, place))->kind != STEP_REWRITE_SWAP ||
           g_strcmp0(step_get(g_ptr_array_index(steps, place), PARAM_REWRITE), rewrite->name) != 0)
        place++;
    return place;
}

static gboolean
locks(const Step *step, const Target *target)
{
    for (guint i = 0; i < step->locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(step->locks, i);

        if (strcmp(lock->schema, target->schema) == 0 && strcmp(lock->table, target->name) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_among(const GPtrArray *steps, const Step *other)
{
    for (guint i = 0; i < steps->len; i++) {
        const Step *step = g_ptr_array_index(steps, i);

        if (step_is_of(step, other->schema, other->table) &&
            g_strcmp0(step_get(step, PARAM_CONSTRAINT), step_get(other, PARAM_CONSTRAINT)) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Foreign keys that the file has proven before the swap. */
static void
validate_planned(PlanContext *ctx, const TableRewrite *rewrite, const Step *swap, GPtrArray *out)
{
    for (int phase = PHASE_EXPAND; phase <= PHASE_BACKFILL; phase++) {
        for (guint i = 0; i < ctx->phases[phase]->len; i++) {
            const Step *planned = g_ptr_array_index(ctx->phases[phase], i);

            if (planned == swap)
                break;
            if (planned->kind == STEP_FOREIGN_KEY_VALIDATE && locks(planned, rewrite->target) &&
                !is_among(out, planned)) {
                Step *step =
                    validate_step(ctx, swap, planned->schema, planned->table, step_get(planned, PARAM_CONSTRAINT));

                for (guint k = 0; k < planned->locks->len; k++)
                    step_merge_lock(step, g_ptr_array_index(planned->locks, k));
                step->rows = planned->rows;
                g_ptr_array_add(out, step);
            }
        }
    }
}

static void
validate_existing(PlanContext *ctx, const TableRewrite *rewrite, const Step *swap, GPtrArray *out)
{
    const FactTable *table = rewrite->target->table;

    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);
        gboolean is_inbound = constraint->is_inbound;
        Step *step;

        if (constraint->kind != 'f' || !constraint->is_valid || constraint->is_clone)
            continue;
        step = validate_step(ctx, swap, is_inbound ? constraint->other_schema : table->schema,
                             is_inbound ? constraint->other_table : table->name, constraint->name);
        if (!is_inbound)
            step->rows = table->rows;
        if (is_inbound)
            step_add_lock(step, table->schema, table->name, LOCK_ROW_SHARE, HOLD_SCAN, table->is_owned);
        else if (!step_is_of(step, constraint->other_schema, constraint->other_table))
            step_add_lock(step, constraint->other_schema, constraint->other_table, LOCK_ROW_SHARE, HOLD_SCAN,
                          constraint->other_is_owned);
        if (!is_among(out, step)) {
            g_ptr_array_add(out, step);
            continue;
        }
        g_hash_table_remove(ctx->stmts, step);
        step_free(step);
    }
}

static void
add_validation(PlanContext *ctx, const TableRewrite *rewrite)
{
    GPtrArray *steps = ctx->phases[PHASE_BACKFILL];
    guint place = place_of(steps, rewrite);
    g_autoptr(GPtrArray) added = g_ptr_array_new();

    validate_existing(ctx, rewrite, g_ptr_array_index(steps, place), added);
    validate_planned(ctx, rewrite, g_ptr_array_index(steps, place), added);
    for (guint i = 0; i < added->len; i++)
        g_ptr_array_insert(steps, (gint)(place + 1 + i), g_ptr_array_index(added, i));
}

/* From the first step of contract that cannot be undone on, the old table could not be kept up to date: a column that
 * it has may be gone. */
static void
drop_first(PlanContext *ctx, const TableRewrite *rewrite)
{
    GPtrArray *steps = ctx->phases[PHASE_CONTRACT];
    const Step *drop = context_planned(ctx, rewrite->target, STEP_REWRITE_DROP, PARAM_REWRITE, rewrite->name);
    guint place;

    if (g_ptr_array_find(steps, drop, &place))
        g_ptr_array_insert(steps, 0, g_ptr_array_steal_index(steps, place));
}

gboolean
rewrite_finish(PlanContext *ctx, GError **error)
{
    for (guint i = 0; i < ctx->rewrites->len; i++) {
        const TableRewrite *rewrite = g_ptr_array_index(ctx->rewrites, i);

        if (!rewrite_check_order(ctx, rewrite, error))
            return FALSE;
        fill_prepare(rewrite, prepare_of(ctx, rewrite),
                     context_planned(ctx, rewrite->target, STEP_REWRITE_SWAP, PARAM_REWRITE, rewrite->name));
        show_builds(ctx, rewrite);
        add_validation(ctx, rewrite);
        drop_first(ctx, rewrite);
        rewrite_plan_note(ctx, rewrite);
    }
    return TRUE;
}
