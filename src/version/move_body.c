#include "version/move_body.h"

#include <string.h>

#include "base/sqltext.h"

static gboolean
is_in(const MoveColumn *column, MovePart part)
{
    return part == MOVE_ALL || (column->key_type != NULL) == (part == MOVE_KEY);
}

/* Quoted always: plpgsql has keywords of its own. */
static char *
quoted(const char *row, const char *name)
{
    return row != NULL ? sql_build("?.?", sql_raw(row), sql_quoted(name)) : sql_build("?", sql_quoted(name));
}

char *
move_list(const Move *move, MovePart part, const char *row, gboolean is_new)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < move->columns->len; i++) {
        const MoveColumn *column = g_ptr_array_index(move->columns, i);
        g_autofree char *name = quoted(row, is_new ? column->to : column->from);

        if (is_in(column, part))
            g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", name);
    }
    return g_string_free(out, FALSE);
}

/* "street" = NULL, ... */
static char *
clearing(const Move *move)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < move->columns->len; i++) {
        const MoveColumn *column = g_ptr_array_index(move->columns, i);
        g_autofree char *name = quoted(NULL, column->to);

        if (column->key_type == NULL)
            g_string_append_printf(out, "%s%s = NULL", out->len > 0 ? ", " : "", name);
    }
    return g_string_free(out, FALSE);
}

/* "street" = EXCLUDED."street", ... */
static char *
assignments(const Move *move, const char *row)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < move->columns->len; i++) {
        const MoveColumn *column = g_ptr_array_index(move->columns, i);
        g_autofree char *one = sql_build("? = ?.?", sql_quoted(column->to), sql_raw(row), sql_quoted(column->to));

        if (column->key_type == NULL)
            g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", one);
    }
    return g_string_free(out, FALSE);
}

char *
move_same_key(const Move *move, const char *left, gboolean left_is_new, const char *right, gboolean right_is_new)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < move->columns->len; i++) {
        const MoveColumn *column = g_ptr_array_index(move->columns, i);
        g_autofree char *one = quoted(left, left_is_new ? column->to : column->from);
        g_autofree char *other = quoted(right, right_is_new ? column->to : column->from);

        if (column->key_type != NULL)
            g_string_append_printf(out, "%s%s OPERATOR(pg_catalog.=) %s", out->len > 0 ? " AND " : "", one, other);
    }
    return g_string_free(out, FALSE);
}

char *
move_is_filled(const Move *move, const char *row, gboolean is_new)
{
    g_autofree char *list = move_list(move, MOVE_REST, row, is_new);

    return sql_build("pg_catalog.num_nonnulls(?) OPERATOR(pg_catalog.>) 0", sql_raw(list));
}

/* What finds a copy that this transaction does not see: it fails on it. `had`: the row that was had one, SQL. */
static char *
probe(const Move *move, const char *had)
{
    SqlArg target = sql_name(move->new_schema, move->new_table);
    g_autofree char *all = move_list(move, MOVE_ALL, NULL, TRUE);
    g_autofree char *key = move_list(move, MOVE_KEY, NULL, TRUE);
    g_autofree char *old = move_list(move, MOVE_ALL, "OLD", FALSE);
    g_autofree char *same = move_same_key(move, "a", TRUE, "OLD", FALSE);

    return sql_build("        IF NOT FOUND AND pg_catalog.current_setting('transaction_isolation') <> 'read committed' "
                     "AND ? THEN\n"
                     "            INSERT INTO ? (?) VALUES (?) ON CONFLICT (?) DO NOTHING;\n"
                     "            DELETE FROM ? AS a WHERE ?;\n"
                     "        END IF;\n",
                     sql_raw(had), target, sql_raw(all), sql_raw(old), sql_raw(key), target, sql_raw(same));
}

/* Make the new table's row of that key what the source has now. */
static char *
put(const Move *move, const char *row, const char *probing)
{
    SqlArg target = sql_name(move->new_schema, move->new_table);
    SqlArg source = sql_name(move->schema, move->table);
    g_autofree char *all = move_list(move, MOVE_ALL, NULL, TRUE);
    g_autofree char *from = move_list(move, MOVE_ALL, "t", FALSE);
    g_autofree char *key = move_list(move, MOVE_KEY, NULL, TRUE);
    g_autofree char *set = assignments(move, "EXCLUDED");
    g_autofree char *same_source = move_same_key(move, "t", FALSE, row, FALSE);
    g_autofree char *same_target = move_same_key(move, "a", TRUE, row, FALSE);
    g_autofree char *is_filled = move_is_filled(move, "t", FALSE);
    g_autofree char *condition = move->is_optional ? sql_build(" AND ?", sql_raw(is_filled)) : g_strdup("");

    return sql_build("        INSERT INTO ? (?) SELECT ? FROM ? AS t WHERE ??\n"
                     "            ON CONFLICT (?) DO UPDATE SET ?;\n"
                     "        IF NOT FOUND THEN\n"
                     "        DELETE FROM ? AS a WHERE ?;\n"
                     "?"
                     "        END IF;\n",
                     target, sql_raw(all), sql_raw(from), source, sql_raw(same_source), sql_raw(condition),
                     sql_raw(key), sql_raw(set), target, sql_raw(same_target), sql_raw(probing));
}

