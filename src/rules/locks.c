#include "rules/locks.h"

#include <string.h>

#define BIT(mode) (1u << (mode))

static const struct {
    const char *name;
    const char *catalog_name;
    unsigned conflicts;
} modes[] = {
    [LOCK_NONE] = {"NONE", "", 0},
    [LOCK_ACCESS_SHARE] = {"ACCESS SHARE", "AccessShareLock", BIT(LOCK_ACCESS_EXCLUSIVE)},
    [LOCK_ROW_SHARE] = {"ROW SHARE", "RowShareLock", BIT(LOCK_EXCLUSIVE) | BIT(LOCK_ACCESS_EXCLUSIVE)},
    [LOCK_ROW_EXCLUSIVE] = {"ROW EXCLUSIVE", "RowExclusiveLock",
                            BIT(LOCK_SHARE) | BIT(LOCK_SHARE_ROW_EXCLUSIVE) | BIT(LOCK_EXCLUSIVE) |
                                BIT(LOCK_ACCESS_EXCLUSIVE)},
    [LOCK_SHARE_UPDATE_EXCLUSIVE] = {"SHARE UPDATE EXCLUSIVE", "ShareUpdateExclusiveLock",
                                     BIT(LOCK_SHARE_UPDATE_EXCLUSIVE) | BIT(LOCK_SHARE) |
                                         BIT(LOCK_SHARE_ROW_EXCLUSIVE) | BIT(LOCK_EXCLUSIVE) |
                                         BIT(LOCK_ACCESS_EXCLUSIVE)},
    [LOCK_SHARE] = {"SHARE", "ShareLock",
                    BIT(LOCK_ROW_EXCLUSIVE) | BIT(LOCK_SHARE_UPDATE_EXCLUSIVE) | BIT(LOCK_SHARE_ROW_EXCLUSIVE) |
                        BIT(LOCK_EXCLUSIVE) | BIT(LOCK_ACCESS_EXCLUSIVE)},
    [LOCK_SHARE_ROW_EXCLUSIVE] = {"SHARE ROW EXCLUSIVE", "ShareRowExclusiveLock",
                                  BIT(LOCK_ROW_EXCLUSIVE) | BIT(LOCK_SHARE_UPDATE_EXCLUSIVE) | BIT(LOCK_SHARE) |
                                      BIT(LOCK_SHARE_ROW_EXCLUSIVE) | BIT(LOCK_EXCLUSIVE) | BIT(LOCK_ACCESS_EXCLUSIVE)},
    [LOCK_EXCLUSIVE] = {"EXCLUSIVE", "ExclusiveLock",
                        BIT(LOCK_ROW_SHARE) | BIT(LOCK_ROW_EXCLUSIVE) | BIT(LOCK_SHARE_UPDATE_EXCLUSIVE) |
                            BIT(LOCK_SHARE) | BIT(LOCK_SHARE_ROW_EXCLUSIVE) | BIT(LOCK_EXCLUSIVE) |
                            BIT(LOCK_ACCESS_EXCLUSIVE)},
    [LOCK_ACCESS_EXCLUSIVE] = {"ACCESS EXCLUSIVE", "AccessExclusiveLock",
                               BIT(LOCK_ACCESS_SHARE) | BIT(LOCK_ROW_SHARE) | BIT(LOCK_ROW_EXCLUSIVE) |
                                   BIT(LOCK_SHARE_UPDATE_EXCLUSIVE) | BIT(LOCK_SHARE) | BIT(LOCK_SHARE_ROW_EXCLUSIVE) |
                                   BIT(LOCK_EXCLUSIVE) | BIT(LOCK_ACCESS_EXCLUSIVE)},
};

const char *
lock_mode_name(LockMode mode)
{
    return modes[mode].name;
}

const char *
lock_mode_catalog_name(LockMode mode)
{
    return modes[mode].catalog_name;
}

LockMode
lock_mode_of_name(const char *name)
{
    for (guint i = LOCK_ACCESS_SHARE; i < G_N_ELEMENTS(modes); i++) {
        if (g_strcmp0(modes[i].name, name) == 0 || g_strcmp0(modes[i].catalog_name, name) == 0)
            return (LockMode)i;
    }
    return LOCK_NONE;
}

gboolean
lock_modes_conflict(LockMode a, LockMode b)
{
    return (modes[a].conflicts & BIT(b)) != 0;
}
