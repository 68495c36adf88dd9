#include "rewrite/copy.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "db/relay.h"
#include "rewrite/capture.h"
#include "rewrite/dirty.h"
#include "rewrite/shape.h"
#include "rewrite/unfit.h"
#include "rewrite/workers.h"
#include "rewrite_queries.h"
#include "run/fault.h"
#include "run/progress.h"
#include "run/throttle.h"

#define FIRST_BLOCKS   1024
#define LEAST_BLOCKS   16
#define MOST_BLOCKS    32768
#define RANGE_MS       400
#define MOST_RESTARTS  20
#define NAP_MS         200
#define UNHURRIED_LOAD 80

/* A range of blocks in a worker's hands. */
typedef struct Range {
    gint64 first;
    gint64 end;
    char *read;       /* SELECT of the rows */
    const char *in;   /* COPY ... FROM STDIN, or INSERT INTO without its SELECT */
    const char *note; /* that it is done; $1 first, $2 end, $3 rows, $4 ms */
    const char *file; /* "SELECT filenode" of the source */
    gint64 filenode;  /* that it must be */
    const Flow *flow; /* read only, like all texts: it stays until all workers are done */
    RunFence fence;
    gboolean is_relayed;
    gboolean is_moved; /* the source's file is another one: nothing was copied */
    gint64 rows;
    double took_ms;
} Range;

typedef struct Copy {
    Rewrite *rewrite;
    const Flow *flow;
    GArray *done; /* gint64 pairs [first, end), in order */
    guint next_done;
    gint64 next;   /* the block from which on nothing has been given out */
    gint64 blocks; /* of a range */
    char *in;
    char *note;
    char *file;
    gboolean is_relayed;
    gboolean is_moved;
    double took_ms; /* the last range */
    gint64 next_note;
    int jobs;
} Copy;

static void
copy_clear(Copy *copy)
{
    g_clear_pointer(&copy->done, g_array_unref);
    g_free(copy->in);
    g_free(copy->note);
    g_free(copy->file);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Copy, copy_clear)

static void
range_free(Range *range)
{
    g_free(range->read);
    g_free(range);
}

static void
range_drop(gpointer range)
{
    range_free(range);
}

gint64
copy_next_blocks(gint64 blocks, double took_ms)
{
    double factor = CLAMP(RANGE_MS / MAX(took_ms, 1.0), 0.25, 2.0);

    return CLAMP((gint64)((double)blocks * factor), LEAST_BLOCKS, MOST_BLOCKS);
}

/* "tbl WHERE ctid >= '(a,0)' AND ctid < '(b,0)'": a TID range scan from 14 on
 * (src/backend/executor/nodeTidrangescan.c). */
static char *
read_range(const Copy *copy, gint64 first, gint64 end)
{
    const char *order = step_get(copy->rewrite->prepare, PARAM_ORDER_BY);
    g_autofree char *low = db_tid_text(first, 0);
    g_autofree char *high = db_tid_text(end, 0);
    g_autofree char *from = NULL;

    if (order != NULL)
        from = sql_build("ONLY ? ORDER BY ?", sql_raw(copy->flow->source), sql_raw(order));
    else
        from = sql_build("ONLY ? WHERE ctid >= ?::pg_catalog.tid AND ctid < ?::pg_catalog.tid",
                         sql_raw(copy->flow->source), sql_literal(low), sql_literal(high));
    return flow_select(copy->flow, from);
}

static gboolean
relay_range(const WorkerHands *hands, Range *range, GError **error)
{
    g_autofree char *out = sql_build("COPY (?) TO STDOUT (FORMAT binary)", sql_raw(range->read));

    return db_run(hands->first, "BEGIN", DB_NONE, error) &&
           db_relay(hands->first, out, hands->second, range->in, &range->rows, error);
}

