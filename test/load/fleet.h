/* The clients: one thread each, more or fewer on demand. */
#ifndef LOAD_FLEET_H
#define LOAD_FLEET_H

#include "pace.h"
#include "work.h"

/* What all threads of a run share. */
typedef struct {
    const char *conninfo;
    const char *path[VERSIONS];
    Model *model;
    Stats *stats;
    Pace pace;
    char *run_name;
    guint32 seed;
} Load;

typedef struct Fleet Fleet;

Fleet *fleet_new(Load *load);

/* Stops all clients. */
void fleet_free(Fleet *fleet);

/* Starts or stops clients until so many run; returns when they are connected (or could not), or gone. */
gboolean fleet_resize(Fleet *fleet, Version version, int count, GError **error);

#endif
