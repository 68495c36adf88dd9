/* A run: clients, commands from stdin, and the account at the end. */
#ifndef LOAD_RUN_H
#define LOAD_RUN_H

#include "fleet.h"

typedef struct {
    const Application *application;
    char *shape;
    char *conninfo;
    char *path[2];
    int clients[2];
    double rate;
    int seed;
    double duration;
} RunOptions;

/* Runs until quit, the end of stdin or of the time. FALSE when it could not begin. */
gboolean run_load(const RunOptions *options, GError **error);

#endif
