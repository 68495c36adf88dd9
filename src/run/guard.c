#include "run/guard.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "run/blockers.h"
#include "run/fault.h"
#include "run/journal.h"
#include "run/progress.h"

#define LOOK_MS           50
#define WATCH_MS          10
#define BACKOFF_MS        100
#define BACKOFF_CAP_MS    5000
#define STAGING_MARGIN_MS 1500

typedef struct Attempt {
    Run *run;
    const Step *step;
    GPtrArray *relations; /* quoted names of the targets */
    LockMode mode;        /* the strongest */
    GuardWork work;
    GuardNote note;
    gboolean is_long;
    gint64 strong_since; /* monotonic microseconds; 0 while nothing is felt */
    int victims;         /* most sessions seen queued behind us */
    GPtrArray *blockers; /* as last seen */
    gboolean is_told;
    GHashTable *seen; /* vxid -> when we saw it first, monotonic microseconds */
    int number;
} Attempt;

gboolean
guard_is_retryable(const GError *error)
{
    static const char *const states[] = {"55P03", "57014", "40P01", "40001"};

    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        if (seam_error_has_sqlstate(error, states[i]))
            return TRUE;
    }
    return seam_error_is(error, SEAM_ERROR_LOCK);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Some locks are taken only on the way back. */
static gboolean
is_meant(const Attempt *attempt, const StepLock *lock)
{
    return !lock->for_undo || attempt->note == GUARD_NOTE_UNDONE;
}

static void
attempt_init(Attempt *attempt, Run *run, const Step *step, GuardNote note)
{
    memset(attempt, 0, sizeof(*attempt));
    attempt->run = run;
    attempt->step = step;
    attempt->note = note;
    attempt->relations = g_ptr_array_new_with_free_func(g_free);
    attempt->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < step->locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(step->locks, i);
        g_autofree char *name = sql_quote_name(lock->schema, lock->table);

        if (!is_meant(attempt, lock))
            continue;
        attempt->mode = MAX(attempt->mode, lock->mode);
        if (!g_ptr_array_find_with_equal_func(attempt->relations, name, g_str_equal, NULL))
            g_ptr_array_add(attempt->relations, g_steal_pointer(&name));
    }
    g_ptr_array_sort(attempt->relations, compare_names);
}

/* The relations whose strongest declared lock is `mode`. */
static GPtrArray *
relations_in(const Attempt *attempt, LockMode mode)
{
    GPtrArray *relations = g_ptr_array_new();

    for (guint i = 0; i < attempt->relations->len; i++) {
        const char *relation = g_ptr_array_index(attempt->relations, i);
        LockMode strongest = LOCK_NONE;

        for (guint k = 0; k < attempt->step->locks->len; k++) {
            const StepLock *lock = g_ptr_array_index(attempt->step->locks, k);
            g_autofree char *name = sql_quote_name(lock->schema, lock->table);

            if (is_meant(attempt, lock) && strcmp(name, relation) == 0)
                strongest = MAX(strongest, lock->mode);
        }
        if (strongest == mode)
            g_ptr_array_add(relations, (gpointer)relation);
    }
    return relations;
}

static void
attempt_clear(Attempt *attempt)
{
    g_ptr_array_unref(attempt->relations);
    g_hash_table_unref(attempt->seen);
    g_clear_pointer(&attempt->blockers, g_ptr_array_unref);
}

/* The age of a transaction is hidden from roles that may not read other roles' statistics: then from when we saw it
 * first. */
static void
complete_ages(Attempt *attempt)
{
    gint64 now = g_get_monotonic_time();

    for (guint i = 0; i < attempt->blockers->len; i++) {
        Blocker *blocker = g_ptr_array_index(attempt->blockers, i);
        gint64 *first = g_hash_table_lookup(attempt->seen, blocker->vxid);

        if (first == NULL)
            g_hash_table_insert(attempt->seen, g_strdup(blocker->vxid), g_memdup2(&now, sizeof(now)));
        else
            blocker->age_ms = MAX(blocker->age_ms, (now - *first) / 1000);
    }
}

/* Who holds what conflicts with each relation's own mode: a reader of the parent is no obstacle to a partition's
 * ATTACH.
 */
static gboolean
look(Attempt *attempt, GError **error)
{
    Run *run = attempt->run;

    g_clear_pointer(&attempt->blockers, g_ptr_array_unref);
    for (LockMode mode = attempt->mode; mode > LOCK_NONE; mode--) {
        g_autoptr(GPtrArray) relations = relations_in(attempt, mode);
        GPtrArray *found;

        if (relations->len == 0)
            continue;
        found = blockers_find(run->watch, relations, mode, db_backend_pid(run->work), error);
        if (found == NULL) {
            g_clear_pointer(&attempt->blockers, g_ptr_array_unref);
            return FALSE;
        }
        if (attempt->blockers == NULL)
            attempt->blockers = found;
        else
            g_ptr_array_extend_and_steal(attempt->blockers, found);
    }
    if (attempt->blockers == NULL)
        attempt->blockers = g_ptr_array_new();
    complete_ages(attempt);
    return TRUE;
}

