#include "rewrite/workers.h"

#include <pthread.h>
#include <signal.h>

#include "base/error.h"

#define STOP_LOOK_MS  50
#define TICK_US       (10 * 1000)
#define ROLLBACK_US   (5 * G_USEC_PER_SEC) /* for a server that does not answer any more */
#define SESSIONS_EACH 2

typedef struct Worker Worker;

typedef struct Task {
    Worker *worker;
    gboolean (*work)(const WorkerHands *hands, gpointer job, GError **error); /* NULL: end the thread */
    gpointer job;
    GError *error; /* what came of it */
} Task;

struct Worker {
    GThread *thread;
    GAsyncQueue *inbox;   /* Task, at most one */
    GAsyncQueue *results; /* of all workers */
    WorkerHands hands;
    Task task;        /* the thread's while is_busy, else the runner's, as are the hands */
    gboolean is_busy; /* the runner's */
};

struct Workers {
    WorkersHost host;
    GPtrArray *list;      /* Worker */
    GAsyncQueue *results; /* Task */
    gint stop;            /* atomic */
    int busy;
    GDestroyNotify drop; /* what becomes of a job that is not done(); NULL: nothing */
};

gboolean
workers_check(const WorkerHands *hands, GError **error)
{
    if (!g_atomic_int_get(hands->stop))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_CANCELLED, "stopped because something else went wrong");
    return FALSE;
}

static gboolean
look_for_stop(gpointer hands, GError **error)
{
    return workers_check(hands, error);
}

static gboolean
look_at_clock(gpointer until, GError **error)
{
    if (g_get_monotonic_time() < *(const gint64 *)until)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_LOST, "the server does not answer");
    return FALSE;
}

/* What the job left open is rolled back before anybody goes on: its locks must not be in the way of what comes next. */
static void
let_go(DbConn **conn)
{
    gint64 until = g_get_monotonic_time() + ROLLBACK_US;

    if (*conn != NULL) {
        db_on_wait(*conn, STOP_LOOK_MS, look_at_clock, &until);
        db_abort(*conn);
    }
    g_clear_pointer(conn, db_close);
}

static gpointer
worker_main(gpointer data)
{
    Worker *worker = data;
    Task *task;

    while ((task = g_async_queue_pop(worker->inbox))->work != NULL) {
        if (!task->work(&worker->hands, task->job, &task->error)) {
            let_go(&worker->hands.first);
            let_go(&worker->hands.second);
            if (task->error == NULL)
                seam_error_set(&task->error, SEAM_ERROR_FAILED, "a worker failed without a reason");
        }
        g_async_queue_push(worker->results, task);
    }
    return NULL;
}

