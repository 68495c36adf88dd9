/*
 * Facts made by hand, and plans made from them: a shop that no server has.
 */
#ifndef PGSEAM_TEST_UNIT_PLAN_FIXTURE_H
#define PGSEAM_TEST_UNIT_PLAN_FIXTURE_H

#include "catalog/facts.h"
#include "plan/plan.h"

/* Facts of PostgreSQL 15 with the usual functions, operators and types, search_path shop, and no table. */
Facts *fixture_facts(void);

/* An ordinary table of shop, owned by us, with a million rows, found as `name` and `shop.name`. Belongs to the facts.
 */
FactTable *fixture_table(Facts *facts, const char *name);
FactColumn *fixture_column(FactTable *table, const char *name, const char *type);
/* `columns` is a comma separated list without blanks; NULL for an expression. */
FactIndex *fixture_index(FactTable *table, const char *name, const char *columns);
FactIndex *fixture_primary(FactTable *table, const char *columns);
FactConstraint *fixture_constraint(FactTable *table, char kind, const char *name, const char *columns);
/* A partition with the columns that the parent has by now. */
FactTable *fixture_partition(Facts *facts, FactTable *parent, const char *name, const char *bound);
void fixture_depends(FactTable *table, const char *column, const char *what);

/*
 * The shop of test/golden/README.md: users, orders, pair ("Odd" key), nokey, theirs (of another owner), parted (a
 * partitioned table), adults (a view of users.name).
 */
Facts *fixture_shop(void);

/* An object of shop, owned by us, found under `class` and `name` ("adults", "orders.state", "old_greet(text)") both as
 * what is there and as what is about to be created. `kind` as FactObject has it; `relation` NULL: it belongs to none.
 * Returns the one that is there. */
FactObject *fixture_object(Facts *facts, const char *class, const char *name, char kind, const char *relation);
/* `what` follows `object` and, unless it is a part of it, keeps it from being dropped. */
void fixture_follows(FactObject *object, const char *what, const char *type, const char *relation, gboolean is_part);
/* Views, functions, types ... of the shop: adults, seniors (a view of adults), greet(text), old_greet(text), touched()
 * and the trigger audit of orders, mood (an enum), numbers (a sequence), the tables as objects. */
void fixture_objects(Facts *facts);

/* A line for each step: "expand column.add shop.users [ACCESS EXCLUSIVE on shop.users for instant]". The caller frees.
 */
char *fixture_shape(const Plan *plan);

/* Fail the test unless the file is planned so; `facts` NULL: the shop. Steps as fixture_shape() has them. */
void assert_shape(Facts *facts, const char *sql, const char *shape);
/* Fail the test unless it is planned; the caller frees. */
Plan *must_plan(Facts *facts, const char *sql);
/* Fail the test unless it is refused with this message and hint (parts of them; hint NULL: none is given). */
void assert_refusal(Facts *facts, const char *sql, const char *message, const char *hint);

#endif