static gboolean
insert_range(const WorkerHands *hands, Range *range, GError **error)
{
    g_autofree char *sql = sql_build("? ?", sql_raw(range->in), sql_raw(range->read));
    g_autoptr(DbResult) result = db_query(hands->second, sql, DB_NONE, error);

    if (result != NULL)
        range->rows = db_affected(result);
    return result != NULL;
}

/* In the transaction that read the rows, whose lock keeps the file as it is. */
static gboolean
check_file(DbConn *conn, Range *range, GError **error)
{
    g_autoptr(DbResult) row = db_query(conn, range->file, DB_NONE, error);

    if (row == NULL)
        return FALSE;
    range->is_moved = db_int(row, 0, "filenode") != range->filenode;
    return TRUE;
}

static gboolean
note_range(DbConn *conn, const Range *range, GError **error)
{
    g_autofree char *first = db_int_text(range->first);
    g_autofree char *end = db_int_text(range->end);
    g_autofree char *rows = db_int_text(range->rows);
    g_autofree char *ms = g_strdup_printf("%.0f", range->took_ms);

    return db_run(conn, range->note, DB_ARGS(first, end, rows, ms), error);
}

static gboolean
copy_once(const WorkerHands *hands, Range *range, GError **error)
{
    gint64 begun = g_get_monotonic_time();
    DbConn *reader = range->is_relayed ? hands->first : hands->second;

    if (!db_run(hands->second, "BEGIN", DB_NONE, error) || !run_check_fence(hands->second, &range->fence, error) ||
        !(range->is_relayed ? relay_range : insert_range)(hands, range, error) || !check_file(reader, range, error))
        return FALSE;
    range->took_ms = (double)(g_get_monotonic_time() - begun) / 1000;
    if (range->is_moved) {
        db_abort(hands->second);
        db_abort(hands->first);
        return TRUE;
    }
    return (!range->is_relayed || db_commit(hands->first, error)) && note_range(hands->second, range, error) &&
           db_commit(hands->second, error);
}

