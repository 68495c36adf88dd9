/*
 * An error as people and machines read it.
 */
#ifndef PGSEAM_REPORT_ERROR_TEXT_H
#define PGSEAM_REPORT_ERROR_TEXT_H

#include <glib.h>

/* "pgseam: what happened", the detail, "hint: what to do now". Ends with a newline. The caller frees. */
char *error_to_text(const GError *error);

/* {"error": {message, sqlstate, detail, hint, exit_status}}. The caller frees. */
char *error_to_json(const GError *error);

#endif
