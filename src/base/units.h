/*
 * Numbers with units, as people write them and as PostgreSQL's settings have them: 64MB, 1GB (powers of 1024; manual
 * section 20.1.1), 250ms, 30s, 5min.
 */
#ifndef PGSEAM_BASE_UNITS_H
#define PGSEAM_BASE_UNITS_H

#include <glib.h>

/* B, kB, MB, GB, TB in either case; without a unit bytes. FALSE for anything else, a negative number included. */
gboolean units_parse_bytes(const char *text, gint64 *ret_bytes);

/* ms, s, min, h, d; without a unit `plain_ms` milliseconds each (1: milliseconds, 1000: seconds). */
gboolean units_parse_ms(const char *text, int plain_ms, gint64 *ret_ms);

/* The shortest exact form: "64MB", "1500ms", "30s"; "0" for nothing. The caller frees. */
char *units_bytes_text(gint64 bytes);
char *units_ms_text(gint64 ms);

/* For people, not exact: "71.3 MB". The caller frees. */
char *units_bytes_about(double bytes);

#endif
