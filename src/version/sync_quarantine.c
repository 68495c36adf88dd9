/*
 * Rows in quarantine: how the trigger writes them down, and how they are found again.
 */
#include "base/names.h"
#include "version/close.h"
#include "version/sync_guard.h"

/* What the trigger says of a row; who and when the table says itself. */
#define WRITTEN_COLUMNS "table_schema, table_name, row_key, side, columns, sqlstate, message, written, replaced"
#define MESSAGE_LENGTH  1000
/* A line as it is found, but for what was replaced. */
#define FOUND_COLUMNS                                                                                                  \
    "q.id, q.at, q.role, q.application, q.table_schema, q.table_name, q.row_key, q.side, q.columns, q.sqlstate, "      \
    "q.message, q.written"
/* A line as it is shown. */
#define SHOWN_COLUMNS                                                                                                  \
    "pg_catalog.format('%I.%I', q.table_schema, q.table_name) AS \"table\", CAST(q.row_key AS text) AS key, q.side, "  \
    "CAST(pg_catalog.to_json(q.columns) AS text) AS columns, q.sqlstate, q.message, CAST(q.at AS text) AS at, "        \
    "CAST(q.role AS text) AS role, q.application, CAST(q.written AS text) AS written, "                                \
    "CAST(q.replaced AS text) AS replaced"

/* Columns of a row as a JSON object; `as_text` for values of any type, which jsonb cannot all hold as they are. */
static char *
object_of(const GPtrArray *names, const char *row, gboolean as_text)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *value = sql_build("?.?", sql_raw(row), sql_quoted(name));
        g_autofree char *one = as_text ? sql_build("?, CAST(? AS pg_catalog.text)", sql_literal(name), sql_raw(value))
                                       : sql_build("?, ?", sql_literal(name), sql_raw(value));

        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", one);
    }
    return sql_build("pg_catalog.jsonb_build_object(?)", sql_raw(list->str));
}

static char *
key_object(const SyncTable *table, const char *row)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < table->keys->len; i++)
        g_ptr_array_add(names, ((SyncInput *)g_ptr_array_index(table->keys, i))->name);
    return object_of(names, row, FALSE);
}

/* The names of columns as an array. */
static char *
column_array(const GPtrArray *columns)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < columns->len; i++) {
        g_autofree char *one = sql_build("?", sql_literal(((SyncColumn *)g_ptr_array_index(columns, i))->name));

        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", one);
    }
    return sql_build("CAST(ARRAY[?] AS pg_catalog.text[])", sql_raw(list->str));
}

static void
put_line(SyncBody *body, const GPtrArray *columns, const GPtrArray *others, const char *direction)
{
    const SyncTable *table = body->table;
    const char *side = direction[0] == 'u' ? "new" : "old";
    g_autoptr(GPtrArray) names = sync_names(columns);
    g_autoptr(GPtrArray) other_names = sync_names(others);
    g_autofree char *key = key_object(table, "NEW");
    g_autofree char *array = column_array(columns);
    g_autofree char *written = object_of(other_names, "NEW", TRUE);
    g_autofree char *replaced = object_of(names, "OLD", TRUE);

    sync_put_sql(body, "INSERT INTO ? (" WRITTEN_COLUMNS ") VALUES (?, ?,",
                 sql_name(table->own_schema, SYNC_QUARANTINE), sql_literal(table->schema), sql_literal(table->table));
    sync_put_sql(body, "    ?, ?, ?, ?_error,", sql_raw(key), sql_literal(side), sql_raw(array), sql_raw(direction));
    sync_put_sql(body, "    pg_catalog.substr(?_text, 1, ?), ?,", sql_raw(direction), sql_int(MESSAGE_LENGTH),
                 sql_raw(written));
    sync_put_sql(body, "    CASE WHEN is_insert THEN NULL ELSE ? END);", sql_raw(replaced));
}

