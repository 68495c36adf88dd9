/*
 * The number that a migration's name begins with: 001_a, 20240101120000_a, V1_2__a (flyway), 2024-01-01-120000_a
 * (diesel).
 *
 * Law: parts are compared as numbers, so 2 comes before 10 and 7 is 007. A part has as many digits as it likes.
 */
#ifndef PGSEAM_FOLDER_NUMBER_H
#define PGSEAM_FOLDER_NUMBER_H

#include <glib.h>

/* The parts of the number with dots between them, as they are written: "001", "1.2", "2024.01.01.120000". NULL if the
 * name begins with none. The caller frees. */
char *number_of(const char *name);

/* Like strcmp(); missing parts are 0, as with flyway: 1 is 1.0. */
int number_compare(const char *a, const char *b);

/* Whether `version`, as another tool has written it down, is this number: 1_2 is 1.2, and 20240101120000 is
 * 2024.01.01.120000. */
gboolean number_is(const char *number, const char *version);

/* Whether it is that or comes before it. */
gboolean number_is_up_to(const char *number, const char *version);

/* Names without a number: runs of digits in them are compared as numbers. */
int number_compare_names(const char *a, const char *b);

#endif
