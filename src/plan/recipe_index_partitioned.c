/*
 * Indexes of partitioned tables, and the UNIQUE and PRIMARY KEY constraints that rest on them (R4p): an empty one on
 * the parent alone, each partition's own concurrently, then attached (research: recipe R7, measured on 12 to 18).
 * PostgreSQL has no CREATE INDEX CONCURRENTLY for them.
 *
 * Names are those that PostgreSQL would choose when it cascades (DefineIndex of src/backend/commands/indexcmds.c), so
 * that the schema is the one that the plain statement makes.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/recipe.h"

/* The index that is wanted, on each table of the tree. */
typedef struct Wanted {
    gboolean is_unique;
    const char *tail;                /* of its definition: what follows the table's name */
    const char *plain;               /* the same as the server prints it; NULL where nobody can tell */
    const char *stem;                /* of default names */
    const char *label;               /* ... and their end: idx, key, pkey */
    const ConstraintDef *constraint; /* it belongs to one; or NULL */
} Wanted;

/* One table of the tree and the index it gets. */
typedef struct Branch {
    const FactTable *table;
    struct Branch *parent; /* NULL: the head */
    char *index;           /* its name */
    gboolean is_there;     /* an index of the same shape is there already: it is attached as it is */
    gboolean is_below;     /* below such a one: nothing to do */
} Branch;

static void
branch_free(gpointer data)
{
    Branch *branch = data;

    g_free(branch->index);
    g_free(branch);
}

static Branch *
branch_of(const GPtrArray *tree, const char *schema, const char *name)
{
    for (guint i = 0; i < tree->len; i++) {
        Branch *branch = g_ptr_array_index(tree, i);

        if (strcmp(branch->table->schema, schema) == 0 && strcmp(branch->table->name, name) == 0)
            return branch;
    }
    return NULL;
}

static char *
attached_key(const FactTable *table, const char *index)
{
    g_autofree char *qualified = sql_quote_name(table->schema, index);

    return g_strdup_printf("%s: attached", qualified);
}

/* An earlier statement of the file attaches it elsewhere, or drops it. */
static gboolean
is_spoken_for(const PlanContext *ctx, const FactTable *table, const FactIndex *index)
{
    g_autofree char *key = attached_key(table, index->name);
    g_autofree char *qualified = sql_quote_name(table->schema, index->name);

    return g_hash_table_contains(ctx->aspects, key) || g_hash_table_contains(ctx->dropped_indexes, qualified);
}

/* An index that PostgreSQL would attach instead of making a new one. Of those with more than plain columns nobody can
 * tell from the text. */
static const FactIndex *
index_alike(const PlanContext *ctx, const FactTable *table, const Wanted *wanted)
{
    gboolean is_primary = wanted->constraint != NULL && wanted->constraint->kind == CONSTRAINT_PRIMARY;

    for (guint i = 0; wanted->plain != NULL && i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);

        if (is_spoken_for(ctx, table, index))
            continue;
        if (index->is_valid && index->parent_name == NULL &&
            (index->constraint != NULL) == (wanted->constraint != NULL) && index->is_primary == is_primary &&
            index->is_unique == wanted->is_unique && g_strcmp0(index->tail, wanted->plain) == 0)
            return index;
    }
    return NULL;
}

static char *
free_name(PlanContext *ctx, const FactTable *table, const Wanted *wanted)
{
    for (unsigned number = 0;; number++) {
        g_autofree char *name = name_default(table->name, wanted->stem, wanted->label, number);

        if (!context_is_relation_taken(ctx, table->schema, name)) {
            g_hash_table_add(ctx->index_names, sql_quote_name(table->schema, name));
            return g_steal_pointer(&name);
        }
    }
}

