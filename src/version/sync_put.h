/*
 * A trigger function's body, line by line. Private to the files of sync.h.
 */
#ifndef PGSEAM_VERSION_SYNC_PUT_H
#define PGSEAM_VERSION_SYNC_PUT_H

#include "base/sqltext.h"
#include "version/sync_body.h"

typedef struct SyncBody {
    const SyncTable *table;
    SyncMoment moment;
    GString *text;
    guint depth;
} SyncBody;

/* One line of the body; frees `line`. */
void sync_put(SyncBody *body, char *line);
#define sync_put_sql(body, ...) sync_put(body, sql_build(__VA_ARGS__))

/* IF .. THEN; ELSE and ELSIF; END IF; and the lines between them. They free `line`. */
void sync_put_if(SyncBody *body, char *line);
void sync_put_branch(SyncBody *body, char *line);
void sync_put_end(SyncBody *body);

/* SQL: do two rows (NEW, OLD, want) of these columns differ? `columns` is not empty. The caller frees. */
char *sync_differs(const GPtrArray *columns, const char *one, const char *other);
/* SQL: did columns change that the group is made from, but that belong to neither of its sides? NULL: there are none.
 * The caller frees. */
char *sync_shared_changed(const SyncGroup *group);
/* SQL: is this a row that the new version wrote? By the marker that its view gave, or by the bit that `first` left. The
 * caller frees. */
char *sync_new_wrote(guint bit);

#endif