/* In a worker. Somebody's ACCESS EXCLUSIVE lock is waited for in pieces, with nothing held. */
static gboolean
copy_range(const WorkerHands *hands, gpointer data, GError **error)
{
    Range *range = data;

    for (;;) {
        g_autoptr(GError) why = NULL;

        if (copy_once(hands, range, &why))
            return TRUE;
        db_abort(hands->second);
        db_abort(hands->first);
        if (!seam_error_has_sqlstate(why, "55P03") && !seam_error_has_sqlstate(why, "40P01")) {
            unfit_tell(hands->second, range->flow, range->first, range->end, &why);
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
}

/* The next blocks that nobody has copied; FALSE: there are none. */
static gboolean
next_blocks(Copy *copy, gint64 *ret_first, gint64 *ret_end)
{
    gint64 end = copy->rewrite->blocks;

    while (copy->next_done < copy->done->len / 2 &&
           g_array_index(copy->done, gint64, (gsize)copy->next_done * 2) <= copy->next) {
        copy->next = MAX(copy->next, g_array_index(copy->done, gint64, (gsize)copy->next_done * 2 + 1));
        copy->next_done++;
    }
    if (copy->next_done < copy->done->len / 2)
        end = g_array_index(copy->done, gint64, (gsize)copy->next_done * 2);
    if (copy->next >= copy->rewrite->blocks)
        return FALSE;
    *ret_first = copy->next;
    *ret_end = MIN(end, copy->next + copy->blocks);
    copy->next = *ret_end;
    return TRUE;
}

/* At the default load the copy does not rest: it hurts by its disk and CPU, which the gauges see, and not by locks.
 * Below it the load is read again while it rests, since a rest may be a long one. */
static gboolean
rest(Copy *copy, GError **error)
{
    Run *run = copy->rewrite->run;
    gint64 begun = g_get_monotonic_time();
    double left_ms;

    do {
        int load = run->options.load_percent;
        double rest_ms = load < UNHURRIED_LOAD ? copy->took_ms / copy->jobs * (100 - load) / load : 0;

        left_ms = rest_ms - (double)(g_get_monotonic_time() - begun) / 1000;
        if (left_ms >= 1 && (!run_sleep(run, (int)MIN(left_ms, NAP_MS), error) || !throttle_refresh(run, error)))
            return FALSE;
    } while (left_ms >= 1);
    return throttle_wait(run, 0, (double)copy->rewrite->rows_copied, error);
}

static gboolean
next_range(gpointer data, gpointer *ret_job, GError **error)
{
    Copy *copy = data;
    gint64 first;
    gint64 end;
    Range *range;

    *ret_job = NULL;
    if (copy->is_moved)
        return TRUE;
    if (!rest(copy, error))
        return FALSE;
    if (!next_blocks(copy, &first, &end))
        return TRUE;
    range = g_new0(Range, 1);
    range->first = first;
    range->end = end;
    range->read = read_range(copy, first, end);
    range->in = copy->in;
    range->note = copy->note;
    range->file = copy->file;
    range->filenode = copy->rewrite->filenode;
    range->flow = copy->flow;
    range->fence = run_fence(copy->rewrite->run);
    range->is_relayed = copy->is_relayed;
    *ret_job = range;
    return TRUE;
}

static gboolean
note_rows(Copy *copy, GError **error)
{
    g_autofree char *assignment = NULL;

    if (g_get_monotonic_time() < copy->next_note)
        return TRUE;
    copy->next_note = g_get_monotonic_time() + G_USEC_PER_SEC;
    assignment = sql_build("rows_copied = ?", sql_int(copy->rewrite->rows_copied));
    return rewrite_note(copy->rewrite, copy->rewrite->run->control, assignment, error);
}

static gboolean
range_done(gpointer data, gpointer job, GError **error)
{
    Copy *copy = data;
    Range *range = job;

    copy->is_moved |= range->is_moved;
    copy->rewrite->rows_copied += range->is_moved ? 0 : range->rows;
    copy->took_ms = range->took_ms;
    if (range->end - range->first >= copy->blocks)
        copy->blocks = copy_next_blocks(copy->blocks, range->took_ms);
    range_free(range);
    return note_rows(copy, error) && fault_point(copy->rewrite->run, "rewrite.copy.range", error);
}

/* Where the source ends now: what is written behind it is dirty. */
static gboolean
note_begin(Rewrite *rewrite, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->source_oid);
    g_autofree char *assignments = NULL;
    g_autoptr(DbResult) row = NULL;

    if (rewrite->blocks >= 0)
        return TRUE;
    row =
        db_query(rewrite->run->control,
                 "SELECT pg_catalog.pg_relation_filenode($1::oid) AS filenode, pg_catalog.pg_relation_size($1::oid) / "
                 "pg_catalog.current_setting('block_size')::bigint AS blocks",
                 DB_ARGS(oid), error);
    if (row == NULL)
        return FALSE;
    rewrite->filenode = db_int(row, 0, "filenode");
    rewrite->blocks = db_int(row, 0, "blocks");
    assignments = sql_build("blocks = ?, filenode = ?", sql_int(rewrite->blocks), sql_int(rewrite->filenode));
    return rewrite_note(rewrite, rewrite->run->control, assignments, error);
}

static gboolean
read_done(Copy *copy, GError **error)
{
    Rewrite *rewrite = copy->rewrite;
    g_autofree char *id = db_int_text(rewrite->run->migration);
    g_autoptr(DbResult) rows = db_query(
        rewrite->run->control,
        "SELECT first_block, end_block, rows FROM pgseam.rewrite_chunk WHERE migration_id = $1::bigint AND name "
        "= $2 ORDER BY first_block",
        DB_ARGS(id, rewrite->name), error);

    if (rows == NULL)
        return FALSE;
    rewrite->rows_copied = 0;
    for (int i = 0; i < db_rows(rows); i++) {
        gint64 range[2] = {db_int(rows, i, "first_block"), db_int(rows, i, "end_block")};

        g_array_append_vals(copy->done, range, 2);
        rewrite->rows_copied += db_int(rows, i, "rows");
    }
    return TRUE;
}

static gboolean
restart(Rewrite *rewrite, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);
    g_autofree char *empty = sql_build("TRUNCATE ?", sql_name(rewrite->name, rewrite->table));
    g_autofree char *forget = sql_build("DELETE FROM pgseam.rewrite_chunk WHERE migration_id = ? AND name = ?",
                                        sql_int(rewrite->run->migration), sql_literal(rewrite->name));

    progress_say(rewrite->run->progress,
                 "  %s.%s has another file now (VACUUM FULL, CLUSTER or TRUNCATE): the copy begins again",
                 rewrite->schema, rewrite->table);
    if (conn == NULL || !rewrite_begin(rewrite, conn, error))
        return FALSE;
    if (!db_run(conn, empty, DB_NONE, error) || !db_run(conn, forget, DB_NONE, error) ||
        !rewrite_note(rewrite, conn, "blocks = -1, filenode = NULL, restarts = restarts + 1, rows_copied = 0", error) ||
        !db_commit(conn, error)) {
        db_abort(conn);
        return FALSE;
    }
    return rewrite_reload(rewrite, error);
}

