#include "base/sqltext.h"

#include <stdlib.h>
#include <string.h>

/* The keywords that cannot stand as a column or table name in every place, of PostgreSQL 14 to 18: all that is not
 * UNRESERVED_KEYWORD in src/include/parser/kwlist.h. Sorted, for bsearch. */
static const char *const keywords[] = {
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
};

static int
compare_keyword(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

static gboolean
is_plain(const char *name)
{
    if (!(g_ascii_islower(name[0]) || name[0] == '_'))
        return FALSE;
    for (const char *c = name; *c != '\0'; c++) {
        if (!(g_ascii_islower(*c) || g_ascii_isdigit(*c) || *c == '_'))
            return FALSE;
    }
    return bsearch(name, keywords, G_N_ELEMENTS(keywords), sizeof(keywords[0]), compare_keyword) == NULL;
}

static void
append_quoted(GString *out, const char *text, char quote)
{
    g_string_append_c(out, quote);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == quote)
            g_string_append_c(out, quote);
        g_string_append_c(out, *c);
    }
    g_string_append_c(out, quote);
}

static void
append_ident(GString *out, const char *name)
{
    if (is_plain(name))
        g_string_append(out, name);
    else
        append_quoted(out, name, '"');
}

static void
append_name(GString *out, const char *schema, const char *name)
{
    if (schema != NULL) {
        append_ident(out, schema);
        g_string_append_c(out, '.');
    }
    append_ident(out, name);
}

static void
append_arg(GString *out, const SqlArg *arg)
{
    switch (arg->kind) {
        case SQL_ARG_IDENT:
            append_ident(out, arg->text);
            break;
        case SQL_ARG_QUOTED:
            append_quoted(out, arg->text, '"');
            break;
        case SQL_ARG_NAME:
            append_name(out, arg->schema, arg->text);
            break;
        case SQL_ARG_LITERAL:
            if (arg->text != NULL)
                append_quoted(out, arg->text, '\'');
            else
                g_string_append(out, "NULL");
            break;
        case SQL_ARG_INT:
            g_string_append_printf(out, "%" G_GINT64_FORMAT, arg->number);
            break;
        case SQL_ARG_RAW:
            g_string_append(out, arg->text);
            break;
    }
}

char *
sql_build_args(const char *template, gsize n_args, const SqlArg *args)
{
    GString *out = g_string_new(NULL);
    gsize used = 0;

    for (const char *c = template; *c != '\0'; c++) {
        if (*c != '?') {
            g_string_append_c(out, *c);
            continue;
        }
        g_assert(used < n_args);
        append_arg(out, &args[used++]);
    }
    g_assert(used == n_args);
    return g_string_free(out, FALSE);
}

char *
sql_quote_ident(const char *name)
{
    return sql_build("?", sql_ident(name));
}

char *
sql_quote_name(const char *schema, const char *name)
{
    return sql_build("?", sql_name(schema, name));
}

char *
sql_quote_list(const GPtrArray *names)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < names->len; i++) {
        if (i > 0)
            g_string_append(out, ", ");
        append_ident(out, g_ptr_array_index(names, i));
    }
    return g_string_free(out, FALSE);
}

static gboolean
is_word_byte(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '$' || (c & 0x80) != 0;
}

gboolean
sql_mentions(const char *sql, const char *word)
{
    gsize length = strlen(word);

    for (const char *c = sql; length > 0 && *c != '\0'; c++) {
        if (g_ascii_strncasecmp(c, word, length) == 0 && (c == sql || !is_word_byte(c[-1])) && !is_word_byte(c[length]))
            return TRUE;
    }
    return FALSE;
}

char *
sql_doubled(const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, "\"", -1);

    return g_strjoinv("\"\"", parts);
}
