#include "folder/folder.h"

#include <string.h>

#include "base/error.h"
#include "folder/number.h"
#include "folder/section.h"

typedef enum Layout { LAYOUT_PLAIN, LAYOUT_PAIRS, LAYOUT_TWO_FOLDERS, LAYOUT_FOLDER_EACH } Layout;

static const char *const layout_docs[] = {
    [LAYOUT_PLAIN] = "a file for each (NAME.sql)",
    [LAYOUT_PAIRS] = "two files for each (NAME.up.sql and NAME.down.sql)",
    [LAYOUT_TWO_FOLDERS] = "a folder for each direction (up/NAME.sql and down/NAME.sql)",
    [LAYOUT_FOLDER_EACH] = "a folder for each (NAME/up.sql and NAME/down.sql)",
};

static void
file_free(gpointer data)
{
    FolderFile *file = data;

    g_free(file->name);
    g_free(file->path);
    g_free(file->number);
    g_free(file->text);
    g_free(file->checksum);
    g_free(file);
}

void
folder_free(Folder *folder)
{
    if (folder == NULL)
        return;
    g_free(folder->path);
    g_ptr_array_unref(folder->files);
    g_ptr_array_unref(folder->notes);
    g_free(folder);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What is in a folder, sorted by bytes so that messages are the same on any machine; hidden files are nobody's. */
static GPtrArray *
list_names(const char *path, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &why);
    GPtrArray *names;
    const char *name;

    if (dir == NULL) {
        seam_error_set(error, SEAM_ERROR_USAGE, "cannot read the folder: %s", why->message);
        return NULL;
    }
    names = g_ptr_array_new_with_free_func(g_free);
    while ((name = g_dir_read_name(dir)) != NULL) {
        if (name[0] != '.')
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    return names;
}

static gboolean
is_folder(const char *path, const char *name)
{
    g_autofree char *full = g_build_filename(path, name, NULL);

    return g_file_test(full, G_FILE_TEST_IS_DIR);
}

static gboolean
has_file(const char *path, const char *name, const char *file)
{
    g_autofree char *full = g_build_filename(path, name, file, NULL);

    return g_file_test(full, G_FILE_TEST_IS_REGULAR);
}

static Layout
layout_of_name(const char *path, const char *name)
{
    if (!is_folder(path, name))
        return g_str_has_suffix(name, ".up.sql") || g_str_has_suffix(name, ".down.sql") ? LAYOUT_PAIRS : LAYOUT_PLAIN;
    return strcmp(name, "up") == 0 || strcmp(name, "down") == 0 ? LAYOUT_TWO_FOLDERS : LAYOUT_FOLDER_EACH;
}

/* Whether the name has to do with migrations; a folder without up.sql or down.sql in it has not. */
static gboolean
counts(const char *path, const char *name)
{
    if (!is_folder(path, name))
        return g_str_has_suffix(name, ".sql");
    return strcmp(name, "up") == 0 || strcmp(name, "down") == 0 || has_file(path, name, "up.sql") ||
           has_file(path, name, "down.sql");
}

/* One layout for all that counts. What is left out is noted. */
static gboolean
find_layout(Folder *folder, const GPtrArray *names, Layout *ret_layout, GError **error)
{
    const char *first = NULL;

    *ret_layout = LAYOUT_PLAIN;
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        Layout layout = layout_of_name(folder->path, name);

        if (!counts(folder->path, name)) {
            if (is_folder(folder->path, name))
                g_ptr_array_add(folder->notes, g_strdup_printf("left out: folder %s", name));
            continue;
        }
        if (first == NULL) {
            first = name;
            *ret_layout = layout;
        }
        if (layout == *ret_layout)
            continue;
        seam_error_set(error, SEAM_ERROR_REFUSED, "two layouts in %s: %s is %s, %s is %s", folder->path, first,
                       layout_docs[*ret_layout], name, layout_docs[layout]);
        seam_error_hint(error, "keep one of them in a folder");
        return FALSE;
    }
    return TRUE;
}

