#include "run.h"

#include "compare.h"
#include "disturb.h"
#include "fleet.h"
#include "monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The server may be on its way up again when the run ends. */
#define COMPARE_PATIENCE_MICROS (30 * G_USEC_PER_SEC)

typedef struct {
    Load load;
    Fleet *fleet;
    Disturber *disturber;
    Monitor *monitor;
    GString *input;
} Run;

static void
print_json(JsonBuilder *json)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();
    JsonNode *root = json_builder_get_root(json);
    g_autofree char *text = NULL;

    json_generator_set_root(generator, root);
    text = json_generator_to_data(generator, NULL);
    json_node_unref(root);
    puts(text);
    fflush(stdout);
}

static void
acknowledge(const char *command, const GError *error)
{
    g_autoptr(JsonBuilder) json = json_builder_new();

    json_builder_begin_object(json);
    json_builder_set_member_name(json, error == NULL ? "ok" : "error");
    json_builder_add_string_value(json, error == NULL ? command : error->message);
    json_builder_end_object(json);
    print_json(json);
}

static void
write_model(Run *run, JsonBuilder *json)
{
    Comparison comparison = {.samples = g_ptr_array_new_with_free_func(g_free)};
    g_autoptr(GError) error = NULL;
    gint64 deadline = g_get_monotonic_time() + COMPARE_PATIENCE_MICROS;
    gboolean done = FALSE;

    while (!done) {
        g_autoptr(PGconn) conn = NULL;
        g_clear_error(&error);
        comparison.mismatches = stats_mismatches(run->load.stats, comparison.samples);
        conn = shop_connect(run->load.conninfo, "pgseam-load compare", &error);
        done = conn != NULL && run->load.application->compare(conn, &run->load, &comparison, &error);
        if (done || g_get_monotonic_time() > deadline || (conn != NULL && PQstatus(conn) == CONNECTION_OK))
            break;
        g_ptr_array_set_size(comparison.samples, 0);
        g_usleep(G_USEC_PER_SEC / 5);
    }
    if (!done)
        compare_note(&comparison, "the comparison failed: %s", error->message);
    json_builder_set_member_name(json, "model");
    json_builder_begin_object(json);
    json_builder_set_member_name(json, "rows_checked");
    json_builder_add_int_value(json, comparison.rows_checked);
    json_builder_set_member_name(json, "mismatches");
    json_builder_add_int_value(json, comparison.mismatches);
    json_builder_set_member_name(json, "samples");
    json_builder_begin_array(json);
    for (guint n = 0; n < comparison.samples->len; n++)
        json_builder_add_string_value(json, g_ptr_array_index(comparison.samples, n));
    json_builder_end_array(json);
    json_builder_end_object(json);
    g_ptr_array_unref(comparison.samples);
}

static void
report(const Run *run, JsonBuilder *json)
{
    g_autoptr(GPtrArray) samples = g_ptr_array_new_with_free_func(g_free);

    stats_write(run->load.stats, json);
    json_builder_set_member_name(json, "read_mismatches");
    json_builder_add_int_value(json, stats_mismatches(run->load.stats, samples));
    if (run->monitor != NULL)
        monitor_write(run->monitor, json);
}

static void
print_stats(const Run *run)
{
    g_autoptr(JsonBuilder) json = json_builder_new();

    json_builder_begin_object(json);
    report(run, json);
    json_builder_end_object(json);
    print_json(json);
}

/* One command that changes something. */
static gboolean
obey(Run *run, const char *verb, const char *argument, GError **error)
{
    char *end = NULL;
    double number = g_ascii_strtod(argument, &end);

    if (strcmp(verb, "ignore") == 0 && *argument != '\0') {
        run->load.application->ignore(&run->load, argument);
        return TRUE;
    }
    if (strcmp(verb, "disturb") == 0 && (strcmp(argument, "on") == 0 || strcmp(argument, "off") == 0)) {
        disturb_at_random(run->disturber, strcmp(argument, "on") == 0);
        return TRUE;
    }
    if (end == argument || *end != '\0' || number < 0 || number > G_MAXINT) {
        g_set_error(error, LOAD_ERROR, 0, "not understood: %s %s", verb, argument);
        return FALSE;
    }
    if (strcmp(verb, "old") == 0)
        return fleet_resize(run->fleet, VERSION_OLD, (int)number, error);
    if (strcmp(verb, "new") == 0)
        return fleet_resize(run->fleet, VERSION_NEW, (int)number, error);
    if (strcmp(verb, "reader") == 0)
        return disturb_visit(run->disturber, GUEST_READER, (int)number, error);
    if (strcmp(verb, "idle") == 0)
        return disturb_visit(run->disturber, GUEST_IDLE, (int)number, error);
    if (strcmp(verb, "snapshot") == 0)
        return disturb_visit(run->disturber, GUEST_SNAPSHOT, (int)number, error);
    if (strcmp(verb, "rate") == 0) {
        pace_set_rate(&run->load.pace, number);
        return TRUE;
    }
    g_set_error(error, LOAD_ERROR, 0, "not understood: %s %s", verb, argument);
    return FALSE;
}

