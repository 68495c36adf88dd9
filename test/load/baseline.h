/* Reading the rows of the database which are not what init made them. */
#ifndef LOAD_BASELINE_H
#define LOAD_BASELINE_H

#include "model.h"

/* Rows by id (Row), with a preloaded row that is missing shown as one that does not exist. */
typedef GHashTable Deviations;

/* Columns of a table which are in the database and not ignored, as a bit mask. */
gboolean baseline_columns(PGconn *conn, Model *model, TableId table, guint *columns, GError **error);

/* All rows of the table which differ from what was preloaded. */
Deviations *baseline_deviations(PGconn *conn, Model *model, TableId table, GError **error);

/* Adds the rows of these ids (gint64) to the deviations, whether they deviate or not. */
gboolean baseline_fetch(PGconn *conn, Model *model, TableId table, const GArray *ids, Deviations *rows, GError **error);

/* Takes what earlier runs left behind into the model. */
gboolean baseline_adopt(PGconn *conn, Model *model, GError **error);

#endif
