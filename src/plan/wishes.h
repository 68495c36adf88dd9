/*
 * The families of wishes.c. Private to plan/.
 */
#ifndef PGSEAM_PLAN_WISHES_H
#define PGSEAM_PLAN_WISHES_H

#include "plan/planner.h"

void wishes_of_object(Wishes *wishes, const ObjectStmt *stmt);
void wishes_of_utility(Wishes *wishes, const UtilityStmt *stmt);

#endif
