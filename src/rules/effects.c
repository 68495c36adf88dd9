#include "rules/effects.h"

#include <string.h>

static const char *const hold_names[] = {
    [HOLD_INSTANT] = "instant", [HOLD_SCAN] = "scan",   [HOLD_BUILD] = "build",
    [HOLD_REWRITE] = "rewrite", [HOLD_BATCH] = "batch", [HOLD_UNKNOWN] = "unknown",
};

#define ALTER_TABLE_SOURCE "src/backend/commands/tablecmds.c, AlterTableGetLockLevel; measured 14 to 18"

static const EffectRow rows[] = {
    {"CREATE TABLE", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, "a new table: nobody else can see it"},
    {"ADD COLUMN", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, ALTER_TABLE_SOURCE},
    {"DROP COLUMN", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, ALTER_TABLE_SOURCE},
    {"DROP COLUMN", ON_REFERENCED, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0,
     "the column's foreign key goes with it; measured 14 to 18, not in the manual"},
    {"SET DEFAULT", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, ALTER_TABLE_SOURCE},
    {"DROP DEFAULT", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, ALTER_TABLE_SOURCE},
    {"DROP NOT NULL", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, ALTER_TABLE_SOURCE},
    {"SET NOT NULL", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_SCAN, 0, 0, ALTER_TABLE_SOURCE},
    {"SET NOT NULL, proven", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0,
     "tablecmds.c, NotNullImpliedByRelConstraints: a valid CHECK (column IS NOT NULL)"},
    {"ADD CHECK", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_SCAN, 0, 0, ALTER_TABLE_SOURCE},
    {"ADD FOREIGN KEY", ON_TABLE, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_SCAN, 0, 0, ALTER_TABLE_SOURCE},
    {"ADD FOREIGN KEY", ON_REFERENCED, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_SCAN, 0, 0,
     "tablecmds.c, ATAddForeignKeyConstraint: triggers are made on both; measured 14 to 18"},
    {"ADD FOREIGN KEY NOT VALID", ON_TABLE, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT, 0, 0, ALTER_TABLE_SOURCE},
    {"ADD FOREIGN KEY NOT VALID", ON_REFERENCED, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT, 0, 0,
     "tablecmds.c, ATAddForeignKeyConstraint"},
    {"VALIDATE FOREIGN KEY", ON_TABLE, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_SCAN, 0, 0, ALTER_TABLE_SOURCE},
    {"VALIDATE FOREIGN KEY", ON_REFERENCED, LOCK_ROW_SHARE, HOLD_SCAN, 0, 0,
     "manual, ALTER TABLE, VALIDATE CONSTRAINT"},
    {"ADD UNIQUE", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_BUILD, 0, 0, ALTER_TABLE_SOURCE},
    {"ADD PRIMARY KEY", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_BUILD, 0, 0, ALTER_TABLE_SOURCE},
    {"ADD UNIQUE USING INDEX", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, ALTER_TABLE_SOURCE},
    {"DROP CONSTRAINT", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, ALTER_TABLE_SOURCE},
    {"DROP FOREIGN KEY", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, ALTER_TABLE_SOURCE},
    {"DROP FOREIGN KEY", ON_REFERENCED, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0,
     "its triggers go; measured 14 to 18, not in the manual"},
    {"ADD COLUMN, rewriting", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_REWRITE, 0, 0, ALTER_TABLE_SOURCE},
    {"ALTER COLUMN TYPE", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_REWRITE, 0, 0, ALTER_TABLE_SOURCE},
    {"ADD CHECK NOT VALID", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, ALTER_TABLE_SOURCE},
    {"VALIDATE CONSTRAINT", ON_TABLE, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_SCAN, 0, 0, ALTER_TABLE_SOURCE},
    {"CREATE INDEX", ON_TABLE, LOCK_SHARE, HOLD_BUILD, 0, 0, "manual, CREATE INDEX"},
    {"CREATE INDEX CONCURRENTLY", ON_TABLE, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_BUILD, 0, 0, "manual, CREATE INDEX"},
    {"DROP INDEX", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, "manual, DROP INDEX"},
    {"DROP INDEX CONCURRENTLY", ON_TABLE, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_INSTANT, 0, 0, "manual, DROP INDEX"},
    {"REINDEX INDEX", ON_TABLE, LOCK_SHARE, HOLD_SCAN, 0, 0, "manual, REINDEX; ACCESS EXCLUSIVE on the index itself"},
    {"REINDEX INDEX CONCURRENTLY", ON_TABLE, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_BUILD, 0, 0, "manual, REINDEX"},
    {"REFRESH MATERIALIZED VIEW", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_REWRITE, 0, 0,
     "manual, REFRESH MATERIALIZED VIEW"},
    {"REFRESH MATERIALIZED VIEW CONCURRENTLY", ON_TABLE, LOCK_EXCLUSIVE, HOLD_SCAN, 0, 0,
     "manual, REFRESH MATERIALIZED VIEW"},
    {"CREATE INDEX ON ONLY", ON_TABLE, LOCK_SHARE, HOLD_INSTANT, 0, 0, "research R7; measured 14 to 18"},
    {"ALTER INDEX ATTACH PARTITION", ON_TABLE, LOCK_ACCESS_SHARE, HOLD_INSTANT, 0, 0,
     "tablecmds.c, ATExecAttachPartitionIdx; ACCESS EXCLUSIVE on the partition's index"},
    {"ATTACH PARTITION", ON_TABLE, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_INSTANT, 0, 0, "manual, ALTER TABLE"},
    {"ATTACH PARTITION", ON_PARTITION, LOCK_ACCESS_EXCLUSIVE, HOLD_SCAN, 0, 0, "manual, ALTER TABLE"},
    {"ATTACH PARTITION", ON_REFERENCED, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_SCAN, 0, 0,
     "the parent's foreign key is made on the partition; measured 14 to 18, not in the manual"},
    {"DETACH PARTITION", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, "manual, ALTER TABLE"},
    {"DETACH PARTITION", ON_PARTITION, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, "measured 14 to 18"},
    {"DETACH PARTITION", ON_REFERENCED, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT, 0, 0, "measured 14 to 18"},
    {"PARTITION OF", ON_TABLE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, 0, 0, "manual, CREATE TABLE; measured 14 to 18"},
    {"PARTITION OF", ON_REFERENCED, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT, 0, 0, "measured 14 to 18"},
    {"UPDATE", ON_TABLE, LOCK_ROW_EXCLUSIVE, HOLD_SCAN, 0, 0, "manual section 13.3.1; locks every row it changes"},
    {"DELETE", ON_TABLE, LOCK_ROW_EXCLUSIVE, HOLD_SCAN, 0, 0, "manual section 13.3.1; locks every row it deletes"},
};

const char *
lock_hold_name(LockHold hold)
{
    return hold_names[hold];
}

LockHold
lock_hold_of_name(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(hold_names); i++) {
        if (g_strcmp0(hold_names[i], name) == 0)
            return (LockHold)i;
    }
    return HOLD_UNKNOWN;
}

const EffectRow *
effect_rows(gsize *ret_n)
{
    *ret_n = G_N_ELEMENTS(rows);
    return rows;
}

const EffectRow *
effect_find(const char *statement, EffectOn on, int server_version)
{
    int major = server_version / 10000;

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].statement, statement) == 0 && rows[i].on == on &&
            (rows[i].since == 0 || major >= rows[i].since) && (rows[i].until == 0 || major <= rows[i].until))
            return &rows[i];
    }
    return NULL;
}

char *
effect_describe(const char *statement, int server_version)
{
    const EffectRow *row = effect_find(statement, ON_TABLE, server_version);

    if (row == NULL)
        return NULL;
    return g_strdup_printf("%s, %s", lock_mode_name(row->mode), hold_names[row->hold]);
}
