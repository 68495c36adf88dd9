/*
 * A flow: how rows of one table become rows of another. The same flow serves copy, catch-up and verification, so all of
 * them evaluate the same expressions on the server.
 *
 * Forward, the source is the table that the application uses and the target is the shadow table; after the cut-over the
 * reverse flow feeds the old table from the new one. Pure data; rewrite.h makes it.
 *
 * Law: rows are replaced by key, as a set: all rows of a key are deleted from the target and what the source has of it
 * is inserted. So a flow needs a key that is indexed on both sides, and applying it again does no harm.
 */
#ifndef PGSEAM_REWRITE_FLOW_H
#define PGSEAM_REWRITE_FLOW_H

#include <glib.h>

/* A column of the target that the flow fills. Generated columns and new ones with a default are not among them. */
typedef struct FlowColumn {
    char *name;        /* in the target */
    char *type;        /* of the target: format_type() with its modifier, "numeric(10,2)" */
    char *relay_type;  /* the same without modifier: what a binary COPY carries; the modifier is applied on input */
    char *expr;        /* SQL over the source's columns, unqualified, of whatever type it has */
    gboolean is_plain; /* expr is the very column of the same name and type */
} FlowColumn;

/* A column of the key by which rows are found again. */
typedef struct FlowKey {
    char *name;   /* in the source, and of the column of the dirty table */
    char *type;   /* there: format_type() */
    char *target; /* the target's column ... */
    char *image;  /* ... and its value as SQL over the key columns of the source, unqualified, cast to target_type */
    char *target_type;
    char *equal;        /* the operator by which values are equal, in the source ... */
    char *target_equal; /* ... and in the target: "OPERATOR(pg_catalog.=)" */
    char *back;         /* the source's value as SQL over the target's column; NULL: not known */
    gboolean is_cast;   /* the target\'s value is another one: two keys of the source may have one image */
} FlowKey;

/* A unique index of the target beside the key: what must be out of the way before a row can go in. */
typedef struct FlowUnique {
    char *index;          /* its name */
    GPtrArray *parts;     /* SQL over the target's columns, one for each key column or expression ... */
    GPtrArray *operators; /* ... and the operator by which two of them are in each other's way */
    char *predicate;      /* SQL over the target's columns, or NULL */
    gboolean nulls_not_distinct;
} FlowUnique;

typedef struct Flow {
    gint64 source_oid;
    gint64 target_oid;
    char *source; /* quoted qualified names */
    char *target;
    char *dirty;          /* the table of dirty keys: one column for each key column, of its name and type; no index */
    GPtrArray *columns;   /* FlowColumn, in the target's order */
    GPtrArray *generated; /* FlowColumn: the target's generated columns; expr is over the target's columns */
    GPtrArray *keys;      /* FlowKey */
    GPtrArray *uniques;   /* FlowUnique; empty until the target has its indexes */
    gboolean is_binary;   /* each type has send and receive functions: COPY (FORMAT binary) can carry it */
} Flow;

Flow *flow_new(void);
void flow_free(Flow *flow);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Flow, flow_free)

/* "a, b, c": the target's columns, quoted. The caller frees. */
char *flow_column_list(const Flow *flow);

/* "SELECT <each expr cast to its relay type> FROM <from>": what the target's columns get. `from` is SQL that provides
 * the source's columns. The caller frees. */
char *flow_select(const Flow *flow, const char *from);

/* "a, b": the key columns of the source, quoted. The caller frees. */
char *flow_key_list(const Flow *flow);

/* "(SELECT <image> AS pgseam_k0, <key> AS pgseam_s0 ... FROM <from> AS s)": keys of the source with what they are in
 * the target. `from` provides the key columns. The caller frees. */
char *flow_images(const Flow *flow, const char *from);

/* "t.a = k.pgseam_k0 AND ...": the rows of the target `t` that are those of a key `k` of flow_images(). Where the
 * values change, one image may be that of several keys ('abc' of 'abc' and 'abcdef'): whose row it is says the way
 * back. The caller frees. */
char *flow_match(const Flow *flow);

/* "<back of image> = <key>": whether the key of a row of flow_images() comes back as it was; NULL where all do. The
 * caller frees. */
char *flow_survives(const Flow *flow);

/* SEAM_ERROR_FAILED: a key does not survive; `keys` is a row of flow_images() as text. */
void flow_set_unfit(const Flow *flow, const char *keys, GError **error);

#endif