/* With a foreign key its own action fails on a copy that is not seen, and a row without a partner could not be tried.
 */
char *
move_body_keep(const Move *move)
{
    g_autofree char *before = move_list(move, MOVE_KEY, "OLD", FALSE);
    g_autofree char *after = move_list(move, MOVE_KEY, "NEW", FALSE);
    g_autofree char *is_filled = move->is_optional ? move_is_filled(move, "OLD", FALSE) : g_strdup("true");
    g_autofree char *same = sql_build("TG_OP = 'UPDATE' AND NOT is_renumbered AND ?", sql_raw(is_filled));
    g_autofree char *probe_old = move->has_foreign_key ? g_strdup("") : probe(move, is_filled);
    g_autofree char *probe_new = probe(move, same);
    g_autofree char *put_old = put(move, "OLD", probe_old);
    g_autofree char *put_new = put(move, "NEW", probe_new);

    return sql_build("\n#variable_conflict use_column\n"
                     "DECLARE\n"
                     "    is_renumbered boolean := false;\n"
                     "BEGIN\n"
                     "    IF TG_OP = 'UPDATE' THEN\n"
                     "        is_renumbered := pg_catalog.record_image_ne(ROW(?), ROW(?));\n"
                     "    END IF;\n"
                     "    IF TG_OP = 'DELETE' OR is_renumbered THEN\n"
                     "?"
                     "    END IF;\n"
                     "    IF TG_OP <> 'DELETE' THEN\n"
                     "?"
                     "    END IF;\n"
                     "    RETURN NULL;\n"
                     "END\n",
                     sql_raw(before), sql_raw(after), sql_raw(put_old), sql_raw(put_new));
}

/* TRUNCATE ... CASCADE may have emptied it already, in the same command, which forbids to do it again. */
char *
move_body_empty(const Move *move)
{
    g_autofree char *name = sql_quote_name(move->new_schema, move->new_table);

    return sql_build("\nBEGIN\n"
                     "    IF pg_catalog.pg_relation_size(CAST(? AS pg_catalog.regclass)) <> 0 THEN\n"
                     "        TRUNCATE ?;\n"
                     "    END IF;\n"
                     "    RETURN NULL;\n"
                     "END\n",
                     sql_literal(name), sql_raw(name));
}

/* The body of a trigger that refuses whatever fires it. */
static char *
refusing_body(const char *condition, const char *message, const char *hint)
{
    return sql_build("\nBEGIN\n"
                     "    RAISE EXCEPTION USING ERRCODE = ?, MESSAGE = ?, HINT = ?;\n"
                     "END\n",
                     sql_literal(condition), sql_literal(message), sql_literal(hint));
}

char *
move_body_guard(const Move *move)
{
    g_autofree char *name = sql_quote_name(move->new_schema, move->new_table);
    g_autofree char *view = sql_quote_name(move->view_schema, move->new_table);
    g_autofree char *source = sql_quote_name(move->schema, move->table);
    g_autofree char *message = g_strdup_printf(
        "table %s cannot be written before \"pgseam complete\": it is filled from table %s", name, source);
    g_autofree char *hint =
        g_strdup_printf("Write to %s, or to %s: each reads the other's writes at once.", view, source);

    return refusing_body("object_not_in_prerequisite_state", message, hint);
}

/* The key's columns are called $1, $2 ... */
char *
move_body_state(const Move *move)
{
    g_autofree char *is_filled = move_is_filled(move, "t", FALSE);
    g_autoptr(GString) same = g_string_new(NULL);
    guint n = 0;

    for (guint i = 0; i < move->columns->len; i++) {
        const MoveColumn *column = g_ptr_array_index(move->columns, i);

        g_autofree char *parameter = g_strdup_printf("$%u", n + 1);
        g_autofree char *one = sql_build("t.? OPERATOR(pg_catalog.=) ?", sql_quoted(column->from), sql_raw(parameter));

        if (column->key_type != NULL)
            g_string_append_printf(same, "%s%s", n++ > 0 ? " AND " : "", one);
    }
    return sql_build(
        "\n#variable_conflict use_column\n"
        "BEGIN\n"
        "    RETURN COALESCE((SELECT CASE WHEN ? THEN 'held' ELSE 'free' END FROM ? AS t WHERE ?), 'absent');\n"
        "END\n",
        sql_raw(is_filled), sql_name(move->schema, move->table), sql_raw(same->str));
}