static gboolean
check_member(const FactTable *table, GError **error)
{
    if (table->kind == 'f') {
        context_refuse(error, "detach it, or create the index partition by partition",
                       "partition %s.%s is a foreign table: an index of the whole could never become valid",
                       table->schema, table->name);
        return FALSE;
    }
    if (!table->is_owned) {
        context_refuse(error, NULL, "partition %s.%s belongs to \"%s\"", table->schema, table->name, table->owner);
        return FALSE;
    }
    return TRUE;
}

/* The head first, parents before their partitions. NULL with an error. */
static GPtrArray *
grow(PlanContext *ctx, const Target *target, const char *name, const Wanted *wanted, GError **error)
{
    g_autoptr(GPtrArray) tree = g_ptr_array_new_with_free_func(branch_free);
    Branch *head = g_new0(Branch, 1);

    head->table = target->table;
    head->index = g_strdup(name);
    g_ptr_array_add(tree, head);
    g_hash_table_add(ctx->index_names, sql_quote_name(target->schema, name));
    for (guint i = 0; i < target->table->descendants->len; i++) {
        const FactTable *table = g_ptr_array_index(target->table->descendants, i);
        const FactIndex *alike = index_alike(ctx, table, wanted);
        Branch *branch;

        if (!check_member(table, error))
            return NULL;
        branch = g_new0(Branch, 1);
        branch->table = table;
        branch->parent = branch_of(tree, table->parent_schema, table->parent_name);
        branch->is_below = branch->parent->is_there || branch->parent->is_below;
        branch->is_there = !branch->is_below && alike != NULL;
        if (branch->is_there)
            g_hash_table_insert(ctx->aspects, attached_key(table, alike->name), (gpointer)ctx->stmt->place);
        branch->index = branch->is_there   ? g_strdup(alike->name)
                        : branch->is_below ? NULL
                                           : free_name(ctx, table, wanted);
        g_ptr_array_add(tree, branch);
    }
    return g_steal_pointer(&tree);
}

static Step *
begin_step(PlanContext *ctx, Phase phase, StepKind kind, const FactTable *table)
{
    Target target = {table->schema, table->name, table, NULL};

    return context_step(ctx, phase, kind, &target);
}

static gboolean
is_under(const Branch *branch, const Branch *head)
{
    while (branch != NULL && branch != head)
        branch = branch->parent;
    return branch == head;
}

/* "ALTER TABLE ONLY p ADD CONSTRAINT k UNIQUE (a) DEFERRABLE" */
static char *
head_sql(const Wanted *wanted, const Branch *head)
{
    SqlArg table = sql_name(head->table->schema, head->table->name);

    if (wanted->constraint != NULL)
        return sql_build("ALTER TABLE ONLY ? ADD CONSTRAINT ? ?", table, sql_ident(head->index),
                         sql_raw(wanted->constraint->body));
    return sql_build("CREATE ?INDEX ? ON ONLY ??", sql_raw(wanted->is_unique ? "UNIQUE " : ""), sql_ident(head->index),
                     table, sql_raw(wanted->tail));
}

/* An index of a partitioned table alone: catalog rows, not valid before all its partitions' are attached. Dropping it
 * takes the attached ones with it. */
static void
add_head(PlanContext *ctx, Phase phase, const GPtrArray *tree, const Wanted *wanted, const Branch *head)
{
    const FactTable *table = head->table;
    g_autofree char *index = sql_quote_name(table->schema, head->index);
    g_autofree char *verify = sql_build("SELECT pg_catalog.to_regclass(?) IS NOT NULL", sql_literal(index));
    Step *step = begin_step(ctx, phase, STEP_DDL_RUN, table);

    step->sql = head_sql(wanted, head);
    step->why = g_strdup("only catalog rows: it becomes valid when the index of each partition is attached");
    if (wanted->constraint != NULL)
        step_append(step, PARAM_UNDO,
                    sql_build("ALTER TABLE ? DROP CONSTRAINT IF EXISTS ?", sql_name(table->schema, table->name),
                              sql_ident(head->index)));
    else
        step_append(step, PARAM_UNDO, sql_build("DROP INDEX IF EXISTS ?", sql_raw(index)));
    step_set(step, PARAM_VERIFY, verify);
    step_add_lock(step, table->schema, table->name, wanted->constraint != NULL ? LOCK_ACCESS_EXCLUSIVE : LOCK_SHARE,
                  HOLD_INSTANT, TRUE);
    for (guint i = 0; i < tree->len; i++) {
        const Branch *branch = g_ptr_array_index(tree, i);

        if (is_under(branch, head))
            step_add_undo_lock(step, branch->table->schema, branch->table->name, LOCK_ACCESS_EXCLUSIVE, TRUE);
    }
}

