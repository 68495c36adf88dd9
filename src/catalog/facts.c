#include "catalog/facts.h"

#include <string.h>

#include "base/sqltext.h"

static void
type_free(gpointer data)
{
    FactType *type = data;

    g_free(type->formatted);
    g_free(type);
}

Facts *
facts_new(void)
{
    Facts *facts = g_new0(Facts, 1);

    facts->relations = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    facts->tables = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    facts->volatility = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    facts->aggregates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    facts->builtin = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    facts->types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, type_free);
    facts->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)fact_object_free);
    facts->taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    facts->schemas = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    facts->neighbours = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    facts->constraints = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    facts->pinned = g_ptr_array_new();
    return facts;
}

static void
column_free(FactColumn *column)
{
    g_free(column->name);
    g_free(column->type);
    g_free(column->key_type);
    g_free(column->greater_operator);
    g_free(column->at_most_operator);
    g_free(column->default_expr);
    g_free(column->storage);
    g_free(column->compression);
    g_free(column->sequence);
    g_free(column->sequence_type);
    g_clear_pointer(&column->options, g_ptr_array_unref);
    g_free(column->comment);
    g_free(column->type_default);
    g_free(column->not_null_name);
    g_free(column->not_null_comment);
    g_free(column);
}

static void
index_free(FactIndex *index)
{
    g_free(index->name);
    g_free(index->definition);
    g_free(index->constraint);
    g_free(index->parent_schema);
    g_free(index->parent_name);
    g_free(index->shape);
    g_free(index->tail);
    g_free(index->comment);
    g_free(index->tablespace);
    g_clear_pointer(&index->statistics, g_ptr_array_unref);
    g_clear_pointer(&index->attributes, g_ptr_array_unref);
    g_clear_pointer(&index->columns, g_ptr_array_unref);
    g_free(index);
}

static void
constraint_free(FactConstraint *constraint)
{
    g_free(constraint->name);
    g_free(constraint->definition);
    g_free(constraint->index);
    g_free(constraint->comment);
    g_free(constraint->other_schema);
    g_free(constraint->other_table);
    g_clear_pointer(&constraint->columns, g_ptr_array_unref);
    g_clear_pointer(&constraint->other_types, g_ptr_array_unref);
    g_free(constraint);
}

static void
dependent_free(FactDependent *dependent)
{
    g_free(dependent->column);
    g_free(dependent->what);
    g_free(dependent->view_schema);
    g_free(dependent->view_name);
    g_free(dependent->on_view);
    g_free(dependent);
}

static void
name_free(FactName *name)
{
    g_free(name->schema);
    g_free(name->name);
    g_free(name);
}

static void
grant_free(FactGrant *grant)
{
    g_free(grant->column);
    g_free(grant->grantee);
    g_free(grant->privilege);
    g_free(grant);
}

static void
free_list(GPtrArray *list, GDestroyNotify free_item)
{
    if (list != NULL) {
        g_ptr_array_foreach(list, (GFunc)(void (*)(void))free_item, NULL);
        g_ptr_array_unref(list);
    }
}

static void
table_free(FactTable *table)
{
    free_list(table->columns, (GDestroyNotify)column_free);
    free_list(table->grants, (GDestroyNotify)grant_free);
    g_free(table->comment);
    g_free(table->publications);
    g_clear_pointer(&table->before_triggers, g_ptr_array_unref);
    g_clear_pointer(&table->update_of, g_ptr_array_unref);
    g_clear_pointer(&table->statistics_columns, g_ptr_array_unref);
    g_clear_pointer(&table->partition_keys, g_ptr_array_unref);
    free_list(table->indexes, (GDestroyNotify)index_free);
    free_list(table->constraints, (GDestroyNotify)constraint_free);
    free_list(table->sources, (GDestroyNotify)name_free);
    free_list(table->dependents, (GDestroyNotify)dependent_free);
    g_clear_pointer(&table->triggers, g_ptr_array_unref);
    g_clear_pointer(&table->descendants, g_ptr_array_unref);
    g_clear_pointer(&table->key_parts, g_ptr_array_unref);
    g_clear_pointer(&table->key_types, g_ptr_array_unref);
    g_free(table->parent_schema);
    g_free(table->parent_name);
    g_free(table->bound);
    g_free(table->partition_constraint);
    g_free(table->partition_key);
    g_free(table->default_schema);
    g_free(table->default_name);
    g_clear_pointer(&table->trigger_states, g_ptr_array_unref);
    g_clear_pointer(&table->options, g_ptr_array_unref);
    g_free(table->schema);
    g_free(table->name);
    g_free(table->owner);
    g_free(table->unfit);
    g_free(table);
}

