/*
 * Facts about views, functions, types, triggers ...: what one is, what would bring it back, what depends on it. Pure
 * data, part of Facts.
 *
 * Law: SQL in it is as the server prints it under an empty search_path, every name qualified.
 */
#ifndef PGSEAM_CATALOG_FACT_OBJECT_H
#define PGSEAM_CATALOG_FACT_OBJECT_H

#include <glib.h>

/* A relation that something belongs to. */
typedef struct FactRelation {
    char *schema; /* NULL: there is none */
    char *name;
    char kind; /* pg_class.relkind */
    gboolean is_owned;
} FactRelation;

/* Something that goes when the object is dropped. */
typedef struct FactFollower {
    char *what;            /* pg_describe_object(): "view shop.adults" */
    gboolean is_normal;    /* it stops a DROP without CASCADE; else it is a part of the object */
    char *type;            /* pg_identify_object(): "table column" */
    char *part;            /* the column or constraint, or NULL */
    FactRelation relation; /* that it belongs to */
    FactRelation other;    /* a foreign key: the referenced table */
    gint64 bytes;          /* "table column": of the table */
} FactFollower;

typedef struct FactObject {
    gint64 class_oid;
    gint64 oid;
    int column;      /* number, or 0 */
    char *type;      /* pg_identify_object(): "view", "function" */
    char *schema;    /* or NULL */
    char *name;      /* without schema; NULL for what has none (a cast) */
    char *identity;  /* as ALTER and DROP take it: shop.f(integer), "audit on shop.t" */
    char *what;      /* pg_describe_object() */
    char *signature; /* functions: "(integer, text)" */
    char kind;       /* relkind, typtype or prokind; '\0' for the rest */
    char *owner;
    gboolean is_owned;
    char *comment;     /* or NULL */
    GPtrArray *labels; /* of an enum; empty for the rest */
    int n_defaults;    /* functions: parameters with a default ... */
    int n_args;
    int n_named;           /* ... and with a name */
    FactRelation relation; /* that it is or belongs to */
    GPtrArray *partitions; /* FactRelation: below that table */
    GPtrArray *parents;    /* FactRelation: of a partition: its parent, and the default partition there */
    double rows;
    gboolean has_identity;    /* the table can publish UPDATE and DELETE */
    GPtrArray *create;        /* SQL that makes it again; empty where nothing does exactly */
    GPtrArray *acl;           /* SQL that restores its privileges */
    char *acl_target;         /* "TABLE shop.users", as GRANT takes it; NULL for what has no privileges */
    gboolean is_acl_exact;    /* the owner granted them all */
    gboolean has_acl;         /* they are not the built-in ones */
    gboolean has_default_acl; /* ALTER DEFAULT PRIVILEGES would give some to an object made again */
    GHashTable *alter;        /* aspect -> GPtrArray of SQL: what brings that aspect back */
    GPtrArray *followers;     /* FactFollower */
    GPtrArray *members;       /* FactObject: of a schema, where GRANT ON ALL asked for them */
    GPtrArray *views;         /* FactObject: views on a view, in an order in which they can be made */
} FactObject;

#define FACT_OBJECT_NEW      1 /* about to be created: unqualified means in the creation schema */
#define FACT_OBJECT_ANY_ARGS 2 /* a function named without its parameters */

/* The key under which Facts.objects has an object: how a statement asks for it. `class` as pg_get_object_address()
 * takes it, or "relation"; `members` is NULL, or the kind of objects in the schema that GRANT ON ALL is about. The
 * caller frees. */
char *fact_object_key(const char *class, const GPtrArray *names, const GPtrArray *args, guint flags,
                      const char *members);

/* The parts of such a key: lists unreffed by the caller. */
void fact_object_key_parse(const char *key, char **ret_class, GPtrArray **ret_names, GPtrArray **ret_args,
                           guint *ret_flags, char **ret_members);

FactObject *fact_object_new(void);
void fact_object_free(FactObject *object);

/* One line for each fact that a plan may rest on, added to `lines`. */
void fact_object_fingerprint(GPtrArray *lines, const FactObject *object);

#endif
