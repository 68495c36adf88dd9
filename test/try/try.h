/*
 * One part of pgseam that can be tried: a row in main.c.
 */
#ifndef PGSEAM_TRY_H
#define PGSEAM_TRY_H

#include <glib.h>

/* `args` are those after DSN, ended by NULL. */
typedef gboolean (*TryPart)(const char *dsn, char **args, GError **error);

gboolean try_swap(const char *dsn, char **args, GError **error);
gboolean try_sync(const char *dsn, char **args, GError **error);
gboolean try_verify(const char *dsn, char **args, GError **error);
gboolean try_workers(const char *dsn, char **args, GError **error);

#endif
