/*
 * The inventory of a table: all that makes it up and hangs on it, as lines that can be compared, before and after the
 * cut-over and with what was planned.
 */
#ifndef PGSEAM_REWRITE_INVENTORY_H
#define PGSEAM_REWRITE_INVENTORY_H

#include "db/conn.h"
#include "rewrite/dependants.h"
#include "rewrite/rewrite.h"

typedef struct InventoryLine {
    char *thing;       /* "column id", "trigger stamp", "privilege table": what it is about */
    char *needs;       /* the local thing without which it is gone, too; "" */
    char *text;        /* "column id: 1 bigint NOT NULL ..." */
    char *loose;       /* the text without the casts that follow from the types of columns */
    gboolean is_local; /* of the table's shape; the others are dependants */
} InventoryLine;

/* The lines of the table `oid`, as the application sees its name, and of what `views` says lives elsewhere, in an order
 * that depends on them alone. `conn` must have an empty search_path. The caller unrefs. */
GPtrArray *inventory_read(const Rewrite *rewrite, DbConn *conn, gint64 oid, const Dependants *dependants,
                          GError **error);

/* The same of a table that is not rewritten, without what lives elsewhere. */
GPtrArray *inventory_of(DbConn *conn, const char *schema, const char *table, GError **error);

/* The texts of the local lines (char *, belonging to the lines). The caller unrefs. */
GPtrArray *inventory_shape(const GPtrArray *lines);

/* SEAM_ERROR_DRIFT with the lines that differ unless `now` is `then`: lists of char *. `what` says whose they are. */
gboolean inventory_check_shape(const GPtrArray *then, const GPtrArray *now, const char *what, GError **error);

/* The same for dependants: what hung on the outgoing table must hang on the incoming one. Casts within expressions may
 * differ where the types of columns do. */
gboolean inventory_check_moved(const GPtrArray *before, const GPtrArray *after, GError **error);

#endif
