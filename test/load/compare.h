/* The model against the database. */
#ifndef LOAD_COMPARE_H
#define LOAD_COMPARE_H

#include "model.h"

typedef struct {
    gint64 rows_checked;
    gint64 mismatches;
    GPtrArray *samples;
} Comparison;

/* Compares every row of the shop with the model. Clients must be gone. FALSE when the database could not be read. */
gboolean compare_all(PGconn *conn, Model *model, Comparison *comparison, GError **error);

/* Notes a mismatch; only the first ones are kept as samples. */
void compare_note(Comparison *comparison, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
