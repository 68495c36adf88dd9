#include "folder/turn.h"

#include <string.h>

#include "base/error.h"
#include "base/names.h"

static void
turn_free(gpointer data)
{
    Turn *turn = data;

    g_free(turn->migration);
    g_ptr_array_unref(turn->files);
    g_free(turn);
}

char *
turn_name(const GPtrArray *files)
{
    const FolderFile *first = g_ptr_array_index(files, 0);
    const FolderFile *last = g_ptr_array_index(files, files->len - 1);
    g_autofree char *name = NULL;

    if (files->len == 1)
        return g_strdup(first->name);
    name = g_strdup_printf("%s..%s", first->name, last->name);
    if (strlen(name) > NAME_MAX_BYTES && first->number != NULL && last->number != NULL) {
        g_free(name);
        name = g_strdup_printf("%s..%s", first->number, last->number);
    }
    return name_fitted(name, name);
}

static Turn *
add_turn(GPtrArray *turns, FileState state)
{
    Turn *turn = g_new0(Turn, 1);

    turn->state = state;
    turn->files = g_ptr_array_new();
    g_ptr_array_add(turns, turn);
    return turn;
}

/* The turn of the migration that the file is in. */
static Turn *
turn_under_way(GPtrArray *turns, const Standing *standing)
{
    Turn *turn;

    for (guint i = 0; i < turns->len; i++) {
        turn = g_ptr_array_index(turns, i);
        if (g_strcmp0(turn->migration, standing->row->migration) == 0)
            return turn;
    }
    turn = add_turn(turns, standing->state);
    turn->migration = g_strdup(standing->row->migration);
    return turn;
}

static Turn *
pending_turn(GPtrArray *turns, const Standing *standing)
{
    Turn *turn = add_turn(turns, FILE_PENDING);

    turn->migration = g_strdup(standing->file->name);
    return turn;
}

/* A file behind `last` that is in one migration with files before it: half of a migration cannot be run. */
static gboolean
check_whole(const GPtrArray *standings, const GPtrArray *turns, guint behind, GError **error)
{
    for (guint i = behind; i < standings->len; i++) {
        const Standing *standing = g_ptr_array_index(standings, i);

        for (guint t = 0; standing->file != NULL && standing->row != NULL && t < turns->len; t++) {
            const Turn *turn = g_ptr_array_index(turns, t);

            if (turn->state == FILE_PENDING || g_strcmp0(turn->migration, standing->row->migration) != 0)
                continue;
            seam_error_set(error, SEAM_ERROR_REFUSED, "%s is %s as part of migration %s, which %s belongs to, too",
                           ((const FolderFile *)g_ptr_array_index(turn->files, 0))->name, file_state_name(turn->state),
                           turn->migration, standing->file->name);
            seam_error_hint(error,
                            "go on with all of it: leave out --to, or give its last file; or `pgseam rollback %s`",
                            turn->migration);
            return FALSE;
        }
    }
    return TRUE;
}

GPtrArray *
turns_of(const GPtrArray *standings, const FolderFile *last, gboolean is_together, GError **error)
{
    g_autoptr(GPtrArray) turns = g_ptr_array_new_with_free_func(turn_free);
    g_autoptr(GPtrArray) pending = g_ptr_array_new();
    guint i = 0;

    for (gboolean is_over = FALSE; i < standings->len && !is_over; i++) {
        const Standing *standing = g_ptr_array_index(standings, i);

        if (standing->file == NULL)
            break;
        if (standing->state == FILE_PENDING && is_together)
            g_ptr_array_add(pending, (gpointer)standing->file);
        else if (standing->state != FILE_APPLIED) {
            Turn *turn =
                standing->state == FILE_PENDING ? pending_turn(turns, standing) : turn_under_way(turns, standing);

            g_ptr_array_add(turn->files, (gpointer)standing->file);
        }
        is_over = standing->file == last;
    }
    if (!check_whole(standings, turns, i, error))
        return NULL;
    if (pending->len > 0) {
        Turn *turn = add_turn(turns, FILE_PENDING);

        turn->migration = turn_name(pending);
        g_ptr_array_extend(turn->files, pending, NULL, NULL);
    }
    return g_steal_pointer(&turns);
}

guint
turns_behind(const GPtrArray *turns, guint turn)
{
    guint n = 0;

    for (guint i = turn + 1; i < turns->len; i++)
        n += ((const Turn *)g_ptr_array_index(turns, i))->files->len;
    return n;
}