/* "Key (user_id)=(5)": SQL. */
static char *
key_text(const Move *move, const char *row)
{
    g_autoptr(GPtrArray) names = move_names(move, TRUE, TRUE);
    g_autofree char *list = sql_quote_list(names);
    g_autofree char *head = g_strdup_printf("Key (%s)=(", list);
    g_autofree char *values = move_list(move, MOVE_KEY, row, TRUE);

    return sql_build("pg_catalog.concat(?, pg_catalog.concat_ws(', ', ?), ')')", sql_literal(head), sql_raw(values));
}

/* Not to be had before complete: the source could not tell it from no row at all. */
static char *
refuse_empty(const Move *move)
{
    g_autofree char *is_filled = move_is_filled(move, "NEW", TRUE);
    g_autofree char *list = move_list(move, MOVE_REST, NULL, TRUE);
    g_autofree char *message = g_strdup_printf(
        "a row of \"%s\" must have a value in one of %s before \"pgseam complete\"", move->new_table, list);
    g_autofree char *hint = g_strdup_printf("Until then a row with NULL in all of them is one that is not there: it is "
                                            "kept in the columns of %s.%s.",
                                            move->schema, move->table);

    if (!move->is_optional)
        return g_strdup("");
    return sql_build("    IF NOT ? THEN\n"
                     "        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = ?, HINT = ?;\n"
                     "    END IF;\n",
                     sql_raw(is_filled), sql_literal(message), sql_literal(hint));
}

/* As the new table's own constraints will say it. */
static char *
refuse_key(const Move *move)
{
    g_autofree char *key = key_text(move, "NEW");
    g_autofree char *taken = g_strdup_printf("duplicate key value violates unique constraint \"%s\"", move->constraint);
    g_autofree char *missing =
        g_strdup_printf("insert on \"%s\": there is no row of \"%s\" with this key", move->new_table, move->table);

    return sql_build(
        "        IF state OPERATOR(pg_catalog.=) 'held' THEN\n"
        "            RAISE EXCEPTION USING ERRCODE = 'unique_violation', MESSAGE = ?, DETAIL = pg_catalog.concat(?, ' "
        "already exists.'), SCHEMA = ?, TABLE = ?, CONSTRAINT = ?;\n"
        "        ELSIF state OPERATOR(pg_catalog.=) 'absent' THEN\n"
        "            RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation', MESSAGE = ?, DETAIL = "
        "pg_catalog.concat(?, ' is not present there.'), SCHEMA = ?, TABLE = ?;\n"
        "        END IF;\n",
        sql_literal(taken), sql_raw(key), sql_literal(move->new_schema), sql_literal(move->new_table),
        sql_literal(move->constraint), sql_literal(missing), sql_raw(key), sql_literal(move->new_schema),
        sql_literal(move->new_table));
}

/* What the source's own triggers made of it: NEW."street" := made."street"; ... */
static char *
take_made(const Move *move)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < move->columns->len; i++) {
        const MoveColumn *column = g_ptr_array_index(move->columns, i);
        g_autofree char *one =
            sql_build("            NEW.? := made.?;\n", sql_quoted(column->to), sql_quoted(column->to));

        if (column->key_type == NULL)
            g_string_append(out, one);
    }
    return g_string_free(out, FALSE);
}

/* Between the UPDATE that finds nothing and the look why, somebody may have taken the row's value away: once more. INTO
 * NULLs its targets where nothing was found, so it must not be NEW. */