/* FALSE when the run is to end. */
static gboolean
command(Run *run, char *line)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) words = g_strsplit(g_strstrip(line), " ", 2);

    if (words[0] == NULL)
        return TRUE;
    if (strcmp(line, "quit") == 0)
        return FALSE;
    if (strcmp(line, "stats") == 0) {
        print_stats(run);
        return TRUE;
    }
    obey(run, words[0], words[1] != NULL ? g_strstrip(words[1]) : "", &error);
    acknowledge(line, error);
    return TRUE;
}

/* Reads what there is on stdin into the buffer, until the deadline at most. FALSE at its end. */
static gboolean
read_input(Run *run, gint64 deadline)
{
    struct pollfd descriptor = {.fd = STDIN_FILENO, .events = POLLIN};
    char buffer[1024];
    gint64 left = deadline > 0 ? (deadline - g_get_monotonic_time()) / 1000 : 1000;
    ssize_t count = 0;

    if (poll(&descriptor, 1, (int)CLAMP(left, 1, 1000)) <= 0)
        return TRUE;
    count = read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0)
        return errno == EINTR;
    g_string_append_len(run->input, buffer, count);
    return count > 0;
}

static void
serve(Run *run, gint64 deadline)
{
    for (;;) {
        char *newline = strchr(run->input->str, '\n');
        if (newline != NULL) {
            g_autofree char *line = g_strndup(run->input->str, (gsize)(newline - run->input->str));
            g_string_erase(run->input, 0, newline - run->input->str + 1);
            if (!command(run, line))
                return;
        } else if ((deadline > 0 && g_get_monotonic_time() >= deadline) || !read_input(run, deadline)) {
            return;
        }
    }
}

static gboolean
prepare(Run *run, const RunOptions *options, GError **error)
{
    g_autoptr(PGconn) conn = shop_connect(options->conninfo, "pgseam-load", error);

    return conn != NULL && run->load.application->prepare(&run->load, conn, error);
}

static void
conduct(Run *run, const RunOptions *options, GError **error)
{
    gint64 deadline = 0;

    run->load.stats = stats_new();
    run->fleet = fleet_new(&run->load);
    run->disturber = disturb_new(&run->load);
    run->monitor = monitor_new(run->load.conninfo);
    if (fleet_resize(run->fleet, VERSION_OLD, options->clients[VERSION_OLD], error) &&
        fleet_resize(run->fleet, VERSION_NEW, options->clients[VERSION_NEW], error)) {
        g_autoptr(JsonBuilder) json = json_builder_new();
        acknowledge("run", NULL);
        if (options->duration > 0)
            deadline = g_get_monotonic_time() + (gint64)(options->duration * 1e6);
        serve(run, deadline);
        json_builder_begin_object(json);
        g_clear_pointer(&run->fleet, fleet_free);
        g_clear_pointer(&run->disturber, disturb_free);
        report(run, json);
        write_model(run, json);
        json_builder_end_object(json);
        print_json(json);
    }
    g_clear_pointer(&run->fleet, fleet_free);
    g_clear_pointer(&run->disturber, disturb_free);
    monitor_free(run->monitor);
    stats_free(run->load.stats);
}

gboolean
run_load(const RunOptions *options, GError **error)
{
    Run run = {.load = {.application = options->application,
                        .shape = options->shape,
                        .conninfo = options->conninfo,
                        .seed = (guint32)options->seed}};
    GError *failure = NULL;

    run.input = g_string_new(NULL);
    run.load.run_name = g_strdup_printf("r%" G_GINT64_MODIFIER "x", g_get_real_time() / 1000);
    for (int version = 0; version < VERSIONS; version++)
        run.load.path[version] = options->path[version];
    pace_init(&run.load.pace, options->rate);
    if (prepare(&run, options, &failure))
        conduct(&run, options, &failure);
    run.load.application->free(&run.load);
    pace_clear(&run.load.pace);
    g_string_free(run.input, TRUE);
    g_free(run.load.run_name);
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, failure);
    return FALSE;
}