void
facts_free(Facts *facts)
{
    GHashTableIter iter;
    gpointer table;

    if (facts == NULL)
        return;
    g_hash_table_iter_init(&iter, facts->tables);
    while (g_hash_table_iter_next(&iter, NULL, &table))
        table_free(table);
    g_hash_table_unref(facts->relations);
    g_hash_table_unref(facts->tables);
    g_hash_table_unref(facts->volatility);
    g_hash_table_unref(facts->aggregates);
    g_hash_table_unref(facts->builtin);
    g_hash_table_unref(facts->types);
    g_hash_table_unref(facts->objects);
    g_hash_table_unref(facts->taken);
    g_hash_table_unref(facts->neighbours);
    g_hash_table_unref(facts->constraints);
    g_hash_table_unref(facts->schemas);
    g_ptr_array_unref(facts->pinned);
    g_free(facts->database);
    g_free(facts->role);
    g_free(facts->search_path);
    g_free(facts->time_zone);
    g_free(facts->date_style);
    g_free(facts->creation_schema);
    g_free(facts);
}

const FactTable *
facts_find(const Facts *facts, const char *schema, const char *name)
{
    g_autofree char *key = sql_quote_name(schema, name);

    return g_hash_table_lookup(facts->relations, key);
}

const FactObject *
facts_object(const Facts *facts, const char *key)
{
    return g_hash_table_lookup(facts->objects, key);
}

const FactColumn *
facts_column(const FactTable *table, const char *name)
{
    for (guint i = 0; i < table->columns->len; i++) {
        const FactColumn *column = g_ptr_array_index(table->columns, i);

        if (strcmp(column->name, name) == 0)
            return column;
    }
    return NULL;
}

const FactIndex *
facts_index(const FactTable *table, const char *name)
{
    for (guint i = 0; i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);

        if (strcmp(index->name, name) == 0)
            return index;
    }
    return NULL;
}

gboolean
facts_is_taken(const Facts *facts, const char *schema, const char *name)
{
    g_autofree char *qualified = sql_quote_name(schema, name);

    return g_hash_table_contains(facts->taken, qualified) || g_hash_table_contains(facts->neighbours, qualified);
}

const FactConstraint *
facts_constraint(const FactTable *table, const char *name)
{
    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);

        if (!constraint->is_inbound && strcmp(constraint->name, name) == 0)
            return constraint;
    }
    return NULL;
}

const FactIndex *
facts_primary_key(const FactTable *table)
{
    for (guint i = 0; i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);

        if (index->is_primary)
            return index;
    }
    return NULL;
}

char
facts_volatility(const Facts *facts, const char *name)
{
    const char *volatility = g_hash_table_lookup(facts->volatility, name);

    return volatility != NULL ? volatility[0] : 'v';
}

static gboolean
is_usable_key(const FactTable *table, const FactIndex *index)
{
    if (!index->is_unique || !index->is_valid || !index->is_immediate || index->is_partial || index->columns == NULL)
        return FALSE;
    for (guint i = 0; i < index->columns->len; i++) {
        const FactColumn *column = facts_column(table, g_ptr_array_index(index->columns, i));

        if (column == NULL || !column->is_not_null || !column->is_comparable)
            return FALSE;
    }
    return TRUE;
}

