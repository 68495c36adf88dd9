/*
 * What can be set about a migration and changed while it runs: sizes and limits of the throttle, the policies for
 * blockers, the standbys. One row in the table of settings.c is an option of the command line, a row of the journal
 * (pgseam.setting) and a key of `pgseam throttle --format json`.
 *
 * Law: the journal is where the values live. What is given on a command line is written there, and the runner reads it
 * again between batches and while it waits, so that whoever changes it later wins. A name in the journal never changes
 * its meaning.
 */
#ifndef PGSEAM_RUN_SETTINGS_H
#define PGSEAM_RUN_SETTINGS_H

#include "db/conn.h"
#include "run/options.h"

typedef enum SettingId {
    SETTING_BATCH_MS,
    SETTING_MAX_BATCH_ROWS,
    SETTING_LOAD_PERCENT,
    SETTING_MAX_LAG_BYTES,
    SETTING_MAX_LAG_SECONDS,
    SETTING_STANDBY,
    SETTING_MAX_SLOT_BYTES,
    SETTING_ON_VACUUM,
    SETTING_THROTTLE_QUERY,
    SETTING_THROTTLE_QUERY_LIMIT,
    SETTING_PAUSE_FILE,
    SETTING_CAPTURE,
    SETTING_COPY_JOBS,
    SETTING_POSTPONE_CUT_OVER,
    SETTING_SNAPSHOT_WAIT,
    SETTING_ON_OLD_SNAPSHOT,
    SETTING_ON_BLOCKER, /* the first of N_BLOCKER_KINDS */
    N_SETTINGS = SETTING_ON_BLOCKER + N_BLOCKER_KINDS
} SettingId;

typedef struct SettingTrait {
    const char *name;     /* in the journal and in JSON: never changes */
    const char *option;   /* without the dashes */
    const char *argument; /* "BYTES" */
    const char *doc;
    const char *alias; /* an option's older name, or NULL */
    const char *flag;  /* what the option alone, without a value, means; NULL: it needs one */
} SettingTrait;

const SettingTrait *setting_trait(SettingId id);

/* The defaults. */
void settings_init(RunOptions *options);

/*
 * Take one value from a command line: `option` is its long name, `text` what was given ("64MB"; "default" for the
 * default; for on-blocker "KIND=POLICY"). Notes in options->given that it was given. SEAM_ERROR_USAGE says what it
 * takes.
 */
gboolean settings_take(RunOptions *options, const char *option, const char *text, GError **error);

/* The value as text, in the form that settings_take() reads; NULL where there is none (no pause file). Several standbys
 * are separated by newlines. The caller frees. */
char *settings_text(const RunOptions *options, SettingId id);

/* The value as a number, in the unit of the setting's name; FALSE where it is none. */
gboolean settings_number(const RunOptions *options, SettingId id, double *ret_number);

gboolean settings_is_given(const RunOptions *options, SettingId id);
gboolean settings_any_given(const RunOptions *options);

/* Read the journal's values of a migration into `options`; what is not there becomes the default. What was given on the
 * command line is left alone if `keep_given`. */
gboolean settings_load(DbConn *conn, gint64 migration, gboolean keep_given, RunOptions *options, GError **error);

/* Write down what was given on the command line, with a line of history for each. */
gboolean settings_store(DbConn *conn, gint64 migration, const RunOptions *options, GError **error);

#endif
