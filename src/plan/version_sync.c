/*
 * Which columns of the old and the new shape belong together, and what keeps them in step.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/recipe_rewrite.h"
#include "plan/version.h"

#define MARKER "pgseam_side"

/* Columns with their group: those that are linked by an expression have the same number. */
typedef struct Member {
    VersionColumn *column;
    guint group;
} Member;

typedef struct Grouping {
    PlanContext *ctx;
    VersionTable *table;
    GArray *members; /* Member */
} Grouping;

static Member *
member_of(Grouping *grouping, VersionColumn *column)
{
    Member made = {column, grouping->members->len};

    for (guint i = 0; i < grouping->members->len; i++) {
        Member *member = &g_array_index(grouping->members, Member, i);

        if (member->column == column)
            return member;
    }
    g_array_append_val(grouping->members, made);
    return &g_array_index(grouping->members, Member, grouping->members->len - 1);
}

static void
link_members(Grouping *grouping, VersionColumn *one, VersionColumn *other)
{
    guint to = member_of(grouping, one)->group;
    guint from = member_of(grouping, other)->group;

    for (guint i = 0; i < grouping->members->len; i++) {
        Member *member = &g_array_index(grouping->members, Member, i);

        if (member->group == from)
            member->group = to;
    }
}

/* What an expression reads on the other side belongs to its group; what both sides have does not. */
static void
link_added(Grouping *grouping, VersionColumn *column)
{
    member_of(grouping, column);
    for (guint i = 0; i < column->up->columns->len; i++) {
        VersionColumn *read = version_old_column(grouping->table, g_ptr_array_index(column->up->columns, i));

        if (read != NULL && read->is_dropped)
            link_members(grouping, column, read);
    }
}

static void
link_dropped(Grouping *grouping, VersionColumn *column)
{
    member_of(grouping, column);
    for (guint i = 0; i < column->down->columns->len; i++) {
        VersionColumn *read = version_new_column(grouping->table, g_ptr_array_index(column->down->columns, i));

        if (read != NULL && read->added != NULL)
            link_members(grouping, column, read);
    }
}

static void
gather(Grouping *grouping)
{
    for (guint i = 0; i < grouping->table->columns->len; i++) {
        VersionColumn *column = g_ptr_array_index(grouping->table->columns, i);

        if ((column->retyped != NULL || column->fill != NULL) && !column->is_dropped)
            member_of(grouping, column);
        else if (column->added != NULL && column->up != NULL)
            link_added(grouping, column);
        else if (column->is_dropped && column->down != NULL)
            link_dropped(grouping, column);
    }
}

static gboolean
check_input_column(const Grouping *grouping, const VersionColumn *column, const char *name, GError **error)
{
    const FactColumn *fact = column->fact;

    if (fact == NULL)
        return TRUE;
    if (fact->is_generated) {
        context_refuse(error, "write what it is generated from",
                       "column \"%s\" is generated, which happens after a trigger could read it", name);
        return FALSE;
    }
    if (fact->has_collation) {
        context_refuse(error, "put the change into a migration of its own, without a version",
                       "column \"%s\" has a collation of its own: what is computed from it could sort otherwise", name);
        return FALSE;
    }
    if (strcmp(fact->name, column->name) != 0 && column->hidden == NULL && !column->is_dropped) {
        context_refuse(error, "rename it in a migration of its own",
                       "column \"%s\" is renamed, and another one is kept in step with it by its name", fact->name);
        return FALSE;
    }
    if (g_ptr_array_find_with_equal_func(grouping->table->table->update_of, fact->name, g_str_equal, NULL)) {
        context_refuse(error, "make it a trigger for UPDATE of any column",
                       "a trigger for UPDATE OF \"%s\" would not fire when the other version's write changes it",
                       fact->name);
        return FALSE;
    }
    return TRUE;
}

/* The column that an expression calls so: of the old shape for "up", of the new one for "down". */
static const VersionColumn *
find_input(const Grouping *grouping, const char *name, gboolean is_up, GError **error)
{
    const VersionColumn *column =
        is_up ? version_old_column(grouping->table, name) : version_new_column(grouping->table, name);

    if (column == NULL)
        context_refuse(error,
                       is_up ? "\"up\" computes from the columns as the old application knows them"
                             : "\"down\" computes from the columns as the new application knows them",
                       "column \"%s\" is not in the %s shape of table %s", name, is_up ? "old" : "new",
                       grouping->table->table->name);
    else if (check_input_column(grouping, column, name, error))
        return column;
    return NULL;
}

