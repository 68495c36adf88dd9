/*
 * Following the log: what the slot delivers goes, as keys, into the dirty table.
 *
 * One thread, two sessions: the stream, and one that writes. Pumping reads what is there, looks which transactions are
 * visible by now, inserts their keys and confirms to the server what is durable. A connection that breaks is opened
 * again within reconnect_s: the slot then delivers anew what was not confirmed, and keys are a set. What cannot be
 * mended (a slot that is lost or gone, a publication that was changed) is SEAM_ERROR_FAILED.
 */
#ifndef PGSEAM_REWRITE_FOLLOW_H
#define PGSEAM_REWRITE_FOLLOW_H

#include "rewrite/rewrite.h"

/* The table, in the rewrite's schema, that tells of TRUNCATE: a row for each that was seen. It is only inserted into
 * and deleted from, so whoever reads it never waits for the capture, nor the other way round. */
#define FOLLOW_TRUNCATED "pgseam_truncated"

/* Begin to follow rewrite->slot. The dirty table and FOLLOW_TRUNCATED are there. */
Capture *follow_open(Rewrite *rewrite, GError **error);

/* As CaptureOps.pump and CaptureOps.sync; FALSE on error. */
gboolean follow_pump(Capture *capture, GError **error);
gboolean follow_sync(Capture *capture, int timeout_ms, gboolean *ret_synced, GError **error);

/* End the sessions. */
void follow_close(Capture *capture);

#endif