/* Signals are the runner's: one that is caught by a worker would only be seen at its next look. */
static GThread *
start_thread(Worker *worker, GError **error)
{
    sigset_t all;
    sigset_t before;
    GThread *thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread = g_thread_try_new("worker", worker_main, worker, error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return thread;
}

static void
worker_free(gpointer data)
{
    Worker *worker = data;

    if (worker->thread != NULL) {
        worker->task.work = NULL;
        g_async_queue_push(worker->inbox, &worker->task);
        g_thread_join(worker->thread);
    }
    db_close(worker->hands.first);
    db_close(worker->hands.second);
    g_async_queue_unref(worker->inbox);
    g_async_queue_unref(worker->results);
    g_free(worker);
}

Workers *
workers_new(const WorkersHost *host)
{
    Workers *workers = g_new0(Workers, 1);

    workers->host = *host;
    workers->list = g_ptr_array_new_with_free_func(worker_free);
    workers->results = g_async_queue_new();
    return workers;
}

void
workers_free(Workers *workers)
{
    if (workers == NULL)
        return;
    g_ptr_array_unref(workers->list);
    g_async_queue_unref(workers->results);
    g_free(workers);
}

static gboolean
open_hand(Workers *workers, Worker *worker, DbConn **conn, int number, GError **error)
{
    if (workers->host.open == NULL || (*conn != NULL && !db_is_lost(*conn)))
        return TRUE;
    g_clear_pointer(conn, db_close);
    *conn = workers->host.open(workers->host.data, number, error);
    if (*conn != NULL)
        db_on_wait(*conn, STOP_LOOK_MS, look_for_stop, &worker->hands);
    return *conn != NULL;
}

static gboolean
add_worker(Workers *workers, GError **error)
{
    Worker *worker = g_new0(Worker, 1);

    worker->inbox = g_async_queue_new();
    worker->results = g_async_queue_ref(workers->results);
    worker->task.worker = worker;
    worker->hands.stop = &workers->stop;
    worker->thread = start_thread(worker, error);
    if (worker->thread == NULL) {
        worker_free(worker);
        return FALSE;
    }
    g_ptr_array_add(workers->list, worker);
    return TRUE;
}

gboolean
workers_open(Workers *workers, int n, GError **error)
{
    while (workers->list->len < (guint)n) {
        if (!add_worker(workers, error))
            return FALSE;
    }
    for (int i = 0; i < n; i++) {
        Worker *worker = g_ptr_array_index(workers->list, i);
        int number = i * SESSIONS_EACH + 1;

        if (!open_hand(workers, worker, &worker->hands.first, number, error) ||
            !open_hand(workers, worker, &worker->hands.second, number + 1, error))
            return FALSE;
    }
    return TRUE;
}

/* Give each of the first `n` workers that has nothing to do a job. */
static gboolean
hand_out(Workers *workers, int n, const WorkersJob *jobs, gboolean *is_over, GError **error)
{
    for (int i = 0; i < n && !*is_over; i++) {
        Worker *worker = g_ptr_array_index(workers->list, i);
        gpointer job = NULL;

        if (worker->is_busy)
            continue;
        if (!jobs->next(jobs->data, &job, error))
            return FALSE;
        *is_over = job == NULL;
        if (job == NULL)
            break;
        worker->task.work = jobs->work;
        worker->task.job = job;
        worker->is_busy = TRUE;
        workers->busy++;
        g_async_queue_push(worker->inbox, &worker->task);
    }
    return TRUE;
}

static void
drop_job(const Workers *workers, gpointer job)
{
    if (workers->drop != NULL && job != NULL)
        workers->drop(job);
}

/* Wait a little for a result. *ret_job NULL: there was none. */
static gboolean
take_result(Workers *workers, gpointer *ret_job, GError **error)
{
    Task *task = g_async_queue_timeout_pop(workers->results, TICK_US);

    *ret_job = NULL;
    if (task == NULL)
        return TRUE;
    task->worker->is_busy = FALSE;
    workers->busy--;
    if (task->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&task->error));
        drop_job(workers, task->job);
        return FALSE;
    }
    *ret_job = task->job;
    return TRUE;
}

/* Stop the others and wait for them; the heartbeat goes on. */
static void
drain(Workers *workers)
{
    gpointer job;

    g_atomic_int_set(&workers->stop, TRUE);
    while (workers->busy > 0) {
        if (take_result(workers, &job, NULL))
            drop_job(workers, job);
        workers->host.tick(workers->host.data, NULL);
    }
    g_atomic_int_set(&workers->stop, FALSE);
}

static gboolean
run_all(Workers *workers, int n, const WorkersJob *jobs, GError **error)
{
    gboolean is_over = FALSE;

    for (;;) {
        gpointer job;

        if (!hand_out(workers, n, jobs, &is_over, error))
            return FALSE;
        if (workers->busy == 0)
            return TRUE;
        if (!take_result(workers, &job, error) || (job != NULL && !jobs->done(jobs->data, job, error)) ||
            !workers->host.tick(workers->host.data, error))
            return FALSE;
    }
}

gboolean
workers_run(Workers *workers, int n, const WorkersJob *jobs, GError **error)
{
    GError *why = NULL;

    if (!workers_open(workers, MAX(n, 1), error))
        return FALSE;
    workers->drop = jobs->drop;
    if (run_all(workers, MAX(n, 1), jobs, &why))
        return TRUE;
    drain(workers);
    g_propagate_error(error, why);
    return FALSE;
}