/* A column that is itself computed in another group may have another value by then. */
static gboolean
check_own(const VersionColumn *column, const SyncColumn *made, GError **error)
{
    if (column->retyped == NULL || strcmp(made->name, column->fact->name) == 0 ||
        strcmp(made->name, column->hidden) == 0)
        return TRUE;
    context_refuse(error, "put one of them into a migration of its own",
                   "column \"%s\" is computed from column \"%s\", whose type changes in the same file", made->name,
                   column->fact->name);
    return FALSE;
}

static gboolean
add_input(const Grouping *grouping, SyncColumn *made, const char *name, gboolean is_up, GError **error)
{
    const VersionColumn *column = find_input(grouping, name, is_up, error);
    const char *base;
    const char *type;

    if (column == NULL || !check_own(column, made, error))
        return FALSE;
    base = is_up ? column->fact->name : version_base_name(column);
    type = !is_up && column->retyped != NULL ? column->retyped->type
           : column->fact != NULL            ? column->fact->type
                                             : column->added->type;
    for (guint i = 0; i < made->inputs->len; i++) {
        if (strcmp(((const SyncInput *)g_ptr_array_index(made->inputs, i))->name, base) == 0)
            return TRUE;
    }
    sync_input_set_argument(sync_column_add_input(made, base, type, NULL), name);
    return TRUE;
}

static gboolean
add_inputs(const Grouping *grouping, SyncColumn *made, const Expr *expr, gboolean is_up, GError **error)
{
    g_autofree char *what = g_strdup_printf("the directive \"%s\"", is_up ? "up" : "down");

    if (!rewrite_check_expr(grouping->ctx, expr, what, error))
        return FALSE;
    if (expr->has_whole_row || expr->has_parameter) {
        context_refuse(error, "name the columns", "%s uses the whole row", what);
        return FALSE;
    }
    for (guint i = 0; i < expr->columns->len; i++) {
        if (g_ptr_array_index(expr->qualifiers, i) != NULL) {
            context_refuse(error, "write the column's name alone", "%s qualifies a column", what);
            return FALSE;
        }
        if (!add_input(grouping, made, g_ptr_array_index(expr->columns, i), is_up, error))
            return FALSE;
    }
    return TRUE;
}

/* A type without its length, to which no explicit cast cuts anything. The caller frees. */
static char *
roomy_type(const char *type)
{
    g_autoptr(GRegex) strings =
        g_regex_new("^(pg_catalog\\.)?(\"?char|varchar|character|bpchar)", G_REGEX_CASELESS, 0, NULL);
    g_autoptr(GRegex) bits = g_regex_new("^(pg_catalog\\.)?(bit|varbit)", G_REGEX_CASELESS, 0, NULL);
    g_autoptr(GRegex) length = g_regex_new("\\([0-9, -]*\\)", 0, 0, NULL);

    if (g_regex_match(strings, type, 0, NULL))
        return g_strdup("pg_catalog.text");
    return g_regex_match(bits, type, 0, NULL) ? g_strdup("pg_catalog.varbit")
                                              : g_regex_replace_literal(length, type, -1, 0, "", 0, NULL);
}

/* A bare 'x' or NULL has no type of its own, and a function's body needs one. The caller frees. */
static char *
typed(const Expr *expr, const char *type)
{
    g_autofree char *roomy = expr->is_literal || expr->is_null_literal ? roomy_type(type) : NULL;

    return roomy != NULL ? sql_build("CAST(? AS ?)", sql_raw(expr->text), sql_raw(roomy)) : g_strdup(expr->text);
}