static void
add_leaf(PlanContext *ctx, Phase phase, const Wanted *wanted, const Branch *leaf)
{
    g_autofree char *plain = effect_describe("CREATE INDEX", ctx->facts->server_version);
    SqlArg table = sql_name(leaf->table->schema, leaf->table->name);
    Step *step = begin_step(ctx, phase, STEP_INDEX_CREATE, leaf->table);

    step->sql = sql_build("CREATE ?INDEX CONCURRENTLY ? ON ??", sql_raw(wanted->is_unique ? "UNIQUE " : ""),
                          sql_ident(leaf->index), table, sql_raw(wanted->tail));
    step->why =
        g_strdup_printf("as it stands it takes %s, on all partitions at once; concurrently, one after the other, "
                        "it blocks neither reads nor writes",
                        plain);
    step->rows = leaf->table->rows;
    step_set(step, PARAM_INDEX, leaf->index);
    step_add_lock(step, leaf->table->schema, leaf->table->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_BUILD, TRUE);
    if (wanted->constraint == NULL)
        return;
    step = begin_step(ctx, phase, STEP_CONSTRAINT_ADD, leaf->table);
    step->sql = sql_build("ALTER TABLE ? ADD CONSTRAINT ? ? USING INDEX ???", table, sql_ident(leaf->index),
                          sql_raw(wanted->constraint->kind == CONSTRAINT_PRIMARY ? "PRIMARY KEY" : "UNIQUE"),
                          sql_ident(leaf->index), sql_raw(wanted->constraint->attributes != NULL ? " " : ""),
                          sql_raw(wanted->constraint->attributes != NULL ? wanted->constraint->attributes : ""));
    step->why = g_strdup("the index is there: only catalog rows change");
    step_set(step, PARAM_CONSTRAINT, leaf->index);
    step_add_lock(step, leaf->table->schema, leaf->table->name, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
}

/* There is no statement that takes an ATTACH of an index back: one that was there before waits behind the gate. */
static Step *
add_attach(PlanContext *ctx, Phase phase, const Branch *branch)
{
    const FactTable *table = branch->table;
    const FactTable *parent = branch->parent->table;
    g_autofree char *index = sql_quote_name(table->schema, branch->index);
    g_autofree char *verify = sql_build(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = pg_catalog.to_regclass(?))",
        sql_literal(index));
    Step *step = begin_step(ctx, branch->is_there ? PHASE_CONTRACT : phase,
                            branch->is_there ? STEP_DDL_FINAL : STEP_DDL_RUN, table);

    step->sql =
        sql_build("ALTER INDEX ? ATTACH PARTITION ?", sql_name(parent->schema, branch->parent->index), sql_raw(index));
    step->why =
        g_strdup(branch->is_there ? "an index of this shape is there already and is taken as it is; that cannot be "
                                    "undone: waits behind the gate"
                                  : "only catalog rows: the partition's index becomes part of the whole");
    step_set(step, PARAM_VERIFY, verify);
    step_add_lock(step, table->schema, table->name, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
    step_add_lock(step, parent->schema, parent->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_INSTANT, TRUE);
    return step;
}

/* With the last partition's index the whole must become valid: it does not if somebody has made a partition meanwhile,
 * and a unique one would then hold for nobody. */
static void
check_head(Step *last, const Branch *head)
{
    g_autofree char *index = sql_quote_name(head->table->schema, head->index);
    g_autofree char *check = sql_build("SELECT i.indisvalid FROM pg_catalog.pg_index AS i WHERE i.indexrelid = "
                                       "pg_catalog.to_regclass(?)",
                                       sql_literal(index));
    g_autofree char *text = g_strdup_printf("index %s is still not valid: a partition has come that the plan does not "
                                            "know, and has no index of its own attached to it",
                                            index);

    step_set(last, PARAM_CHECK, check);
    step_set(last, PARAM_CHECK_TEXT, text);
}

static void
add_heads(PlanContext *ctx, Phase phase, const GPtrArray *tree, const Wanted *wanted)
{
    for (guint i = tree->len; i > 0; i--) {
        const Branch *branch = g_ptr_array_index(tree, i - 1);

        if (branch->table->kind == 'p' && !branch->is_there && !branch->is_below)
            add_head(ctx, phase, tree, wanted, branch);
    }
}

static void
add_leaves(PlanContext *ctx, Phase phase, const GPtrArray *tree, const Wanted *wanted)
{
    for (guint i = 0; i < tree->len; i++) {
        const Branch *branch = g_ptr_array_index(tree, i);

        if (branch->table->kind != 'p' && !branch->is_there && !branch->is_below)
            add_leaf(ctx, phase, wanted, branch);
    }
}

/* What is taken back first is the head, with all that was attached to it. An index on the head comes before those of
 * the partitions: a partition that somebody else makes meanwhile then has one. A constraint of a partition cannot be
 * dropped once it is attached: so the head comes after them, and takes them with it. */
static void
add_steps(PlanContext *ctx, Phase phase, const GPtrArray *tree, const Wanted *wanted)
{
    Step *last = NULL;

    if (wanted->constraint == NULL)
        add_heads(ctx, phase, tree, wanted);
    add_leaves(ctx, phase, tree, wanted);
    if (wanted->constraint != NULL)
        add_heads(ctx, phase, tree, wanted);
    for (guint i = tree->len; i > 1; i--) {
        const Branch *branch = g_ptr_array_index(tree, i - 1);
        Step *step;

        if (branch->is_below)
            continue;
        step = add_attach(ctx, phase, branch);
        /* What is final runs after all else. */
        if (last == NULL || last->kind != STEP_DDL_FINAL || step->kind == STEP_DDL_FINAL)
            last = step;
    }
    if (last != NULL)
        check_head(last, g_ptr_array_index(tree, 0));
}

static gboolean
build(PlanContext *ctx, const Target *target, const char *name, const Wanted *wanted, Phase phase, GError **error)
{
    g_autoptr(GPtrArray) tree = grow(ctx, target, name, wanted, error);

    if (tree == NULL)
        return FALSE;
    add_steps(ctx, phase, tree, wanted);
    return TRUE;
}

/* A partition that comes earlier in the file would not be among those that are planned for, and the whole never be
 * valid. */
static gboolean
check_partitions(PlanContext *ctx, const FactTable *table, GError **error)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);
        gboolean brings = (stmt->kind == STMT_CREATE_TABLE && stmt->create_table.bound.text != NULL) ||
                          stmt_alter(stmt, ALTER_ATTACH_PARTITION, NULL) != NULL;

        if (stmt == ctx->stmt)
            return TRUE;
        if (!brings)
            continue;
        context_refuse(error, "put the index before that statement, or into a migration of its own",
                       "%s brings a partition: the index of %s.%s could not be planned for it", stmt->place,
                       table->schema, table->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
same_list(const GPtrArray *a, const GPtrArray *b)
{
    g_autofree char *one = sql_quote_list(a);
    g_autofree char *other = sql_quote_list(b);

    return strcmp(one, other) == 0;
}

/* The columns of the index, INCLUDE among them, joined as PostgreSQL does it for names. */
static char *
name_stem(const ConstraintDef *constraint)
{
    GString *stem = g_string_new(NULL);

    for (guint i = 0; i < constraint->columns->len + constraint->included->len; i++)
        g_string_append_printf(
            stem, "%s%s", i > 0 ? "_" : "",
            (const char *)(i < constraint->columns->len
                               ? g_ptr_array_index(constraint->columns, i)
                               : g_ptr_array_index(constraint->included, i - constraint->columns->len)));
    return g_string_free(stem, FALSE);
}

/* PostgreSQL wants the whole partition key of each level among the columns. */
static gboolean
check_keys(const FactTable *table, const ConstraintDef *constraint, GError **error)
{
    for (guint i = 0; i <= table->descendants->len; i++) {
        const FactTable *member = i == 0 ? table : g_ptr_array_index(table->descendants, i - 1);
        g_autofree char *columns = sql_quote_list(constraint->columns);
        g_auto(GStrv) names = g_strsplit(columns, ", ", -1);

        for (guint k = 0; member->kind == 'p' && (member->key_types == NULL || k < member->key_parts->len); k++) {
            if (member->key_types != NULL &&
                g_strv_contains((const char *const *)names, g_ptr_array_index(member->key_parts, k)))
                continue;
            context_refuse(error, "add the partition key's columns to the constraint",
                           "a unique constraint of %s.%s must have all columns of its partition key: %s",
                           member->schema, member->name, member->partition_key);
            return FALSE;
        }
        for (guint k = 0; constraint->kind == CONSTRAINT_PRIMARY && k < constraint->columns->len; k++) {
            const FactColumn *ours = facts_column(table, g_ptr_array_index(constraint->columns, k));
            const FactColumn *theirs = facts_column(member, g_ptr_array_index(constraint->columns, k));

            if (ours == NULL || theirs == NULL || ours->is_not_null == theirs->is_not_null)
                continue;
            context_refuse(
                error, "SET NOT NULL, or DROP NOT NULL, so that all partitions are alike: in a migration before",
                "column \"%s\" %s NULL in partition %s.%s, unlike in %s.%s", ours->name,
                theirs->is_not_null ? "forbids" : "allows", member->schema, member->name, table->schema, table->name);
            return FALSE;
        }
        if (i > 0 && constraint->kind == CONSTRAINT_PRIMARY && member->kind != 'p' &&
            facts_primary_key(member) != NULL && !same_list(facts_primary_key(member)->columns, constraint->columns)) {
            context_refuse(error, "drop it first, in a migration of its own",
                           "partition %s.%s has a primary key of its own", member->schema, member->name);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
recipe_create_partitioned_index(PlanContext *ctx, const Target *target, const char *name, Phase phase, GError **error)
{
    const CreateIndexStmt *create = &ctx->stmt->create_index;
    Wanted wanted = {
        create->is_unique, ctx->stmt->text + create->table_end, create->plain, create->column_stem, "idx", NULL};
    ConstraintDef as_constraint = {.kind = CONSTRAINT_UNIQUE, .columns = create->uses.columns};

    if (create->is_only) {
        Branch head = {target->table, NULL, (char *)name, FALSE, FALSE};
        g_autoptr(GPtrArray) alone = g_ptr_array_new();

        g_ptr_array_add(alone, &head);
        add_head(ctx, phase, alone, &wanted, &head);
        g_hash_table_add(ctx->index_names, sql_quote_name(target->schema, name));
        return TRUE;
    }
    if (!check_partitions(ctx, target->table, error) ||
        (create->is_unique && !check_keys(target->table, &as_constraint, error)))
        return FALSE;
    return build(ctx, target, name, &wanted, phase, error);
}

/* From 18 on NOT NULL is a constraint, and the key of a partition makes it the partition's own: taken back on the
 * parent it would stay there. */
static gboolean
check_not_null(const PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error)
{
    for (guint i = 0; constraint->kind == CONSTRAINT_PRIMARY && i < constraint->columns->len; i++) {
        const FactColumn *column = facts_column(target->table, g_ptr_array_index(constraint->columns, i));

        if (ctx->facts->server_version < 180000 || (column != NULL && column->is_not_null))
            continue;
        context_refuse(error, "ALTER COLUMN ... SET NOT NULL in a migration of its own before this one",
                       "column \"%s\" of %s allows NULL: from PostgreSQL 18 on a primary key of a partitioned table "
                       "could then not be taken back",
                       (const char *)g_ptr_array_index(constraint->columns, i), target->name);
        return FALSE;
    }
    return TRUE;
}

gboolean
recipe_unique_partitioned(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, Phase phase,
                          const char *name, GError **error)
{
    gboolean is_primary = constraint->kind == CONSTRAINT_PRIMARY;
    g_autofree char *columns = sql_quote_list(constraint->columns);
    g_autofree char *plain = g_strdup_printf("USING btree (%s)", columns);
    g_autofree char *tail = g_strdup_printf(" (%s)%s%s", columns, constraint->index_tail != NULL ? " " : "",
                                            constraint->index_tail != NULL ? constraint->index_tail : "");
    g_autofree char *stem = name_stem(constraint);
    Wanted wanted = {TRUE,
                     tail,
                     constraint->index_tail == NULL ? plain : NULL,
                     is_primary ? NULL : stem,
                     is_primary ? "pkey" : "key",
                     constraint};

    if (!check_partitions(ctx, target->table, error) || !check_keys(target->table, constraint, error) ||
        !check_not_null(ctx, target, constraint, error))
        return FALSE;
    return build(ctx, target, name, &wanted, phase, error);
}

void
recipe_create_index_of_new(PlanContext *ctx, const Target *target, const char *name, Phase phase)
{
    const CreateIndexStmt *create = &ctx->stmt->create_index;
    Step *step = context_step(ctx, phase, STEP_DDL_RUN, target);
    g_autofree char *index = sql_quote_name(target->schema, name);

    step->sql = sql_build("CREATE ?INDEX ? ON ???", sql_raw(create->is_unique ? "UNIQUE " : ""), sql_ident(name),
                          sql_raw(create->is_only ? "ONLY " : ""), sql_name(target->schema, target->name),
                          sql_raw(ctx->stmt->text + create->table_end));
    step->why = g_strdup("the table is made by this file: nobody uses it yet");
    step_append(step, PARAM_UNDO, sql_build("DROP INDEX IF EXISTS ?", sql_raw(index)));
    step_add_lock(step, target->schema, target->name, LOCK_SHARE, HOLD_INSTANT, TRUE);
    step_add_undo_lock(step, target->schema, target->name, LOCK_ACCESS_EXCLUSIVE, TRUE);
    g_hash_table_add(ctx->index_names, g_steal_pointer(&index));
}

void
recipe_drop_partitioned_index(PlanContext *ctx, const Target *target, const char *name)
{
    g_autofree char *index = sql_quote_name(target->schema, name);
    g_autofree char *verify = sql_build("SELECT pg_catalog.to_regclass(?) IS NULL", sql_literal(index));
    Step *step = context_step(ctx, PHASE_CONTRACT, STEP_DDL_FINAL, target);

    step->sql = sql_build("DROP INDEX ?", sql_raw(index));
    step->why =
        g_strdup("the old application may need it: waits behind the gate; takes the partitions' indexes with it, "
                 "catalog rows only (PostgreSQL cannot drop a partitioned index concurrently)");
    step_set(step, PARAM_VERIFY, verify);
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    g_hash_table_add(ctx->dropped_indexes, g_steal_pointer(&index));
}
