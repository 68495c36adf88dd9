/*
 * Statements about everything that is not a table's own columns, constraints, indexes and rows: views, functions,
 * types, triggers, grants ... Pure data, free of libpg_query; part of stmt.h.
 */
#ifndef PGSEAM_SQL_OBJECT_H
#define PGSEAM_SQL_OBJECT_H

#include <glib.h>

typedef enum ObjectVerb {
    OBJECT_CREATE,
    OBJECT_ALTER, /* something of it in place: `action` names what */
    OBJECT_RENAME,
    OBJECT_SET_SCHEMA,
    OBJECT_OWNER,
    OBJECT_DROP,
    OBJECT_TRUNCATE,
    OBJECT_COMMENT,
    OBJECT_GRANT,
    OBJECT_REVOKE,
} ObjectVerb;

/* One object as pg_get_object_address() takes it (manual section 9.26.5). */
typedef struct ObjectName {
    const char *class; /* "view", "table column", "text search configuration" ... */
    GPtrArray *names;  /* char *: the parts of its name; one type as text for types */
    GPtrArray *args;   /* char *: types of arguments, the constraint of a domain, the target of a cast */
    gboolean any_args; /* a function named without its arguments */
    char *text;        /* exact slice, where a statement names several; else NULL */
} ObjectName;

typedef struct ObjectStmt {
    ObjectVerb verb;
    const char *class;   /* of what it is about; NULL where the statement has none of its own */
    const char *action;  /* OBJECT_ALTER: "ADD VALUE", "VALIDATE" ...; OBJECT_CREATE of a type: "ENUM" ... */
    GPtrArray *objects;  /* ObjectName: what it names */
    GPtrArray *carriers; /* ObjectName of relations: the tables that a trigger, policy, rule ... belongs to */
    GPtrArray *uses;     /* ObjectName of relations: what its query reads */
    GPtrArray *grantees; /* char *: GRANT, REVOKE: as SQL */
    GPtrArray *options;  /* char *: SET and RESET (...): the names */
    char *name;          /* RENAME: the new name; SET SCHEMA: the schema; ADD VALUE: the value; else NULL */
    char *part;          /* RENAME of a column, constraint, enum value: the old name of that; else NULL */
    int head_length;     /* DROP of several: what stands before the first name ... */
    int tail_offset;     /* ... and where what stands behind the last one begins */
    int n_defaults;      /* functions: parameters with a default; 1 for DEFAULT PRIVILEGES that grant */
    int n_named;         /* functions: input parameters with a name */
    gboolean or_replace;
    gboolean if_exists;     /* IF EXISTS */
    gboolean if_not_exists; /* IF NOT EXISTS */
    gboolean is_cascade;
    gboolean in_schema;      /* GRANT ON ALL ... IN SCHEMA: the objects are schemas */
    const char *unsupported; /* the part of it that no recipe knows, or NULL */
} ObjectStmt;

/* Statements that change no schema, or none that pgseam could take back. */
typedef enum UtilityKind {
    UTILITY_SET,         /* SET, RESET */
    UTILITY_LOCK,        /* LOCK TABLE */
    UTILITY_ANALYZE,     /* ANALYZE */
    UTILITY_VACUUM,      /* VACUUM, CLUSTER */
    UTILITY_SESSION,     /* LISTEN, PREPARE, DISCARD ...: ends with the session */
    UTILITY_CODE,        /* DO, CALL, SELECT ...: whatever it does */
    UTILITY_CLUSTER,     /* databases, roles, tablespaces, ALTER SYSTEM: not of this database */
    UTILITY_ALONE,       /* subscriptions: not in a transaction, and they reach other servers */
    UTILITY_COPY,        /* COPY */
    UTILITY_LABEL,       /* SECURITY LABEL */
    UTILITY_CONSTRAINTS, /* SET CONSTRAINTS */
} UtilityKind;

typedef struct UtilityStmt {
    UtilityKind kind;
    char *setting;   /* UTILITY_SET and SELECT set_config(): its name, lower case */
    char *value;     /* the same: the first value as text, NULL for RESET and DEFAULT */
    GPtrArray *uses; /* ObjectName: ANALYZE: its tables */
    gboolean is_local;
    gboolean is_stdin; /* COPY ... FROM stdin */
} UtilityStmt;

void object_name_free(gpointer name);
void object_stmt_clear(ObjectStmt *stmt);
void utility_stmt_clear(UtilityStmt *stmt);

#endif
