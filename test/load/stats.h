/* What the clients have seen: counts, latencies, errors. All functions may be called from any thread. */
#ifndef LOAD_STATS_H
#define LOAD_STATS_H

#include <glib.h>
#include <json-glib/json-glib.h>

typedef enum { VERSION_OLD, VERSION_NEW, VERSIONS } Version;

typedef struct Stats Stats;

/* "old" or "new". */
const char *version_name(Version version);

Stats *stats_new(void);
void stats_free(Stats *stats);

/* One statement that took so many microseconds. */
void stats_statement(Stats *stats, Version version, const char *client, const char *statement, gint64 micros);

/* One transaction that was committed. */
void stats_transaction(Stats *stats);

/* One error; without an SQLSTATE it counts as 08006 (connection failure). */
void stats_error(Stats *stats, const char *client, const char *sqlstate, const char *message, const char *statement);

/* A prepared statement that had to be prepared anew because its result type changed (0A000). */
void stats_plan_changed(Stats *stats);

/* A client read or changed something else than the model says. */
void stats_mismatch(Stats *stats, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Number of mismatches so far; their samples are copied into `samples` (char *). */
gint64 stats_mismatches(Stats *stats, GPtrArray *samples);

/* Adds the members to an object that has been begun. */
void stats_write(Stats *stats, JsonBuilder *json);

#endif
