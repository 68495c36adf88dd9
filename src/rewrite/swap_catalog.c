/*
 * The cut-over itself: read what is there, move it with one batch of statements, read again, compare.
 */
#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "db/array.h"
#include "rewrite/dependants.h"
#include "rewrite/inventory.h"
#include "rewrite/swap.h"
#include "rewrite_queries.h"

#define PLACE_WIDEN    504      /* behind what gives the sequences their owners */
#define PLACE_UNPROVEN 20000000 /* swap_script.sql */

typedef struct Exchange {
    Rewrite *rewrite;
    DbConn *conn;
    gboolean is_back;
    char *outgoing; /* oids as text */
    char *incoming;
    gint64 outgoing_oid;
    gint64 incoming_oid;
    Dependants *dependants;
    GPtrArray *statements;   /* Statement */
    GPtrArray *unproven;     /* char *: statements */
    GPtrArray *undo;         /* char * */
    GPtrArray *wordings;     /* char *: pairs, see note_wordings() */
    GPtrArray *shape_before; /* char *: the local lines that the outgoing table must have ... */
    GPtrArray *shape_after;  /* ... and the incoming one */
    GPtrArray *before;       /* InventoryLine */
    char *search_path;
} Exchange;

typedef struct Statement {
    gint64 place;
    char *sql;
    char *thing; /* what it makes from an expression; NULL for others */
} Statement;

static void
statement_free(gpointer data)
{
    Statement *statement = data;

    g_free(statement->sql);
    g_free(statement->thing);
    g_free(statement);
}

static void
exchange_init(Exchange *exchange, Rewrite *rewrite, SwapDirection direction)
{
    gboolean is_back = direction == SWAP_BACK;

    *exchange = (Exchange){
        .rewrite = rewrite,
        .conn = rewrite->run->work,
        .is_back = is_back,
        .outgoing_oid = is_back ? rewrite->shadow_oid : rewrite->source_oid,
        .incoming_oid = is_back ? rewrite->source_oid : rewrite->shadow_oid,
        .statements = g_ptr_array_new_with_free_func(statement_free),
        .unproven = g_ptr_array_new_with_free_func(g_free),
        .undo = g_ptr_array_new_with_free_func(g_free),
        .wordings = g_ptr_array_new_with_free_func(g_free),
    };
    exchange->outgoing = db_int_text(exchange->outgoing_oid);
    exchange->incoming = db_int_text(exchange->incoming_oid);
}