/* A row that is missing the side already gets another name, so the lines about it name no row any more. */
static void
put_rekeyed(SyncBody *body, const GPtrArray *columns, const GPtrArray *others, const char *direction)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autofree char *list = sync_list(columns, "NEW");
    g_autofree char *after = NULL;
    g_autofree char *before = NULL;

    for (guint i = 0; i < body->table->keys->len; i++)
        g_ptr_array_add(keys, ((SyncInput *)g_ptr_array_index(body->table->keys, i))->name);
    after = sync_name_row(keys, "NEW");
    before = sync_name_row(keys, "OLD");
    sync_put_branch(body, sql_build("ELSIF NOT is_insert AND pg_catalog.num_nulls(?) OPERATOR(pg_catalog.>) 0 "
                                    "AND pg_catalog.record_image_ne(?, ?) THEN",
                                    sql_raw(list), sql_raw(after), sql_raw(before)));
    sync_put(body, g_strdup("want := NEW;"));
    sync_put_try(body, columns, "want");
    sync_put_if(body, sql_build("IF ?_error IS NOT NULL THEN", sql_raw(direction)));
    put_line(body, columns, others, direction);
    sync_put_end(body);
}

static void
put_note(SyncBody *body, const GPtrArray *columns, const GPtrArray *others, const char *direction)
{
    g_autofree char *list = sync_list(columns, "NEW");

    sync_put_if(body, sql_build("IF ?_error IS NOT NULL AND pg_catalog.num_nonnulls(?) OPERATOR(pg_catalog.=) 0 THEN",
                                sql_raw(direction), sql_raw(list)));
    put_line(body, columns, others, direction);
    put_rekeyed(body, columns, others, direction);
    sync_put_end(body);
}

void
sync_put_guard_note(SyncBody *body, const SyncGroup *group)
{
    if (body->moment == SYNC_FIRST || group->kind == SYNC_FILL)
        return;
    if (sync_is_guarded(body->table, group->new_columns))
        put_note(body, group->new_columns, group->old_columns, "up");
    if (sync_is_guarded(body->table, group->old_columns))
        put_note(body, group->old_columns, group->new_columns, "down");
}

/* What the expressions of a side read (SyncInput *), each once; the caller unrefs. */
static GPtrArray *
inputs_of(const GPtrArray *columns)
{
    GPtrArray *inputs = g_ptr_array_new();
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < columns->len; i++) {
        const SyncColumn *column = g_ptr_array_index(columns, i);

        for (guint k = 0; k < column->inputs->len; k++) {
            SyncInput *input = g_ptr_array_index(column->inputs, k);

            if (g_hash_table_add(known, input->name))
                g_ptr_array_add(inputs, input);
        }
    }
    return inputs;
}

static char *
try_name(const SyncTable *table, const GPtrArray *columns)
{
    return sync_function_name(table, g_ptr_array_index(columns, 0), "try");
}

/* `row` NULL: bare columns. */
static char *
try_call(const SyncTable *table, const GPtrArray *columns, const char *row)
{
    g_autoptr(GPtrArray) inputs = inputs_of(columns);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *name = try_name(table, columns);
    g_autofree char *list = NULL;

    for (guint i = 0; i < inputs->len; i++)
        g_ptr_array_add(names, ((SyncInput *)g_ptr_array_index(inputs, i))->name);
    list = row != NULL ? sync_name_list(names, row) : sql_quote_list(names);
    return sql_build("?(?)", sql_name(table->own_schema, name), sql_raw(list));
}

static gboolean
catches_up(const SyncTable *table, const SyncGroup *group)
{
    return group->kind != SYNC_FILL && sync_is_guarded(table, group->new_columns);
}

char *
sync_computes_sql(const SyncTable *table, const SyncGroup *group)
{
    g_autofree char *call = catches_up(table, group) ? try_call(table, group->new_columns, NULL) : NULL;

    return call != NULL ? sql_build("? IS NULL", sql_raw(call)) : NULL;
}

char *
sync_computes_function(const SyncTable *table, const SyncGroup *group)
{
    g_autofree char *name = catches_up(table, group) ? try_name(table, group->new_columns) : NULL;

    return name != NULL ? g_strconcat(table->own_schema, ".", name, NULL) : NULL;
}

