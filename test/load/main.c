#include "applications.h"
#include "orders.h"
#include "run.h"
#include "shop.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void
free_options(RunOptions *options)
{
    g_free(options->shape);
    g_free(options->conninfo);
    g_free(options->path[0]);
    g_free(options->path[1]);
}

static gboolean
parse(int *argc, char ***argv, const GOptionEntry *entries, GError **error)
{
    g_autoptr(GOptionContext) context =
        g_option_context_new("init|run|orders-init|orders-run - an application under load");

    g_option_context_add_main_entries(context, entries, NULL);
    return g_option_context_parse(context, argc, argv, error);
}

static gboolean
command_init(int argc, char **argv, GError **error)
{
    Shop shop = {20000, 2, 2};
    g_autofree char *conninfo = NULL;
    const GOptionEntry entries[] = {
        {"dbname", 'd', 0, G_OPTION_ARG_STRING, &conninfo, "Database", "CONNINFO"},
        {"users", 0, 0, G_OPTION_ARG_INT64, &shop.users, "Users", "N"},
        {"orders-per-user", 0, 0, G_OPTION_ARG_INT64, &shop.orders_per_user, "Orders of each user", "M"},
        {"items-per-order", 0, 0, G_OPTION_ARG_INT64, &shop.items_per_order, "Items of each order", "K"},
        {0}};
    g_autoptr(PGconn) conn = NULL;

    if (!parse(&argc, &argv, entries, error))
        return FALSE;
    if (shop.users < 1 || shop.orders_per_user < 0 || shop.items_per_order < 0) {
        g_set_error(error, LOAD_ERROR, 2, "a shop needs users, and no negative numbers");
        return FALSE;
    }
    conn = shop_connect(conninfo, "pgseam-load init", error);
    return conn != NULL && shop_create(conn, &shop, error);
}

static gboolean
command_orders_init(int argc, char **argv, GError **error)
{
    gint64 rows = 100000;
    g_autofree char *conninfo = NULL;
    g_autofree char *shape = NULL;
    const GOptionEntry entries[] = {
        {"dbname", 'd', 0, G_OPTION_ARG_STRING, &conninfo, "Database", "CONNINFO"},
        {"shape", 0, 0, G_OPTION_ARG_STRING, &shape, "What the key is: int (default), uuid, ...", "SHAPE"},
        {"rows", 0, 0, G_OPTION_ARG_INT64, &rows, "Rows of the table", "N"},
        {0}};
    g_autoptr(PGconn) conn = NULL;

    if (!parse(&argc, &argv, entries, error))
        return FALSE;
    conn = shop_connect(conninfo, "pgseam-load orders-init", error);
    return conn != NULL && orders_create(conn, shape, rows, error);
}

static gboolean
command_run(const Application *application, int argc, char **argv, GError **error)
{
    RunOptions options = {.application = application, .clients = {2, 0}, .rate = 1000, .seed = 1};
    const GOptionEntry entries[] = {
        {"dbname", 'd', 0, G_OPTION_ARG_STRING, &options.conninfo, "Database", "CONNINFO"},
        {"old", 0, 0, G_OPTION_ARG_INT, &options.clients[0], "Clients of the old version", "N"},
        {"new", 0, 0, G_OPTION_ARG_INT, &options.clients[1], "Clients of the new version", "N"},
        {"old-path", 0, 0, G_OPTION_ARG_STRING, &options.path[0], "search_path of the old version", "PATH"},
        {"new-path", 0, 0, G_OPTION_ARG_STRING, &options.path[1], "search_path of the new version", "PATH"},
        {"rate", 0, 0, G_OPTION_ARG_DOUBLE, &options.rate, "Statements a second, 0 for flat out", "R"},
        {"seed", 0, 0, G_OPTION_ARG_INT, &options.seed, "Seed of the random numbers", "S"},
        {"shape", 0, 0, G_OPTION_ARG_STRING, &options.shape, "orders-run: what the key is", "SHAPE"},
        {"duration", 0, 0, G_OPTION_ARG_DOUBLE, &options.duration, "End after so many seconds", "SEC"},
        {0}};
    gboolean ok = parse(&argc, &argv, entries, error) && run_load(&options, error);

    free_options(&options);
    return ok;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = FALSE;

    setlocale(LC_ALL, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "init") == 0) {
        ok = command_init(argc - 1, argv + 1, &error);
    } else if (argc > 1 && strcmp(argv[1], "run") == 0) {
        ok = command_run(&shop_application, argc - 1, argv + 1, &error);
    } else if (argc > 1 && strcmp(argv[1], "orders-init") == 0) {
        ok = command_orders_init(argc - 1, argv + 1, &error);
    } else if (argc > 1 && strcmp(argv[1], "orders-run") == 0) {
        ok = command_run(&orders_application, argc - 1, argv + 1, &error);
    } else {
        fputs("usage: pgseam-load init|run|orders-init|orders-run [options], see --help\n", stderr);
        return 2;
    }
    if (!ok)
        fprintf(stderr, "pgseam-load: %s\n", error->message);
    return ok ? 0 : 1;
}
