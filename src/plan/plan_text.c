#include "plan/plan_text.h"

#include <string.h>

#include "base/sqltext.h"
#include "base/units.h"

static const char *const phase_titles[] = {
    [PHASE_EXPAND] = "expand: adds only; the old application goes on unchanged",
    [PHASE_BACKFILL] = "backfill: existing rows, in batches",
    [PHASE_CONTRACT] = "contract: after the gate, with `pgseam complete`, when the old application is gone",
};

static const char *const hold_texts[] = {
    [HOLD_INSTANT] = "an instant", [HOLD_SCAN] = "a scan",   [HOLD_BUILD] = "the build",
    [HOLD_REWRITE] = "a rewrite",  [HOLD_BATCH] = "a batch", [HOLD_UNKNOWN] = "nobody knows how long",
};

/* The statement on one line: blanks of its layout folded, its strings and comments left as they are would be longer
 * than a terminal is wide, so it is cut. */
static void
append_sql(GString *out, const char *sql)
{
    g_autofree char *folded = g_strdup(sql);
    gboolean blank = FALSE;
    char *to = folded;

    for (const char *c = sql; *c != '\0'; c++) {
        if (g_ascii_isspace(*c)) {
            blank = TRUE;
            continue;
        }
        if (blank && to > folded)
            *to++ = ' ';
        blank = FALSE;
        *to++ = *c;
    }
    *to = '\0';
    g_string_append_printf(out, "     %s\n", folded);
}

static void
append_locks(GString *out, const GPtrArray *locks)
{
    for (guint i = 0; i < locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(locks, i);
        g_autofree char *relation = sql_quote_name(lock->schema, lock->table);

        g_string_append_printf(out, "     lock: %s on %s for %s%s\n", lock_mode_name(lock->mode), relation,
                               hold_texts[lock->hold], lock->for_undo ? ", on rollback only" : "");
    }
}

/* What a rewrite makes of its table. */
static void
append_shape(GString *out, const Step *step)
{
    const char *part;

    for (guint n = 1; step->kind == STEP_REWRITE_PREPARE && (part = step_get_nth(step, PARAM_ALTER, n)) != NULL; n++) {
        g_autofree char *sql =
            sql_build("ALTER TABLE ? ?", sql_name(step_get(step, PARAM_REWRITE), step->table), sql_raw(part));

        append_sql(out, sql);
    }
}

static void
append_step(GString *out, const Step *step)
{
    g_autofree char *relation = step->table != NULL ? sql_quote_name(step->schema, step->table) : g_strdup("-");
    const char *more;

    g_string_append_printf(out, " %2d. %-22s %s  (%s)\n", step->id, step_trait(step->kind)->name, relation,
                           step->place);
    append_sql(out, step->sql);
    for (guint n = 1; (more = step_get_nth(step, PARAM_MORE, n)) != NULL; n++)
        append_sql(out, more);
    append_shape(out, step);
    if (step_is(step, PARAM_JOINED))
        g_string_append_printf(out, "     lock: that of step %d, in one transaction with it\n", step->id - 1);
    else
        append_locks(out, step->locks);
    if (step->rows >= 1)
        g_string_append_printf(out, "     rows: about %.0f to go through\n", step->rows);
    if (step->bytes >= 1) {
        g_autofree char *bytes = units_bytes_about(step->bytes);

        g_string_append_printf(out, "     disk: about %s\n", bytes);
    }
    if (step_get(step, PARAM_LIMITS) != NULL)
        g_string_append_printf(out, "     not:  %s\n", step_get(step, PARAM_LIMITS));
    g_string_append_printf(out, "     why:  %s\n", step->why);
}

static void
append_phase(GString *out, const Plan *plan, Phase phase)
{
    g_string_append_printf(out, "\n%s\n", phase_titles[phase]);
    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(plan->steps, i);

        if (step->phase == phase)
            append_step(out, step);
    }
}

char *
plan_to_text(const Plan *plan)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "migration %s: %u steps, for PostgreSQL %d.%d\n", plan->migration, plan->steps->len,
                           plan->server_version / 10000, plan->server_version % 10000);
    for (int phase = PHASE_EXPAND; phase <= PHASE_CONTRACT; phase++) {
        if (plan_has_phase(plan, (Phase)phase))
            append_phase(out, plan, (Phase)phase);
    }
    if (plan->notes->len > 0)
        g_string_append(out, "\nnotes\n");
    for (guint i = 0; i < plan->notes->len; i++)
        g_string_append_printf(out, " * %s\n", (const char *)g_ptr_array_index(plan->notes, i));
    return g_string_free(out, FALSE);
}
