#include "plan/plan.h"

#include <string.h>

#include "base/sqltext.h"

Plan *
plan_new(void)
{
    Plan *plan = g_new0(Plan, 1);

    plan->facts = g_ptr_array_new_with_free_func(g_free);
    plan->notes = g_ptr_array_new_with_free_func(g_free);
    plan->steps = g_ptr_array_new_with_free_func((GDestroyNotify)step_free);
    return plan;
}

void
plan_free(Plan *plan)
{
    if (plan == NULL)
        return;
    g_free(plan->migration);
    g_free(plan->version);
    g_free(plan->path);
    g_free(plan->source);
    g_free(plan->source_sha256);
    g_free(plan->tool_version);
    g_free(plan->search_path);
    g_free(plan->time_zone);
    g_free(plan->date_style);
    g_clear_pointer(&plan->small, g_ptr_array_unref);
    g_ptr_array_unref(plan->facts);
    g_ptr_array_unref(plan->notes);
    g_ptr_array_unref(plan->steps);
    g_free(plan);
}

void
plan_note(Plan *plan, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(plan->notes, g_strdup_vprintf(format, args));
    va_end(args);
}

gboolean
plan_has_phase(const Plan *plan, Phase phase)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(plan->steps, i);

        if (step->phase == phase)
            return TRUE;
    }
    return FALSE;
}

static int
compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
plan_tables(const Plan *plan)
{
    GPtrArray *tables = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(plan->steps, i);
        g_autofree char *name = step->table != NULL ? sql_quote_name(step->schema, step->table) : NULL;

        if (name != NULL && !g_ptr_array_find_with_equal_func(tables, name, g_str_equal, NULL))
            g_ptr_array_add(tables, g_steal_pointer(&name));
    }
    g_ptr_array_sort(tables, compare_strings);
    return tables;
}

static void
add_missing(GPtrArray *out, const GPtrArray *from, const GPtrArray *other, const char *mark)
{
    for (guint i = 0; i < from->len; i++) {
        const char *line = g_ptr_array_index(from, i);

        if (!g_ptr_array_find_with_equal_func((GPtrArray *)other, line, g_str_equal, NULL))
            g_ptr_array_add(out, g_strconcat(mark, line, NULL));
    }
}

GPtrArray *
plan_drift(const GPtrArray *planned, const GPtrArray *actual)
{
    GPtrArray *drift = g_ptr_array_new_with_free_func(g_free);

    add_missing(drift, planned, actual, "- was ");
    add_missing(drift, actual, planned, "+ is  ");
    return drift;
}

char *
plan_source_hash(const char *source)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, source, -1);
}