/* The column's own function, over the arguments ($1 ..) of the one that tries it. */
static char *
inner_call(const SyncTable *table, const SyncColumn *column, const GPtrArray *inputs)
{
    g_autoptr(GString) list = g_string_new(NULL);
    g_autofree char *name = sync_function_name(table, column, sync_direction(table, column));

    for (guint i = 0; i < column->inputs->len; i++) {
        const SyncInput *input = g_ptr_array_index(column->inputs, i);
        guint place = 0;

        while (g_strcmp0(((SyncInput *)g_ptr_array_index(inputs, place))->name, input->name) != 0)
            place++;
        g_string_append_printf(list, "%s$%u", i > 0 ? ", " : "", place + 1);
    }
    return sql_build("?(?)", sql_name(table->own_schema, name), sql_raw(list->str));
}

/* Assigned to variables of the columns' types: as the trigger does, and unlike a cast, that refuses what is too long.
 * For pgseam itself, so what it may look up is its own. */
static char *
try_body(const SyncTable *table, const GPtrArray *columns, const GPtrArray *inputs)
{
    g_autoptr(GString) variables = g_string_new(NULL);
    g_autoptr(GString) assignments = g_string_new(NULL);

    for (guint i = 0; i < columns->len; i++) {
        const SyncColumn *column = g_ptr_array_index(columns, i);
        g_autofree char *call = inner_call(table, column, inputs);

        g_autofree char *type =
            sql_build("?.?.?%TYPE", sql_quoted(table->schema), sql_quoted(table->table), sql_quoted(column->name));

        g_string_append_printf(variables, "    made_%u %s;\n", i + 1, type);
        g_string_append_printf(assignments, "    made_%u := %s;\n", i + 1, call);
    }
    return sql_build("\nDECLARE\n?BEGIN\n?    RETURN NULL;\nEXCEPTION WHEN " SYNC_CAUGHT " THEN\n"
                     "    RETURN pg_catalog.concat_ws(' ', SQLSTATE, SQLERRM);\nEND\n",
                     sql_raw(variables->str), sql_raw(assignments->str));
}

static void
add_try(GPtrArray *out, const SyncTable *table, const GPtrArray *columns)
{
    g_autoptr(GPtrArray) inputs = inputs_of(columns);
    g_autoptr(GString) types = g_string_new(NULL);
    g_autofree char *name = try_name(table, columns);
    g_autofree char *body = try_body(table, columns, inputs);

    for (guint i = 0; i < inputs->len; i++)
        g_string_append_printf(types, "%s%s", i > 0 ? ", " : "", ((SyncInput *)g_ptr_array_index(inputs, i))->type);
    g_ptr_array_add(out, sql_build("CREATE FUNCTION ?(?) RETURNS pg_catalog.text LANGUAGE plpgsql STABLE AS ?",
                                   sql_name(table->own_schema, name), sql_raw(types->str), sql_literal(body)));
    g_ptr_array_add(out, sql_build("REVOKE ALL ON FUNCTION ? FROM PUBLIC", sql_name(table->own_schema, name)));
}

static char *
key_name(const SyncTable *table)
{
    return sync_function_name(table, NULL, "key");
}

static void
add_key_function(GPtrArray *out, const SyncTable *table)
{
    g_autoptr(GString) columns = g_string_new(NULL);
    g_autoptr(GString) assignments = g_string_new(NULL);
    g_autofree char *name = key_name(table);
    g_autofree char *body = NULL;

    for (guint i = 0; i < table->keys->len; i++) {
        const SyncInput *key = g_ptr_array_index(table->keys, i);
        g_autofree char *value = sql_build("$1 OPERATOR(pg_catalog.->>) ?", sql_literal(key->name));

        g_string_append_printf(columns, "%skey_%u %s", i > 0 ? ", " : "", i + 1, key->type);
        g_string_append_printf(assignments, "    key_%u := %s;\n", i + 1, value);
    }
    body = sql_build("\nBEGIN\n?    RETURN NEXT;\nEXCEPTION WHEN " SYNC_CAUGHT " THEN\n    RETURN;\nEND\n",
                     sql_raw(assignments->str));
    g_ptr_array_add(
        out, sql_build("CREATE FUNCTION ?(pg_catalog.jsonb) RETURNS TABLE (?) LANGUAGE plpgsql STABLE ROWS 1 AS ?",
                       sql_name(table->own_schema, name), sql_raw(columns->str), sql_literal(body)));
    g_ptr_array_add(out, sql_build("REVOKE ALL ON FUNCTION ? FROM PUBLIC", sql_name(table->own_schema, name)));
}

