#include "rewrite/workers.h"

static DbConn *
open_for_rewrite(gpointer rewrite, int number, GError **error)
{
    g_autofree char *role = g_strdup_printf("worker%d", number);

    return rewrite_session(rewrite, role, error);
}

static gboolean
tick_for_rewrite(gpointer rewrite, GError **error)
{
    return run_tick(((Rewrite *)rewrite)->run, error);
}

Workers *
workers_of(Rewrite *rewrite, int n, GError **error)
{
    if (rewrite->workers == NULL)
        rewrite->workers = workers_new(&(WorkersHost){open_for_rewrite, tick_for_rewrite, rewrite});
    return workers_open(rewrite->workers, MAX(n, 1), error) ? rewrite->workers : NULL;
}