char *
move_body_insert(const Move *move)
{
    g_autofree char *empty = refuse_empty(move);
    g_autofree char *refusal = refuse_key(move);
    g_autofree char *set = assignments(move, "NEW");
    g_autofree char *same = move_same_key(move, "f", TRUE, "NEW", TRUE);
    g_autofree char *given = move_list(move, MOVE_REST, "f", TRUE);
    g_autofree char *take = take_made(move);
    g_autofree char *key = move_list(move, MOVE_KEY, "NEW", TRUE);
    g_autofree char *message = g_strdup_printf("the row of \"%s\" that holds this one cannot be written", move->table);

    return sql_build("\n#variable_conflict use_column\n"
                     "DECLARE\n"
                     "    state pg_catalog.text;\n"
                     "    made record;\n"
                     "BEGIN\n"
                     "?"
                     "    FOR pgseam_round IN 1 .. 10 LOOP\n"
                     "        UPDATE ? AS f SET ? WHERE ? RETURNING ? INTO made;\n"
                     "        IF FOUND THEN\n"
                     "?"
                     "            RETURN NEW;\n"
                     "        END IF;\n"
                     "        state := ?(?);\n"
                     "?"
                     "    END LOOP;\n"
                     "    RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = ?, "
                     "HINT = 'A trigger of its own suppresses the change, or it changes all the time: repeat it.';\n"
                     "END\n",
                     sql_raw(empty), sql_name(move->own_schema, "free"), sql_raw(set), sql_raw(same), sql_raw(given),
                     sql_raw(take), sql_name(move->own_schema, "state"), sql_raw(key), sql_raw(refusal),
                     sql_literal(message));
}

static gboolean
is_plain_word(const char *name)
{
    return g_regex_match_simple("^[a-z_][a-z0-9_]*$", name, 0, 0);
}

/* "~" for any white space, " +" for some: without a backslash, which another setting of the session could read
 * otherwise. */
static char *
spread(const char *pattern)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '~')
            g_string_append(out, "[[:space:]]*");
        else if (*at == ' ' && at[1] == '+')
            g_string_append(out, "[[:space:]]");
        else
            g_string_append_c(out, *at);
    }
    return g_strdup(out->str);
}

/* A pattern for the text of a DELETE that names rows by the key alone, so that nothing else can decide: constants or
 * parameters, nothing that calls a function. `schema` NULL: without one. The caller frees. */
static char *
by_key_pattern(const char *schema, const char *table, const char *key)
{
    static const char value[] = "([$][0-9]+|-?[0-9]+|'[-a-z0-9_:.@ ]*')(::(bigint|integer|int[48]|uuid|text))?";
    g_autofree char *qualifier = schema != NULL ? g_strdup_printf("\"?%s\"?[.]", schema) : g_strdup("");
    g_autofree char *from = g_strdup_printf("^~delete +from +%s\"?%s\"?", qualifier, table);
    g_autofree char *where = g_strdup_printf(" +where +[(]?(\"?%s\"?[.])?\"?%s\"?~(=~%s|in~[(]~%s(~,~%s)*~[)])[)]?",
                                             table, key, value, value, value);
    g_autofree char *whole = g_strconcat(from, where, "( +returning +[a-z0-9_\"., *]+)?~;?~$", NULL);

    return spread(whole);
}

/* The text is matched in any case, so no other column may differ from the key by that alone. */
static gboolean
is_only_name(const Move *move, const char *key)
{
    guint n = 0;

    for (guint i = 0; i < move->columns->len; i++)
        n += g_ascii_strcasecmp(((const MoveColumn *)g_ptr_array_index(move->columns, i))->to, key) == 0;
    return n == 1;
}

/* SQL: the client's statement is such a DELETE from this view, not from one over it. NULL: that cannot be told. The
 * caller frees. */
static char *
is_by_key(const Move *move)
{
    g_autoptr(GPtrArray) keys = move_names(move, TRUE, TRUE);
    const char *key = keys->len == 1 ? g_ptr_array_index(keys, 0) : NULL;
    g_autofree char *with_schema = NULL;
    g_autofree char *without = NULL;

    if (key == NULL || !is_plain_word(key) || !is_only_name(move, key) || !is_plain_word(move->new_table) ||
        !is_plain_word(move->view_schema))
        return NULL;
    with_schema = by_key_pattern(move->view_schema, move->new_table, key);
    without = by_key_pattern(NULL, move->new_table, key);
    return sql_build("pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.=) 1 AND\n"
                     "        (pg_catalog.current_query() OPERATOR(pg_catalog.~*) ? OR\n"
                     "         (pg_catalog.to_regclass(?) OPERATOR(pg_catalog.=) TG_RELID AND\n"
                     "          pg_catalog.current_query() OPERATOR(pg_catalog.~*) ?))",
                     sql_literal(with_schema), sql_literal(move->new_table), sql_literal(without));
}

/* What may be done where the row was changed since the statement began. */
static char *
by_key(const Move *move, const char *clear, const char *same)
{
    g_autofree char *condition = is_by_key(move);

    if (condition == NULL)
        return g_strdup("");
    return sql_build("    IF ? THEN\n"
                     "        UPDATE ? AS h SET ? WHERE ?;\n"
                     "        IF FOUND THEN\n"
                     "            RETURN OLD;\n"
                     "        END IF;\n"
                     "        RETURN NULL;\n"
                     "    END IF;\n",
                     sql_raw(condition), sql_name(move->own_schema, "held"), sql_raw(clear), sql_raw(same));
}

