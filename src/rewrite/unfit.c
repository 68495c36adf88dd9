#include "rewrite/unfit.h"

#include "base/error.h"
#include "base/sqltext.h"

#define MOST_OFFSETS                                                                                                   \
    2400 /* of a row in a block of at most 32 kB (MaxHeapTuplesPerPage in src/include/access/htup_details.h) */

/* What is looked through: rows from `low` to before `high`, as blocks, or as offsets within one. */
typedef struct Span {
    DbConn *conn;
    const Flow *flow;
    gint64 block; /* -1: of blocks */
    gint64 low;
    gint64 high;
} Span;

static char *
tid_text(const Span *span, gint64 at)
{
    return span->block < 0 ? db_tid_text(at, 0) : db_tid_text(span->block, at);
}

/* Whether its rows go in, tried and taken back. */
static gboolean
does_fit(const Span *span)
{
    g_autofree char *low = tid_text(span, span->low);
    g_autofree char *high = tid_text(span, span->high);
    g_autofree char *from = sql_build("ONLY ? WHERE ctid >= ?::pg_catalog.tid AND ctid < ?::pg_catalog.tid",
                                      sql_raw(span->flow->source), sql_literal(low), sql_literal(high));
    g_autofree char *rows = flow_select(span->flow, from);
    g_autofree char *columns = flow_column_list(span->flow);
    g_autofree char *sql = sql_build("INSERT INTO ? (?) OVERRIDING SYSTEM VALUE ?", sql_raw(span->flow->target),
                                     sql_raw(columns), sql_raw(rows));
    gboolean fits = db_run(span->conn, "BEGIN", DB_NONE, NULL) && db_run(span->conn, sql, DB_NONE, NULL);

    db_abort(span->conn);
    return fits;
}

/* By halves: the first block or offset that does not fit. */
static gint64
find(Span span)
{
    while (span.high - span.low > 1) {
        Span half = span;

        half.high = span.low + (span.high - span.low) / 2;
        if (does_fit(&half))
            span.low = half.high;
        else
            span.high = half.high;
    }
    return span.low;
}

void
unfit_tell(DbConn *conn, const Flow *flow, gint64 first, gint64 end, GError **error)
{
    const char *sqlstate = seam_error_get_sqlstate(*error);
    g_autofree char *detail = g_strdup(seam_error_get_detail(*error));
    g_autofree char *keys = flow_key_list(flow);
    g_autofree char *tid = NULL;
    g_autofree char *sql = NULL;
    g_autoptr(DbResult) row = NULL;
    Span span = {conn, flow, -1, first, end};

    if (sqlstate == NULL || !(g_str_has_prefix(sqlstate, "22") || g_str_has_prefix(sqlstate, "23")))
        return;
    span.block = find(span);
    span.low = 0;
    span.high = MOST_OFFSETS;
    tid = tid_text(&span, find(span));
    sql = sql_build("SELECT CAST(ROW(?) AS pg_catalog.text) AS key FROM ONLY ? WHERE ctid = ?::pg_catalog.tid",
                    sql_raw(keys), sql_raw(flow->source), sql_literal(tid));
    row = db_query(conn, sql, DB_NONE, NULL);
    if (row != NULL && db_rows(row) == 1)
        seam_error_detail(error, "%s%sit is the row with key %s of %s", detail != NULL ? detail : "",
                          detail != NULL ? "\n" : "", db_text(row, 0, "key"), flow->source);
    seam_error_hint(
        error,
        "a row of %s does not fit the new shape: correct it, then `pgseam resume`; `pgseam rollback` undoes "
        "the migration",
        flow->source);
}
