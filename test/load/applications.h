/* The applications there are. */
#ifndef LOAD_APPLICATIONS_H
#define LOAD_APPLICATIONS_H

#include "fleet.h"

extern const Application shop_application;
extern const Application orders_application;

#endif
