/*
 * Facts: what the server says about the tables concerned. Pure data, no I/O.
 *
 * Law: a fact is as PostgreSQL prints it under an empty search_path, so equal facts compare equal as text. Sizes are
 * estimates (pg_class.reltuples, relpages) and never part of a fingerprint.
 */
#ifndef PGSEAM_CATALOG_FACTS_H
#define PGSEAM_CATALOG_FACTS_H

#include <glib.h>

#include "catalog/fact_object.h"

typedef struct FactColumn {
    char *name;
    int number;
    char *type;         /* format_type() */
    char *key_type;     /* the base type without a length: what a value of a key is cast to */
    char *default_expr; /* pg_get_expr(), NULL: none */
    gboolean is_not_null;
    gboolean is_generated;
    gboolean is_identity;
    gboolean has_collation;                    /* another one than its type's own */
    gboolean is_unproven;                      /* from 18 on: NOT NULL, but NOT VALID */
    gboolean is_comparable;                    /* its type has a default btree operator class ... */
    char *greater_operator, *at_most_operator; /* ... with these: "OPERATOR(pg_catalog.>)"; NULL without one */
    char *sequence;      /* the one that it owns (serial, identity), quoted and qualified; NULL: none ... */
    char *sequence_type; /* ... and its type */
    int statistics;      /* SET STATISTICS; -1: the server's default */
    char *storage;       /* SET STORAGE: "PLAIN", "MAIN", "EXTERNAL", "EXTENDED" */
    char *compression;   /* SET COMPRESSION; NULL: the server's default */
    GPtrArray *options;  /* SET (n_distinct = ...): "n_distinct=5" */
    /* Only where a version is to be made (FactRequest.version): */
    char *comment;             /* COMMENT ON COLUMN; NULL: none */
    gboolean forbids_null;     /* its type is a domain that forbids NULL and gives no default */
    char *type_default;        /* what its type, a domain, gives where the column has no default; NULL: nothing */
    gboolean has_storage;      /* SET STORAGE to something else than its type's */
    gboolean has_own_grant;    /* a privilege on it that was granted to our own role: it is in no FactTable.grants */
    char *not_null_name;       /* from 18 on: of its NOT NULL constraint; NULL: none ... */
    char *not_null_comment;    /* ... and the comment on that */
    gboolean has_odd_not_null; /* ... which is NOT VALID or NO INHERIT */
} FactColumn;

typedef struct FactIndex {
    char *name;
    char *definition;   /* pg_get_indexdef() */
    char *constraint;   /* the constraint that owns it, or NULL */
    GPtrArray *columns; /* names of the key columns; NULL as a whole where a key is an expression */
    gboolean is_unique;
    gboolean is_primary;
    gboolean is_valid;
    gboolean is_partial;
    gboolean is_immediate;
    gboolean is_replica_identity;
    gboolean is_exclusion;
    char *parent_schema; /* the partitioned index that it is attached to, or NULL */
    char *parent_name;
    char *shape;           /* equal for indexes that ATTACH PARTITION would take for the same */
    char *tail;            /* of the definition: from USING on */
    GPtrArray *attributes; /* the names of the index's own columns */
    gboolean is_clustered; /* CLUSTER ON */
    /* Only where a version is to be made (FactRequest.version): */
    char *comment;         /* COMMENT ON INDEX; NULL: none */
    char *tablespace;      /* NULL: the database's */
    GPtrArray *statistics; /* "ALTER COLUMN 1 SET STATISTICS 500": of its expressions */
} FactIndex;

typedef struct FactConstraint {
    char *name;
    char kind;          /* pg_constraint.contype */
    char *definition;   /* pg_get_constraintdef() */
    GPtrArray *columns; /* of this table: the constrained ones, or the referenced ones of an inbound foreign key */
    gboolean is_valid;
    gboolean is_clone;   /* it comes from the same constraint of a partitioned table */
    char *comment;       /* COMMENT ON CONSTRAINT, or NULL */
    gboolean is_inbound; /* a foreign key of another table that references this one */
    char *index;         /* its own, or for a foreign key the unique one that it rests on; NULL */
    char *other_schema;  /* foreign keys: the table at the other end */
    char *other_table;
    GPtrArray *other_types; /* of the columns at the other end; NULL where there are none */
    char other_kind;        /* its pg_class.relkind ... */
    char other_persistence; /* ... and relpersistence */
    gboolean other_is_owned;
} FactConstraint;

