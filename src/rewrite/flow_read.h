/*
 * Flows from the catalog.
 */
#ifndef PGSEAM_REWRITE_FLOW_READ_H
#define PGSEAM_REWRITE_FLOW_READ_H

#include "rewrite/rewrite.h"

typedef enum FlowDirection { FLOW_FORWARD, FLOW_REVERSE } FlowDirection;

/*
 * Read how the rows flow, from the tables as they are: forward from the source to the shadow, or after the cut-over
 * from the new table to the old one. The dirty table tells the key. The caller frees. SEAM_ERROR_REFUSED where a
 * column's way is not known.
 */
Flow *flow_read(Rewrite *rewrite, FlowDirection direction, GError **error);

#endif
