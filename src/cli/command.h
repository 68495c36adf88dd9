/*
 * A command: one file, one row in main.c.
 */
#ifndef PGSEAM_CLI_COMMAND_H
#define PGSEAM_CLI_COMMAND_H

#include <glib.h>

#include "run/run.h"

/* What all commands take. */
typedef struct CommonOptions {
    char *dbname;
    char *format; /* "text" or "json"; "url" */
    gboolean is_json;
    gboolean is_url;
    gboolean is_quiet;
} CommonOptions;

typedef struct Command {
    const char *name;
    const char *arguments; /* "FILE" as in the usage line */
    const char *summary;   /* one line of `pgseam --help` */
    const char *help;      /* what it does, with an example */
    int min_args;
    int max_args;
    GOptionEntry *options; /* own options; NULL: none */
    gboolean takes_run_options;
    gboolean takes_settings; /* without the rest of the run options */
    gboolean takes_url;      /* --format url */
    gboolean is_hidden;
    gboolean (*run)(const CommonOptions *common, const RunOptions *run, char **args, GError **error);
} Command;

extern const Command command_plan;
extern const Command command_start;
extern const Command command_migrate;
extern const Command command_baseline;
extern const Command command_repack;
extern const Command command_status;
extern const Command command_complete;
extern const Command command_rollback;
extern const Command command_resume;
extern const Command command_clean;
extern const Command command_verify;
extern const Command command_cut_over;
extern const Command command_pause;
extern const Command command_throttle;
extern const Command command_locks;
extern const Command command_version;
extern const Command command_rollout;
extern const Command command_fault_points;

/* The time that an option has, in milliseconds; NULL leaves `ret_ms` as it is. SEAM_ERROR_USAGE if it is none. */
gboolean command_time(const char *option, const char *text, gint64 *ret_ms, GError **error);

/* Print on stdout. */
void command_print(const char *text);

/* The same for the JSON document of a command that may still fail: it stays the only one, and what is wrong is told on
 * stderr and by the exit status. */
void command_print_document(const char *text);

#endif
