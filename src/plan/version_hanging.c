/*
 * What would go with a column whose type changes, and cannot have a twin.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/version_twin.h"

static void
append(GString *out, const char *kind, const char *name)
{
    g_string_append_printf(out, "%s%s%s", out->len > 0 ? ", " : "", kind, name);
}

/* An index on an expression or with a predicate is searched as text: a name that happens to stand in it is one refusal
 * too many, never one too few. */
static gboolean
is_on(const FactIndex *index, const char *column)
{
    gboolean has_text = index->columns == NULL || index->is_partial || index->attributes == NULL ||
                        index->attributes->len > index->columns->len;
    g_autofree char *doubled = sql_doubled(column);

    return names_contain(index->attributes, column) || names_contain(index->columns, column) ||
           (has_text && strstr(index->definition, doubled) != NULL);
}

/* Why the index cannot have a twin; NULL if it can. */
static const char *
index_hangs(const FactIndex *index)
{
    if (index->is_primary)
        return "primary key ";
    if (index->is_exclusion || (index->constraint != NULL && strstr(index->tail, "WITHOUT OVERLAPS") != NULL))
        return "exclusion constraint ";
    if (!index->is_immediate)
        return "deferrable constraint ";
    if (!index->is_valid)
        return "invalid index ";
    return index->tablespace != NULL ? "tablespace of index " : NULL;
}

static gboolean
rests_on(const FactTable *table, const FactConstraint *constraint, const char *column)
{
    const FactIndex *index = constraint->index != NULL ? facts_index(table, constraint->index) : NULL;

    return strcmp(constraint->other_table, table->name) == 0 && strcmp(constraint->other_schema, table->schema) == 0 &&
           index != NULL && is_on(index, column);
}

static const char *
constraint_hangs(const FactTable *table, const FactConstraint *constraint, const char *column)
{
    if (constraint->is_inbound)
        return names_contain(constraint->columns, column) ? "foreign key that refers to it " : NULL;
    if (constraint->kind == 'f' && rests_on(table, constraint, column))
        return "foreign key that refers to it ";
    if (constraint->kind == 'n' || !names_contain(constraint->columns, column))
        return NULL;
    if (constraint->kind == 'f' &&
        (strstr(constraint->definition, "SET DEFAULT") != NULL || strstr(constraint->definition, "PERIOD ") != NULL))
        return "foreign key with SET DEFAULT or PERIOD ";
    /* The parser does not know it yet, and so no twin can be told. */
    if (strstr(constraint->definition, " NOT ENFORCED") != NULL)
        return "constraint that is NOT ENFORCED ";
    return strchr("cfup", constraint->kind) != NULL ? NULL : "constraint ";
}

static void
columns_own(const FactTable *table, const FactColumn *column, GString *out)
{
    if (column->sequence != NULL)
        append(out, "sequence ", column->sequence);
    if (names_contain(table->statistics_columns, column->name))
        append(out, "", "extended statistics");
    if (column->is_generated)
        append(out, "", "the expression that it is generated from");
    if (column->has_odd_not_null)
        append(out, "NOT NULL that is NOT VALID or NO INHERIT ", column->not_null_name);
    if (column->has_own_grant)
        append(out, "", "the privilege granted to the role that pgseam connects as (REVOKE it)");
    if (column->has_storage)
        append(out, "storage ", column->storage);
    if (column->compression != NULL)
        append(out, "compression ", column->compression);
    for (guint i = 0; column->options != NULL && i < column->options->len; i++) {
        const char *option = g_ptr_array_index(column->options, i);

        /* Those that ALTER COLUMN SET takes (manual, ALTER TABLE); servers may keep others there for themselves. */
        if (g_str_has_prefix(option, "n_distinct"))
            append(out, "option ", option);
    }
}

/* What we grant is granted by the owner. */
static void
passed_on(const FactTable *table, const FactColumn *column, GString *out)
{
    for (guint i = 0; table->grants != NULL && i < table->grants->len; i++) {
        const FactGrant *grant = g_ptr_array_index(table->grants, i);

        if (grant->is_passed_on && g_strcmp0(grant->column, column->name) == 0)
            append(out, "the privilege that somebody else than the owner granted to ", grant->grantee);
    }
}

static void
indexes_own(const FactTable *table, const FactColumn *column, GString *out)
{
    for (guint i = 0; i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);
        const char *why = is_on(index, column->name) ? index_hangs(index) : NULL;

        if (why == NULL && is_on(index, column->name) && (table->kind == 'p' || table->is_partition))
            why = "index of partitions ";
        if (why != NULL)
            append(out, why, index->name);
    }
}

static void
constraints_own(const FactTable *table, const FactColumn *column, GString *out)
{
    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);
        const char *why = constraint_hangs(table, constraint, column->name);

        if (why == NULL && constraint->kind != 'n' && names_contain(constraint->columns, column->name) &&
            (table->kind == 'p' || table->is_partition))
            why = "constraint of partitions ";
        if (why != NULL)
            append(out, why, constraint->name);
    }
}

/* What a partition has otherwise than the table that it belongs to. */
static void
member_own(const FactTable *member, const FactColumn *column, const FactColumn *parent, GString *out)
{
    g_autofree char *of = g_strdup_printf(" of partition %s", member->name);

    if (g_strcmp0(column->default_expr, parent->default_expr) != 0)
        append(out, "default", of);
    if (column->comment != NULL)
        append(out, "comment", of);
    if (column->statistics != parent->statistics)
        append(out, "statistics target", of);
    if (column->is_not_null != parent->is_not_null)
        append(out, "NOT NULL", of);
    for (guint i = 0; member->grants != NULL && i < member->grants->len; i++) {
        if (g_strcmp0(((const FactGrant *)g_ptr_array_index(member->grants, i))->column, column->name) == 0)
            append(out, "privilege", of);
    }
}

static void
hanging(const PlanContext *ctx, const FactTable *table, const FactColumn *column, GString *out)
{
    for (guint i = 0; i < table->dependents->len; i++) {
        const FactDependent *dependent = g_ptr_array_index(table->dependents, i);

        if (strcmp(dependent->column, column->name) == 0 && !version_takes_view(ctx, dependent))
            append(out, "", dependent->what);
    }
    indexes_own(table, column, out);
    constraints_own(table, column, out);
    columns_own(table, column, out);
    passed_on(table, column, out);
}

char *
version_hanging(const PlanContext *ctx, const FactTable *table, const FactColumn *column)
{
    GString *out = g_string_new(NULL);

    hanging(ctx, table, column, out);
    for (guint i = 0; i < table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(table->descendants, i);
        const FactColumn *own = facts_column(member, column->name);

        if (own == NULL)
            continue;
        hanging(ctx, member, own, out);
        member_own(member, own, column, out);
    }
    return g_string_free(out, FALSE);
}
