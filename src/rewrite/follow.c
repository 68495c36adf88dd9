#include "rewrite/follow.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "db/array.h"
#include "db/stream.h"
#include "rewrite/gather.h"
#include "rewrite/slot.h"
#include "run/guard.h"
#include "run/progress.h"

#define MOST_BYTES    (4 << 20) /* of keys in memory; what is more stays in the stream */
#define FULL_BYTES    (1 << 20) /* of them: they are written at once */
#define MOST_KEYS     20000     /* inserted together */
#define PUMP_US       150000    /* about what one pump may take, where there is much to be read */
#define SLICE_US      20000     /* reading, before keys are written */
#define LULL_MS       2         /* the server is still sending if more comes within it */
#define FLUSH_US      20000     /* keys wait so long for more of them */
#define HELD_US       5000      /* and so long when none of them was visible */
#define CONFIRM_US    1000000
#define LOOK_US       1000000
#define REOPEN_US     200000
#define POLL_MS       10
#define MOST_RETRIES  20
#define OBJECT_IN_USE "55006"
#define LOCK_MS       "250"

struct Capture {
    Rewrite *rewrite;
    DbConn *session;
    DbStream *stream;
    Gather gather; /* and the keys that wait */
    char *insert;  /* keys into the dirty table: one array of text for each column */
    char *mark;    /* a row into FOLLOW_TRUNCATED */
    char *publication_mark;
    char *identity_mark;
    gboolean is_busy; /* a tick of our own waits does not pump */
    gboolean is_warned;
    gboolean has_given_up; /* the stream cannot be had again */
    int retries;
    gint64 confirm_us; /* how often at least */
    gint64 next_confirm;
    gint64 next_flush;
    gint64 next_look;
    gint64 next_reopen;
    gint64 lost_since; /* monotonic microseconds; 0: the stream is open */
};

static gint64
now_us(void)
{
    return g_get_monotonic_time();
}

/* ---- the stream ---- */

static gboolean
confirm(Capture *capture, GError **error)
{
    capture->next_confirm = now_us() + capture->confirm_us;
    return stream_confirm(capture->stream, backlog_safe_lsn(capture->gather.backlog), error);
}

static gboolean
on_item(Capture *capture, const StreamItem *item, GError **error)
{
    if (item->kind == STREAM_DATA)
        return gather_message(&capture->gather, item->data, item->length, error);
    backlog_keepalive(capture->gather.backlog, item->lsn);
    return !item->wants_reply || confirm(capture, error);
}

/* What is there, but not more than may be kept in memory. *ret_more: it was not all. Whoever sends much fills the
 * socket again while we read: he is given a moment. */
static gboolean
read_stream(Capture *capture, gboolean *ret_more, GError **error)
{
    gint64 until = now_us() + SLICE_US;
    gboolean is_lull = TRUE;
    StreamItem item;

    /* After the cut-over it is we who write to the old table. */
    capture->gather.is_deaf = capture->rewrite->is_swapped;
    for (;;) {
        *ret_more = backlog_bytes(capture->gather.backlog) > MOST_BYTES || now_us() > until;
        if (*ret_more)
            return TRUE;
        if (!stream_next(capture->stream, &item, error))
            return FALSE;
        if (item.kind != STREAM_NOTHING) {
            is_lull = item.kind == STREAM_KEEPALIVE;
            if (!on_item(capture, &item, error))
                return FALSE;
            continue;
        }
        if (is_lull || capture->gather.is_seen)
            return TRUE;
        stream_wait(capture->stream, LULL_MS);
        is_lull = TRUE;
    }
}

/* What was delivered and not confirmed comes again. */
static void
forget_stream(Capture *capture)
{
    g_clear_pointer(&capture->stream, stream_close);
    gather_restart(&capture->gather);
}

