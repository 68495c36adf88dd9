/*
 * The bound of a partition: pure data, part of stmt.h.
 */
#ifndef PGSEAM_SQL_BOUND_H
#define PGSEAM_SQL_BOUND_H

#include <glib.h>

/* One value in a partition's bound. */
typedef enum BoundKind { BOUND_CONSTANT, BOUND_NULL, BOUND_UNLIMITED, BOUND_EXPRESSION } BoundKind;

typedef struct BoundValue {
    BoundKind kind; /* BOUND_UNLIMITED: MINVALUE, MAXVALUE */
    char *text;     /* exact slice */
} BoundValue;

typedef struct PartitionBound {
    char *text; /* "FOR VALUES ...", "DEFAULT"; NULL: there is none */
    gboolean is_default;
    char strategy;    /* r, l, h; 0 for DEFAULT */
    GPtrArray *lower; /* BoundValue: FROM (...), or IN (...) */
    GPtrArray *upper; /* BoundValue: TO (...) */
    int modulus;
    int remainder;
} PartitionBound;

/* Release what they hold. */
void bound_value_free(gpointer value);
void bound_clear(PartitionBound *bound);

#endif
