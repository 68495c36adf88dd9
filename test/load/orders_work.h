/* A client of the orders at work. */
#ifndef LOAD_ORDERS_WORK_H
#define LOAD_ORDERS_WORK_H

#include "orders.h"

typedef enum {
    ORDER_POINT,
    ORDER_VIEW,
    ORDER_LINES,
    ORDER_PLAIN,
    ORDER_NOTE,
    ORDER_PAYLOAD,
    ORDER_REKEY,
    ORDER_ADD,
    ORDER_PUT,
    ORDER_UPSERT,
    ORDER_DELETE,
    ORDER_CODE,
    ORDER_SEATS,
    ORDER_MORE,
    ORDER_MANY,
    ORDER_LINE,
    ORDER_REMARK,
    ORDER_HOLD,
    ORDER_UNHOLD,
    ORDER_STATEMENTS
} OrderStatement;

typedef struct {
    Session session;
    Load *load;
    OrderModel *model;
    OrderSlot *slot;
    GRand *random;
    Statement statements[ORDER_STATEMENTS];
    GArray *changes; /* of the open transaction: OrderChange */
    gint64 orphans;  /* that the open transaction makes */
} Clerk;

/* What an order of the client's becomes when the transaction commits; `order` NULL: it is a new one. */
typedef struct {
    Order *order;
    Order now;
} OrderChange;

/* The statements for a shape; the texts are freed by the second. */
void orders_statements(const OrderShape *shape, Statement *statements);
void orders_statements_free(Statement *statements);

/* An order of the client's that exists, or one that is gone; NULL if none was found. */
Order *clerk_pick(Clerk *clerk, gboolean exists);

/* Says what an order will be; `order` NULL: a new one. */
void clerk_stage(Clerk *clerk, Order *order, const Order *now);

/* Runs a statement that must touch so many rows; another number is a mismatch, not a failure. */
gboolean clerk_write(Clerk *clerk, OrderStatement id, const Params *params, int rows);

/* Ends what was one autocommit statement, or a transaction: the model follows the outcome. */
gboolean clerk_settle(Clerk *clerk, gboolean ok);
gboolean clerk_begin(Clerk *clerk);
gboolean clerk_end(Clerk *clerk, gboolean ok);

int clerk_random(Clerk *clerk, int limit);

/* One transaction each (orders_changes.c). */
gboolean order_point(Clerk *clerk);
gboolean order_view(Clerk *clerk);
gboolean order_lines(Clerk *clerk);
gboolean order_plain(Clerk *clerk);
gboolean order_note(Clerk *clerk);
gboolean order_payload(Clerk *clerk);
gboolean order_rekey(Clerk *clerk);
gboolean order_add(Clerk *clerk);
gboolean order_add_with_children(Clerk *clerk);
gboolean order_delete(Clerk *clerk);
gboolean order_replace(Clerk *clerk);
gboolean order_swap_codes(Clerk *clerk);
gboolean order_swap_seats(Clerk *clerk);
gboolean order_hot(Clerk *clerk);
gboolean order_upsert(Clerk *clerk);
gboolean order_many(Clerk *clerk);
gboolean order_savepoint(Clerk *clerk);
gboolean order_rollback(Clerk *clerk);

#endif
