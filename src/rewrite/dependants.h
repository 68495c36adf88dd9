/*
 * What depends on a table from outside: views, rules and policies of other relations, functions with a SQL body,
 * foreign keys. A closed world: what is not known is refused.
 */
#ifndef PGSEAM_REWRITE_DEPENDANTS_H
#define PGSEAM_REWRITE_DEPENDANTS_H

#include "db/conn.h"

typedef enum DependantKind {
    DEPENDANT_VIEW_DROPPED,  /* gives a changed column on: dropped and made again */
    DEPENDANT_VIEW_REPLACED, /* only its query is made anew */
    DEPENDANT_RULE,
    DEPENDANT_POLICY,
    DEPENDANT_FUNCTION,         /* with a SQL body that reads the table: replaced */
    DEPENDANT_FUNCTION_DROPPED, /* with the row type in its signature: dropped and made again */
    DEPENDANT_FOREIGN_KEY,      /* of another table */
    DEPENDANT_REFUSED,
    DEPENDANT_N_KINDS
} DependantKind;

typedef struct Dependant {
    DependantKind kind;
    char *oid;
    char *schema; /* of the relation that it is or belongs to; NULL for none */
    char *name;
    char *qualified; /* the two, quoted; a function with the types of its arguments */
    char *described; /* for messages: "view shop.open_orders" */
    char *owner;
    gboolean is_ours; /* our role may alter it */
} Dependant;

typedef struct Dependants {
    GPtrArray *all; /* Dependant; views that are dropped in the order in which they are made again */
} Dependants;

/* Those of the table `oid`. `next` is the table that takes its place, 0 if there is none yet: then `columns` (char *)
 * says which ones change. The caller frees. */
Dependants *dependants_read(DbConn *conn, gint64 oid, gint64 next, const GPtrArray *columns, GError **error);
void dependants_free(Dependants *dependants);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dependants, dependants_free)

/* The oids of those of a kind, or the qualified names of those of two, in the text form of PostgreSQL's arrays. The
 * caller frees. */
char *dependants_oids(const Dependants *dependants, DependantKind kind);
char *dependants_names(const Dependants *dependants, DependantKind kind, DependantKind or_kind);

/* SEAM_ERROR_REFUSED with the first that could not be moved, and the way out. `table` is for the message. */
gboolean dependants_check(const Dependants *dependants, const char *table, GError **error);

#endif