gboolean
facts_is_aggregate(const Facts *facts, const char *name)
{
    return g_hash_table_contains(facts->aggregates, name);
}

gboolean
facts_is_builtin(const Facts *facts, const char *name)
{
    return g_hash_table_contains(facts->builtin, name);
}

static gboolean
is_changed(const FactIndex *index, const GPtrArray *changed)
{
    for (guint i = 0; changed != NULL && i < index->columns->len; i++) {
        if (g_ptr_array_find_with_equal_func((GPtrArray *)changed, g_ptr_array_index(index->columns, i), g_str_equal,
                                             NULL))
            return TRUE;
    }
    return FALSE;
}

const FactIndex *
facts_key(const FactTable *table)
{
    return facts_key_without(table, NULL);
}

/* A row comparison has one operator: all columns of the key must share it. */
static gboolean
shares_operators(const FactTable *table, const FactIndex *index)
{
    const FactColumn *first = facts_column(table, g_ptr_array_index(index->columns, 0));

    for (guint i = 1; i < index->columns->len; i++) {
        const FactColumn *column = facts_column(table, g_ptr_array_index(index->columns, i));

        if (strcmp(column->greater_operator, first->greater_operator) != 0 ||
            strcmp(column->at_most_operator, first->at_most_operator) != 0)
            return FALSE;
    }
    return TRUE;
}

const FactIndex *
facts_key_without(const FactTable *table, const GPtrArray *changed)
{
    const FactIndex *best = NULL;

    for (guint i = 0; i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);

        if (!is_usable_key(table, index) || is_changed(index, changed) || !shares_operators(table, index))
            continue;
        if (index->is_primary)
            return index;
        if (best == NULL || index->columns->len < best->columns->len)
            best = index;
    }
    return best;
}