/* Something that keeps a column from being dropped without CASCADE. */
typedef struct FactDependent {
    char *column;
    char *what;         /* pg_describe_object(): "view shop.adults" */
    char *view_schema;  /* of a view; NULL for anything else */
    char *view_name;    /* likewise */
    char *on_view;      /* what stands on that view in its turn; NULL: nothing */
    gboolean is_ours;   /* a view of a version (FactRequest.versions) ... */
    gboolean is_rising; /* ... whose migration is not complete */
} FactDependent;

/* A privilege on a table, or on one of its columns. */
typedef struct FactGrant {
    char *column;    /* NULL: the table */
    char *grantee;   /* as GRANT takes it: quoted, or PUBLIC */
    char *privilege; /* "SELECT" */
    gboolean is_grantable;
    gboolean is_passed_on; /* by a role that may, which is not the table's owner */
} FactGrant;

typedef struct FactName {
    char *schema;
    char *name;
} FactName;

typedef struct FactTable {
    gint64 oid;
    char *schema;
    char *name;
    char kind;        /* pg_class.relkind: r, p, f, v, m, i ... */
    char persistence; /* p, u, t */
    char *owner;
    gboolean is_owned; /* the role may ALTER it */
    gboolean has_children;
    gboolean is_derived; /* a partition, an inheritance child, a typed table: its columns are not its own */
    gboolean has_rules;  /* CREATE RULE: an UPDATE may become something else */
    gboolean is_partition;
    gboolean is_typed;     /* CREATE TABLE ... OF a composite type */
    gboolean is_populated; /* a materialized view that has been filled */
    char *parent_schema;   /* of a partition or an inheritance child: the (first) parent */
    char *parent_name;
    char *bound;                /* a partition's: "FOR VALUES ..." or "DEFAULT" */
    char *partition_constraint; /* what the bound means, as a condition */
    char *partition_key;        /* a partitioned table's: pg_get_partkeydef() */
    char strategy;              /* ... l, r or h; 0 for others */
    GPtrArray *key_parts;       /* ... the columns, quoted, or its one expression; NULL where it is a mixture */
    GPtrArray *key_types;       /* ... the columns' types; NULL for an expression */
    char *default_schema;       /* the default partition: its own, or the one beside it; NULL if there is none */
    char *default_name;
    GPtrArray *descendants; /* FactTable: partitions and children at any depth, parents first; they belong to Facts */
    GPtrArray *sources;     /* FactName: what a materialized view reads */
    gboolean is_empty;      /* it has no page at all: for certain, unlike `rows` */
    double rows;
    gint64 bytes;              /* of its pages, as far as VACUUM knows */
    gint64 table_bytes;        /* on disk now, with TOAST ... */
    gint64 index_bytes;        /* ... and its indexes */
    gboolean is_small;         /* few enough rows for one statement in one short transaction; an estimate, too */
    GPtrArray *columns;        /* FactColumn, without dropped ones */
    GPtrArray *indexes;        /* FactIndex */
    GPtrArray *constraints;    /* FactConstraint */
    GPtrArray *dependents;     /* FactDependent */
    GPtrArray *triggers;       /* names of user triggers, as text */
    gboolean fires_on_update;  /* an enabled trigger of the user fires for an UPDATE of any column */
    GPtrArray *trigger_states; /* pg_trigger.tgenabled of each: "O", "D", "R", "A" */
    GPtrArray *options;        /* storage parameters: "fillfactor=70", "toast.autovacuum_enabled=false" */
    char replica_identity;     /* pg_class.relreplident: d, n, f, i */
    gboolean has_row_security;
    gboolean forces_row_security;
    /* Only where a version is to be made (FactRequest.version): */
    GPtrArray *grants;          /* FactGrant: what others than the owner may do; NULL: not asked for */
    char *comment;              /* COMMENT ON TABLE; NULL: none */
    GPtrArray *before_triggers; /* names of the user's enabled BEFORE ROW triggers for INSERT and UPDATE, of it ... */
    GPtrArray *update_of;       /* ... columns that some trigger names in UPDATE OF ... */
    char *publications;         /* ... that it is in; NULL: none; all of its partitions, too */
    GPtrArray *statistics_columns; /* in extended statistics */
    GPtrArray *partition_keys;     /* columns in the partition keys of all its levels */
    gboolean is_beside;            /* read only because the version shows every table (FactRequest.pins) ... */
    char *unfit;                   /* ... and why it cannot show this one; NULL: nothing known here */
} FactTable;

