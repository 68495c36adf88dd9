/*
 * What ALTER COLUMN TYPE costs for a pair of types.
 *
 * Law: what is not in the table is a rewrite. Source: measured on 12 to 18 (research: lint-lock-peers.md, section 2.2);
 * src/backend/commands/tablecmds.c, ATColumnChangeRequiresRewrite, with the planner support functions of the types.
 */
#ifndef PGSEAM_RULES_TYPE_CHANGE_H
#define PGSEAM_RULES_TYPE_CHANGE_H

#include <glib.h>

typedef enum TypeChange {
    TYPE_CHANGE_NONE,    /* the same type */
    TYPE_CHANGE_CATALOG, /* catalog rows only; plain indexes are kept */
    TYPE_CHANGE_REINDEX, /* no rewrite, but every index on the column is built anew */
    TYPE_CHANGE_REWRITE,
} TypeChange;

/* TRUE if each value of one type has a value of its own in the other that compares alike: what was unique stays unique,
 * and no cast fails (manual, "Numeric Types", "Date/Time Types"). Both as above. */
gboolean type_keeps_values(const char *from, const char *to);

/* TRUE if, besides, operators and functions make the same of it: 7 / 2 is 3 of integers, but not of numeric, and a date
 * prints otherwise than a timestamp. Both as above. */
gboolean type_keeps_meaning(const char *from, const char *to);

/* `from` and `to` as format_type() prints them; `time_zone` is that of the session which runs the statement. */
TypeChange type_change(const char *from, const char *to, const char *time_zone);

#endif