/* Without "up" the assignment casts, and refuses what does not fit: an explicit cast would cut it. */
static gboolean
add_retyped(Grouping *grouping, SyncGroup *group, const VersionColumn *column, GError **error)
{
    const FactColumn *fact = column->fact;
    g_autofree char *up =
        column->up != NULL ? typed(column->up, column->retyped->type) : sql_build("?", sql_ident(fact->name));
    g_autofree char *down = NULL;
    SyncColumn *old;
    SyncColumn *new;

    if (column->down == NULL) {
        g_autofree char *hint = g_strdup_printf("say how the old application gets its value: -- pgseam: down %s = "
                                                "CAST(%s AS %s)",
                                                column->name, column->name, fact->type);

        context_refuse(error, hint,
                       "the type of column \"%s\" changes for the new application, and the old one goes on with %s",
                       fact->name, fact->type);
        return FALSE;
    }
    down = typed(column->down, fact->type);
    old = sync_group_add_old(group, fact->name, fact->type, down);
    new = sync_group_add_new(group, column->hidden, column->retyped->type, up);
    new->is_not_null = fact->is_not_null;
    return add_inputs(grouping, old, column->down, FALSE, error) &&
           (column->up != NULL ? add_inputs(grouping, new, column->up, TRUE, error)
                               : add_input(grouping, new, fact->name, TRUE, error));
}

/* What one application writes must reach the other. */
static gboolean
check_both_ways(const VersionColumn *column, GError **error)
{
    g_autofree char *hint = NULL;

    if (column->is_dropped && column->down == NULL) {
        hint = g_strdup_printf("say how it is computed: -- pgseam: down %s = expression, above its DROP COLUMN",
                               column->name);
        context_refuse(error, hint,
                       "\"up\" computes from column \"%s\", and nothing brings back what the new application writes: "
                       "the old one's next write would undo it",
                       column->name);
        return FALSE;
    }
    if (column->added == NULL || column->up != NULL)
        return TRUE;
    hint = g_strdup_printf("say how it is computed: -- pgseam: up %s = expression, above its ADD COLUMN", column->name);
    context_refuse(error, hint,
                   "\"down\" computes from column \"%s\", and nothing gives that a value in rows that the old "
                   "application writes",
                   column->name);
    return FALSE;
}

static gboolean
add_member(Grouping *grouping, SyncGroup *group, const VersionColumn *column, GError **error)
{
    const Expr *made_by = column->is_dropped ? column->down : column->up;
    g_autofree char *text = NULL;
    SyncColumn *made;

    if (column->fill != NULL)
        return add_inputs(grouping,
                          sync_group_add_new(group, column->fact->name, column->fact->type, column->fill->text),
                          column->fill, TRUE, error);
    if (!check_both_ways(column, error))
        return FALSE;
    if (column->retyped != NULL)
        return add_retyped(grouping, group, column, error);
    text = typed(made_by, column->is_dropped ? column->fact->type : column->added->type);
    made = column->is_dropped ? sync_group_add_old(group, column->fact->name, column->fact->type, text)
                              : sync_group_add_new(group, column->added->name, column->added->type, text);
    if (column->fact != NULL && !check_input_column(grouping, column, column->fact->name, error))
        return FALSE;
    return add_inputs(grouping, made, made_by, !column->is_dropped, error);
}

static SyncKind
kind_of(const Grouping *grouping, guint number)
{
    gboolean has_old = FALSE;
    gboolean has_new = FALSE;

    for (guint i = 0; i < grouping->members->len; i++) {
        const Member *member = &g_array_index(grouping->members, Member, i);

        if (member->group != number)
            continue;
        if (member->column->fill != NULL)
            return SYNC_FILL;
        has_old |= member->column->is_dropped || member->column->retyped != NULL;
        has_new |= member->column->added != NULL || member->column->retyped != NULL;
    }
    return has_old && has_new ? SYNC_PAIR : has_old ? SYNC_DROP : SYNC_ADD;
}

/* The group's place in table->sync, made if need be. NULL with an error if there are too many. */
static SyncGroup *
begin_group(Grouping *grouping, guint number, GError **error)
{
    if (grouping->table->sync->groups->len < SYNC_MAX_GROUPS)
        return sync_table_add(grouping->table->sync, kind_of(grouping, number));
    context_refuse(error, "change some of them in a migration of their own",
                   "more than %d changes of one table cannot be kept in step at a time", SYNC_MAX_GROUPS);
    return NULL;
}

static gboolean
add_group(Grouping *grouping, guint number, GError **error)
{
    SyncGroup *group = NULL;

    for (guint i = 0; i < grouping->members->len; i++) {
        const Member *member = &g_array_index(grouping->members, Member, i);

        if (member->group != number)
            continue;
        grouping->ctx->offset = member->column->offset;
        if (group == NULL)
            group = begin_group(grouping, number, error);
        if (group == NULL || !add_member(grouping, group, member->column, error))
            return FALSE;
    }
    return TRUE;
}

