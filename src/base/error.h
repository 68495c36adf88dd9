/*
 * Errors. Every fallible function of pgseam returns through a GError of this domain.
 *
 * Law: an error says what happened (message), why or to whom (detail), and what to do now (hint). Its code decides the
 * exit status, so a caller never needs to read its text.
 */
#ifndef PGSEAM_BASE_ERROR_H
#define PGSEAM_BASE_ERROR_H

#include <glib.h>

typedef enum SeamErrorCode {
    SEAM_ERROR_FAILED,    /* exit 1: something went wrong that no other code names */
    SEAM_ERROR_SQL,       /* exit 1: the server refused a statement; sqlstate is set */
    SEAM_ERROR_LOST,      /* exit 1: the connection is gone */
    SEAM_ERROR_CANCELLED, /* exit 1: a signal asked us to stop */
    SEAM_ERROR_USAGE,     /* exit 2 */
    SEAM_ERROR_REFUSED,   /* exit 3: a rule or a safety check says no; nothing was changed */
    SEAM_ERROR_FENCED,    /* exit 3: another pgseam runs this migration or holds the table */
    SEAM_ERROR_LOCK,      /* exit 4: the lock could not be had before the deadline */
    SEAM_ERROR_DRIFT,     /* exit 5: the server is no longer what the plan was made for */
} SeamErrorCode;

#define SEAM_ERROR (seam_error_quark())
GQuark seam_error_quark(void);

/* Set a new error with a printf-style message. A NULL error is allowed and ignored, as with g_set_error(). */
void seam_error_set(GError **error, SeamErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Like seam_error_set(), for the server's refusals: sqlstate is the five characters, or NULL where libpq has none. */
void seam_error_set_sql(GError **error, SeamErrorCode code, const char *sqlstate, const char *message);

/* Add or replace the detail or the hint of an error that is set; does nothing where error is NULL or not set. */
void seam_error_detail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
void seam_error_hint(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Change the code of a set error, where an outer layer knows better what it means. */
void seam_error_recode(GError **error, SeamErrorCode code);

/* Read what was set; NULL where there is none. The strings belong to the error. */
const char *seam_error_get_sqlstate(const GError *error);
const char *seam_error_get_detail(const GError *error);
const char *seam_error_get_hint(const GError *error);

/* TRUE if the error is a SEAM_ERROR with this code, or with this SQLSTATE. A NULL error is neither. */
gboolean seam_error_is(const GError *error, SeamErrorCode code);
gboolean seam_error_has_sqlstate(const GError *error, const char *sqlstate);

/* The exit status that design.md, section 3 gives to this error; 1 for errors of other domains. */
int seam_error_exit_status(const GError *error);

#endif