/* A holder that has been there for longer than the budget will not be gone within it. Autovacuum is left to the staging
 * lock, except where it does not give way. */
static const Blocker *
old_blocker(const Attempt *attempt)
{
    for (guint i = 0; i < attempt->blockers->len; i++) {
        const Blocker *blocker = g_ptr_array_index(attempt->blockers, i);

        if (blocker->is_wraparound ||
            (!blocker->is_autovacuum && blocker->age_ms > attempt->run->options.lock_budget_ms))
            return blocker;
    }
    return NULL;
}

static gboolean
set_reason(Attempt *attempt, const char *reason, GError **error)
{
    return journal_set_reason(attempt->run->control, attempt->run->migration, reason, error);
}

/* Tell once who is in the way: on stderr, in the status, in the history. */
static gboolean
tell(Attempt *attempt, GError **error)
{
    Run *run = attempt->run;
    g_autofree char *who = NULL;
    g_autofree char *reason = NULL;

    if (attempt->is_told || attempt->blockers->len == 0)
        return TRUE;
    attempt->is_told = TRUE;
    who = blockers_describe(attempt->blockers);
    reason = g_strdup_printf("waiting without queueing; in the way: %s", who);
    progress_say(run->progress, "  waiting without queueing; in the way:\n%s", who);
    return set_reason(attempt, reason, error) &&
           journal_event(run->control, run->migration, attempt->step->id, "blocked", who, error);
}

/* Wait, without queueing, until no old holder is left. */
static gboolean
wait_until_clear(Attempt *attempt, gint64 deadline, GError **error)
{
    for (;;) {
        if (!look(attempt, error))
            return FALSE;
        if (old_blocker(attempt) == NULL)
            return TRUE;
        if (!tell(attempt, error))
            return FALSE;
        if (g_get_monotonic_time() > deadline)
            return TRUE; /* the caller looks at the clock, too */
        if (!run_sleep(attempt->run, LOOK_MS, error))
            return FALSE;
    }
}

/* The watcher: while the strong lock is awaited or held, count who queues behind us, and end the attempt at the budget.
 */
static gboolean
watch(gpointer data, GError **error)
{
    Attempt *attempt = data;
    Run *run = attempt->run;
    gint64 spent_ms = (g_get_monotonic_time() - attempt->strong_since) / 1000;
    gint64 longest_ms = 0;
    int waiting = 0;

    if (!run_tick(run, error))
        return FALSE;
    if (attempt->strong_since == 0 || attempt->is_long)
        return TRUE;
    if (!blockers_queue(run->watch, attempt->relations, db_backend_pid(run->work), &waiting, &longest_ms, error))
        return FALSE;
    attempt->victims = MAX(attempt->victims, waiting);
    if (spent_ms < run->options.lock_budget_ms)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_LOCK, "the lock budget of %d ms is spent", run->options.lock_budget_ms);
    return FALSE;
}

/* The mode in which a step declares to lock a relation that is ours to lock; LOCK_NONE otherwise. */
static LockMode
declared_mode(const Attempt *attempt, const char *relation)
{
    LockMode mode = LOCK_NONE;

    for (guint i = 0; i < attempt->step->locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(attempt->step->locks, i);
        g_autofree char *name = sql_quote_name(lock->schema, lock->table);

        if (lock->is_owned && is_meant(attempt, lock) && strcmp(name, relation) == 0)
            mode = MAX(mode, lock->mode);
    }
    return mode;
}

/* All targets in the order of their names, each in its declared mode but in none stronger than `most`. */
static gboolean
lock_all(Attempt *attempt, LockMode most, GError **error)
{
    for (guint i = 0; i < attempt->relations->len; i++) {
        const char *relation = g_ptr_array_index(attempt->relations, i);
        LockMode mode = MIN(declared_mode(attempt, relation), most);
        g_autofree char *sql = NULL;

        if (mode == LOCK_NONE)
            continue;
        sql = sql_build("LOCK TABLE ONLY ? IN ? MODE", sql_raw(relation), sql_raw(lock_mode_name(mode)));
        if (!db_run(attempt->run->work, sql, DB_NONE, error))
            return FALSE;
    }
    return TRUE;
}

/* PostgreSQL cancels an autovacuum for us after deadlock_timeout. */
static gboolean
stage(Attempt *attempt, GError **error)
{
    return db_set_local_ms(attempt->run->work, "lock_timeout", attempt->run->deadlock_ms + STAGING_MARGIN_MS, error) &&
           lock_all(attempt, LOCK_SHARE_UPDATE_EXCLUSIVE, error);
}

/* From here on the application can feel us. One target: the statement takes its lock itself, one round trip less. */
static gboolean
do_strong(Attempt *attempt, GError **error)
{
    Run *run = attempt->run;
    int budget = run->options.lock_budget_ms;

    if (!db_set_local_ms(run->work, "lock_timeout", run_lock_timeout(run, 3), error) ||
        !db_set_local_ms(run->work, "statement_timeout", attempt->is_long ? 0 : budget, error))
        return FALSE;
    attempt->strong_since = g_get_monotonic_time();
    if (attempt->relations->len > 1 && !lock_all(attempt, LOCK_ACCESS_EXCLUSIVE, error))
        return FALSE;
    return attempt->work(run, attempt->step, error) && fault_point(run, "guard.locked", error) &&
           run_commit(run, error);
}

