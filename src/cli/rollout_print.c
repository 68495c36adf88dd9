#include "cli/rollout_print.h"

#include <string.h>

#include "base/document.h"
#include "cli/rollout_check.h"

static const struct {
    const char *told;
    const char *means;
} readings[] = {
    {"old", "the old side"},
    {"both", "both, compares them, answers with the old"},
    {"key", "the side that pgseam.rollout_version() names for the key"},
    {"new", "the new side"},
};

/* What has to be true before the next stage, by stage. */
static const char *const next_steps[] = {
    [ROLLOUT_OFF] = "`set NAME dualwrite` when the new side is there and the application can write both",
    [ROLLOUT_DUALWRITE] = "`set NAME shadow` when the new side also has what was written before",
    [ROLLOUT_SHADOW] = "`set NAME live --percent 1` when both sides agree",
    [ROLLOUT_LIVE] = "more with `set NAME live --percent N`; at 100, `set NAME rampdown`",
    [ROLLOUT_RAMPDOWN] = "`set NAME complete` when nobody will want the old side back",
    [ROLLOUT_COMPLETE] = "`drop NAME --force` when no application asks for it any more",
};
G_STATIC_ASSERT(G_N_ELEMENTS(next_steps) == N_ROLLOUT_STAGES);

static const char *
reading_of(const char *told)
{
    for (guint i = 0; i < G_N_ELEMENTS(readings); i++) {
        if (strcmp(readings[i].told, told) == 0)
            return readings[i].means;
    }
    return told;
}

static void
add_rollout(GString *out, const Rollout *rollout, const RolloutHealth *health)
{
    g_autofree char *percent = rollout->percent >= 0 ? rollout_percent_text(rollout->percent) : NULL;

    g_string_append_printf(out, "%s: %s", rollout->name, rollout_stage_name(rollout->stage));
    if (rollout->stage == ROLLOUT_LIVE)
        g_string_append_printf(out, ", %s %% of the keys", percent);
    g_string_append_printf(out, "%s\n", rollout->frozen_because != NULL ? ", FROZEN" : "");
    if (rollout->frozen_because != NULL)
        g_string_append_printf(out, "  frozen:  %s (`pgseam rollout unfreeze` lets it go on)\n",
                               rollout->frozen_because);
    g_string_append_printf(out, "  reads:   %s\n", reading_of(rollout->reads));
    g_string_append_printf(out, "  writes:  %s%s\n", strcmp(rollout->writes, "both") == 0 ? "" : "the ",
                           strcmp(rollout->writes, "both") == 0 ? "both" : rollout->writes);
    for (guint i = 0; i < rollout->cohorts->len; i++)
        g_string_append_printf(out, "%s%s%s", i == 0 ? "  cohorts: " : ", ",
                               (const char *)g_ptr_array_index(rollout->cohorts, i),
                               i + 1 == rollout->cohorts->len ? "\n" : "");
    g_string_append_printf(out, "  changed: %s by %s\n", rollout->changed_at, rollout->changed_by);
    rollout_health_add_text(out, health);
    if (rollout->frozen_because == NULL)
        g_string_append_printf(out, "  next:    %s\n", next_steps[rollout->stage]);
}

char *
rollouts_to_text(const GPtrArray *rollouts, const GPtrArray *health)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < rollouts->len; i++)
        add_rollout(out, g_ptr_array_index(rollouts, i), g_ptr_array_index(health, i));
    if (rollouts->len == 0)
        g_string_append(out, "no rollouts\n");
    return g_string_free(out, FALSE);
}

static void
put_percent(JsonBuilder *builder, int percent)
{
    json_builder_set_member_name(builder, "percent");
    if (percent < 0)
        json_builder_add_null_value(builder);
    else if (percent % 100 == 0)
        json_builder_add_int_value(builder, percent / 100);
    else
        json_builder_add_double_value(builder, percent / 100.0);
}