static char *
stem_of(const char *name, const char *suffix)
{
    return g_strndup(name, strlen(name) - strlen(suffix));
}

/* Flyway's further kinds: what is run again, and what leads back. */
static gboolean
check_flyway(const char *name, gboolean *ret_leads_back, GError **error)
{
    gboolean is_one = (name[0] == 'U' || name[0] == 'B') && g_ascii_isdigit(name[1]) && strstr(name, "__") != NULL;

    *ret_leads_back = is_one && name[0] == 'U';
    if (!g_str_has_prefix(name, "R__") && (!is_one || *ret_leads_back))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "%s is a %s migration of flyway, which is not known here", name,
                   name[0] == 'R' ? "repeatable" : "baseline");
    seam_error_hint(error, "%s",
                    name[0] == 'R' ? "make each change of it a numbered file"
                                   : "take it out of the folder; `pgseam baseline` says where a database stands");
    return FALSE;
}

/* Name and path of what leads up; nothing for what leads down. */
static gboolean
add_file(Folder *folder, Layout layout, const char *inner, const char *name, GError **error)
{
    FolderFile *file;
    gboolean leads_back = FALSE;
    g_autofree char *stem = NULL;
    g_autofree char *down = NULL;

    if (layout == LAYOUT_FOLDER_EACH)
        stem = g_strdup(name);
    else if (g_str_has_suffix(name, ".down.sql")) {
        stem = stem_of(name, ".down.sql");
        down = g_strconcat(stem, ".up.sql", NULL);
    } else
        stem = stem_of(name, g_str_has_suffix(name, ".up.sql") ? ".up.sql" : ".sql");
    if ((down != NULL && !has_file(folder->path, inner, down)) ||
        (layout == LAYOUT_FOLDER_EACH && !has_file(folder->path, name, "up.sql"))) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s/%s leads down, but nothing of that name leads up", folder->path,
                       name);
        return FALSE;
    }
    if (!check_flyway(name, &leads_back, error))
        return FALSE;
    if (down != NULL || leads_back || *stem == '\0')
        return TRUE;
    file = g_new0(FolderFile, 1);
    file->name = g_steal_pointer(&stem);
    file->path = layout == LAYOUT_FOLDER_EACH ? g_build_filename(folder->path, name, "up.sql", NULL)
                                              : g_build_filename(folder->path, inner, name, NULL);
    file->number = number_of(file->name);
    g_ptr_array_add(folder->files, file);
    return TRUE;
}

static gboolean
add_files(Folder *folder, Layout layout, const GPtrArray *names, GError **error)
{
    g_autoptr(GPtrArray) inner = NULL;

    if (layout == LAYOUT_TWO_FOLDERS) {
        g_autofree char *up = g_build_filename(folder->path, "up", NULL);

        inner = list_names(up, error);
        if (inner == NULL)
            return FALSE;
        names = inner;
    }
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        gboolean takes = layout == LAYOUT_TWO_FOLDERS ? g_str_has_suffix(name, ".sql") : counts(folder->path, name);

        if (takes && !add_file(folder, layout, layout == LAYOUT_TWO_FOLDERS ? "up" : "", name, error))
            return FALSE;
    }
    return TRUE;
}

static int
compare_files(gconstpointer a, gconstpointer b)
{
    const FolderFile *left = *(const FolderFile *const *)a;
    const FolderFile *right = *(const FolderFile *const *)b;
    int order = left->number != NULL && right->number != NULL ? number_compare(left->number, right->number) : 0;

    return order != 0 ? order : number_compare_names(left->name, right->name);
}

static gboolean
check_order(const Folder *folder, GError **error)
{
    for (guint i = 1; i < folder->files->len; i++) {
        const FolderFile *before = g_ptr_array_index(folder->files, i - 1);
        const FolderFile *file = g_ptr_array_index(folder->files, i);

        if ((before->number == NULL) != (file->number == NULL)) {
            seam_error_set(error, SEAM_ERROR_REFUSED, "%s has a number and %s has none: their order is not clear",
                           before->number != NULL ? before->path : file->path,
                           before->number != NULL ? file->path : before->path);
            seam_error_hint(error, "give each file a number, or none");
            return FALSE;
        }
        if (file->number == NULL || number_compare(before->number, file->number) != 0)
            continue;
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s and %s have the same number: their order is not clear",
                       before->path, file->path);
        seam_error_hint(error, "give one of them another number");
        return FALSE;
    }
    return TRUE;
}

