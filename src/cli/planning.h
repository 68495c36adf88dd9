/*
 * From a file to a plan that has been checked against the server. Shared by plan and start.
 */
#ifndef PGSEAM_CLI_PLANNING_H
#define PGSEAM_CLI_PLANNING_H

#include "catalog/load.h"
#include "plan/plan.h"

/* The option of the commands that plan a file. */
#define PLANNING_PIN_OPTION(variable)                                                                                  \
    {"pin",       0,                                                                                                   \
     0,           G_OPTION_ARG_STRING,                                                                                 \
     &(variable), "all: the version of the file shows every table, not only those that it changes",                    \
     "all"}

/*
 * Read the migration `path` (what leads up of it: folder/section.h), ask the server for the facts, build the plan, and
 * let the server check its expressions (EXPLAIN, nothing is executed). Errors: SEAM_ERROR_USAGE for a file that cannot
 * be read, SEAM_ERROR_REFUSED with line and caret, those of db_open() and db_query(). `pins_all`: the version that it
 * makes shows every table (--pin all); SEAM_ERROR_USAGE if it makes none.
 */
Plan *planning_from_sql(const char *target, const char *path, gboolean pins_all, GError **error);

/* The same for a text that was read already, of file `path`; the migration is called `name`. A text that makes no
 * version is planned all the same. */
Plan *planning_from_text(const char *target, const char *path, const char *name, const char *text, gboolean pins_all,
                         GError **error);

/* The same for several files (FolderFile) as one migration, each of which can be read alone. `folder` is what messages
 * about all of them name. Where the planner refuses them together, the error's hint says up to which file they can be
 * planned. */
Plan *planning_from_files(const char *target, const char *folder, const char *name, const GPtrArray *files,
                          gboolean pins_all, GError **error);

/*
 * Take a plan that was written before (`text`, from file `path`) and check that the server still is what it was made
 * for: SEAM_ERROR_DRIFT with the lines that changed.
 */
Plan *planning_from_plan(const char *target, const char *path, const char *text, GError **error);

/* The name of the migration that a file holds, without looking at the server; NULL if it cannot be read. The caller
 * frees. */
char *planning_name_of(const char *path);

/* Either, by what the file holds. */
Plan *planning_from_file(const char *target, const char *path, gboolean pins_all, GError **error);

/* Tell the request which versions are there. Who may not read the journal finds none: their views are then what others'
 * are, and in the way. */
void planning_add_versions(DbConn *conn, FactRequest *request);

/* The value of --pin (NULL: not given): SEAM_ERROR_USAGE for anything but "all". */
gboolean planning_pins(const char *value, gboolean *ret_all, GError **error);

#endif