/* Both sides of a pair: one that is not guarded can fail on the other that is missing. */
static gboolean
is_tried(const SyncTable *table, const SyncGroup *group, const GPtrArray *columns)
{
    if (group->kind == SYNC_FILL)
        return FALSE;
    return group->kind == SYNC_PAIR ? sync_has_quarantine(table) : sync_is_guarded(table, columns);
}

/* The sides (GPtrArray of SyncColumn, not referenced) that are tried; the caller unrefs. */
static GPtrArray *
tried_sides(const SyncTable *table)
{
    GPtrArray *sides = g_ptr_array_new();

    for (guint i = 0; i < table->groups->len; i++) {
        const SyncGroup *group = g_ptr_array_index(table->groups, i);

        if (is_tried(table, group, group->new_columns))
            g_ptr_array_add(sides, group->new_columns);
        if (is_tried(table, group, group->old_columns))
            g_ptr_array_add(sides, group->old_columns);
    }
    return sides;
}

GPtrArray *
sync_try_names(const SyncTable *table)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) sides = tried_sides(table);

    for (guint i = 0; i < sides->len; i++)
        g_ptr_array_add(out, try_name(table, g_ptr_array_index(sides, i)));
    if (sides->len > 0)
        g_ptr_array_add(out, key_name(table));
    return out;
}

GPtrArray *
sync_try_sql(const SyncTable *table)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) sides = tried_sides(table);

    for (guint i = 0; i < sides->len; i++)
        add_try(out, table, g_ptr_array_index(sides, i));
    if (sides->len > 0)
        add_key_function(out, table);
    return out;
}

/* Stored values of `columns` against what the expressions give, brought to the columns' types. */
static char *
differs_plainly(const SyncTable *table, const GPtrArray *columns)
{
    g_autoptr(GString) list = g_string_new(NULL);
    g_autofree char *row = sync_row(columns, "t");

    for (guint i = 0; i < columns->len; i++) {
        const SyncColumn *column = g_ptr_array_index(columns, i);
        g_autofree char *call = sync_call(table, column, "t");
        g_autofree char *cast = sql_build("CAST(? AS ?)", sql_raw(call), sql_raw(column->type));

        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", cast);
    }
    return sql_build("pg_catalog.record_image_ne(?, ROW(?))", sql_raw(row), sql_raw(list->str));
}

/* CASE, because AND does not say what is computed first. */
char *
sync_differs_from_made(const SyncTable *table, const GPtrArray *columns)
{
    char *differs = differs_plainly(table, columns);
    g_autofree char *plain = NULL;
    g_autofree char *tried = NULL;

    if (!sync_has_quarantine(table))
        return differs;
    plain = differs;
    tried = try_call(table, columns, "t");
    return sql_build("CASE WHEN ? IS NULL THEN ? ELSE TRUE END", sql_raw(tried), sql_raw(plain));
}

/* Also where only some of its columns are NULL: what fills a part of a missing side leaves the rest as it is. */
static char *
missing(const SyncTable *table, const GPtrArray *columns, const GPtrArray *others)
{
    g_autofree char *list = NULL;
    g_autofree char *tried = NULL;
    g_autofree char *differs = NULL;
    g_autofree char *empty = NULL;

    if (!sync_is_guarded(table, columns))
        return NULL;
    list = sync_list(columns, "t");
    empty = sql_build("pg_catalog.num_nulls(?) > 0", sql_raw(list));
    tried = try_call(table, columns, "t");
    differs = others->len > 0 ? sync_differs_from_made(table, others) : g_strdup("TRUE");
    return sql_build("(? AND ? IS NOT NULL AND ?)", sql_raw(empty), sql_raw(tried), sql_raw(differs));
}

char *
sync_missing_new(const SyncTable *table, const SyncGroup *group)
{
    return group->kind == SYNC_FILL ? NULL : missing(table, group->new_columns, group->old_columns);
}

char *
sync_missing_old(const SyncTable *table, const SyncGroup *group)
{
    return missing(table, group->old_columns, group->new_columns);
}

