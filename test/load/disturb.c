#include "disturb.h"

#include <string.h>

#define LOOK(member) offsetof(Application, member)

/* `first` begins the stay, `last` ends it: members of Application; 0 is none, for a first one SELECT 1. */
static const struct {
    const char *name;
    const char *begin;
    gsize first[2];
    gsize last;
    int shortest;
    int longest;
} kinds[GUEST_KINDS] = {
    [GUEST_READER] =
        {"reader", "BEGIN ISOLATION LEVEL REPEATABLE READ", {LOOK(look_at_all)}, LOOK(look_at_all), 1000, 3000},
    [GUEST_IDLE] = {"idle", "BEGIN", {LOOK(look_at_one), LOOK(look_at_other)}, 0, 500, 2000},
    [GUEST_SNAPSHOT] = {"snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ", {0}, LOOK(look_at_all), 1000, 3000},
};

typedef struct {
    Disturber *owner;
    GThread *thread;
    GuestKind kind;
    int milliseconds;
    gint ready;
    gint over;
    char *failure;
    char name[32];
} Guest;

struct Disturber {
    Load *load;
    GPtrArray *guests;
    GThread *random;
    gint stop;
    gint stop_random;
    gint born;
    GMutex lock;
};

static void
guest_free(gpointer data)
{
    Guest *guest = data;

    g_thread_join(guest->thread);
    g_free(guest->failure);
    g_free(guest);
}

Disturber *
disturb_new(Load *load)
{
    Disturber *disturber = g_new0(Disturber, 1);

    disturber->load = load;
    disturber->guests = g_ptr_array_new_with_free_func(guest_free);
    g_mutex_init(&disturber->lock);
    return disturber;
}

void
disturb_free(Disturber *disturber)
{
    disturb_at_random(disturber, FALSE);
    g_atomic_int_set(&disturber->stop, TRUE);
    pace_wake(&disturber->load->pace);
    g_ptr_array_unref(disturber->guests);
    g_mutex_clear(&disturber->lock);
    g_free(disturber);
}

/* One statement of a guest. NULL on failure, which is noted. */
static PGresult *
guest_query(Guest *guest, PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    stats_error(guest->owner->load->stats, guest->name, PQresultErrorField(result, PG_DIAG_SQLSTATE),
                PQerrorMessage(conn), sql);
    if (!g_atomic_int_get(&guest->ready))
        guest->failure = g_strchomp(g_strdup(PQerrorMessage(conn)));
    PQclear(result);
    return NULL;
}

static gboolean
guest_command(Guest *guest, PGconn *conn, const char *sql)
{
    g_autoptr(PGresult) result = guest_query(guest, conn, sql);

    return result != NULL;
}

/* A table swapped under a snapshot is empty for it, and no error tells. */
static void
compare_looks(const Guest *guest, const PGresult *before, const PGresult *after)
{
    Stats *stats = guest->owner->load->stats;
    const char *table = guest->owner->load->application->table;

    if (strcmp(PQgetvalue(after, 0, 0), "0") == 0)
        stats_mismatch(stats, "%s: %s is empty for its snapshot", guest->name, table);
    if (guest->kind != GUEST_READER)
        return;
    for (int column = 0; column < 2; column++)
        if (strcmp(PQgetvalue(before, 0, column), PQgetvalue(after, 0, column)) != 0)
            stats_mismatch(stats, "%s: %s of %s changed within one snapshot: %s, then %s", guest->name,
                           PQfname(after, column), table, PQgetvalue(before, 0, column), PQgetvalue(after, 0, column));
}

static const char *
look_of(const Application *application, gsize member)
{
    return member == 0 ? NULL : G_STRUCT_MEMBER(const char *, application, member);
}

static void
guest_stay(Guest *guest, PGconn *conn)
{
    Disturber *owner = guest->owner;
    const Application *application = owner->load->application;
    const char *first[2] = {look_of(application, kinds[guest->kind].first[0]),
                            look_of(application, kinds[guest->kind].first[1])};
    const char *last = look_of(application, kinds[guest->kind].last);
    g_autoptr(PGresult) before = NULL;
    g_autoptr(PGresult) after = NULL;

    if (!guest_command(guest, conn, kinds[guest->kind].begin))
        return;
    before = guest_query(guest, conn, first[0] != NULL ? first[0] : "SELECT 1");
    if (before == NULL || (first[1] != NULL && !guest_command(guest, conn, first[1])))
        return;
    g_atomic_int_set(&guest->ready, TRUE);
    pace_sleep(&owner->load->pace, (gint64)guest->milliseconds * 1000, &owner->stop);
    if (last != NULL) {
        after = guest_query(guest, conn, last);
        if (after == NULL)
            return;
        compare_looks(guest, before, after);
    }
    guest_command(guest, conn, "COMMIT");
}

static gpointer
guest_main(gpointer data)
{
    Guest *guest = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(PGconn) conn = shop_connect(guest->owner->load->conninfo, guest->name, &error);

    if (conn == NULL) {
        stats_error(guest->owner->load->stats, guest->name, NULL, error->message, "(connect)");
        guest->failure = g_strdup(error->message);
    } else {
        guest_stay(guest, conn);
    }
    g_atomic_int_set(&guest->ready, TRUE);
    g_atomic_int_set(&guest->over, TRUE);
    return NULL;
}

gboolean
disturb_visit(Disturber *disturber, GuestKind kind, int milliseconds, GError **error)
{
    Guest *guest = g_new0(Guest, 1);
    GPtrArray *guests = disturber->guests;

    guest->owner = disturber;
    guest->kind = kind;
    guest->milliseconds = milliseconds;
    g_snprintf(guest->name, sizeof guest->name, "shop %s %d", kinds[kind].name,
               g_atomic_int_add(&disturber->born, 1) + 1);
    guest->thread = g_thread_new("guest", guest_main, guest);
    while (!g_atomic_int_get(&guest->ready))
        g_usleep(1000);
    if (guest->failure != NULL) {
        g_set_error(error, LOAD_ERROR, 0, "%s", guest->failure);
        guest_free(guest);
        return FALSE;
    }
    g_mutex_lock(&disturber->lock);
    for (guint n = guests->len; n > 0; n--)
        if (g_atomic_int_get(&((Guest *)g_ptr_array_index(guests, n - 1))->over))
            g_ptr_array_remove_index_fast(guests, n - 1);
    g_ptr_array_add(guests, guest);
    g_mutex_unlock(&disturber->lock);
    return TRUE;
}

static gpointer
random_main(gpointer data)
{
    Disturber *disturber = data;
    g_autoptr(GRand) random = g_rand_new_with_seed(disturber->load->seed);

    while (!g_atomic_int_get(&disturber->stop_random)) {
        GuestKind kind = (GuestKind)g_rand_int_range(random, 0, GUEST_KINDS);
        disturb_visit(disturber, kind, g_rand_int_range(random, kinds[kind].shortest, kinds[kind].longest), NULL);
        pace_sleep(&disturber->load->pace, g_rand_int_range(random, 300, 2500) * G_GINT64_CONSTANT(1000),
                   &disturber->stop_random);
    }
    return NULL;
}

void
disturb_at_random(Disturber *disturber, gboolean on)
{
    if (on && disturber->random == NULL) {
        g_atomic_int_set(&disturber->stop_random, FALSE);
        disturber->random = g_thread_new("disturb", random_main, disturber);
    } else if (!on && disturber->random != NULL) {
        g_atomic_int_set(&disturber->stop_random, TRUE);
        pace_wake(&disturber->load->pace);
        g_thread_join(disturber->random);
        disturber->random = NULL;
    }
}