/* Theirs must run between ours, or what they change would reach one side only. */
static gboolean
check_triggers(const FactTable *table, GError **error)
{
    for (guint i = 0; i < table->before_triggers->len; i++) {
        const char *name = g_ptr_array_index(table->before_triggers, i);

        if (strcmp(name, SYNC_FIRST_TRIGGER) > 0 && strcmp(name, SYNC_LAST_TRIGGER) < 0)
            continue;
        context_refuse(error, "rename the trigger",
                       "trigger \"%s\" of table %s would run outside of those that keep both versions in step", name,
                       table->name);
        return FALSE;
    }
    return TRUE;
}

/* A partition has the triggers of the table above it; a child that inherits has none. */
static gboolean
check_family(const Grouping *grouping, GError **error)
{
    const FactTable *fact = grouping->table->table;

    if (fact->is_derived || (fact->kind == 'r' && fact->has_children)) {
        context_refuse(error, "do without a version",
                       "table %s is one of a family by inheritance: columns cannot be kept in step there", fact->name);
        return FALSE;
    }
    for (guint i = 0; i < fact->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(fact->descendants, i);

        if (member->kind != 'f')
            continue;
        context_refuse(error, "detach it until complete, or do without a version",
                       "partition %s.%s is a foreign table: columns cannot be kept in step there", member->schema,
                       member->name);
        return FALSE;
    }
    return TRUE;
}

/* The columns that are added for a while are in it, and NULL. */
static gboolean
check_whole_row(const FactTable *table, GError **error)
{
    g_autofree char *name = sql_quote_ident(table->name);
    g_autofree char *row = g_strconcat(name, ".*", NULL);

    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);

        if (constraint->kind != 'c' || strstr(constraint->definition, row) == NULL)
            continue;
        context_refuse(error, "name the columns in the constraint, in a migration before this one",
                       "constraint \"%s\" of table %s is about the whole row: it would meet the columns that keep both "
                       "versions in step",
                       constraint->name, table->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_kept(const Grouping *grouping, GError **error)
{
    const FactTable *fact = grouping->table->table;

    if (!check_family(grouping, error))
        return FALSE;
    if (fact->publications != NULL) {
        context_refuse(error, "take the table out of the publication until complete, or do without a version",
                       "table %s is published (%s): its subscribers would be sent the columns that keep both versions "
                       "in step",
                       fact->name, fact->publications);
        return FALSE;
    }
    if (strcmp(grouping->table->name, fact->name) != 0) {
        context_refuse(error, "rename the table in a migration of its own",
                       "table %s is renamed in the same file that keeps its columns in step", fact->name);
        return FALSE;
    }
    if (facts_column(fact, MARKER) != NULL) {
        context_refuse(error, "rename that column before", "table %s has a column \"" MARKER "\" of its own",
                       fact->name);
        return FALSE;
    }
    return check_whole_row(fact, error) && check_triggers(fact, error);
}

static gboolean
build(Grouping *grouping, GError **error)
{
    const FactTable *fact = grouping->table->table;
    g_autofree char *own = name_bounded("version", grouping->ctx->plan->migration);

    grouping->ctx->offset = g_array_index(grouping->members, Member, 0).column->offset;
    if (!check_kept(grouping, error))
        return FALSE;
    grouping->table->sync = sync_table_new(fact->schema, fact->name, own, MARKER);
    grouping->table->sync->has_user_triggers = fact->before_triggers->len > 0;
    for (guint i = 0; fact->partition_keys != NULL && i < fact->partition_keys->len; i++)
        g_ptr_array_add(grouping->table->sync->partition_keys, g_strdup(g_ptr_array_index(fact->partition_keys, i)));
    sync_table_set_view(grouping->table->sync, grouping->ctx->script->version, grouping->table->name);
    for (guint number = 0; number < grouping->members->len; number++) {
        if (!add_group(grouping, number, error))
            return FALSE;
    }
    return version_quarantine(grouping->ctx, grouping->table, error);
}

gboolean
version_sync(PlanContext *ctx, VersionTable *table, GError **error)
{
    g_autoptr(GArray) members = g_array_new(FALSE, FALSE, sizeof(Member));
    Grouping grouping = {ctx, table, members};

    gather(&grouping);
    return members->len == 0 || build(&grouping, error);
}