static gboolean
open_stream(Capture *capture, GError **error)
{
    const Run *run = capture->rewrite->run;
    g_autofree char *role = g_strdup_printf("pgseam/%s/stream", run->plan->migration);

    forget_stream(capture);
    capture->stream = stream_open(run->options.target, role, error);
    return capture->stream != NULL &&
           stream_start(capture->stream, capture->rewrite->slot, capture->rewrite->slot, error);
}

/* ---- the session that writes ---- */

static gboolean
tick(gpointer data, GError **error)
{
    Capture *capture = data;

    /* The stream's own trouble is seen when it is read next. */
    if (capture->stream != NULL && now_us() > capture->next_confirm)
        confirm(capture, NULL);
    return run_tick(capture->rewrite->run, error);
}

static gboolean
read_timeout(Capture *capture, GError **error)
{
    g_autoptr(DbResult) row = db_query(capture->session,
                                       "SELECT setting::bigint AS ms FROM pg_catalog.pg_settings WHERE name = "
                                       "'wal_sender_timeout'",
                                       DB_NONE, error);
    gint64 ms = row != NULL ? db_int(row, 0, "ms") : 0;

    capture->confirm_us = ms > 0 ? CLAMP(ms * 1000 / 4, 50000, CONFIRM_US) : CONFIRM_US;
    return row != NULL;
}

/* A lock on the dirty table may be held by another session of this very thread, which cannot go on before we return: so
 * it is not awaited for long. Commits wait for our own disk only, and always for that: what is confirmed is safe, and a
 * token's commit takes along the log of asynchronous commits before it. */
static gboolean
open_session(Capture *capture, GError **error)
{
    g_clear_pointer(&capture->session, db_close);
    capture->session = rewrite_session(capture->rewrite, "capture", error);
    if (capture->session == NULL)
        return FALSE;
    db_on_wait(capture->session, 50, tick, capture);
    return db_run(capture->session,
                  "SELECT pg_catalog.set_config('synchronous_commit', 'local', false), "
                  "pg_catalog.set_config('lock_timeout', '" LOCK_MS "', false)",
                  DB_NONE, error) &&
           read_timeout(capture, error);
}

static gboolean
insert_batch(Capture *capture, const BacklogBatch *batch, GError **error)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);

    for (guint k = 0; k < batch->columns->len; k++)
        g_ptr_array_add(values, db_array_text(g_ptr_array_index(batch->columns, k)));
    return rewrite_begin(capture->rewrite, capture->session, error) &&
           (batch->n == 0 ||
            db_run(capture->session, capture->insert, (int)values->len, (const char *const *)values->pdata, error)) &&
           (!batch->is_truncated || db_run(capture->session, capture->mark, DB_NONE, error)) &&
           db_commit(capture->session, error);
}

static gboolean
read_snapshot(Capture *capture, Snapshot *ret, GError **error)
{
    g_autoptr(DbResult) row =
        db_query(capture->session, "SELECT pg_catalog.pg_current_snapshot()::text AS snapshot", DB_NONE, error);

    return row != NULL && snapshot_parse(ret, db_text(row, 0, "snapshot"), error);
}

/* What failed for a reason that passes is tried again by a later flush. */
static gboolean
flush_failed(Capture *capture, GError *why, GError **error)
{
    backlog_put_back(capture->gather.backlog);
    db_abort(capture->session);
    if (guard_is_retryable(why) && capture->retries++ < MOST_RETRIES) {
        g_error_free(why);
        return TRUE;
    }
    g_propagate_error(error, why);
    return FALSE;
}