static void
prepare(Copy *copy)
{
    Rewrite *rewrite = copy->rewrite;
    g_autofree char *columns = flow_column_list(copy->flow);

    copy->is_relayed = copy->flow->is_binary && db_is_near(rewrite->run->work);
    copy->in =
        copy->is_relayed
            ? sql_build("COPY ? (?) FROM STDIN (FORMAT binary)", sql_raw(copy->flow->target), sql_raw(columns))
            : sql_build("INSERT INTO ? (?) OVERRIDING SYSTEM VALUE", sql_raw(copy->flow->target), sql_raw(columns));
    copy->note =
        sql_build("INSERT INTO pgseam.rewrite_chunk (migration_id, name, first_block, end_block, rows, spent_ms) "
                  "VALUES (?, ?, $1::bigint, $2::bigint, $3::bigint, $4::bigint)",
                  sql_int(rewrite->run->migration), sql_literal(rewrite->name));
    copy->file = sql_build("SELECT pg_catalog.pg_relation_filenode(?) AS filenode", sql_int(rewrite->source_oid));
    /* One order needs one statement. */
    copy->jobs = step_get(rewrite->prepare, PARAM_ORDER_BY) != NULL ? 1 : rewrite->run->options.copy_jobs;
    copy->blocks = step_get(rewrite->prepare, PARAM_ORDER_BY) != NULL ? G_MAXINT64 / 2 : FIRST_BLOCKS;
}

/* All ranges that are left; *ret_moved: the source's file is another one, and the shadow is of no use. */
static gboolean
copy_ranges(Rewrite *rewrite, const Flow *flow, gboolean *ret_moved, GError **error)
{
    g_auto(Copy) copy = {.rewrite = rewrite, .flow = flow, .done = g_array_new(FALSE, FALSE, sizeof(gint64))};
    WorkersJob jobs = {next_range, copy_range, range_done, &copy, range_drop};
    Workers *workers;

    if (!note_begin(rewrite, error) || !read_done(&copy, error))
        return FALSE;
    prepare(&copy);
    workers = workers_of(rewrite, copy.jobs, error);
    if (workers == NULL || !workers_run(workers, copy.jobs, &jobs, error))
        return FALSE;
    *ret_moved = copy.is_moved;
    return TRUE;
}

/* Before anything is copied: where the key changes, each must be the same after the way there and back, or rows could
 * not be told apart any more. */