static gboolean
read_file(FolderFile *file, SectionStyle *ret_style, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autofree char *bytes = NULL;
    gsize length = 0;

    if (!g_file_get_contents(file->path, &bytes, &length, &why)) {
        seam_error_set(error, SEAM_ERROR_USAGE, "cannot read the migration: %s", why->message);
        return FALSE;
    }
    if (strlen(bytes) != length) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s has a NUL byte: it is no SQL text", file->path);
        return FALSE;
    }
    file->checksum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, length);
    file->text = section_up(file->path, bytes, ret_style, error);
    return file->text != NULL;
}

/* Marks are in all files or in none, and never where the file's name says already which way it leads. */
static gboolean
read_files(const Folder *folder, Layout layout, GError **error)
{
    SectionStyle style = SECTION_NONE;

    for (guint i = 0; i < folder->files->len; i++) {
        FolderFile *file = g_ptr_array_index(folder->files, i);
        const FolderFile *first = g_ptr_array_index(folder->files, 0);
        SectionStyle own;

        if (!read_file(file, &own, error))
            return FALSE;
        if (i == 0)
            style = own;
        if (own != SECTION_NONE && layout != LAYOUT_PLAIN) {
            seam_error_set(error, SEAM_ERROR_REFUSED, "%s has %s, but its name says already that it leads up",
                           file->path, section_mark(own));
            return FALSE;
        }
        if (own != style) {
            seam_error_set(error, SEAM_ERROR_REFUSED, "two layouts in %s: %s has %s, %s has %s", folder->path,
                           first->path, section_mark(style), file->path, section_mark(own));
            seam_error_hint(error, "without its mark, a file's part that leads down would run, too: give it one");
            return FALSE;
        }
    }
    return TRUE;
}

Folder *
folder_read(const char *path, GError **error)
{
    g_autoptr(Folder) folder = g_new0(Folder, 1);
    g_autoptr(GPtrArray) names = NULL;
    Layout layout;

    folder->path = g_strdup(path);
    folder->files = g_ptr_array_new_with_free_func(file_free);
    folder->notes = g_ptr_array_new_with_free_func(g_free);
    names = list_names(path, error);
    if (names == NULL || !find_layout(folder, names, &layout, error) || !add_files(folder, layout, names, error))
        return NULL;
    g_ptr_array_sort(folder->files, compare_files);
    if (!check_order(folder, error) || !read_files(folder, layout, error))
        return NULL;
    return g_steal_pointer(&folder);
}

const FolderFile *
folder_find(const Folder *folder, const char *name)
{
    for (guint i = 0; i < folder->files->len; i++) {
        const FolderFile *file = g_ptr_array_index(folder->files, i);
        g_autofree char *base = g_path_get_basename(file->path);

        if (strcmp(file->name, name) == 0 || strcmp(file->path, name) == 0 ||
            (strcmp(base, "up.sql") != 0 && strcmp(base, name) == 0))
            return file;
    }
    return NULL;
}

const FolderFile *
folder_find_version(const Folder *folder, const char *version)
{
    for (guint i = 0; i < folder->files->len; i++) {
        const FolderFile *file = g_ptr_array_index(folder->files, i);

        if (file->number != NULL && number_is(file->number, version))
            return file;
    }
    return NULL;
}

gboolean
folder_is_up_to(const FolderFile *file, const char *version)
{
    return file->number != NULL && number_is_up_to(file->number, version);
}

guint
folder_index(const Folder *folder, const FolderFile *file)
{
    guint index = 0;
    gboolean is_there = g_ptr_array_find(folder->files, file, &index);

    g_assert(is_there);
    return index;
}
