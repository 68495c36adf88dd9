/* The clients: one thread each, more or fewer on demand. */
#ifndef LOAD_FLEET_H
#define LOAD_FLEET_H

#include "compare.h"
#include "pace.h"
#include "session.h"

typedef struct Load Load;

/*
 * What the clients of a run do, and what must be at its end. `model` of a Load is the application's own.
 */
typedef struct Application {
    /* Reads what is in the database into load->model. */
    gboolean (*prepare)(Load *load, PGconn *conn, GError **error);
    /* A worker with rows of its own, not connected; its first member is its Session. NULL when all are taken. */
    gpointer (*employ)(Load *load, Version version, GRand *random);
    /* One transaction; FALSE when something failed. */
    gboolean (*step)(gpointer worker);
    void (*dismiss)(gpointer worker);
    /* Compares every row with the model, once the clients are gone. FALSE when the database could not be read. */
    gboolean (*compare)(PGconn *conn, Load *load, Comparison *comparison, GError **error);
    void (*ignore)(Load *load, const char *column);
    void (*free)(Load *load);
    int most_clients;
    /* What guests look at: a table as a whole, one row of it, one of another. */
    const char *table;
    const char *look_at_all;
    const char *look_at_one;
    const char *look_at_other;
} Application;

/* What all threads of a run share. */
struct Load {
    const Application *application;
    gpointer model;
    const char *shape;
    const char *conninfo;
    const char *path[VERSIONS];
    Stats *stats;
    Pace pace;
    char *run_name;
    guint32 seed;
};

typedef struct Fleet Fleet;

Fleet *fleet_new(Load *load);

/* Stops all clients. */
void fleet_free(Fleet *fleet);

/* Starts or stops clients until so many run; returns when they are connected (or could not), or gone. */
gboolean fleet_resize(Fleet *fleet, Version version, int count, GError **error);

#endif
