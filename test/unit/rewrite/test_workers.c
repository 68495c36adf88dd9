#include <glib.h>
#include <signal.h>

#include "base/error.h"
#include "rewrite/workers.h"

#define N_JOBS    1000
#define N_THREADS 4

/* Numbers to be squared; a job is its number's place. */
typedef struct Jobs {
    int in[N_JOBS];
    gint64 out[N_JOBS];
    int given;
    int done;
    int bad; /* the job that fails; -1: none */
    int ticks;
    int fail_tick; /* the tick that fails; 0: none */
    GThread *runner;
} Jobs;

static Jobs jobs;
static gint running;
static gint most_running;
static gint seen_stop;

static gboolean
next_number(gpointer data, gpointer *ret_job, GError **error)
{
    Jobs *all = data;

    (void)error;
    g_assert_true(g_thread_self() == all->runner);
    *ret_job = all->given < N_JOBS ? &all->in[all->given++] : NULL;
    return TRUE;
}

static gboolean
square(const WorkerHands *hands, gpointer job, GError **error)
{
    int place = (int)((int *)job - jobs.in);
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    g_assert_true(sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM));
    g_assert_true(hands->first == NULL && g_thread_self() != jobs.runner);
    jobs.out[place] = (gint64)jobs.in[place] * jobs.in[place];
    if (place != jobs.bad)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_LOST, "job %d", place);
    seam_error_hint(error, "a hint comes along");
    return FALSE;
}

/* Wait until stopped, but the bad one, which fails once all the others wait. */
static gboolean
wait_for_stop(const WorkerHands *hands, gpointer job, GError **error)
{
    int place = (int)((int *)job - jobs.in);
    int now = g_atomic_int_add(&running, 1) + 1;

    while (g_atomic_int_get(&most_running) < now)
        g_atomic_int_set(&most_running, now);
    while (place != jobs.bad || g_atomic_int_get(&running) < N_THREADS) {
        if (!workers_check(hands, error)) {
            g_atomic_int_inc(&seen_stop);
            return FALSE;
        }
        g_usleep(1000);
    }
    seam_error_set(error, SEAM_ERROR_FAILED, "job %d", place);
    return FALSE;
}

static gboolean
count_done(gpointer data, gpointer job, GError **error)
{
    Jobs *all = data;

    (void)job;
    (void)error;
    g_assert_true(g_thread_self() == all->runner);
    all->done++;
    return TRUE;
}

static gboolean
tick(gpointer data, GError **error)
{
    Jobs *all = data;

    all->ticks++;
    if (all->fail_tick == 0 || all->ticks < all->fail_tick)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_CANCELLED, "stopped by a tick");
    return FALSE;
}

static Workers *
set_up(int bad, int fail_tick)
{
    jobs = (Jobs){.bad = bad, .fail_tick = fail_tick, .runner = g_thread_self()};
    running = most_running = seen_stop = 0;
    for (int i = 0; i < N_JOBS; i++)
        jobs.in[i] = i;
    return workers_new(&(WorkersHost){.tick = tick, .data = &jobs});
}

static void
test_all_are_done(void)
{
    const WorkersJob kind = {next_number, square, count_done, &jobs};
    g_autoptr(Workers) workers = set_up(-1, 0);
    g_autoptr(GError) error = NULL;

    g_assert_true(workers_run(workers, N_THREADS, &kind, &error));
    g_assert_no_error(error);
    g_assert_cmpint(jobs.done, ==, N_JOBS);
    for (int i = 0; i < N_JOBS; i++)
        g_assert_cmpint(jobs.out[i], ==, (gint64)i * i);
    g_assert_cmpint(jobs.ticks, >=, 1);
}

static void
test_the_first_error_is_returned(void)
{
    const WorkersJob kind = {next_number, square, count_done, &jobs};
    g_autoptr(Workers) workers = set_up(500, 0);
    g_autoptr(GError) error = NULL;

    g_assert_false(workers_run(workers, N_THREADS, &kind, &error));
    g_assert_true(seam_error_is(error, SEAM_ERROR_LOST));
    g_assert_cmpstr(error->message, ==, "job 500");
    g_assert_cmpstr(seam_error_get_hint(error), ==, "a hint comes along");
    g_assert_cmpint(jobs.done, <=, jobs.given - 1);

    /* They can be used again after it. */
    jobs.given = jobs.done = 0;
    jobs.bad = -1;
    g_clear_error(&error);
    g_assert_true(workers_run(workers, N_THREADS, &kind, &error));
    g_assert_cmpint(jobs.done, ==, N_JOBS);
}

static void
test_the_others_are_stopped(void)
{
    const WorkersJob kind = {next_number, wait_for_stop, count_done, &jobs};
    g_autoptr(Workers) workers = set_up(2, 0);
    g_autoptr(GError) error = NULL;

    g_assert_false(workers_run(workers, N_THREADS, &kind, &error));
    g_assert_cmpstr(error->message, ==, "job 2");
    g_assert_cmpint(most_running, ==, N_THREADS);
    g_assert_cmpint(seen_stop, ==, N_THREADS - 1);
    g_assert_cmpint(jobs.given, ==, N_THREADS);
    g_assert_cmpint(jobs.done, ==, 0);
}

static void
test_a_tick_stops_all(void)
{
    const WorkersJob kind = {next_number, wait_for_stop, count_done, &jobs};
    g_autoptr(Workers) workers = set_up(-1, 3);
    g_autoptr(GError) error = NULL;

    g_assert_false(workers_run(workers, N_THREADS, &kind, &error));
    g_assert_true(seam_error_is(error, SEAM_ERROR_CANCELLED));
    g_assert_cmpstr(error->message, ==, "stopped by a tick");
    g_assert_cmpint(seen_stop, ==, N_THREADS);
}

static void
test_signals_stay_with_the_runner(void)
{
    const WorkersJob kind = {next_number, square, count_done, &jobs};
    g_autoptr(Workers) workers = set_up(-1, 0);
    sigset_t mask;

    g_assert_true(workers_run(workers, 1, &kind, NULL));
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    g_assert_false(sigismember(&mask, SIGINT));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/workers/all-are-done", test_all_are_done);
    g_test_add_func("/workers/first-error", test_the_first_error_is_returned);
    g_test_add_func("/workers/others-are-stopped", test_the_others_are_stopped);
    g_test_add_func("/workers/tick", test_a_tick_stops_all);
    g_test_add_func("/workers/signals", test_signals_stay_with_the_runner);
    return g_test_run();
}
