/*
 * What the recipes of ADD COLUMN share. Private to plan/.
 */
#ifndef PGSEAM_PLAN_RECIPE_COLUMN_H
#define PGSEAM_PLAN_RECIPE_COLUMN_H

#include "plan/recipe.h"

/* GENERATED ... AS IDENTITY among the inline constraints, or NULL. */
const ConstraintDef *column_identity(const ColumnDef *column);

/* The name that PostgreSQL gives to the sequence of a serial or identity column (ChooseRelationName), claimed; NULL if
 * ten are taken. The caller frees. */
char *column_sequence_name(PlanContext *ctx, const Target *target, const char *column);

/* The rest of a column whose existing rows each get a value of their own: `add` is the step that adds it bare. */
gboolean column_fill(PlanContext *ctx, const Target *target, const AlterCmd *cmd, Step *add, GError **error);

#endif
