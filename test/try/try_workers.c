/*
 * pgseam-try workers DSN THREADS STATEMENT...: each statement is a job; then "SELECT 'again'" once on each thread,
 * which shows whether the sessions are of use after an error.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rewrite/workers.h"
#include "run/cancel.h"
#include "try.h"

typedef struct Statement {
    const char *sql;
    char *answer;
} Statement;

typedef struct Statements {
    Statement *list;
    int n;
    int given;
} Statements;

static DbConn *
open_session(gpointer dsn, int number, GError **error)
{
    g_autofree char *name = g_strdup_printf("pgseam/try/worker%d", number);
    return db_open(dsn, name, error);
}

static gboolean
tick(gpointer data, GError **error)
{
    (void)data;
    return cancel_check(error);
}

static gboolean
next(gpointer data, gpointer *ret_job, GError **error)
{
    Statements *all = data;

    (void)error;
    *ret_job = all->given < all->n ? &all->list[all->given++] : NULL;
    return TRUE;
}

/* In a transaction of each session: one that is left open would be seen. */
static gboolean
work(const WorkerHands *hands, gpointer job, GError **error)
{
    Statement *statement = job;
    g_autoptr(DbResult) result = NULL;

    if (!db_run(hands->first, "BEGIN", DB_NONE, error) || !db_run(hands->second, "BEGIN", DB_NONE, error) ||
        !db_run(hands->second, "SELECT 1", DB_NONE, error))
        return FALSE;
    result = db_query(hands->first, statement->sql, DB_NONE, error);
    if (result == NULL || !db_commit(hands->first, error) || !db_commit(hands->second, error))
        return FALSE;
    statement->answer = g_strdup(db_rows(result) > 0 ? db_text_at(result, 0, 0) : "");
    return TRUE;
}

static gboolean
done(gpointer data, gpointer job, GError **error)
{
    Statement *statement = job;

    (void)data;
    (void)error;
    printf("%s\n", statement->answer);
    g_clear_pointer(&statement->answer, g_free);
    return TRUE;
}

static gboolean
run(Workers *workers, int threads, Statements *all, GError **error)
{
    const WorkersJob kind = {next, work, done, all};
    gboolean is_fine = workers_run(workers, threads, &kind, error);

    for (int i = 0; i < all->n; i++)
        g_clear_pointer(&all->list[i].answer, g_free);
    return is_fine;
}

gboolean
try_workers(const char *dsn, char **args, GError **error)
{
    int threads = atoi(args[0]);
    int n = (int)g_strv_length(args + 1);
    g_autofree Statement *list = g_new0(Statement, n);
    g_autofree Statement *again = g_new0(Statement, threads);
    g_autoptr(Workers) workers = workers_new(&(WorkersHost){open_session, tick, (gpointer)dsn});
    gboolean is_fine;

    for (int i = 0; i < n; i++)
        list[i].sql = args[i + 1];
    for (int i = 0; i < threads; i++)
        again[i].sql = "SELECT 'again'";
    is_fine = run(workers, threads, &(Statements){list, n, 0}, error);
    return run(workers, threads, &(Statements){again, threads, 0}, is_fine ? error : NULL) && is_fine;
}
