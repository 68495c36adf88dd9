#include "base/error.h"

#include <string.h>

typedef struct SeamErrorPrivate {
    char *sqlstate;
    char *detail;
    char *hint;
} SeamErrorPrivate;

static void
seam_error_private_init(SeamErrorPrivate *priv)
{
    memset(priv, 0, sizeof(*priv));
}

static void
seam_error_private_copy(const SeamErrorPrivate *from, SeamErrorPrivate *to)
{
    to->sqlstate = g_strdup(from->sqlstate);
    to->detail = g_strdup(from->detail);
    to->hint = g_strdup(from->hint);
}

static void
seam_error_private_clear(SeamErrorPrivate *priv)
{
    g_free(priv->sqlstate);
    g_free(priv->detail);
    g_free(priv->hint);
}

/* The macro defines a getter of its own name and the quark. */
G_DEFINE_EXTENDED_ERROR(SeamError, seam_error)

static const SeamErrorPrivate *
private_of(const GError *error)
{
    return error != NULL && error->domain == SEAM_ERROR ? seam_error_get_private(error) : NULL;
}

void
seam_error_set(GError **error, SeamErrorCode code, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return;
    va_start(args, format);
    *error = g_error_new_valist(SEAM_ERROR, (int)code, format, args);
    va_end(args);
}

void
seam_error_set_sql(GError **error, SeamErrorCode code, const char *sqlstate, const char *message)
{
    if (error == NULL)
        return;
    *error = g_error_new_literal(SEAM_ERROR, (int)code, message);
    seam_error_get_private(*error)->sqlstate = g_strdup(sqlstate);
}

void
seam_error_detail(GError **error, const char *format, ...)
{
    SeamErrorPrivate *priv;
    va_list args;

    if (error == NULL || *error == NULL || (*error)->domain != SEAM_ERROR)
        return;
    priv = seam_error_get_private(*error);
    g_free(priv->detail);
    va_start(args, format);
    priv->detail = g_strdup_vprintf(format, args);
    va_end(args);
}

void
seam_error_hint(GError **error, const char *format, ...)
{
    SeamErrorPrivate *priv;
    va_list args;

    if (error == NULL || *error == NULL || (*error)->domain != SEAM_ERROR)
        return;
    priv = seam_error_get_private(*error);
    g_free(priv->hint);
    va_start(args, format);
    priv->hint = g_strdup_vprintf(format, args);
    va_end(args);
}

void
seam_error_recode(GError **error, SeamErrorCode code)
{
    if (error != NULL && *error != NULL && (*error)->domain == SEAM_ERROR)
        (*error)->code = (int)code;
}

const char *
seam_error_get_sqlstate(const GError *error)
{
    const SeamErrorPrivate *priv = private_of(error);
    return priv != NULL ? priv->sqlstate : NULL;
}

const char *
seam_error_get_detail(const GError *error)
{
    const SeamErrorPrivate *priv = private_of(error);
    return priv != NULL ? priv->detail : NULL;
}

const char *
seam_error_get_hint(const GError *error)
{
    const SeamErrorPrivate *priv = private_of(error);
    return priv != NULL ? priv->hint : NULL;
}

gboolean
seam_error_is(const GError *error, SeamErrorCode code)
{
    return error != NULL && g_error_matches(error, SEAM_ERROR, (int)code);
}

gboolean
seam_error_has_sqlstate(const GError *error, const char *sqlstate)
{
    return g_strcmp0(seam_error_get_sqlstate(error), sqlstate) == 0 && sqlstate != NULL;
}

int
seam_error_exit_status(const GError *error)
{
    static const int status_of[] = {
        [SEAM_ERROR_FAILED] = 1,    [SEAM_ERROR_SQL] = 1,   [SEAM_ERROR_LOST] = 1,
        [SEAM_ERROR_CANCELLED] = 1, [SEAM_ERROR_USAGE] = 2, [SEAM_ERROR_REFUSED] = 3,
        [SEAM_ERROR_FENCED] = 3,    [SEAM_ERROR_LOCK] = 4,  [SEAM_ERROR_DRIFT] = 5,
    };

    if (error->domain == G_OPTION_ERROR)
        return 2;
    return error->domain == SEAM_ERROR ? status_of[error->code] : 1;
}
