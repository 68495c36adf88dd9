#include "run/rollout_check.h"
#include "run/rollout_row.h"
#include "run_queries.h"

void
rollout_figures_free(RolloutFigures *figures)
{
    if (figures == NULL)
        return;
    g_free(figures->stage);
    g_free(figures->source);
    g_free(figures->at);
    g_free(figures->by);
    g_free(figures->error_text);
    g_clear_pointer(&figures->differences, g_ptr_array_unref);
    g_free(figures);
}

static void
reported_free(gpointer data)
{
    RolloutReported *reported = data;

    g_free(reported->at);
    g_free(reported->stage);
    g_free(reported->key);
    g_free(reported->detail);
    g_free(reported->role);
    g_free(reported);
}

void
rollout_health_free(RolloutHealth *health)
{
    if (health == NULL)
        return;
    rollout_pair_clear(&health->pair);
    g_clear_pointer(&health->totals, g_ptr_array_unref);
    g_clear_pointer(&health->samples, g_ptr_array_unref);
    g_clear_pointer(&health->reported, g_ptr_array_unref);
    g_free(health);
}

double
rollout_consistency(gint64 compared, gint64 mismatches)
{
    gint64 same = compared - mismatches;

    if (compared <= 0)
        return -1;
    for (; compared > G_MAXINT64 / 1000000; compared /= 2)
        same /= 2;
    return (double)(same * 1000000 / compared) / 1e4;
}

gboolean
rollout_is_over(gint64 compared, gint64 mismatches, int threshold)
{
    return (double)mismatches * 10000 > (double)threshold * (double)compared;
}

/* The tables came later than rollouts. */
static gboolean
has_figures(DbConn *conn, gboolean *ret_has, GError **error)
{
    g_autoptr(DbResult) row =
        db_query(conn, "SELECT pg_catalog.to_regclass('pgseam.rollout_mismatch') IS NOT NULL AS has", DB_NONE, error);

    if (row != NULL)
        *ret_has = db_bool(row, 0, "has");
    return row != NULL;
}

/* Run a query with the rollout's name and those parts of its counts that nobody else holds. Two statements: what a row
 * has become is seen by a snapshot that is younger than its lock. */
static gboolean
with_parts(DbConn *conn, const char *name, const char *query, GError **error)
{
    g_autoptr(DbResult) parts = NULL;
    gboolean has = FALSE;

    if (!has_figures(conn, &has, error))
        return FALSE;
    if (!has)
        return TRUE;
    parts = db_query(conn, QUERY_ROLLOUT_PARTS, DB_ARGS(name), error);
    return parts != NULL && db_run(conn, query, DB_ARGS(name, db_text(parts, 0, "ids")), error);
}

/* Put the parts of the counts together. */
static gboolean
fold(DbConn *conn, const char *name, GError **error)
{
    return with_parts(conn, name, QUERY_ROLLOUT_FOLD, error);
}

gboolean
rollout_figures_forget(DbConn *conn, const char *name, GError **error)
{
    return with_parts(conn, name, QUERY_ROLLOUT_FORGET, error);
}

gboolean
rollout_figures_begin_period(DbConn *conn, const char *name, GError **error)
{
    gboolean has = FALSE;

    if (!has_figures(conn, &has, error))
        return FALSE;
    return !has || (db_run(conn, QUERY_ROLLOUT_PERIOD, DB_ARGS(name), error) && fold(conn, name, error));
}

gboolean
rollout_figures_put(DbConn *conn, const char *name, RolloutFigures *sample, GError **error)
{
    g_autofree char *client = rollout_row_client();
    g_autofree char *compared = db_int_text(sample->compared);
    g_autofree char *mismatches = db_int_text(sample->mismatches);
    g_autofree char *errors = db_int_text(sample->errors);
    g_autofree char *took = db_int_text(sample->took_ms);
    g_autoptr(DbResult) row = db_query(
        conn, QUERY_ROLLOUT_SAMPLE_PUT,
        DB_ARGS(name, sample->stage, compared, mismatches, errors, sample->is_over ? "true" : "false", took, client),
        error);

    if (row == NULL)
        return FALSE;
    sample->at = g_strdup(db_text(row, 0, "at"));
    sample->by = g_strdup(db_text(row, 0, "by"));
    return fold(conn, name, error);
}

static RolloutFigures *
read_figures(const DbResult *rows, int i)
{
    RolloutFigures *figures = g_new0(RolloutFigures, 1);

    figures->stage = g_strdup(db_text(rows, i, "stage"));
    figures->compared = db_int(rows, i, "compared");
    figures->mismatches = db_int(rows, i, "mismatches");
    figures->errors = db_int(rows, i, "errors");
    return figures;
}

static gpointer
read_total(const DbResult *rows, int i)
{
    RolloutFigures *figures = read_figures(rows, i);

    figures->source = g_strdup(db_text(rows, i, "source"));
    return figures;
}

static gpointer
read_sample(const DbResult *rows, int i)
{
    RolloutFigures *figures = read_figures(rows, i);

    figures->at = g_strdup(db_text(rows, i, "at"));
    figures->by = g_strdup(db_text(rows, i, "by"));
    figures->took_ms = db_int(rows, i, "took_ms");
    figures->is_over = db_bool(rows, i, "is_over");
    return figures;
}

static gpointer
read_reported(const DbResult *rows, int i)
{
    RolloutReported *reported = g_new0(RolloutReported, 1);

    reported->at = g_strdup(db_text(rows, i, "at"));
    reported->stage = g_strdup(db_text(rows, i, "stage"));
    reported->key = g_strdup(db_text(rows, i, "key"));
    reported->detail = g_strdup(db_text(rows, i, "detail"));
    reported->role = g_strdup(db_text(rows, i, "role"));
    reported->is_error = db_bool(rows, i, "is_error");
    return reported;
}

/* What a query has of a rollout, a row each; NULL `query`: nothing. */
typedef struct Listing {
    const char *query;
    gpointer (*read)(const DbResult *rows, int i);
    GDestroyNotify free;
} Listing;

static GPtrArray *
list(DbConn *conn, const char *name, gboolean has, const Listing *listing, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(listing->free);
    g_autoptr(DbResult) rows = has ? db_query(conn, listing->query, DB_ARGS(name), error) : NULL;

    if (has && rows == NULL)
        return NULL;
    for (int i = 0; rows != NULL && i < db_rows(rows); i++)
        g_ptr_array_add(found, listing->read(rows, i));
    return g_steal_pointer(&found);
}

static void
free_figures(gpointer figures)
{
    rollout_figures_free(figures);
}

RolloutHealth *
rollout_health(DbConn *conn, const char *name, GError **error)
{
    static const Listing totals = {QUERY_ROLLOUT_TOTALS, read_total, free_figures};
    static const Listing samples = {QUERY_ROLLOUT_SAMPLES, read_sample, free_figures};
    static const Listing reported = {QUERY_ROLLOUT_REPORTED, read_reported, reported_free};
    g_autoptr(RolloutHealth) health = g_new0(RolloutHealth, 1);
    gboolean has = FALSE;

    if (!has_figures(conn, &has, error) || !rollout_pair_get(conn, name, &health->pair, error))
        return NULL;
    health->totals = list(conn, name, has, &totals, error);
    health->samples = health->totals != NULL ? list(conn, name, has, &samples, error) : NULL;
    health->reported = health->samples != NULL ? list(conn, name, has, &reported, error) : NULL;
    return health->reported != NULL ? g_steal_pointer(&health) : NULL;
}