static gboolean
check_survival(Rewrite *rewrite, const Flow *flow, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);
    g_autofree char *survives = flow_survives(flow);
    g_autofree char *source = sql_build("ONLY ?", sql_raw(flow->source));
    g_autofree char *images = flow_images(flow, source);
    g_autofree char *sql = NULL;
    g_autoptr(DbResult) found = NULL;

    if (conn == NULL || survives == NULL || rewrite->blocks >= 0)
        return conn != NULL;
    sql = sql_build("SELECT CAST(k AS pg_catalog.text) AS keys FROM ? AS k WHERE (?) IS NOT TRUE LIMIT 1",
                    sql_raw(images), sql_raw(survives));
    found = db_query(conn, sql, DB_NONE, error);
    if (found == NULL || db_rows(found) == 0)
        return found != NULL;
    flow_set_unfit(flow, db_text(found, 0, "keys"), error);
    return FALSE;
}

static gboolean
has_moved(Rewrite *rewrite, gboolean *ret_moved, GError **error)
{
    g_autofree char *sql =
        sql_build("SELECT pg_catalog.pg_relation_filenode(?) AS filenode", sql_int(rewrite->source_oid));
    g_autoptr(DbResult) row = db_query(rewrite->run->control, sql, DB_NONE, error);

    if (row == NULL)
        return FALSE;
    *ret_moved = db_int(row, 0, "filenode") != rewrite->filenode;
    return TRUE;
}

/* Whoever has moved during the copy is in the shadow twice or not at all, and is dirty: none of them stays. The keys
 * remain dirty. */
static gboolean
delete_dirty(Rewrite *rewrite, const Flow *flow, DbConn *conn, GError **error)
{
    g_autofree char *images = flow_images(flow, flow->dirty);
    g_autofree char *match = flow_match(flow);
    g_autofree char *sql = sql_build("DELETE FROM ? AS t USING (SELECT DISTINCT * FROM ? AS i) AS k WHERE ?",
                                     sql_raw(flow->target), sql_raw(images), sql_raw(match));
    gint64 n = -1;

    if (!dirty_count(rewrite, flow, 1, &n, error) || n == 0)
        return n == 0;
    /* The shadow has no index yet: a loop over it would never end. */
    return db_run(conn, "SELECT pg_catalog.set_config('enable_nestloop', 'off', true)", DB_NONE, error) &&
           db_run(conn, sql, DB_NONE, error);
}

static gboolean
finish(Rewrite *rewrite, const Flow *flow, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);
    gboolean is_synced;
    g_autofree char *assignments = sql_build("is_copied = true, rows_copied = ?", sql_int(rewrite->rows_copied));

    if (conn == NULL || !rewrite_open_capture(rewrite, error) ||
        !capture_ops(rewrite->capture_kind)->sync(rewrite, 0, &is_synced, error) ||
        !rewrite_begin(rewrite, conn, error))
        return FALSE;
    if (delete_dirty(rewrite, flow, conn, error) && rewrite_note(rewrite, conn, assignments, error) &&
        fault_point(rewrite->run, "rewrite.copy.finished", error) && db_commit(conn, error)) {
        rewrite->is_copied = TRUE;
        return throttle_end(rewrite->run, error);
    }
    db_abort(conn);
    return FALSE;
}

gboolean
copy_rows(Rewrite *rewrite, GError **error)
{
    for (int attempt = 0; attempt < MOST_RESTARTS; attempt++) {
        const Flow *flow = rewrite_flow(rewrite, error);
        gboolean is_moved = FALSE;

        if (flow == NULL || !check_survival(rewrite, flow, error) || !copy_ranges(rewrite, flow, &is_moved, error) ||
            (!is_moved && !has_moved(rewrite, &is_moved, error)))
            return FALSE;
        if (!is_moved)
            return finish(rewrite, flow, error);
        if (!restart(rewrite, error))
            return FALSE;
    }
    seam_error_set(error, SEAM_ERROR_FAILED, "the file of %s.%s changed %d times during the copy", rewrite->schema,
                   rewrite->table, MOST_RESTARTS);
    seam_error_hint(error, "see to it that nobody runs VACUUM FULL, CLUSTER or TRUNCATE on it, then `pgseam resume`");
    return FALSE;
}