static gboolean
try_once(Attempt *attempt, GError **error)
{
    Run *run = attempt->run;
    StepStatus status = attempt->note == GUARD_NOTE_DONE ? STEP_DONE : STEP_UNDONE;
    int idle_ms = attempt->is_long ? 60000 : MAX(run->options.lock_budget_ms, 100);
    gboolean ok;

    attempt->number++;
    attempt->strong_since = 0;
    db_on_wait(run->work, WATCH_MS, watch, attempt);
    ok = run_begin(run, idle_ms, error) &&
         (attempt->note == GUARD_NOTE_NOTHING ||
          journal_set_step(run->work, run->migration, attempt->step->id, status, error)) &&
         (attempt->mode < LOCK_SHARE_UPDATE_EXCLUSIVE || stage(attempt, error)) && do_strong(attempt, error);
    db_on_wait(run->work, 100, run_tick, run);
    if (!ok)
        db_abort(run->work);
    return ok;
}

static int
backoff_ms(int number)
{
    int base = MIN(BACKOFF_CAP_MS, BACKOFF_MS * (1 << MIN(number - 1, 6)));

    return g_random_int_range(base / 2, base + 1);
}

static void
set_deadline_error(const Attempt *attempt, GError **error)
{
    g_autofree char *who = blockers_describe(attempt->blockers);
    const char *relation =
        attempt->relations->len > 0 ? g_ptr_array_index(attempt->relations, 0) : "what the statement needs";

    seam_error_set(error, SEAM_ERROR_LOCK, "could not lock %s (%s) within %d ms, tried for %d s (%d attempts)",
                   relation, lock_mode_name(attempt->mode), attempt->run->options.lock_budget_ms,
                   attempt->run->options.lock_deadline_s, attempt->number);
    seam_error_detail(error, "%s%sat most %d session%s queued behind us at a time", who, who[0] != '\0' ? "\n" : "",
                      attempt->victims, attempt->victims == 1 ? "" : "s");
    seam_error_hint(error, "see `pgseam locks`; `pgseam resume` tries again, `pgseam rollback` undoes");
}

static gboolean
back_off(Attempt *attempt, const GError *why, GError **error)
{
    g_autofree char *line = NULL;
    g_autofree char *who = NULL;
    Run *run = attempt->run;
    g_autoptr(GPtrArray) seen = g_steal_pointer(&attempt->blockers);

    if (!look(attempt, error))
        return FALSE;
    if (attempt->blockers->len == 0 && seen != NULL) {
        g_ptr_array_unref(attempt->blockers);
        attempt->blockers = g_steal_pointer(&seen);
    }
    who = blockers_describe(attempt->blockers);
    line = g_strdup_printf("attempt %d: %s; %d queued behind us%s%s", attempt->number, why->message, attempt->victims,
                           who[0] != '\0' ? "; " : "", who);
    return tell(attempt, error) &&
           journal_event(run->control, run->migration, attempt->step->id, "lock", line, error) &&
           run_sleep(run, backoff_ms(attempt->number), error);
}

static gboolean
apply(Attempt *attempt, GError **error)
{
    Run *run = attempt->run;
    gint64 deadline = g_get_monotonic_time() + (gint64)run->options.lock_deadline_s * G_USEC_PER_SEC;

    for (;;) {
        g_autoptr(GError) why = NULL;

        if (attempt->mode > LOCK_ROW_EXCLUSIVE && !wait_until_clear(attempt, deadline, error))
            return FALSE;
        if (g_get_monotonic_time() <= deadline || attempt->number == 0) {
            if (attempt->blockers == NULL || old_blocker(attempt) == NULL) {
                if (try_once(attempt, &why))
                    return !attempt->is_told || set_reason(attempt, NULL, error);
                if (!guard_is_retryable(why)) {
                    g_propagate_error(error, g_steal_pointer(&why));
                    return FALSE;
                }
                if (!back_off(attempt, why, error))
                    return FALSE;
                continue;
            }
        }
        set_deadline_error(attempt, error);
        return FALSE;
    }
}

static gboolean
guard_run(Run *run, const Step *step, GuardWork work, GuardNote note, gboolean is_long, GError **error)
{
    Attempt attempt;
    gboolean ok;

    attempt_init(&attempt, run, step, note);
    attempt.work = work;
    attempt.is_long = is_long;
    ok = apply(&attempt, error);
    attempt_clear(&attempt);
    return ok && fault_point(run, "guard.committed", error);
}

gboolean
guard_apply(Run *run, const Step *step, GuardWork work, GuardNote note, GError **error)
{
    return guard_run(run, step, work, note, FALSE, error);
}

gboolean
guard_apply_long(Run *run, const Step *step, GuardWork work, GuardNote note, GError **error)
{
    return guard_run(run, step, work, note, TRUE, error);
}
