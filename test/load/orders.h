/*
 * The orders: one table with everything on it that an online rewrite can lose, in several shapes of its key, and
 * clients that change rows in every way there is, keys included. Each client has rows of its own and knows what they
 * must be; four hot rows are everybody's, and counted.
 */
#ifndef LOAD_ORDERS_H
#define LOAD_ORDERS_H

#include "compare.h"
#include "fleet.h"

#define ORDER_SLOTS 16
#define HOT_ROWS    4
#define KEY_SIZE    TEXT_SIZE
#define DIGEST_SIZE 33

/* What the key is, and how SQL says it. Where a key has several columns, its text is their values with '/' between. */
typedef struct {
    const char *name;
    const char *prepare; /* SQL before CREATE TABLE, or NULL */
    const char *columns; /* of the key, with their types */
    const char *list;    /* of the key */
    const char *child;   /* columns that refer to it, with their types */
    const char *child_list;
    const char *fill;   /* the key of row n at the beginning */
    const char *values; /* the key whose text is $ */
    const char *match;  /* the row whose key's text is $ */
    const char *child_match;
    const char *change; /* SET: the key becomes the one whose text is $ */
    const char *text;   /* the key's text */
    const char *child_text;
    const char *number; /* a key as a whole number, for those that are one */
    gboolean is_serial; /* the database can make the key */
} OrderShape;

/* By name, NULL for "int". NULL with an error if there is none. */
const OrderShape *orders_shape(const char *name, GError **error);

/* The template with @K (the key's columns), @F (a child's), @V1 @W1 @C1 @S1 (values, match, child's match, change, for
 * parameter $1; also 2 to 9), @T and @U (text of the key, of a child's) replaced. The caller frees. */
char *orders_sql(const OrderShape *shape, const char *template);

/* Creates the tables and fills them with so many rows. */
gboolean orders_create(PGconn *conn, const char *shape, gint64 rows, GError **error);

/* A row as it must be. */
typedef struct Order {
    char key[KEY_SIZE];
    gboolean exists;
    gint64 code;
    gint64 seat;
    gint64 amount;
    char status[TEXT_SIZE];
    char note[TEXT_SIZE];
    char payload[DIGEST_SIZE]; /* MD5 of it; "": NULL */
    gint64 lines;
    gint64 quantity; /* of all lines */
    gint64 remarks;
    gboolean has_hold;
    gboolean is_spent;    /* nobody may have this key again: one that is equal to it is in use */
    gboolean is_seen;     /* by the comparison */
    struct Order *before; /* what it was if the commit whose answer got lost did not happen */
} Order;

typedef struct {
    int number;
    gboolean is_taken;
    GPtrArray *orders; /* Order, gone ones too */
    gint64 orphans;    /* remarks whose order was deleted */
    gint64 maybe_orphans;
    GHashTable *maybe; /* codes of rows whose INSERT got no answer */
} OrderSlot;

typedef struct {
    char key[KEY_SIZE];
    gint64 amount; /* at the beginning */
    gint count;
    gint maybe; /* updates without an answer */
} HotRow;

typedef struct {
    const OrderShape *shape;
    OrderSlot slots[ORDER_SLOTS];
    HotRow hot[HOT_ROWS];
    int n_hot;
    gint next_code;
    gint next_key;
    char run[24]; /* makes the keys of this run its own */
    gint64 base;  /* the same for those that are numbers */
    gint64 orphans;
    GMutex lock;
    GHashTable *ignored;
} OrderModel;

/* What the database has, given to slots by turns. Rows whose status begins with "theirs" are nobody's business. */
OrderModel *orders_model_new(PGconn *conn, const OrderShape *shape, GError **error);
void orders_model_free(OrderModel *model);

/* A key that nobody had yet. */
void orders_new_key(OrderModel *model, char *key);
gint64 orders_new_code(OrderModel *model);

/* The MD5 of what the seed makes of a payload; "" for no seed. */
void orders_digest(const char *seed, char *digest);

/* Every row as the database has it now; key's text -> Order. NULL on error. The caller unrefs. */
GHashTable *orders_read(PGconn *conn, const OrderShape *shape, GError **error);

gboolean orders_ignores(const OrderModel *model, const char *column);

/* Compares all rows with the model; the clients are gone. */
gboolean orders_compare(PGconn *conn, OrderModel *model, Comparison *comparison, GError **error);

#endif
