#include "version/move.h"

#include "base/sqltext.h"
#include "version/close.h"
#include "version/move_body.h"

/* Before the triggers of foreign keys ("RI_..."), whose actions then find nothing to do. */
#define KEEP_TRIGGER  "!pgseam_move_"
#define GUARD_TRIGGER "pgseam_move_guard"

#define OWNERS "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

static const char *const events[] = {"INSERT", "UPDATE", "DELETE", "TRUNCATE"};

static void
column_free(gpointer data)
{
    MoveColumn *column = data;

    g_free(column->from);
    g_free(column->to);
    g_free(column->key_type);
    g_free(column->default_text);
    g_free(column);
}

Move *
move_new(const char *schema, const char *table, const char *new_schema, const char *new_table)
{
    Move *move = g_new0(Move, 1);

    move->schema = g_strdup(schema);
    move->table = g_strdup(table);
    move->new_schema = g_strdup(new_schema);
    move->new_table = g_strdup(new_table);
    move->columns = g_ptr_array_new_with_free_func(column_free);
    return move;
}

MoveColumn *
move_add(Move *move, const char *from, const char *to, const char *key_type, const char *default_text)
{
    MoveColumn *column = g_new0(MoveColumn, 1);

    column->from = g_strdup(from);
    column->to = g_strdup(to);
    column->key_type = g_strdup(key_type);
    column->default_text = g_strdup(default_text);
    g_ptr_array_add(move->columns, column);
    return column;
}

void
move_free(Move *move)
{
    if (move == NULL)
        return;
    g_free(move->schema);
    g_free(move->table);
    g_free(move->new_schema);
    g_free(move->new_table);
    g_free(move->view_schema);
    g_free(move->own_schema);
    g_free(move->constraint);
    g_ptr_array_unref(move->columns);
    g_free(move);
}

GPtrArray *
move_names(const Move *move, gboolean is_key, gboolean is_new)
{
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < move->columns->len; i++) {
        const MoveColumn *column = g_ptr_array_index(move->columns, i);

        if ((column->key_type != NULL) == is_key)
            g_ptr_array_add(names, is_new ? column->to : column->from);
    }
    return names;
}

static void
add(GPtrArray *out, char *sql)
{
    g_ptr_array_add(out, sql);
}

