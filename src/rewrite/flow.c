#include "rewrite/flow.h"

#include "base/error.h"
#include "base/sqltext.h"

static void
column_free(gpointer data)
{
    FlowColumn *column = data;

    g_free(column->name);
    g_free(column->type);
    g_free(column->relay_type);
    g_free(column->expr);
    g_free(column);
}

static void
key_free(gpointer data)
{
    FlowKey *key = data;

    g_free(key->name);
    g_free(key->type);
    g_free(key->target);
    g_free(key->image);
    g_free(key->target_type);
    g_free(key->equal);
    g_free(key->target_equal);
    g_free(key->back);
    g_free(key);
}

static void
unique_free(gpointer data)
{
    FlowUnique *unique = data;

    g_free(unique->index);
    g_ptr_array_unref(unique->parts);
    g_ptr_array_unref(unique->operators);
    g_free(unique->predicate);
    g_free(unique);
}

Flow *
flow_new(void)
{
    Flow *flow = g_new0(Flow, 1);

    flow->columns = g_ptr_array_new_with_free_func(column_free);
    flow->generated = g_ptr_array_new_with_free_func(column_free);
    flow->keys = g_ptr_array_new_with_free_func(key_free);
    flow->uniques = g_ptr_array_new_with_free_func(unique_free);
    return flow;
}

void
flow_free(Flow *flow)
{
    if (flow == NULL)
        return;
    g_free(flow->source);
    g_free(flow->target);
    g_free(flow->dirty);
    g_ptr_array_unref(flow->columns);
    g_ptr_array_unref(flow->generated);
    g_ptr_array_unref(flow->keys);
    g_ptr_array_unref(flow->uniques);
    g_free(flow);
}

char *
flow_column_list(const Flow *flow)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < flow->columns->len; i++)
        g_ptr_array_add(names, ((const FlowColumn *)g_ptr_array_index(flow->columns, i))->name);
    return sql_quote_list(names);
}

char *
flow_key_list(const Flow *flow)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < flow->keys->len; i++)
        g_ptr_array_add(names, ((const FlowKey *)g_ptr_array_index(flow->keys, i))->name);
    return sql_quote_list(names);
}

char *
flow_select(const Flow *flow, const char *from)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < flow->columns->len; i++) {
        const FlowColumn *column = g_ptr_array_index(flow->columns, i);
        g_autofree char *item = column->is_plain
                                    ? g_strdup(column->expr)
                                    : sql_build("CAST((?) AS ?)", sql_raw(column->expr), sql_raw(column->relay_type));

        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", item);
    }
    return sql_build("SELECT ? FROM ?", sql_raw(list->str), sql_raw(from));
}

char *
flow_images(const Flow *flow, const char *from)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < flow->keys->len; i++) {
        const FlowKey *key = g_ptr_array_index(flow->keys, i);
        g_autofree char *column = sql_quote_ident(key->name);

        g_string_append_printf(list, "%s%s AS pgseam_k%u, s.%s AS pgseam_s%u", i > 0 ? ", " : "", key->image, i, column,
                               i);
    }
    return sql_build("(SELECT ? FROM ? AS s)", sql_raw(list->str), sql_raw(from));
}

char *
flow_match(const Flow *flow)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < flow->keys->len; i++) {
        const FlowKey *key = g_ptr_array_index(flow->keys, i);
        g_autofree char *column = sql_quote_ident(key->target);

        g_string_append_printf(out, "%st.%s %s k.pgseam_k%u", i > 0 ? " AND " : "", column, key->target_equal, i);
        if (key->is_cast)
            g_string_append_printf(out, " AND (%s) %s k.pgseam_s%u", key->back, key->equal, i);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

char *
flow_survives(const Flow *flow)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < flow->keys->len; i++) {
        const FlowKey *key = g_ptr_array_index(flow->keys, i);
        g_autofree char *target = sql_quote_ident(key->target);

        if (key->is_cast)
            g_string_append_printf(out, "%s(SELECT (%s) %s k.pgseam_s%u FROM (SELECT k.pgseam_k%u AS %s) AS i)",
                                   out->len > 0 ? " AND " : "", key->back, key->equal, i, i, target);
    }
    return out->len > 0 ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

void
flow_set_unfit(const Flow *flow, const char *keys, GError **error)
{
    seam_error_set(error, SEAM_ERROR_FAILED, "a key of %s is another one after the change of its type and back",
                   flow->source);
    seam_error_detail(error, "the key in the new shape, and as it is: %s", keys);
    seam_error_hint(error, "correct that row, then `pgseam resume`; `pgseam rollback` undoes the migration");
}