static void add_line(GPtrArray *lines, const FactTable *table, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
add_line(GPtrArray *lines, const FactTable *table, const char *format, ...)
{
    g_autofree char *name = sql_quote_name(table->schema, table->name);
    g_autofree char *rest = NULL;
    va_list args;

    va_start(args, format);
    rest = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(lines, g_strdup_printf("%s: %s", name, rest));
}

/* What kind of family the table is in. Its members are tables of their own, with lines of their own. */
static void
fingerprint_family(GPtrArray *lines, const FactTable *table)
{
    if (table->parent_name != NULL)
        add_line(lines, table, "%s of %s.%s%s%s", table->is_partition ? "partition" : "child", table->parent_schema,
                 table->parent_name, table->bound != NULL ? " " : "", table->bound != NULL ? table->bound : "");
    if (table->partition_key != NULL)
        add_line(lines, table, "partitioned by %s, default partition %s", table->partition_key,
                 table->default_name != NULL ? table->default_name : "none");
    for (guint i = 0; i < table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(table->descendants, i);

        add_line(lines, table, "reaches %s.%s", member->schema, member->name);
    }
    for (guint i = 0; i < table->sources->len; i++) {
        const FactName *source = g_ptr_array_index(table->sources, i);

        add_line(lines, table, "reads %s.%s", source->schema, source->name);
    }
    if (table->kind == 'm')
        add_line(lines, table, "%s", table->is_populated ? "populated" : "not populated");
}

/* What the views of a version take over. */
static void
fingerprint_grants(GPtrArray *lines, const FactTable *table)
{
    for (guint i = 0; table->grants != NULL && i < table->grants->len; i++) {
        const FactGrant *grant = g_ptr_array_index(table->grants, i);

        add_line(lines, table, "%s may %s%s%s%s", grant->grantee, grant->privilege, grant->column != NULL ? " " : "",
                 grant->column != NULL ? grant->column : "", grant->is_grantable ? " with grant option" : "");
    }
}

static void
fingerprint_columns(GPtrArray *lines, const FactTable *table)
{
    add_line(lines, table, "relkind %c, persistence %c, owner %s%s%s", table->kind, table->persistence, table->owner,
             table->has_children ? ", has children" : "", table->has_rules ? ", has rules" : "");
    for (guint i = 0; i < table->columns->len; i++) {
        const FactColumn *column = g_ptr_array_index(table->columns, i);

        if (column->sequence != NULL)
            add_line(lines, table, "column %s owns %s of type %s", column->name, column->sequence,
                     column->sequence_type);
        add_line(lines, table, "column %d %s %s%s%s%s%s%s", column->number, column->name, column->type,
                 column->is_not_null ? " not null" : "", column->default_expr != NULL ? " default " : "",
                 column->default_expr != NULL ? column->default_expr : "", column->is_generated ? " generated" : "",
                 column->is_identity ? " identity" : "");
    }
}

/* A table that only gets a view as it is: its shape is what matters. */
static void
fingerprint_beside(GPtrArray *lines, const FactTable *table)
{
    fingerprint_columns(lines, table);
    fingerprint_grants(lines, table);
    if (table->unfit != NULL)
        add_line(lines, table, "no view: %s", table->unfit);
}

static void
fingerprint_table(GPtrArray *lines, const FactTable *table)
{
    fingerprint_family(lines, table);
    fingerprint_columns(lines, table);
    for (guint i = 0; i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);

        add_line(lines, table, "index %s%s%s%s", index->definition, index->is_valid ? "" : " INVALID",
                 index->parent_name != NULL ? " attached to " : "",
                 index->parent_name != NULL ? index->parent_name : "");
    }
    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);

        add_line(lines, table, "%sconstraint %s %s%s", constraint->is_inbound ? "inbound " : "", constraint->name,
                 constraint->definition, constraint->is_valid ? "" : " not valid");
    }
    for (guint i = 0; i < table->dependents->len; i++) {
        const FactDependent *dependent = g_ptr_array_index(table->dependents, i);

        add_line(lines, table, "column %s is used by %s", dependent->column, dependent->what);
    }
    for (guint i = 0; i < table->triggers->len; i++)
        add_line(lines, table, "trigger %s", (const char *)g_ptr_array_index(table->triggers, i));
    fingerprint_grants(lines, table);
}

static int
compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
facts_small(const Facts *facts)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, facts->tables);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const FactTable *table = value;

        if (table->is_small && !table->is_beside)
            g_ptr_array_add(names, sql_quote_name(table->schema, table->name));
    }
    g_ptr_array_sort(names, compare_lines);
    return names;
}

void
facts_set_small(Facts *facts, const GPtrArray *names)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, facts->tables);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        FactTable *table = value;
        g_autofree char *name = sql_quote_name(table->schema, table->name);

        table->is_small = g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
    }
}

GPtrArray *
facts_fingerprint(const Facts *facts)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer key;
    gpointer table;

    g_ptr_array_add(lines, g_strdup_printf("server: major version %d", facts->server_version / 10000));
    g_ptr_array_add(lines, g_strdup_printf("session: search_path %s", facts->search_path));
    g_hash_table_iter_init(&iter, facts->tables);
    while (g_hash_table_iter_next(&iter, NULL, &table)) {
        if (((const FactTable *)table)->is_beside)
            fingerprint_beside(lines, table);
        else
            fingerprint_table(lines, table);
    }
    g_hash_table_iter_init(&iter, facts->objects);
    while (g_hash_table_iter_next(&iter, NULL, &table))
        fact_object_fingerprint(lines, table);
    g_hash_table_iter_init(&iter, facts->taken);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(lines, g_strdup_printf("relation %s exists", (const char *)key));
    g_hash_table_iter_init(&iter, facts->constraints);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(lines, g_strdup_printf("constraint %s exists", (const char *)key));
    g_ptr_array_sort(lines, compare_lines);
    return lines;
}
