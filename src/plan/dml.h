/*
 * What the recipes for changes of rows share. Private to plan/.
 *
 * dml_columns.c        columns and parameters that a statement may name
 * dml_split.c          whether a statement may be split: each row's fate depends on that row alone
 * dml_step.c           the steps: by key, by blocks, or once
 * repeatable.c         whether a row that was changed may be met again
 * recipe_dml.c         UPDATE and DELETE
 * recipe_insert.c      INSERT
 * recipe_dml_sweep.c   what is swept before contract
 */
#ifndef PGSEAM_PLAN_DML_H
#define PGSEAM_PLAN_DML_H

#include "plan/recipe.h"

/* How a statement runs. */
typedef enum DmlWay {
    DML_BY_KEY,
    DML_BY_CTID,
    DML_ONCE,    /* one statement within the lock budget */
    DML_PATIENT, /* one statement, by consent, as long as nobody waits for it */
} DmlWay;

typedef struct DmlChoice {
    DmlWay way;
    const FactTable *walked; /* the table that is gone through; NULL: none, or one that this file creates */
    const FactIndex *key;    /* DML_BY_KEY */
    gboolean is_repeatable;
    const char *still; /* repeatable: a further condition for a sweep, or NULL */
} DmlChoice;

/* What the columns of the row in hand are qualified with. */
const char *dml_alias(const DmlStmt *dml);

/* Another table of the same name is read ("other.t" beside "t"). */
gboolean dml_has_namesake(const DmlStmt *dml);

/* "UPDATE", "DELETE", "INSERT". */
const char *dml_word(const Stmt *stmt);

/* Refuse columns that do not exist or are dropped by an earlier statement, generated ones, parameters. */
gboolean dml_check_columns(PlanContext *ctx, const Target *target, GError **error);

/* Refuse, with the reason, unless the statement may be split by rows of its target (INSERT: of its source). */
gboolean dml_check_split(PlanContext *ctx, const Target *target, GError **error);

/* Refuse one statement over a table of this file that an earlier statement fills in batches: it may be large by now. */
gboolean dml_check_filled(PlanContext *ctx, const char *table, GError **error);

/* The table whose rows the statement changes. */
const Target *dml_target(PlanContext *ctx, const Stmt *stmt, GError **error);

/* The columns that an UPDATE assigns. The caller unrefs; the names belong to the statement. */
GPtrArray *dml_assigned(const DmlStmt *dml);

/* One step that runs the statement so, with its SQL and its locks. */
Step *dml_step(PlanContext *ctx, const Target *target, Phase phase, const DmlChoice *choice);

/* The table or query that a name in the statement means: facts, or NULL with `ret_created` telling whether this file
 * creates it. */
const FactTable *dml_resolve(const PlanContext *ctx, const RelName *name, gboolean *ret_created);

/* A foreign key of another table that references this one, and changes rows of it when rows here are deleted. */
gboolean dml_has_action(const FactConstraint *constraint);

#endif