GPtrArray *
sync_quarantine_sql(const char *own_schema, const char *migration)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    SqlArg name = sql_name(own_schema, SYNC_QUARANTINE);

    g_ptr_array_add(
        out, sql_build("CREATE TABLE ? (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, migration text NOT NULL "
                       "DEFAULT ?, at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), "
                       "role name NOT NULL DEFAULT current_user, application text NOT NULL DEFAULT "
                       "pg_catalog.current_setting('application_name'), table_schema text NOT NULL, table_name text "
                       "NOT NULL, row_key jsonb NOT NULL, side text NOT NULL CHECK (side IN ('old', 'new')), "
                       "columns text[] NOT NULL, sqlstate text NOT NULL, message text NOT NULL, written jsonb, "
                       "replaced jsonb)",
                       name, sql_literal(migration)));
    g_ptr_array_add(out, close_relation_sql(own_schema, SYNC_QUARANTINE));
    g_ptr_array_add(out, sql_build("GRANT INSERT (" WRITTEN_COLUMNS ") ON ? TO PUBLIC", name));
    return out;
}

char *
sync_quarantine_keep_rest_sql(const char *own_schema, const char *migration)
{
    return sql_build("INSERT INTO pgseam.event (migration_id, kind, message) "
                     "SELECT (SELECT pg_catalog.max(m.id) FROM pgseam.migration AS m WHERE m.name = ?), 'quarantine', "
                     "CAST(pg_catalog.to_jsonb(l) AS text) FROM (SELECT " SHOWN_COLUMNS " FROM ? AS q "
                     "WHERE q.side = 'old' ORDER BY q.id) AS l",
                     sql_literal(migration), sql_name(own_schema, SYNC_QUARANTINE));
}

/* The lines of one table that say a new side is missing. */
static char *
lines_of(const SyncTable *table)
{
    return sql_build("q.table_schema = ? AND q.table_name = ? AND q.side = 'new'", sql_literal(table->schema),
                     sql_literal(table->table));
}

/* The rows whose new side is missing: row_key, columns, error. NULL: none can be. */
static char *
bad_rows(const SyncTable *table)
{
    g_autoptr(GString) all = g_string_new(NULL);
    g_autofree char *key = key_object(table, "t");

    for (guint i = 0; i < table->groups->len; i++) {
        const SyncGroup *group = g_ptr_array_index(table->groups, i);
        g_autofree char *condition = sync_missing_new(table, group);
        g_autofree char *array = NULL;
        g_autofree char *tried = NULL;
        g_autofree char *one = NULL;

        if (condition == NULL)
            continue;
        array = column_array(group->new_columns);
        tried = try_call(table, group->new_columns, "t");
        one = sql_build("SELECT ? AS row_key, ? AS columns, ? AS error FROM ? AS t WHERE ?", sql_raw(key),
                        sql_raw(array), sql_raw(tried), sql_name(table->schema, table->table), sql_raw(condition));
        g_string_append_printf(all, "%s%s", all->len > 0 ? " UNION ALL " : "", one);
    }
    return all->len > 0 ? g_strdup(all->str) : NULL;
}

char *
sync_quarantine_scan_sql(const SyncTable *table)
{
    g_autofree char *rows = bad_rows(table);
    g_autofree char *lines = lines_of(table);
    SqlArg name = sql_name(table->own_schema, SYNC_QUARANTINE);

    if (rows == NULL)
        return NULL;
    return sql_build("WITH bad AS MATERIALIZED (?), noted AS (INSERT INTO ? (" WRITTEN_COLUMNS ") "
                     "SELECT ?, ?, b.row_key, 'new', b.columns, pg_catalog.substr(b.error, 1, 5), "
                     "pg_catalog.substr(b.error, 7, ?), NULL, NULL FROM bad AS b WHERE NOT EXISTS (SELECT FROM ? AS q "
                     "WHERE ? AND q.row_key = b.row_key AND q.columns = b.columns)), "
                     "gone AS (DELETE FROM ? AS q WHERE ? AND NOT EXISTS (SELECT FROM bad AS b "
                     "WHERE b.row_key = q.row_key AND b.columns = q.columns)) SELECT pg_catalog.count(*) FROM bad",
                     sql_raw(rows), name, sql_literal(table->schema), sql_literal(table->table),
                     sql_int(MESSAGE_LENGTH), name, sql_raw(lines), name, sql_raw(lines));
}

