/*
 * How the values of settings are read and printed: one SettingType for each kind of value. settings.c has the table.
 */
#ifndef PGSEAM_RUN_SETTING_TYPE_H
#define PGSEAM_RUN_SETTING_TYPE_H

#include "run/settings.h"

typedef struct Setting Setting;

/* How values of a kind are read and printed. `parse` gets the field; FALSE: `expects` says what it takes. */
typedef struct SettingType {
    gboolean (*parse)(const Setting *setting, const char *text, gpointer field);
    char *(*print)(const Setting *setting, gconstpointer field);
    gsize size;                                                    /* of the field */
    double (*number)(const Setting *setting, gconstpointer field); /* NULL: is none */
} SettingType;

struct Setting {
    SettingTrait trait;
    const SettingType *type;
    gsize offset;
    const char *initial;
    gint64 min;
    gint64 max;
    int plain_ms; /* what a number without a unit means */
    const char *expects;
    const char *const *choices; /* ended by NULL, for the types that have a list */
};

extern const SettingType setting_type_count;
extern const SettingType setting_type_short_ms;
extern const SettingType setting_type_bytes;
extern const SettingType setting_type_ms; /* its number is in units of plain_ms */
extern const SettingType setting_type_number;
extern const SettingType setting_type_text;
extern const SettingType setting_type_index;   /* one of `choices`; the field is an enum or gboolean: its index */
extern const SettingType setting_type_standby; /* one more for the list; an empty one empties it */
extern const SettingType setting_type_policy;  /* `min` is the BlockerKind */
extern const SettingType setting_type_choice;  /* one of `choices`; the field is an interned string */

/* The kind of blocker of that name, or -1. */
int setting_kind_of_name(const char *name);

#endif