/* All keys that are visible now. *ret_all: none of them is left. */
static gboolean
flush(Capture *capture, gboolean *ret_all, GError **error)
{
    guint n = MOST_KEYS;

    *ret_all = FALSE;
    while (n >= MOST_KEYS) {
        g_auto(Snapshot) snapshot = {0};
        g_auto(BacklogBatch) batch = {0};
        GError *why = NULL;

        capture->next_flush = now_us() + FLUSH_US;
        if (!backlog_has_work(capture->gather.backlog))
            break;
        if (!read_snapshot(capture, &snapshot, error))
            return FALSE;
        backlog_take(capture->gather.backlog, &snapshot, MOST_KEYS, &batch);
        n = batch.n;
        if (n == 0 && !batch.is_truncated) {
            capture->next_flush = now_us() + HELD_US;
            break;
        }
        if (!insert_batch(capture, &batch, &why))
            return flush_failed(capture, why, error);
        backlog_done(capture->gather.backlog);
        capture->retries = 0;
        /* A stream in trouble is seen when it is read next. */
        if (capture->stream != NULL && now_us() > capture->next_confirm)
            confirm(capture, NULL);
    }
    *ret_all = TRUE;
    return TRUE;
}

/* ---- whether all is well ---- */

static gboolean
set_drift(const Capture *capture, const char *what, GError **error)
{
    seam_error_set(error, SEAM_ERROR_DRIFT, "%s.%s was changed while it was being rewritten: %s",
                   capture->rewrite->schema, capture->rewrite->table, what);
    seam_error_hint(error, "`pgseam rollback`, then plan again");
    return FALSE;
}

/* With another replica identity our publication may keep the application from writing: it goes at once. */
static gboolean
check_identity(Capture *capture, const SlotState *state, GError **error)
{
    g_autofree char *drop = NULL;

    if (strcmp(state->identity_mark, capture->identity_mark) == 0)
        return TRUE;
    drop = sql_build("DROP PUBLICATION IF EXISTS ?", sql_ident(capture->rewrite->slot));
    return db_run(capture->session, drop, DB_NONE, error) &&
           set_drift(capture, "it has another replica identity", error);
}

static gboolean
check_state(Capture *capture, const SlotState *state, GError **error)
{
    Rewrite *rewrite = capture->rewrite;

    if (slot_is_lost(rewrite, state, error) || !check_identity(capture, state, error))
        return FALSE;
    if (strcmp(state->publication_mark, capture->publication_mark) != 0)
        return set_drift(capture, "somebody changed the publication that tells us of its changes", error);
    if (state->sync_priority > 0) {
        /* Commits would wait for what we confirm, which is only what is visible: for ever. */
        g_clear_pointer(&capture->stream, stream_close);
        seam_error_set(error, SEAM_ERROR_FAILED,
                       "synchronous_standby_names now makes our replication stream a synchronous standby");
        seam_error_hint(error, "name the standbys instead of '*', then `pgseam resume`");
        return FALSE;
    }
    if (state->is_in_danger && !capture->is_warned) {
        capture->is_warned = TRUE;
        progress_say(rewrite->run->progress,
                     "  replication slot %s is %" G_GINT64_FORMAT " MB behind and will be lost at the next checkpoint "
                     "(max_slot_wal_keep_size = %s)",
                     rewrite->slot, state->behind_bytes >> 20, state->keep_size);
    }
    capture->is_warned = state->is_in_danger;
    return TRUE;
}

static gboolean
look(Capture *capture, GError **error)
{
    g_auto(SlotState) state = {0};

    capture->next_look = now_us() + LOOK_US;
    return slot_look(capture->rewrite, capture->session, &state, error) && check_state(capture, &state, error);
}

/* The stream is gone: find out whether it can be had again. */
static gboolean
on_stream_error(Capture *capture, GError *why, GError **error)
{
    gint64 patience = (gint64)capture->rewrite->run->options.reconnect_s * G_USEC_PER_SEC;
    gboolean passes = seam_error_is(why, SEAM_ERROR_LOST) || seam_error_has_sqlstate(why, OBJECT_IN_USE);

    forget_stream(capture);
    if (capture->lost_since == 0)
        capture->lost_since = now_us();
    capture->next_reopen = now_us() + REOPEN_US;
    if (!look(capture, error)) {
        g_error_free(why);
        return FALSE;
    }
    if (passes && now_us() - capture->lost_since < patience) {
        g_error_free(why);
        return TRUE;
    }
    capture->has_given_up = TRUE;
    g_propagate_error(error, why);
    return FALSE;
}