static void
exchange_clear(Exchange *exchange)
{
    g_free(exchange->outgoing);
    g_free(exchange->incoming);
    g_free(exchange->search_path);
    g_clear_pointer(&exchange->dependants, dependants_free);
    g_ptr_array_unref(exchange->statements);
    g_ptr_array_unref(exchange->unproven);
    g_ptr_array_unref(exchange->undo);
    g_ptr_array_unref(exchange->wordings);
    g_clear_pointer(&exchange->shape_before, g_ptr_array_unref);
    g_clear_pointer(&exchange->shape_after, g_ptr_array_unref);
    g_clear_pointer(&exchange->before, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Exchange, exchange_clear)

/* Names are printed with their schemas from here on, and each lock is awaited for two fifths of the budget at most. */
static gboolean
lock_tables(Exchange *exchange, GError **error)
{
    const Rewrite *rewrite = exchange->rewrite;
    g_autoptr(GPtrArray) batch = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(DbResult) row =
        db_query(exchange->conn, "SELECT pg_catalog.current_setting('search_path') AS path", DB_NONE, error);

    if (row == NULL)
        return FALSE;
    exchange->search_path = g_strdup(db_text(row, 0, "path"));
    g_ptr_array_add(batch, g_strdup("SET LOCAL search_path = ''"));
    g_ptr_array_add(batch, g_strdup("SET LOCAL plan_cache_mode = force_generic_plan"));
    g_ptr_array_add(batch, g_strdup("SET LOCAL check_function_bodies = off"));
    g_ptr_array_add(batch, sql_build("SET LOCAL lock_timeout = ?", sql_int(run_lock_timeout(rewrite->run, 1))));
    g_ptr_array_add(batch,
                    sql_build("LOCK TABLE ?, ? IN ACCESS EXCLUSIVE MODE", sql_name(rewrite->schema, rewrite->table),
                              sql_name(rewrite->name, rewrite->table)));
    return db_run_batch(exchange->conn, batch, error);
}

static gboolean
restore_path(Exchange *exchange, GError **error)
{
    return db_run(exchange->conn, "SELECT pg_catalog.set_config('search_path', $1, true)",
                  DB_ARGS(exchange->search_path), error);
}

static void
add_statement(Exchange *exchange, gint64 place, const char *sql, const char *thing)
{
    Statement *statement;

    if (place == PLACE_UNPROVEN) {
        if (!g_ptr_array_find_with_equal_func(exchange->unproven, sql, g_str_equal, NULL))
            g_ptr_array_add(exchange->unproven, g_strdup(sql));
        return;
    }
    statement = g_new0(Statement, 1);
    statement->place = place;
    statement->sql = g_strdup(sql);
    statement->thing = g_strdup(thing);
    g_ptr_array_add(exchange->statements, statement);
}

static void
add_array(Exchange *exchange, const GPtrArray *sql, gint64 place)
{
    for (guint i = 0; i < sql->len; i++)
        add_statement(exchange, place, g_ptr_array_index(sql, i), NULL);
}

/* The sequences that the plan makes bigint. */
static GPtrArray *
widened(const Rewrite *rewrite)
{
    GPtrArray *sequences = g_ptr_array_new();
    const char *sequence;

    for (guint n = 1; (sequence = step_get_nth(rewrite->prepare, PARAM_WIDEN, n)) != NULL; n++)
        g_ptr_array_add(sequences, (gpointer)sequence);
    return sequences;
}

/* What the journal knows. A foreign key that a first cut-over left unproven, and nobody proved since, was proven. */
static gboolean
read_journal(Exchange *exchange, GError **error)
{
    Rewrite *rewrite = exchange->rewrite;
    g_autoptr(GPtrArray) sequences = widened(rewrite);
    g_autofree char *names = db_array_text(sequences);
    g_autofree char *migration = db_int_text(rewrite->run->migration);
    g_autoptr(DbResult) row =
        db_query_kept(exchange->conn, QUERY_SWAP_JOURNAL, DB_ARGS(migration, rewrite->name, names), error);
    g_autoptr(GPtrArray) unproven = NULL;
    g_autoptr(GPtrArray) statements = NULL;

    if (row == NULL)
        return FALSE;
    if (db_rows(row) != 1 || db_text(row, 0, "shape") == NULL) {
        seam_error_set(error, SEAM_ERROR_FAILED, "the journal does not say what the shadow of %s.%s was made like",
                       rewrite->schema, rewrite->table);
        return FALSE;
    }
    exchange->shape_before = db_array(row, 0, exchange->is_back ? "shadow_shape" : "shape");
    exchange->shape_after = db_array(row, 0, exchange->is_back ? "shape" : "shadow_shape");
    unproven = db_array(row, 0, "unproven");
    add_array(exchange, unproven, PLACE_UNPROVEN);
    statements = db_array(row, 0, exchange->is_back ? "undo" : "narrow");
    if (exchange->is_back) {
        g_ptr_array_unref(exchange->wordings);
        exchange->wordings = db_array(row, 0, "wordings");
        add_array(exchange, statements, PLACE_WIDEN);
        return TRUE;
    }
    for (guint i = 0; i < statements->len; i++)
        g_ptr_array_add(exchange->undo, g_strdup(g_ptr_array_index(statements, i)));
    for (guint i = 0; i < sequences->len; i++) {
        g_autofree char *sql = sql_build("ALTER SEQUENCE ? AS bigint", sql_raw(g_ptr_array_index(sequences, i)));

        add_statement(exchange, PLACE_WIDEN, sql, NULL);
    }
    return TRUE;
}

static gboolean
read_before(Exchange *exchange, GError **error)
{
    Rewrite *rewrite = exchange->rewrite;
    g_autofree char *name = sql_quote_name(rewrite->schema, rewrite->table);
    g_autofree char *what = g_strdup_printf("table %s", name);
    g_autoptr(GPtrArray) shape = NULL;

    exchange->dependants = dependants_read(exchange->conn, exchange->outgoing_oid, exchange->incoming_oid, NULL, error);
    if (exchange->dependants == NULL || !dependants_check(exchange->dependants, name, error))
        return FALSE;
    exchange->before = inventory_read(rewrite, exchange->conn, exchange->outgoing_oid, exchange->dependants, error);
    if (exchange->before == NULL)
        return FALSE;
    shape = inventory_shape(exchange->before);
    return inventory_check_shape(exchange->shape_before, shape, what, error);
}

static void
add_rows(Exchange *exchange, const DbResult *rows)
{
    for (int i = 0; i < db_rows(rows); i++)
        add_statement(exchange, db_int(rows, i, "place"), db_text(rows, i, "sql"), db_text(rows, i, "thing"));
}

static DbResult *
read_view_script(const Exchange *exchange, GError **error)
{
    g_autofree char *dropped = dependants_oids(exchange->dependants, DEPENDANT_VIEW_DROPPED);
    g_autofree char *replaced = dependants_oids(exchange->dependants, DEPENDANT_VIEW_REPLACED);
    g_autofree char *rules = dependants_oids(exchange->dependants, DEPENDANT_RULE);
    g_autofree char *policies = dependants_oids(exchange->dependants, DEPENDANT_POLICY);
    g_autofree char *functions = dependants_oids(exchange->dependants, DEPENDANT_FUNCTION);
    g_autofree char *remade = dependants_oids(exchange->dependants, DEPENDANT_FUNCTION_DROPPED);

    return db_query_kept(exchange->conn, QUERY_SWAP_VIEW_SCRIPT,
                         DB_ARGS(dropped, replaced, rules, policies, functions, remade), error);
}

static gboolean
read_script(Exchange *exchange, GError **error)
{
    const char *slot = exchange->rewrite->slot != NULL ? exchange->rewrite->slot : "";
    g_autoptr(DbResult) rows =
        db_query_kept(exchange->conn, QUERY_SWAP_SCRIPT, DB_ARGS(exchange->outgoing, exchange->incoming, slot), error);
    g_autoptr(DbResult) elsewhere = NULL;

    if (rows == NULL)
        return FALSE;
    add_rows(exchange, rows);
    if (exchange->dependants->all->len > 0) {
        elsewhere = read_view_script(exchange, error);
        if (elsewhere == NULL)
            return FALSE;
        add_rows(exchange, elsewhere);
    }
    return TRUE;
}

static gint
by_place(gconstpointer a, gconstpointer b)
{
    const Statement *left = *(const Statement *const *)a;
    const Statement *right = *(const Statement *const *)b;

    return (left->place > right->place) - (left->place < right->place);
}

/* How the statement was worded on the way forward, where it still is what that gave. */
static char *
worded(const Exchange *exchange, const Statement *statement)
{
    for (guint i = 0; exchange->is_back && i + 1 < exchange->wordings->len; i += 2) {
        if (strcmp(g_ptr_array_index(exchange->wordings, i), statement->sql) == 0)
            return g_ptr_array_index(exchange->wordings, i + 1);
    }
    return statement->sql;
}

static gboolean
move(Exchange *exchange, GError **error)
{
    g_autoptr(GPtrArray) batch = g_ptr_array_new();

    g_ptr_array_sort(exchange->statements, by_place); /* stable */
    for (guint i = 0; i < exchange->statements->len; i++)
        g_ptr_array_add(batch, worded(exchange, g_ptr_array_index(exchange->statements, i)));
    return db_run_batch(exchange->conn, batch, error);
}

static const Statement *
same_thing(const GPtrArray *statements, const Statement *other)
{
    for (guint i = 0; i < statements->len; i++) {
        const Statement *statement = g_ptr_array_index(statements, i);

        if (statement->place == other->place && g_strcmp0(statement->thing, other->thing) == 0)
            return statement;
    }
    return NULL;
}

/* A cast to a type that the column has now is no cast: "id::bigint" over a bigint is printed as "id", and would be an
 * integer after the way back. So what the way back would print is kept with the words of the way forward. */
static gboolean
note_wordings(Exchange *exchange, GError **error)
{
    g_auto(Exchange) back;

    exchange_init(&back, exchange->rewrite, exchange->is_back ? SWAP_FORWARD : SWAP_BACK);
    back.dependants = dependants_read(back.conn, back.outgoing_oid, back.incoming_oid, NULL, error);
    if (back.dependants == NULL || !read_script(&back, error))
        return FALSE;
    for (guint i = 0; i < back.statements->len; i++) {
        const Statement *statement = g_ptr_array_index(back.statements, i);
        const Statement *first = statement->thing != NULL ? same_thing(exchange->statements, statement) : NULL;

        if (first != NULL && strcmp(first->sql, statement->sql) != 0) {
            g_ptr_array_add(exchange->wordings, g_strdup(statement->sql));
            g_ptr_array_add(exchange->wordings, g_strdup(first->sql));
        }
    }
    return TRUE;
}

static gboolean
note(const Exchange *exchange, GError **error)
{
    const Rewrite *rewrite = exchange->rewrite;
    g_autofree char *migration = db_int_text(rewrite->run->migration);
    g_autofree char *unproven = db_array_text(exchange->unproven);
    g_autofree char *undo = db_array_text(exchange->undo);
    g_autofree char *wordings = exchange->is_back ? NULL : db_array_text(exchange->wordings);

    return db_run(exchange->conn, QUERY_SWAP_NOTED, DB_ARGS(migration, rewrite->name, unproven, undo, wordings), error);
}

/* Nothing may be left that depends on the table that went. */
static gboolean
check_left(const Exchange *exchange, GError **error)
{
    g_autoptr(Dependants) left =
        dependants_read(exchange->conn, exchange->outgoing_oid, exchange->incoming_oid, NULL, error);
    const Dependant *first;

    if (left == NULL)
        return FALSE;
    if (left->all->len == 0)
        return TRUE;
    first = g_ptr_array_index(left->all, 0);
    seam_error_set(error, SEAM_ERROR_DRIFT, "%s would have stayed with the old table; the cut-over was taken back",
                   first->described);
    seam_error_hint(error, "nothing has changed. Drop it, `pgseam resume`, and make it again afterwards");
    return FALSE;
}

static gboolean
check_after(const Exchange *exchange, GError **error)
{
    g_autoptr(GPtrArray) after =
        inventory_read(exchange->rewrite, exchange->conn, exchange->incoming_oid, exchange->dependants, error);
    g_autoptr(GPtrArray) shape = NULL;

    if (after == NULL)
        return FALSE;
    shape = inventory_shape(after);
    return inventory_check_shape(exchange->shape_after, shape, "the table that takes its place", error) &&
           inventory_check_moved(exchange->before, after, error) && check_left(exchange, error);
}

/* What is asked under the lock, so that the answers need no planning there, and the server's caches are filled. */
static gboolean
ask(Exchange *exchange, GError **error)
{
    g_autoptr(GPtrArray) after = NULL;

    exchange->dependants = dependants_read(exchange->conn, exchange->outgoing_oid, exchange->incoming_oid, NULL, error);
    if (exchange->dependants == NULL)
        return FALSE;
    exchange->before =
        inventory_read(exchange->rewrite, exchange->conn, exchange->outgoing_oid, exchange->dependants, error);
    if (exchange->before == NULL)
        return FALSE;
    after = inventory_read(exchange->rewrite, exchange->conn, exchange->incoming_oid, exchange->dependants, error);
    return after != NULL && read_script(exchange, error);
}

gboolean
swap_warm(Rewrite *rewrite, SwapDirection direction, GError **error)
{
    g_auto(Exchange) exchange;
    g_autoptr(GPtrArray) settings = g_ptr_array_new();

    exchange_init(&exchange, rewrite, direction);
    g_ptr_array_add(settings, (gpointer) "BEGIN READ ONLY");
    g_ptr_array_add(settings, (gpointer) "SET LOCAL search_path = ''");
    g_ptr_array_add(settings, (gpointer) "SET LOCAL plan_cache_mode = force_generic_plan");
    if (db_run_batch(exchange.conn, settings, error) && ask(&exchange, error))
        return db_commit(exchange.conn, error);
    db_abort(exchange.conn);
    return FALSE;
}

gboolean
swap_catalog(Rewrite *rewrite, SwapDirection direction, GError **error)
{
    g_auto(Exchange) exchange;

    exchange_init(&exchange, rewrite, direction);
    return lock_tables(&exchange, error) && read_journal(&exchange, error) && read_before(&exchange, error) &&
           read_script(&exchange, error) && move(&exchange, error) &&
           (exchange.is_back || note_wordings(&exchange, error)) && note(&exchange, error) &&
           check_after(&exchange, error) && restore_path(&exchange, error);
}