static GPtrArray *
begin_list(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

/* `attributes`: what stands between its name and its body. */
static void
add_function(GPtrArray *out, const Move *move, const char *head, const char *attributes, char *body)
{
    g_autofree char *owned = body;

    add(out, sql_build("CREATE FUNCTION ?.? LANGUAGE plpgsql ? AS ?", sql_ident(move->own_schema), sql_raw(head),
                       sql_raw(attributes), sql_literal(owned)));
}

static char *
state_head(const Move *move)
{
    g_autoptr(GString) types = g_string_new(NULL);

    for (guint i = 0; i < move->columns->len; i++) {
        const MoveColumn *column = g_ptr_array_index(move->columns, i);

        if (column->key_type != NULL)
            g_string_append_printf(types, "%s%s", types->len > 0 ? ", " : "", column->key_type);
    }
    return g_strdup_printf("state(%s) RETURNS pg_catalog.text", types->str);
}

/* Whoever may execute a trigger function can put it on a table of his own, with columns of his own types: this one
 * would call their casts, and empty the new table, as its owner. What fires a trigger asks for no right on its
 * function. */
static void
add_owners_trigger(GPtrArray *out, const Move *move, const char *name, char *body)
{
    g_autofree char *head = g_strconcat(name, "() RETURNS trigger", NULL);

    add_function(out, move, head, OWNERS, body);
    add(out, close_function_sql(move->own_schema, name));
}

static void
add_functions(GPtrArray *out, const Move *move)
{
    g_autofree char *state = state_head(move);

    add_owners_trigger(out, move, "keep", move_body_keep(move));
    add_owners_trigger(out, move, "empty", move_body_empty(move));
    add_function(out, move, "guard() RETURNS trigger", "", move_body_guard(move));
    add_function(out, move, state, OWNERS, move_body_state(move));
    /* Default privileges may have taken it from those who write. */
    add(out, sql_build("GRANT EXECUTE ON FUNCTION ? TO PUBLIC", sql_name(move->own_schema, "state")));
    add_function(out, move, "insert() RETURNS trigger", "", move_body_insert(move));
    add_function(out, move, "delete() RETURNS trigger", "", move_body_delete(move));
}

/* The source's rows under the new table's names, with or without what moves. */
static void
add_helping_view(GPtrArray *out, const Move *move, const char *name, gboolean is_filled)
{
    g_autofree char *names = move_list(move, MOVE_ALL, NULL, TRUE);
    g_autofree char *columns = move_list(move, MOVE_ALL, "t", FALSE);
    g_autofree char *filled = move_is_filled(move, "t", FALSE);

    add(out, sql_build("CREATE VIEW ? (?) AS SELECT ? FROM ? AS t WHERE ??", sql_name(move->own_schema, name),
                       sql_raw(names), sql_raw(columns), sql_name(move->schema, move->table),
                       sql_raw(is_filled ? "" : "NOT "), sql_raw(filled)));
}

static char *
trigger_name(guint event)
{
    g_autofree char *word = g_ascii_strdown(events[event], -1);

    return g_strconcat(KEEP_TRIGGER, word, NULL);
}

/* Which events concern the new table. The caller frees. */
static char *
when_of(const Move *move, guint event)
{
    g_autofree char *row = NULL;
    g_autofree char *before = move_list(move, MOVE_ALL, "OLD", FALSE);
    g_autofree char *after = move_list(move, MOVE_ALL, "NEW", FALSE);

    if (event == 1)
        return sql_build(" WHEN (pg_catalog.record_image_ne(ROW(?), ROW(?)))", sql_raw(before), sql_raw(after));
    if (event == 3 || !move->is_optional)
        return g_strdup("");
    row = move_is_filled(move, event == 0 ? "NEW" : "OLD", FALSE);
    return sql_build(" WHEN (?)", sql_raw(row));
}

static void
add_trigger(GPtrArray *out, const Move *move, guint event)
{
    SqlArg table = sql_name(move->schema, move->table);
    g_autofree char *name = trigger_name(event);
    g_autofree char *when = when_of(move, event);

    add(out, sql_build("CREATE TRIGGER ? AFTER ? ON ? FOR EACH ?? EXECUTE FUNCTION ?()", sql_ident(name),
                       sql_raw(events[event]), table, sql_raw(event == 3 ? "STATEMENT" : "ROW"), sql_raw(when),
                       sql_name(move->own_schema, event == 3 ? "empty" : "keep")));
    add(out, sql_build("ALTER TABLE ? ENABLE ALWAYS TRIGGER ?", table, sql_ident(name)));
}

GPtrArray *
move_begin_sql(const Move *move)
{
    GPtrArray *out = begin_list();

    add_helping_view(out, move, "free", FALSE);
    add_helping_view(out, move, "held", TRUE);
    add(out, close_relation_sql(move->own_schema, "free"));
    add(out, close_relation_sql(move->own_schema, "held"));
    add_functions(out, move);
    for (guint event = 0; event < G_N_ELEMENTS(events); event++)
        add_trigger(out, move, event);
    return out;
}

GPtrArray *
move_undo_sql(const Move *move)
{
    static const char *const functions[] = {"delete", "insert", "guard", "empty", "keep"};
    GPtrArray *out = begin_list();

    for (guint event = G_N_ELEMENTS(events); event > 0; event--) {
        g_autofree char *name = trigger_name(event - 1);

        add(out, sql_build("DROP TRIGGER IF EXISTS ? ON ?", sql_ident(name), sql_name(move->schema, move->table)));
    }
    for (guint i = 0; i < G_N_ELEMENTS(functions); i++)
        add(out, sql_build("DROP FUNCTION IF EXISTS ?()", sql_name(move->own_schema, functions[i])));
    add(out, sql_build("DROP FUNCTION IF EXISTS ?", sql_name(move->own_schema, "state")));
    add(out, sql_build("DROP VIEW IF EXISTS ?", sql_name(move->own_schema, "held")));
    add(out, sql_build("DROP VIEW IF EXISTS ?", sql_name(move->own_schema, "free")));
    return out;
}

char *
move_batch_tail(const Move *move)
{
    g_autofree char *key = move_list(move, MOVE_KEY, NULL, TRUE);

    return sql_build("\nFOR NO KEY UPDATE\nON CONFLICT (?) DO NOTHING", sql_raw(key));
}

GPtrArray *
move_guard_sql(const Move *move)
{
    GPtrArray *out = begin_list();

    /* Within a trigger it is ours, or the action of its foreign key. */
    add(out, sql_build("CREATE TRIGGER " GUARD_TRIGGER " BEFORE INSERT OR UPDATE OR DELETE ON ? FOR EACH STATEMENT "
                       "WHEN (pg_catalog.pg_trigger_depth() = 0) EXECUTE FUNCTION ?()",
                       sql_name(move->new_schema, move->new_table), sql_name(move->own_schema, "guard")));
    return out;
}

char *
move_unguard_sql(const Move *move)
{
    return sql_build("DROP TRIGGER IF EXISTS " GUARD_TRIGGER " ON ?", sql_name(move->new_schema, move->new_table));
}

/* The view over the source; see the header for what the key looks like. */
static char *
create_view(const Move *move)
{
    g_autofree char *names = move_list(move, MOVE_ALL, NULL, TRUE);
    g_autofree char *filled = move_is_filled(move, "t", FALSE);
    g_autofree char *where = move->is_optional ? sql_build(" WHERE ?", sql_raw(filled)) : g_strdup("");
    g_autoptr(GString) columns = g_string_new(NULL);

    for (guint i = 0; i < move->columns->len; i++) {
        const MoveColumn *column = g_ptr_array_index(move->columns, i);
        g_autofree char *name = sql_build("t.?", sql_ident(column->from));
        g_autofree char *one = column->key_type != NULL
                                   ? sql_build("CASE WHEN true THEN ? ELSE ? END", sql_raw(name), sql_raw(name))
                                   : g_strdup(name);

        g_string_append_printf(columns, "%s%s", i > 0 ? ", " : "", one);
    }
    return sql_build("CREATE VIEW ? (?)? AS SELECT ? FROM ? AS t?", sql_name(move->view_schema, move->new_table),
                     sql_raw(names), sql_raw(move->is_optional ? " WITH (check_option = local)" : ""),
                     sql_raw(columns->str), sql_name(move->schema, move->table), sql_raw(where));
}

GPtrArray *
move_view_sql(const Move *move)
{
    GPtrArray *out = begin_list();
    SqlArg view = sql_name(move->view_schema, move->new_table);
    g_autofree char *grants = move_body_grants(move);

    add(out, create_view(move));
    for (guint i = 0; i < move->columns->len; i++) {
        const MoveColumn *column = g_ptr_array_index(move->columns, i);

        if (column->default_text != NULL)
            add(out, sql_build("ALTER VIEW ? ALTER COLUMN ? SET DEFAULT ?", view, sql_ident(column->to),
                               sql_raw(column->default_text)));
    }
    add(out, sql_build("CREATE TRIGGER pgseam_insert INSTEAD OF INSERT ON ? FOR EACH ROW EXECUTE FUNCTION ?()", view,
                       sql_name(move->own_schema, "insert")));
    add(out, sql_build("CREATE TRIGGER pgseam_delete INSTEAD OF DELETE ON ? FOR EACH ROW EXECUTE FUNCTION ?()", view,
                       sql_name(move->own_schema, "delete")));
    add(out, close_relation_sql(move->view_schema, move->new_table));
    add(out, sql_build("DO ?", sql_literal(grants)));
    return out;
}

GPtrArray *
move_end_sql(const Move *move, gboolean is_invoker)
{
    GPtrArray *out = begin_list();
    SqlArg view = sql_name(move->view_schema, move->new_table);
    g_autofree char *names = move_list(move, MOVE_ALL, NULL, TRUE);
    g_autoptr(GPtrArray) undo = move_undo_sql(move);

    add(out, sql_build("DROP TRIGGER pgseam_insert ON ?", view));
    add(out, sql_build("DROP TRIGGER pgseam_delete ON ?", view));
    add(out, sql_build("CREATE OR REPLACE VIEW ?? AS SELECT ? FROM ?", view,
                       sql_raw(is_invoker ? " WITH (security_invoker = true)" : ""), sql_raw(names),
                       sql_name(move->new_schema, move->new_table)));
    add(out, move_unguard_sql(move));
    for (guint i = 0; i < undo->len; i++)
        add(out, g_strdup(g_ptr_array_index(undo, i)));
    return out;
}

char *
move_verify_sql(const Move *move)
{
    g_autofree char *table = sql_quote_name(move->schema, move->table);
    g_autofree char *schema = sql_quote_ident(move->own_schema);

    return sql_build("SELECT pg_catalog.count(*) = ? FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON "
                     "p.oid = t.tgfoid WHERE t.tgrelid = pg_catalog.to_regclass(?) AND t.tgenabled = 'A' AND "
                     "p.pronamespace = pg_catalog.to_regnamespace(?)",
                     sql_int(G_N_ELEMENTS(events)), sql_literal(table), sql_literal(schema));
}

/* Rows of both that differ: those of the source, under the new names, are u, those of the new table a. */
static char *
differing(const Move *move)
{
    g_autofree char *names = move_list(move, MOVE_ALL, NULL, TRUE);
    g_autofree char *columns = move_list(move, MOVE_ALL, "t", FALSE);
    g_autofree char *filled = move_is_filled(move, "t", FALSE);
    g_autofree char *where = move->is_optional ? sql_build(" WHERE ?", sql_raw(filled)) : g_strdup("");
    g_autofree char *same = move_same_key(move, "u", TRUE, "a", TRUE);
    g_autofree char *left = move_list(move, MOVE_ALL, "u", TRUE);
    g_autofree char *right = move_list(move, MOVE_ALL, "a", TRUE);
    g_autoptr(GPtrArray) keys = move_names(move, TRUE, TRUE);
    SqlArg key = sql_quoted(g_ptr_array_index(keys, 0));

    return sql_build("FROM (SELECT ? FROM ? AS t?) AS u (?) FULL JOIN ? AS a ON ? WHERE u.? IS NULL OR a.? IS NULL OR "
                     "pg_catalog.record_image_ne(ROW(?), ROW(?))",
                     sql_raw(columns), sql_name(move->schema, move->table), sql_raw(where), sql_raw(names),
                     sql_name(move->new_schema, move->new_table), sql_raw(same), key, key, sql_raw(left),
                     sql_raw(right));
}

char *
move_mismatch_sql(const Move *move)
{
    g_autofree char *rows = differing(move);

    return sql_build("SELECT pg_catalog.count(*) ?", sql_raw(rows));
}

char *
move_mismatch_show_sql(const Move *move, guint limit)
{
    g_autofree char *rows = differing(move);
    g_autofree char *left = move_list(move, MOVE_ALL, "u", TRUE);
    g_autofree char *right = move_list(move, MOVE_ALL, "a", TRUE);
    g_autoptr(GPtrArray) keys = move_names(move, TRUE, TRUE);
    SqlArg key = sql_quoted(g_ptr_array_index(keys, 0));

    return sql_build(
        "SELECT pg_catalog.concat(?, CASE WHEN u.? IS NULL THEN ' has none' ELSE CAST(ROW(?) AS "
        "pg_catalog.text) END, ?, CASE WHEN a.? IS NULL THEN ' has none' ELSE CAST(ROW(?) AS pg_catalog.text) "
        "END) ? LIMIT ?",
        sql_literal(move->table), key, sql_raw(left), sql_literal(" against "), key, sql_raw(right), sql_raw(rows),
        sql_int(limit));
}