static void
put_rollout(JsonBuilder *builder, const Rollout *rollout, const RolloutHealth *health)
{
    json_builder_begin_object(builder);
    document_put_text(builder, "name", rollout->name);
    document_put_text(builder, "stage", rollout_stage_name(rollout->stage));
    put_percent(builder, rollout->percent);
    document_put_texts(builder, "cohorts", rollout->cohorts);
    document_put_bool(builder, "frozen", rollout->frozen_because != NULL);
    document_put_text(builder, "frozen_because", rollout->frozen_because);
    document_put_text(builder, "reads", rollout->reads);
    document_put_text(builder, "writes", rollout->writes);
    document_put_text(builder, "changed_at", rollout->changed_at);
    document_put_text(builder, "changed_by", rollout->changed_by);
    rollout_health_put(builder, health);
    json_builder_end_object(builder);
}

char *
rollouts_to_json(const GPtrArray *rollouts, const GPtrArray *health)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    document_begin_array(builder, "rollouts");
    for (guint i = 0; i < rollouts->len; i++)
        put_rollout(builder, g_ptr_array_index(rollouts, i), g_ptr_array_index(health, i));
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    return document_text(builder);
}

/* The state that a line of the history has as JSON; NULL for none. */
static JsonNode *
state_of(const char *text)
{
    return text != NULL ? json_from_string(text, NULL) : NULL;
}

/* "live, 12.5 %, FROZEN"; "-" for none. */
static void
add_state(GString *out, JsonNode *node)
{
    JsonObject *state = node != NULL ? json_node_get_object(node) : NULL;
    const char *stage = state != NULL ? json_object_get_string_member(state, "stage") : "-";

    g_string_append(out, stage);
    if (state != NULL && g_strcmp0(stage, "live") == 0)
        g_string_append_printf(out, " %g %%", json_object_get_double_member(state, "percent"));
    if (state != NULL && !json_object_get_null_member(state, "frozen_because"))
        g_string_append(out, " FROZEN");
}

static gboolean
has_cohort(JsonNode *node, const char *key)
{
    JsonArray *cohorts = node != NULL ? json_object_get_array_member(json_node_get_object(node), "cohorts") : NULL;

    for (guint i = 0; cohorts != NULL && i < json_array_get_length(cohorts); i++) {
        if (strcmp(json_array_get_string_element(cohorts, i), key) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The cohort keys that `in` has and `other` has not, each behind a sign. */
static void
add_cohorts(GString *out, char sign, JsonNode *in, JsonNode *other)
{
    JsonArray *cohorts = in != NULL ? json_object_get_array_member(json_node_get_object(in), "cohorts") : NULL;

    for (guint i = 0; cohorts != NULL && i < json_array_get_length(cohorts); i++) {
        const char *key = json_array_get_string_element(cohorts, i);

        if (!has_cohort(other, key))
            g_string_append_printf(out, " %c%s", sign, key);
    }
}

char *
rollout_history_to_text(const GPtrArray *events)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < events->len; i++) {
        const RolloutEvent *event = g_ptr_array_index(events, i);
        g_autoptr(JsonNode) before = state_of(event->before);
        g_autoptr(JsonNode) after = state_of(event->after);

        g_string_append_printf(out, "%s  %-8s  ", event->at, event->action);
        add_state(out, before);
        g_string_append(out, " -> ");
        add_state(out, after);
        add_cohorts(out, '+', after, before);
        add_cohorts(out, '-', before, after);
        g_string_append_printf(out, "  by %s (%s)%s%s\n", event->role, event->client, event->reason != NULL ? ": " : "",
                               event->reason != NULL ? event->reason : "");
    }
    return g_string_free(out, FALSE);
}

static void
put_event(JsonBuilder *builder, gconstpointer item)
{
    const RolloutEvent *event = item;

    json_builder_begin_object(builder);
    document_put_text(builder, "at", event->at);
    document_put_text(builder, "action", event->action);
    document_put_text(builder, "role", event->role);
    document_put_text(builder, "client", event->client);
    document_put_json(builder, "before", event->before);
    document_put_json(builder, "after", event->after);
    document_put_text(builder, "because", event->reason);
    json_builder_end_object(builder);
}

char *
rollout_history_to_json(const char *name, const GPtrArray *events)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    document_put_text(builder, "rollout", name);
    document_put_list(builder, "events", events, put_event);
    json_builder_end_object(builder);
    return document_text(builder);
}
