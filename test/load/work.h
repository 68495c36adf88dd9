/* A client at work: one transaction at a time, with the model kept in step. */
#ifndef LOAD_WORK_H
#define LOAD_WORK_H

#include "fleet.h"
#include "model.h"
#include "session.h"

typedef enum {
    STATEMENT_POINT,
    STATEMENT_JOIN,
    STATEMENT_ORDER,
    STATEMENT_BALANCE,
    STATEMENT_PROFILE,
    STATEMENT_ADD_USER,
    STATEMENT_UPSERT,
    STATEMENT_ADD_ORDER,
    STATEMENT_ADD_ITEMS,
    STATEMENT_UPDATE_ORDER,
    STATEMENT_DELETE_ORDER,
    STATEMENT_DELETE_USER,
    STATEMENTS
} StatementId;

/* What the two versions of the shop say (shop_statements.c). */
extern const Statement shop_statements[STATEMENTS];

typedef struct {
    Session session;
    Model *model;
    Slot *slot;
    GRand *random;
    /* Changes of the open transaction, in order (Change). */
    GArray *changes;
    const char *run_name;
} Worker;

typedef struct {
    TableId table;
    Row row;
} Change;

/* One transaction chosen at random. FALSE when something failed; the session may then need a new connection. */
gboolean work_step(Worker *worker);

/* Adds a change to the open transaction. */
void work_stage(Worker *worker, TableId table, const Row *row);

/* Runs a statement that must touch so many rows; another number is a mismatch, not a failure. */
gboolean work_write(Worker *worker, StatementId id, const Params *params, int rows);

/* Ends what was one autocommit statement, or a transaction begun with work_begin: the model follows the outcome. */
gboolean work_settle(Worker *worker, gboolean ok);
gboolean work_begin(Worker *worker);
gboolean work_end(Worker *worker, gboolean ok);

/* A random number below `limit`. */
int work_random(Worker *worker, int limit);

/* What a client can do (operations.c). Each is one transaction and returns whether it went well. */
gboolean operation_point(Worker *worker);
gboolean operation_join(Worker *worker);
gboolean operation_order(Worker *worker);
gboolean operation_balance(Worker *worker);
gboolean operation_profile(Worker *worker);
gboolean operation_add_user(Worker *worker);
gboolean operation_upsert(Worker *worker);
gboolean operation_add_order(Worker *worker);
gboolean operation_many(Worker *worker);
gboolean operation_savepoint(Worker *worker);
gboolean operation_update_order(Worker *worker);
gboolean operation_delete_order(Worker *worker);
gboolean operation_delete_user(Worker *worker);

#endif