/* The schema that a version would get. */
typedef struct FactVersion {
    gboolean is_taken;   /* a schema of the name exists */
    gboolean may_create; /* the role may create schemas */
} FactVersion;

typedef struct FactType {
    gboolean exists;
    char *formatted; /* format_type() with its modifier, to compare with FactColumn.type; NULL if it does not exist */
    gboolean is_constrained_domain;
} FactType;

typedef struct Facts {
    int server_version; /* server_version_num */
    char *database;
    char *role;
    char *search_path; /* quoted list */
    char *time_zone;
    char *date_style;
    char *creation_schema;  /* the first schema of the search_path, or NULL */
    GHashTable *relations;  /* quoted name as requested -> FactTable (an index maps to its table) */
    GHashTable *tables;     /* oid (gint64) -> FactTable, owner of the tables */
    GHashTable *volatility; /* function or operator name -> "i", "s" or "v": the worst of its overloads */
    GHashTable *aggregates; /* set of names among them that are aggregates or window functions */
    GHashTable *builtin;    /* set of those that PostgreSQL itself brings, all overloads */
    GHashTable *types;      /* type text -> FactType */
    GHashTable *schemas;    /* name of a schema that was asked for -> GPtrArray of FactTable, by name */
    GHashTable
        *neighbours;   /* set of quoted qualified names of all relations in the schemas of families of partitions */
    GHashTable *taken; /* set of quoted qualified names of relations that exist among the candidates */
    GHashTable *constraints; /* the same for constraints: schema of their table and name */
    GHashTable *objects;     /* fact_object_key() -> FactObject: those that exist */
    GPtrArray *pinned;       /* FactTable: all that the search_path finds, in its order; where FactRequest.pins */
    FactVersion version;
} Facts;

Facts *facts_new(void);
void facts_free(Facts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Facts, facts_free)

/* The table that was requested under this name (schema NULL: unqualified), or the table of an index of that name; NULL
 * if there is none. */
const FactTable *facts_find(const Facts *facts, const char *schema, const char *name);

/* The object that was asked for with this key (fact_object_key()); NULL if there is none. */
const FactObject *facts_object(const Facts *facts, const char *key);

const FactColumn *facts_column(const FactTable *table, const char *name);
const FactIndex *facts_index(const FactTable *table, const char *name);

/* A constraint of the table's own by name, inbound foreign keys left out; NULL. */
const FactConstraint *facts_constraint(const FactTable *table, const char *name);

/* The index of its primary key, or NULL. */
const FactIndex *facts_primary_key(const FactTable *table);

/* TRUE if a relation of this name is known to be on the server: among the candidates, or beside partitions. */
gboolean facts_is_taken(const Facts *facts, const char *schema, const char *name);

/* The worst volatility of all functions or operators of this name: 'i', 's' or 'v'; 'v' for what does not exist. */
char facts_volatility(const Facts *facts, const char *name);

/* The best key to walk a table by: the primary key, else a valid, immediate, unique index without predicate on NOT NULL
 * columns that can be compared, the one with the fewest columns. NULL if there is none. */
const FactIndex *facts_key(const FactTable *table);

/* The same for a walk of a statement that assigns to `changed` (list of column names): no column of the key is among
 * them. */
const FactIndex *facts_key_without(const FactTable *table, const GPtrArray *changed);

/* TRUE if an aggregate or window function has this name. */
gboolean facts_is_aggregate(const Facts *facts, const char *name);

/* TRUE if all functions or operators of this name are PostgreSQL's own. */
gboolean facts_is_builtin(const Facts *facts, const char *name);

/* The quoted qualified names of the tables that are small, sorted; and the other way round: those and no others are. A
 * plan keeps what it was made for, since tables grow. */
GPtrArray *facts_small(const Facts *facts);
void facts_set_small(Facts *facts, const GPtrArray *names);

/* The fingerprint of a plan: one line for each fact that the plan rests on, sorted. The caller unrefs. */
GPtrArray *facts_fingerprint(const Facts *facts);

#endif