char *
sync_quarantine_none_sql(const SyncTable *table)
{
    g_autofree char *lines = lines_of(table);

    return !table->guards_up ? NULL
                             : sql_build("SELECT NOT EXISTS (SELECT FROM ? AS q WHERE ?)",
                                         sql_name(table->own_schema, SYNC_QUARANTINE), sql_raw(lines));
}

/* The newest line of each row that still is missing this side, with what was replaced when it began to: later writes
 * that failed have replaced nothing. A key can be written in several ways (a time stamp, in
 * the writer's time zone): rows are told apart by what it means. */
static void
add_list(GString *all, const SyncTable *table, const GPtrArray *columns, const char *side, const char *condition)
{
    g_autoptr(GString) on = g_string_new(NULL);
    g_autoptr(GString) keys = g_string_new(NULL);
    g_autofree char *reader = key_name(table);
    g_autofree char *array = column_array(columns);
    g_autofree char *one = NULL;

    for (guint i = 0; i < table->keys->len; i++) {
        const SyncInput *key = g_ptr_array_index(table->keys, i);
        g_autofree char *value = g_strdup_printf("k.key_%u", i + 1);
        g_autofree char *equal = sql_build("t.? = ?", sql_quoted(key->name), sql_raw(value));
        g_autofree char *name = sql_build("t.?", sql_quoted(key->name));

        g_string_append_printf(on, "%s%s", i > 0 ? " AND " : "", equal);
        g_string_append_printf(keys, "%s%s", i > 0 ? ", " : "", name);
    }
    one =
        sql_build("(SELECT DISTINCT ON (?) " FOUND_COLUMNS ", pg_catalog.first_value(q.replaced) OVER (PARTITION BY ? "
                  "ORDER BY pg_catalog.jsonb_strip_nulls(COALESCE(q.replaced, '{}')) = '{}', q.id DESC) AS replaced "
                  "FROM ? AS q CROSS JOIN LATERAL ?(q.row_key) AS k JOIN ? AS t ON ? "
                  "WHERE q.table_schema = ? AND q.table_name = ? AND q.side = ? AND q.columns = ? AND ? "
                  "ORDER BY ?, q.id DESC)",
                  sql_raw(keys->str), sql_raw(keys->str), sql_name(table->own_schema, SYNC_QUARANTINE),
                  sql_name(table->own_schema, reader), sql_name(table->schema, table->table), sql_raw(on->str),
                  sql_literal(table->schema), sql_literal(table->table), sql_literal(side), sql_raw(array),
                  sql_raw(condition), sql_raw(keys->str));
    g_string_append_printf(all, "%s%s", all->len > 0 ? " UNION ALL " : "", one);
}

char *
sync_quarantine_list_sql(const SyncTable *table)
{
    g_autoptr(GString) all = g_string_new(NULL);

    for (guint i = 0; i < table->groups->len; i++) {
        const SyncGroup *group = g_ptr_array_index(table->groups, i);
        g_autofree char *new_side = sync_missing_new(table, group);
        g_autofree char *old_side = sync_missing_old(table, group);

        if (new_side != NULL)
            add_list(all, table, group->new_columns, "new", new_side);
        if (old_side != NULL)
            add_list(all, table, group->old_columns, "old", old_side);
    }
    return all->len == 0 ? NULL : sql_build("SELECT " SHOWN_COLUMNS " FROM (?) AS q ORDER BY q.id", sql_raw(all->str));
}

char *
sync_quarantine_keep_sql(const SyncTable *table)
{
    g_autofree char *list = table->guards_down ? sync_quarantine_list_sql(table) : NULL;

    return list == NULL
               ? NULL
               : sql_build("WITH gone AS (DELETE FROM ? AS q WHERE q.table_schema = ? AND q.table_name = ? AND "
                           "q.side = 'old') INSERT INTO pgseam.event (migration_id, kind, message) "
                           "SELECT CAST($1 AS bigint), 'quarantine', CAST(pg_catalog.to_jsonb(l) AS text) "
                           "FROM (?) AS l WHERE l.side = 'old'",
                           sql_name(table->own_schema, SYNC_QUARANTINE), sql_literal(table->schema),
                           sql_literal(table->table), sql_raw(list));
}