static char *
no_delete(const Move *move)
{
    g_autofree char *message =
        g_strdup_printf("a row of \"%s\" cannot be deleted before \"pgseam complete\"", move->new_table);
    g_autofree char *hint =
        g_strdup_printf("Until then each row of %s.%s has one: set its columns to NULL, or delete that row.",
                        move->schema, move->table);

    return refusing_body("feature_not_supported", message, hint);
}

char *
move_body_delete(const Move *move)
{
    g_autofree char *clear = clearing(move);
    g_autofree char *same = move_same_key(move, "h", TRUE, "OLD", TRUE);
    g_autofree char *now = move_list(move, MOVE_REST, "h", TRUE);
    g_autofree char *then = move_list(move, MOVE_REST, "OLD", TRUE);
    g_autofree char *key = move_list(move, MOVE_KEY, "OLD", TRUE);
    g_autofree char *still = by_key(move, clear, same);
    g_autofree char *shown = key_text(move, "OLD");

    if (!move->is_optional)
        return no_delete(move);
    return sql_build(
        "\n#variable_conflict use_column\n"
        "BEGIN\n"
        "    UPDATE ? AS h SET ? WHERE ? AND pg_catalog.record_image_eq(ROW(?), ROW(?));\n"
        "    IF FOUND THEN\n"
        "        RETURN OLD;\n"
        "    END IF;\n"
        "    IF ?(?) OPERATOR(pg_catalog.<>) 'held' THEN\n"
        "        RETURN NULL;\n"
        "    END IF;\n"
        "?"
        "    RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = 'could not delete a row due to "
        "concurrent update', DETAIL = ?, HINT = 'Whether the statement still means it cannot be known before "
        "\"pgseam complete\": repeat the transaction.';\n"
        "END\n",
        sql_name(move->own_schema, "held"), sql_raw(clear), sql_raw(same), sql_raw(now), sql_raw(then),
        sql_name(move->own_schema, "state"), sql_raw(key), sql_raw(still), sql_raw(shown));
}

char *
move_body_grants(const Move *move)
{
    g_autofree char *table = sql_quote_name(move->new_schema, move->new_table);
    g_autofree char *view = sql_quote_name(move->view_schema, move->new_table);
    g_autofree char *schema = sql_quote_ident(move->view_schema);
    g_autofree char *moved = move_list(move, MOVE_REST, NULL, TRUE);
    g_autofree char *free_view = sql_quote_name(move->own_schema, "free");
    g_autofree char *held_view = sql_quote_name(move->own_schema, "held");
    g_autofree char *help = g_strdup_printf("GRANT SELECT, UPDATE (%s) ON %%s TO %%s", moved);

    return sql_build(
        "\nDECLARE\n"
        "    given record;\n"
        "BEGIN\n"
        "    FOR given IN\n"
        "        SELECT e.privilege_type AS privilege, x.columns, CASE WHEN e.grantee = 0 THEN 'PUBLIC'\n"
        "               ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(e.grantee)) END AS grantee,\n"
        "               CASE WHEN e.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS further\n"
        "          FROM pg_catalog.pg_class AS c\n"
        "         CROSS JOIN LATERAL (SELECT '' AS columns, c.relacl AS acl UNION ALL\n"
        "               SELECT ' (' || pg_catalog.quote_ident(a.attname) || ')', a.attacl FROM pg_catalog.pg_attribute "
        "AS a\n"
        "                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS x\n"
        "         CROSS JOIN LATERAL pg_catalog.aclexplode(x.acl) AS e\n"
        "         WHERE c.oid = CAST(? AS pg_catalog.regclass) AND e.grantee <> c.relowner\n"
        "           AND e.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')\n"
        "    LOOP\n"
        "        EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA %s TO %s', ?, given.grantee);\n"
        "        EXECUTE pg_catalog.format('GRANT %s%s ON %s TO %s%s', given.privilege, given.columns, ?, "
        "given.grantee, "
        "given.further);\n"
        "        IF given.privilege = 'INSERT' THEN\n"
        "            EXECUTE pg_catalog.format(?, ?, given.grantee);\n"
        "        ELSIF given.privilege = 'DELETE' THEN\n"
        "            EXECUTE pg_catalog.format(?, ?, given.grantee);\n"
        "        END IF;\n"
        "    END LOOP;\n"
        "END\n",
        sql_literal(table), sql_literal(schema), sql_literal(view), sql_literal(help), sql_literal(free_view),
        sql_literal(help), sql_literal(held_view));
}
