#include "cli/folder_view.h"

#include "base/error.h"
#include "run/ledger.h"
#include "run/progress.h"

gboolean
folder_view_refresh(FolderView *view, DbConn *conn, GError **error)
{
    GPtrArray *rows = ledger_read(conn, view->folder->files, error);

    if (rows == NULL)
        return FALSE;
    g_clear_pointer(&view->standings, g_ptr_array_unref);
    g_clear_pointer(&view->rows, g_ptr_array_unref);
    view->rows = rows;
    view->standings = standing_compare(view->folder, rows);
    return TRUE;
}

gboolean
folder_view_read(FolderView *view, DbConn *conn, const char *path, const CommonOptions *common, GError **error)
{
    g_autoptr(Progress) progress = progress_new(common->is_quiet);

    view->folder = folder_read(path, error);
    if (view->folder == NULL || !folder_view_refresh(view, conn, error))
        return FALSE;
    for (guint i = 0; i < view->folder->notes->len; i++)
        progress_say(progress, "note: %s", (const char *)g_ptr_array_index(view->folder->notes, i));
    for (guint i = 0; i < view->standings->len; i++) {
        const Standing *standing = g_ptr_array_index(view->standings, i);

        if (standing->file == NULL)
            progress_say(progress, "note: file %s has vanished from %s; the ledger has it (%s, %s)",
                         standing->row->name, path, file_state_name(standing->state), standing->row->at);
    }
    return TRUE;
}

gboolean
folder_view_find(const FolderView *view, const char *name, const FolderFile **ret_file, GError **error)
{
    *ret_file = name != NULL ? folder_find(view->folder, name) : NULL;
    if (name == NULL || *ret_file != NULL)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_USAGE, "there is no file %s in %s", name, view->folder->path);
    seam_error_hint(error, "`pgseam migrate %s --status` lists them", view->folder->path);
    return FALSE;
}

void
folder_view_clear(FolderView *view)
{
    g_clear_pointer(&view->standings, g_ptr_array_unref);
    g_clear_pointer(&view->rows, g_ptr_array_unref);
    g_clear_pointer(&view->folder, folder_free);
}
