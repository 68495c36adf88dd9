#include "rewrite/snapshot.h"

#include "base/error.h"

void
snapshot_clear(Snapshot *snapshot)
{
    g_clear_pointer(&snapshot->running, g_array_unref);
}

/* A number and what must follow it; 0 behind a list's last. */
static gboolean
take_number(const char **text, guint64 *ret)
{
    char *end = NULL;

    if (!g_ascii_isdigit(**text))
        return FALSE;
    *ret = g_ascii_strtoull(*text, &end, 10);
    *text = end;
    return TRUE;
}

static gboolean
take_char(const char **text, char c)
{
    if (**text != c)
        return FALSE;
    (*text)++;
    return TRUE;
}

static gboolean
take_snapshot(Snapshot *snapshot, const char *text)
{
    if (!take_number(&text, &snapshot->xmin) || !take_char(&text, ':') || !take_number(&text, &snapshot->xmax) ||
        !take_char(&text, ':'))
        return FALSE;
    while (*text != '\0') {
        guint64 xid;

        if ((snapshot->running->len > 0 && !take_char(&text, ',')) || !take_number(&text, &xid))
            return FALSE;
        g_array_append_val(snapshot->running, xid);
    }
    return snapshot->xmin <= snapshot->xmax;
}

gboolean
snapshot_parse(Snapshot *snapshot, const char *text, GError **error)
{
    snapshot_clear(snapshot);
    snapshot->running = g_array_new(FALSE, FALSE, sizeof(guint64));
    if (text != NULL && take_snapshot(snapshot, text))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "the server gave \"%s\" as its snapshot", text != NULL ? text : "NULL");
    return FALSE;
}

guint64
snapshot_whole_xid(const Snapshot *snapshot, guint32 xid)
{
    gint32 distance = (gint32)(xid - (guint32)snapshot->xmax);

    return snapshot->xmax + (guint64)(gint64)distance;
}

gboolean
snapshot_sees(const Snapshot *snapshot, guint32 xid)
{
    guint64 whole = snapshot_whole_xid(snapshot, xid);

    if (whole < snapshot->xmin)
        return TRUE;
    if (whole >= snapshot->xmax)
        return FALSE;
    for (guint i = 0; i < snapshot->running->len; i++) {
        if (g_array_index(snapshot->running, guint64, i) == whole)
            return FALSE;
    }
    return TRUE;
}
