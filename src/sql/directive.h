/*
 * Directives: what SQL cannot say, in a comment above the statement. Private to sql/.
 *
 *   -- pgseam: allow RULE because REASON
 *   -- pgseam: up COLUMN = EXPRESSION
 *   -- pgseam: down COLUMN = EXPRESSION
 *   -- pgseam: version NAME            (above the first statement, for the whole file)
 *   -- pgseam: file PATH               (written by pgseam alone, where it joins files: part.h)
 *   -- pgseam: on-error reject         (there, too; what holds if nothing is said)
 *   -- pgseam: on-error quarantine     (for "up" and "down"; or with one of the two words behind it)
 *
 * Law: a directive that is not understood is an error. Only "--" comments carry directives.
 */
#ifndef PGSEAM_SQL_DIRECTIVE_H
#define PGSEAM_SQL_DIRECTIVE_H

#include <glib.h>

typedef enum DirectiveKind {
    DIRECTIVE_NONE,
    DIRECTIVE_ALLOW,
    DIRECTIVE_UP,
    DIRECTIVE_DOWN,
    DIRECTIVE_VERSION,
    DIRECTIVE_ON_ERROR,
    DIRECTIVE_FILE
} DirectiveKind;

typedef struct Directive {
    DirectiveKind kind;
    char *rule;    /* ALLOW: the rule's id */
    char *reason;  /* ALLOW: what follows "because", never empty */
    char *set;     /* UP: the assignment that fills a new column in the rows that are there; DOWN: the one that gives a
                    * column of another type its old value back */
    char *version; /* VERSION: the name, without its quotes */
    char *path;    /* FILE */
    gboolean guards_up, guards_down; /* ON_ERROR: rows on which it fails go to quarantine */
} Directive;

/* Read one comment (with its leading "--"). DIRECTIVE_NONE for a comment that does not begin with "pgseam:". Returns
 * FALSE with an error SEAM_ERROR_REFUSED (message only, the caller adds the place) for a directive that is not
 * understood. */
gboolean directive_parse(const char *comment, Directive *ret, GError **error);
void directive_clear(Directive *directive);

/* TRUE for a name, without quotes, that a version can have. */
gboolean directive_is_version(const char *name);

#endif
