/*
 * SQL text. The only way in which pgseam makes a statement.
 *
 * Law: a template is a string literal, each "?" in it is filled by one typed argument, and the type decides the
 * quoting. A `char *` cannot be passed by mistake: it does not compile. Values of rows travel as parameters, never
 * through here.
 */
#ifndef PGSEAM_BASE_SQLTEXT_H
#define PGSEAM_BASE_SQLTEXT_H

#include <glib.h>

typedef enum SqlArgKind {
    SQL_ARG_IDENT,
    SQL_ARG_NAME,
    SQL_ARG_LITERAL,
    SQL_ARG_INT,
    SQL_ARG_RAW,
    SQL_ARG_QUOTED
} SqlArgKind;

typedef struct SqlArg {
    SqlArgKind kind;
    const char *schema;
    const char *text;
    gint64 number;
} SqlArg;

/* One identifier, quoted where needed. */
#define sql_ident(name) ((SqlArg){.kind = SQL_ARG_IDENT, .text = (name)})
/* One identifier, quoted always: in plpgsql, which has keywords of its own. */
#define sql_quoted(name) ((SqlArg){.kind = SQL_ARG_QUOTED, .text = (name)})
/* A qualified name; a NULL schema leaves it unqualified. */
#define sql_name(schema_, name_) ((SqlArg){.kind = SQL_ARG_NAME, .schema = (schema_), .text = (name_)})
/* A string literal; NULL becomes the keyword NULL. Right under standard_conforming_strings = on, which each session
 * sets. */
#define sql_literal(value) ((SqlArg){.kind = SQL_ARG_LITERAL, .text = (value)})
#define sql_int(value)     ((SqlArg){.kind = SQL_ARG_INT, .number = (value)})
/* Text that is SQL already: a slice of the user's file, or what the server printed. Never data. */
#define sql_raw(sql) ((SqlArg){.kind = SQL_ARG_RAW, .text = (sql)})

/* Fill `template` (a string literal). Aborts if the number of "?" is not that of the arguments. The caller frees. */
#define sql_build(template, ...)                                                                                       \
    sql_build_args("" template, sizeof((const SqlArg[]){__VA_ARGS__}) / sizeof(SqlArg), (const SqlArg[]){__VA_ARGS__})
char *sql_build_args(const char *template, gsize n_args, const SqlArg *args);

/* The identifier as PostgreSQL's quote_ident() would print it; `schema.name` likewise. The caller frees. */
char *sql_quote_ident(const char *name);
char *sql_quote_name(const char *schema, const char *name);

/* A comma separated list of quoted identifiers, for column lists and search_path. The caller frees. */
char *sql_quote_list(const GPtrArray *names);

/* A name as it stands within its quotes: each quote in it doubled. The caller frees. */
char *sql_doubled(const char *name);

/* TRUE if `sql` has `word` as a word of its own, in any case. */
gboolean sql_mentions(const char *sql, const char *word);

#endif
