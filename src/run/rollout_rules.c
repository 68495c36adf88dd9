#include <string.h>

#include "base/error.h"
#include "run/rollout.h"

#define STAGE_NAME(id, name, both) [id] = name,
static const char *const stage_names[] = {ROLLOUT_STAGES(STAGE_NAME)};
#define STAGE_BOTH(id, name, both) [id] = both,
static const gboolean writes_both[] = {ROLLOUT_STAGES(STAGE_BOTH)};

const char *
rollout_stage_name(RolloutStage stage)
{
    return stage_names[stage];
}

gboolean
rollout_parse_stage(const char *text, RolloutStage *ret_stage)
{
    for (int i = 0; i < N_ROLLOUT_STAGES; i++) {
        if (strcmp(stage_names[i], text) == 0) {
            *ret_stage = (RolloutStage)i;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
rollout_parse_percent(const char *text, int *ret_percent)
{
    const char *c = text;
    int number = 0;
    int decimals = 0;

    if (!g_ascii_isdigit(*c))
        return FALSE;
    for (; g_ascii_isdigit(*c) && number <= 100; c++)
        number = number * 10 + (*c - '0');
    if (*c == '.' && g_ascii_isdigit(c[1])) {
        for (c++; g_ascii_isdigit(*c) && decimals < 2; c++, decimals++)
            number = number * 10 + (*c - '0');
    }
    for (; decimals < 2; decimals++)
        number *= 10;
    *ret_percent = number;
    return *c == '\0' && number <= 10000;
}

char *
rollout_percent_text(int percent)
{
    if (percent % 100 == 0)
        return g_strdup_printf("%d", percent / 100);
    if (percent % 10 == 0)
        return g_strdup_printf("%d.%d", percent / 100, percent % 100 / 10);
    return g_strdup_printf("%d.%02d", percent / 100, percent % 100);
}

/* Whether a key may get the new version that did not get it, once it is not frozen. */
static gboolean
is_wider(const Rollout *from, const Rollout *to)
{
    if (to->stage != from->stage)
        return to->stage > from->stage;
    if (to->percent > from->percent)
        return TRUE;
    for (guint i = 0; i < to->cohorts->len; i++) {
        if (!g_ptr_array_find_with_equal_func(from->cohorts, g_ptr_array_index(to->cohorts, i), g_str_equal, NULL))
            return TRUE;
    }
    return FALSE;
}

/* Where both sides are written any stage may follow any earlier one: whichever side answers has the data. */
static gboolean
is_step(RolloutStage from, RolloutStage to)
{
    return to <= from + 1 && (to + 1 >= from || (writes_both[from] && writes_both[to])) && from != ROLLOUT_COMPLETE;
}

/* "off -> dualwrite -> shadow". The caller frees. */
static char *
way_of(RolloutStage from, RolloutStage to)
{
    GString *way = g_string_new(stage_names[from]);

    while (from != to) {
        if (to > from)
            from++;
        else
            from = from > ROLLOUT_DUALWRITE ? ROLLOUT_DUALWRITE : ROLLOUT_OFF;
        g_string_append_printf(way, " -> %s", stage_names[from]);
    }
    return g_string_free(way, FALSE);
}

static gboolean
check_way(const Rollout *from, const Rollout *to, GError **error)
{
    g_autofree char *way = NULL;

    if (to->stage == from->stage || is_step(from->stage, to->stage))
        return TRUE;
    if (from->stage == ROLLOUT_COMPLETE) {
        seam_error_set(error, SEAM_ERROR_REFUSED,
                       "rollout %s is complete: since then the application has written the new side only, and the old "
                       "one lacks that",
                       from->name);
        seam_error_hint(error, "--force, if the old side has all data by other means");
        return FALSE;
    }
    way = way_of(from->stage, to->stage);
    seam_error_set(error, SEAM_ERROR_REFUSED, "rollout %s cannot go from %s to %s at once", from->name,
                   stage_names[from->stage], stage_names[to->stage]);
    seam_error_detail(error, "processes of the application that have not heard of it yet would neither write what the "
                             "others read nor read what they write");
    seam_error_hint(error,
                    "the way is %s, each when all processes have heard of the one before; --force, if none of them is "
                    "running",
                    way);
    return FALSE;
}

gboolean
rollout_check_change(const Rollout *from, const Rollout *to, gboolean is_forced, GError **error)
{
    if (from->frozen_because != NULL && is_wider(from, to)) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "rollout %s is frozen: %s", from->name, from->frozen_because);
        seam_error_hint(error, "it may go back, not on; `pgseam rollout unfreeze` when the reason is gone");
        return FALSE;
    }
    if (!is_forced && !check_way(from, to, error))
        return FALSE;
    if (to->stage == ROLLOUT_LIVE && to->percent < 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "stage live needs to know for how many keys the new version answers");
        seam_error_hint(error, "--percent 1 for a beginning; --percent 0 for the --cohort keys alone");
        return FALSE;
    }
    if (!is_forced && from->stage == ROLLOUT_LIVE && to->stage == ROLLOUT_RAMPDOWN && from->percent < 10000) {
        g_autofree char *percent = rollout_percent_text(from->percent);

        seam_error_set(error, SEAM_ERROR_REFUSED,
                       "in rampdown the new version answers for all keys, and so far it has for %s %% of them",
                       percent);
        seam_error_hint(error, "--percent 100 first; --force goes at once");
        return FALSE;
    }
    if (to->cohorts->len > ROLLOUT_MAX_COHORTS) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "a rollout may have %d cohort keys, not %u", ROLLOUT_MAX_COHORTS,
                       to->cohorts->len);
        seam_error_hint(error, "make one of what such keys have in common, and ask with that as the key");
        return FALSE;
    }
    return TRUE;
}

gboolean
rollout_check_drop(const Rollout *rollout, gboolean is_forced, GError **error)
{
    if (is_forced || rollout->stage == ROLLOUT_OFF)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "rollout %s is in stage %s: an application that still asks for it would be told to read and write "
                   "the old version",
                   rollout->name, stage_names[rollout->stage]);
    seam_error_hint(error, rollout->stage == ROLLOUT_COMPLETE
                               ? "--force, when no application asks for it any more"
                               : "go back to off first; --force, when no application asks for it any more");
    return FALSE;
}