/* Who reads our slot and is not us is an older connection of ours that the server has not noticed to be gone. */
static gboolean
end_older_reader(Capture *capture, GError **error)
{
    g_auto(SlotState) state = {0};
    g_autofree char *pid = NULL;

    if (!slot_look(capture->rewrite, capture->session, &state, error))
        return FALSE;
    pid = g_strdup_printf("%d", state.active_pid);
    return state.active_pid == 0 ||
           db_run(capture->session, "SELECT pg_catalog.pg_terminate_backend($1::int)", DB_ARGS(pid), error);
}

static gboolean
reopen_stream(Capture *capture, GError **error)
{
    GError *why = NULL;

    if (now_us() < capture->next_reopen)
        return TRUE;
    if (!end_older_reader(capture, error))
        return FALSE;
    if (!open_stream(capture, &why))
        return on_stream_error(capture, why, error);
    capture->lost_since = 0;
    return TRUE;
}

/* ---- pumping ---- */

/* One turn. *ret_more: there was more to be read than fitted. */
static gboolean
turn(Capture *capture, gboolean *ret_more, GError **error)
{
    GError *why = NULL;
    gboolean is_all;

    *ret_more = FALSE;
    if (capture->stream == NULL && !reopen_stream(capture, error))
        return FALSE;
    if (capture->stream != NULL && !read_stream(capture, ret_more, &why)) {
        if (!seam_error_is(why, SEAM_ERROR_DRIFT))
            return on_stream_error(capture, why, error);
        g_propagate_error(error, why);
        return FALSE;
    }
    if ((backlog_bytes(capture->gather.backlog) > FULL_BYTES || now_us() > capture->next_flush) &&
        !flush(capture, &is_all, error))
        return FALSE;
    if (now_us() > capture->next_look && !look(capture, error))
        return FALSE;
    if (capture->stream != NULL && now_us() > capture->next_confirm && !confirm(capture, &why))
        return on_stream_error(capture, why, error);
    return TRUE;
}

