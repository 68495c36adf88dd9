/*
 * What the recipes of columns share. Private to plan/.
 */
#ifndef PGSEAM_PLAN_RECIPE_COLUMN_H
#define PGSEAM_PLAN_RECIPE_COLUMN_H

#include "plan/recipe.h"
#include "rules/type_change.h"

/* GENERATED ... AS IDENTITY among the inline constraints, or NULL. */
const ConstraintDef *column_identity(const ColumnDef *column);

/* The name that PostgreSQL gives to the sequence of a serial or identity column (ChooseRelationName), claimed; NULL if
 * ten are taken. The caller frees. */
char *column_sequence_name(PlanContext *ctx, const Target *target, const char *column);

/* The rest of a column whose existing rows each get a value of their own: `add` is the step that adds it bare. */
gboolean column_fill(PlanContext *ctx, const Target *target, const AlterCmd *cmd, Step *add, GError **error);

/* Why a change of type cannot be done in place, as text that the caller frees; NULL: it can, or *ret_change is
 * TYPE_CHANGE_NONE and there is nothing to do. */
char *column_type_reason(const Facts *facts, const FactTable *table, const AlterCmd *cmd, TypeChange *ret_change);

/* The parts of an online rewrite: ALTER COLUMN TYPE; ADD COLUMN; SET and DROP DEFAULT of a column whose type a rewrite
 * of this file changes, which is what column_rewrites_default() tells. */
gboolean column_rewrite_type(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *reason,
                             GError **error);
gboolean column_rewrite_add(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *reason,
                            GError **error);
gboolean column_rewrites_default(const PlanContext *ctx, const Target *target, const AlterCmd *cmd);
gboolean column_rewrite_default(PlanContext *ctx, const Target *target, const AlterCmd *cmd, GError **error);

/* TRUE if an earlier statement of the file makes the column's type. A domain's own conditions would rewrite the table:
 * only one without any counts. */
gboolean column_is_type_of_file(const PlanContext *ctx, const ColumnDef *column);

#endif
