#include "folder/standing.h"

#include <string.h>

#include "base/error.h"
#include "folder/number.h"

#define FILE_STATE_NAME(id, name) [id] = name,
static const char *const names[] = {FILE_STATES(FILE_STATE_NAME)};

const char *
file_state_name(FileState state)
{
    return names[state];
}

void
ledger_row_free(LedgerRow *row)
{
    if (row == NULL)
        return;
    g_free(row->name);
    g_free(row->checksum);
    g_free(row->migration);
    g_free(row->kind);
    g_free(row->at);
    g_free(row->by);
    g_free(row);
}

static const LedgerRow *
find_row(const GPtrArray *rows, const char *name)
{
    for (guint i = 0; i < rows->len; i++) {
        const LedgerRow *row = g_ptr_array_index(rows, i);

        if (strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

static gboolean
is_changed(const FolderFile *file, const LedgerRow *row)
{
    /* What is planned has no byte order mark. */
    const char *text = g_str_has_prefix(file->text, "\xEF\xBB\xBF") ? file->text + 3 : file->text;
    g_autofree char *planned = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

    return strcmp(row->is_of_plan ? planned : file->checksum, row->checksum) != 0;
}

GPtrArray *
standing_compare(const Folder *folder, const GPtrArray *rows)
{
    GPtrArray *standings = g_ptr_array_new_with_free_func(g_free);
    gboolean has_later = FALSE;

    for (guint i = 0; i < folder->files->len; i++) {
        Standing *standing = g_new0(Standing, 1);

        standing->file = g_ptr_array_index(folder->files, i);
        standing->row = find_row(rows, standing->file->name);
        standing->state = standing->row != NULL ? standing->row->state : FILE_PENDING;
        standing->is_changed = standing->row != NULL && is_changed(standing->file, standing->row);
        g_ptr_array_add(standings, standing);
    }
    for (guint i = standings->len; i > 0; i--) {
        Standing *standing = g_ptr_array_index(standings, i - 1);

        standing->is_late = standing->row == NULL && has_later;
        has_later |= standing->row != NULL;
    }
    for (guint i = 0; i < rows->len; i++) {
        const LedgerRow *row = g_ptr_array_index(rows, i);
        gboolean is_there = FALSE;

        for (guint f = 0; f < folder->files->len && !is_there; f++)
            is_there = strcmp(((const FolderFile *)g_ptr_array_index(folder->files, f))->name, row->name) == 0;
        if (!is_there) {
            Standing *standing = g_new0(Standing, 1);

            standing->row = row;
            standing->state = row->state;
            g_ptr_array_add(standings, standing);
        }
    }
    return standings;
}

/* The vanished one that a pending file seems to be: its number is the same, or all of its bytes are. */
static const LedgerRow *
find_former(const GPtrArray *standings, const FolderFile *file)
{
    for (guint i = 0; i < standings->len; i++) {
        const Standing *other = g_ptr_array_index(standings, i);
        g_autofree char *number = NULL;

        if (other->file != NULL)
            continue;
        number = number_of(other->row->name);
        if (strcmp(other->row->checksum, file->checksum) == 0 ||
            (number != NULL && file->number != NULL && number_compare(number, file->number) == 0))
            return other->row;
    }
    return NULL;
}

/* Findings, and what can be done about them. */
typedef struct Complaint {
    guint n;
    GString *lines;
    const char *hint;
} Complaint;

static void
complain(const GPtrArray *standings, const Standing *standing, gboolean allows_late, Complaint *complaint)
{
    const LedgerRow *former = standing->row == NULL ? find_former(standings, standing->file) : NULL;
    const char *separator = complaint->lines->len > 0 ? "\n" : "";

    if (standing->is_changed) {
        g_string_append_printf(complaint->lines, "%s%s has changed since it was %s: its checksum was %s", separator,
                               standing->file->path, strcmp(standing->row->kind, "migrated") == 0 ? "run" : "noted",
                               standing->row->checksum);
        g_string_append_printf(complaint->lines, " and is %s", standing->file->checksum);
        complaint->hint = "give the file its text back, and make a new file for what is to change; where the database "
                          "is right as it is: `pgseam migrate DIR --accept-changed NAME`";
    } else if (former != NULL) {
        g_string_append_printf(complaint->lines, "%s%s seems to be %s, which has been applied, under another name",
                               separator, standing->file->path, former->name);
        complaint->hint = "give the file its name back, or a new number";
    } else if (standing->is_late && !allows_late) {
        g_string_append_printf(complaint->lines, "%s%s comes before files that have been applied", separator,
                               standing->file->path);
        complaint->hint = "give it a number behind theirs, or run it where it is with --out-of-order";
    } else
        return;
    complaint->n++;
}

gboolean
standing_check(const GPtrArray *standings, const FolderFile *last, gboolean allows_late, GError **error)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    Complaint complaint = {.lines = lines};

    for (guint i = 0; i < standings->len; i++) {
        const Standing *standing = g_ptr_array_index(standings, i);

        if (standing->file == NULL)
            break;
        complain(standings, standing, allows_late, &complaint);
        if (standing->file == last)
            break;
    }
    if (complaint.n == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "the folder is not what the ledger says (%u file%s)", complaint.n,
                   complaint.n == 1 ? "" : "s");
    seam_error_detail(error, "%s", lines->str);
    seam_error_hint(error, "%s", complaint.hint);
    return FALSE;
}
