#include "plan/step.h"

#include <string.h>

#include "sql/stmt.h"

#define STEP_KIND_TRAIT(id, name, tx, final, doc) [id] = {name, tx, final, doc},
static const StepTrait traits[] = {STEP_KINDS(STEP_KIND_TRAIT)};

static const char *const phase_names[] = {
    [PHASE_EXPAND] = "expand", [PHASE_BACKFILL] = "backfill", [PHASE_CONTRACT] = "contract"};

const StepTrait *
step_trait(StepKind kind)
{
    return &traits[kind];
}

gboolean
step_kind_of_name(const char *name, StepKind *ret_kind)
{
    for (guint i = 0; i < STEP_N_KINDS; i++) {
        if (g_strcmp0(traits[i].name, name) == 0) {
            *ret_kind = (StepKind)i;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
phase_of_name(const char *name, Phase *ret_phase)
{
    for (guint i = 0; i < G_N_ELEMENTS(phase_names); i++) {
        if (g_strcmp0(phase_names[i], name) == 0) {
            *ret_phase = (Phase)i;
            return TRUE;
        }
    }
    return FALSE;
}

const char *
phase_name(Phase phase)
{
    return phase_names[phase];
}

static void
lock_free(gpointer data)
{
    StepLock *lock = data;

    g_free(lock->schema);
    g_free(lock->table);
    g_free(lock);
}

void
step_set_place(Step *step, const char *file, int line)
{
    step->line = line;
    step->file = file != NULL ? g_intern_string(file) : NULL;
    step->place = stmt_place_text(file, line);
}

Step *
step_new(Phase phase, StepKind kind, const char *schema, const char *table)
{
    Step *step = g_new0(Step, 1);

    step->phase = phase;
    step->kind = kind;
    step->schema = g_strdup(schema);
    step->table = g_strdup(table);
    step_set_place(step, NULL, 0);
    step->locks = g_ptr_array_new_with_free_func(lock_free);
    step->key = g_ptr_array_new_with_free_func(g_free);
    step->key_types = g_ptr_array_new_with_free_func(g_free);
    step->params = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return step;
}

void
step_free(Step *step)
{
    if (step == NULL)
        return;
    g_free(step->schema);
    g_free(step->table);
    g_free(step->sql);
    g_free(step->why);
    g_ptr_array_unref(step->locks);
    g_ptr_array_unref(step->key);
    g_ptr_array_unref(step->key_types);
    g_hash_table_unref(step->params);
    g_free(step);
}

gboolean
step_is_of(const Step *step, const char *schema, const char *table)
{
    return g_strcmp0(step->table, table) == 0 && g_strcmp0(step->schema, schema) == 0;
}

void
step_add_lock(Step *step, const char *schema, const char *table, LockMode mode, LockHold hold, gboolean is_owned)
{
    StepLock *lock = g_new0(StepLock, 1);

    lock->schema = g_strdup(schema);
    lock->table = g_strdup(table);
    lock->mode = mode;
    lock->hold = hold;
    lock->is_owned = is_owned;
    g_ptr_array_add(step->locks, lock);
}

void
step_add_view_lock(Step *step, const char *schema, const char *view, LockMode mode)
{
    step_add_lock(step, schema, view, mode, HOLD_INSTANT, TRUE);
    ((StepLock *)g_ptr_array_index(step->locks, step->locks->len - 1))->is_view = TRUE;
}

void
step_add_undo_lock(Step *step, const char *schema, const char *table, LockMode mode, gboolean is_owned)
{
    StepLock *lock;

    step_add_lock(step, schema, table, mode, HOLD_INSTANT, is_owned);
    lock = g_ptr_array_index(step->locks, step->locks->len - 1);
    lock->for_undo = TRUE;
}

void
step_merge_lock(Step *step, const StepLock *lock)
{
    for (guint i = 0; i < step->locks->len; i++) {
        StepLock *known = g_ptr_array_index(step->locks, i);

        if (g_strcmp0(known->schema, lock->schema) == 0 && g_strcmp0(known->table, lock->table) == 0) {
            known->mode = MAX(known->mode, lock->mode);
            known->hold = MAX(known->hold, lock->hold);
            known->is_owned |= lock->is_owned;
            return;
        }
    }
    step_add_lock(step, lock->schema, lock->table, lock->mode, lock->hold, lock->is_owned);
}

void
step_set(Step *step, const char *param, const char *value)
{
    g_hash_table_insert(step->params, g_strdup(param), g_strdup(value));
}

const char *
step_get(const Step *step, const char *param)
{
    return g_hash_table_lookup(step->params, param);
}

static char *
nth_name(const char *param, guint n)
{
    return n == 1 ? g_strdup(param) : g_strdup_printf("%s%u", param, n);
}

const char *
step_get_nth(const Step *step, const char *param, guint n)
{
    g_autofree char *name = nth_name(param, n);

    return step_get(step, name);
}

void
step_append(Step *step, const char *param, char *value)
{
    guint n = 1;

    while (step_get_nth(step, param, n) != NULL)
        n++;
    g_hash_table_insert(step->params, nth_name(param, n), value);
}

void
step_add_sql(Step *step, char *sql)
{
    if (step->sql == NULL)
        step->sql = sql;
    else
        step_append(step, PARAM_MORE, sql);
}

gboolean
step_is(const Step *step, const char *param)
{
    return g_strcmp0(step_get(step, param), "true") == 0;
}