static gboolean
turn_with_session(Capture *capture, gboolean *ret_more, GError **error)
{
    g_autoptr(GError) why = NULL;

    *ret_more = FALSE;
    if (capture->session == NULL && !open_session(capture, error))
        return FALSE;
    if (turn(capture, ret_more, &why))
        return TRUE;
    /* It is the session that broke. If the server is gone, it cannot be opened again: that is for the runner. */
    if (seam_error_is(why, SEAM_ERROR_LOST) && !capture->has_given_up) {
        backlog_put_back(capture->gather.backlog);
        return open_session(capture, error);
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

gboolean
follow_pump(Capture *capture, GError **error)
{
    gint64 until = now_us() + PUMP_US;
    gboolean has_more;
    gboolean ok;

    if (capture->is_busy)
        return TRUE;
    capture->is_busy = TRUE;
    do
        ok = turn_with_session(capture, &has_more, error);
    while (ok && has_more && now_us() < until);
    capture->is_busy = FALSE;
    return ok;
}

static gboolean
send_token(Capture *capture, GError **error)
{
    g_autofree char *token = g_uuid_string_random();

    gather_expect(&capture->gather, token);
    return db_run(capture->session, "SELECT pg_catalog.pg_logical_emit_message(true, '" GATHER_PREFIX "', $1)",
                  DB_ARGS(token), error);
}

/* Until the token's commit has come. Anything that is committed and visible when the token is sent stands before it in
 * the log. */
static gboolean
wait_for_token(Capture *capture, gint64 until, GError **error)
{
    while (!capture->gather.is_seen && now_us() < until) {
        gboolean has_more;

        if (!run_tick(capture->rewrite->run, error) || !turn_with_session(capture, &has_more, error) ||
            (capture->gather.token == NULL && !send_token(capture, error)))
            return FALSE;
        if (capture->gather.is_seen || has_more)
            continue;
        if (capture->stream != NULL)
            stream_wait(capture->stream, POLL_MS);
        else
            g_usleep(POLL_MS * 1000);
    }
    return TRUE;
}

static gboolean
sync_now(Capture *capture, int timeout_ms, gboolean *ret_synced, GError **error)
{
    gint64 until = timeout_ms > 0 ? now_us() + (gint64)timeout_ms * 1000 : G_MAXINT64;
    gboolean is_all = FALSE;

    *ret_synced = FALSE;
    if (capture->session == NULL && !open_session(capture, error))
        return FALSE;
    if (!send_token(capture, error) || !wait_for_token(capture, until, error))
        return FALSE;
    if (!capture->gather.is_seen)
        return TRUE;
    while (!is_all && now_us() < until) {
        if (!flush(capture, &is_all, error))
            return FALSE;
    }
    *ret_synced = is_all && look(capture, error);
    return !is_all || *ret_synced;
}

gboolean
follow_sync(Capture *capture, int timeout_ms, gboolean *ret_synced, GError **error)
{
    gboolean ok;

    g_assert(!capture->is_busy);
    capture->is_busy = TRUE;
    ok = sync_now(capture, timeout_ms, ret_synced, error);
    gather_expect(&capture->gather, NULL);
    capture->is_busy = FALSE;
    return ok;
}

/* ---- opening ---- */

/* The statements that write, for the dirty table's columns. */
static void
build_statements(Capture *capture, const Flow *flow)
{
    g_autoptr(GString) arrays = g_string_new(NULL);
    g_autofree char *names = flow_key_list(flow);
    g_autofree char *truncated = rewrite_own_name(capture->rewrite, FOLLOW_TRUNCATED);
    GPtrArray *key_names = g_ptr_array_new_with_free_func(g_free);

    for (guint k = 0; k < flow->keys->len; k++) {
        const FlowKey *key = g_ptr_array_index(flow->keys, k);
        g_autofree char *array =
            sql_build("pg_catalog.unnest($?::pg_catalog.text[]::?[])", sql_int(k + 1), sql_raw(key->type));

        g_string_append_printf(arrays, "%s%s", k > 0 ? ", " : "", array);
        g_ptr_array_add(key_names, g_strdup(key->name));
    }
    gather_init(&capture->gather, (guint32)capture->rewrite->source_oid, key_names);
    capture->insert = sql_build("INSERT INTO ? (?) SELECT * FROM ROWS FROM (?) AS k", sql_raw(flow->dirty),
                                sql_raw(names), sql_raw(arrays->str));
    capture->mark = sql_build("INSERT INTO ? DEFAULT VALUES", sql_raw(truncated));
}

static gboolean
begin(Capture *capture, GError **error)
{
    g_auto(SlotState) state = {0};

    if (!open_session(capture, error) || !slot_look(capture->rewrite, capture->session, &state, error) ||
        slot_is_lost(capture->rewrite, &state, error))
        return FALSE;
    capture->publication_mark = g_strdup(state.publication_mark);
    capture->identity_mark = g_strdup(state.identity_mark);
    capture->next_look = now_us() + LOOK_US;
    return reopen_stream(capture, error);
}

Capture *
follow_open(Rewrite *rewrite, GError **error)
{
    const Flow *flow = rewrite_flow(rewrite, error);
    Capture *capture;

    if (flow == NULL)
        return NULL;
    capture = g_new0(Capture, 1);
    capture->rewrite = rewrite;
    build_statements(capture, flow);
    capture->is_busy = TRUE;
    if (!begin(capture, error)) {
        follow_close(capture);
        return NULL;
    }
    capture->is_busy = FALSE;
    return capture;
}

void
follow_close(Capture *capture)
{
    g_clear_pointer(&capture->stream, stream_close);
    g_clear_pointer(&capture->session, db_close);
    gather_clear(&capture->gather);
    g_free(capture->insert);
    g_free(capture->mark);
    g_free(capture->publication_mark);
    g_free(capture->identity_mark);
    g_free(capture);
}
