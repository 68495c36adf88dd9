#include "fleet.h"

#define RECONNECT_MICROS 100000

typedef struct {
    Load *load;
    GThread *thread;
    gpointer worker;
    gint stop;
    gint ready;
} Client;

struct Fleet {
    Load *load;
    GPtrArray *clients[VERSIONS];
    GRand *random;
};

static void
client_work(Client *client)
{
    Load *load = client->load;
    Session *session = client->worker;

    while (!g_atomic_int_get(&client->stop)) {
        if (session->conn == NULL && !session_open(session)) {
            g_atomic_int_set(&client->ready, TRUE);
            pace_sleep(&load->pace, RECONNECT_MICROS, &client->stop);
            continue;
        }
        g_atomic_int_set(&client->ready, TRUE);
        pace_wait(&load->pace, session->sent, &client->stop);
        session->sent = 0;
        if (g_atomic_int_get(&client->stop))
            break;
        if (!load->application->step(client->worker) && !session_recover(session))
            session_close(session);
    }
    session_close(session);
}

static gpointer
client_main(gpointer data)
{
    Client *client = data;

    client_work(client);
    client->load->application->dismiss(client->worker);
    return NULL;
}

Fleet *
fleet_new(Load *load)
{
    Fleet *fleet = g_new0(Fleet, 1);

    fleet->load = load;
    fleet->random = g_rand_new_with_seed(load->seed);
    for (int version = 0; version < VERSIONS; version++)
        fleet->clients[version] = g_ptr_array_new_with_free_func(g_free);
    return fleet;
}

static void
shrink(Fleet *fleet, Version version, guint count)
{
    GPtrArray *clients = fleet->clients[version];

    for (guint n = count; n < clients->len; n++)
        g_atomic_int_set(&((Client *)g_ptr_array_index(clients, n))->stop, TRUE);
    pace_wake(&fleet->load->pace);
    for (guint n = count; n < clients->len; n++)
        g_thread_join(((Client *)g_ptr_array_index(clients, n))->thread);
    if (count < clients->len)
        g_ptr_array_set_size(clients, (gint)count);
}

void
fleet_free(Fleet *fleet)
{
    for (int version = 0; version < VERSIONS; version++) {
        shrink(fleet, version, 0);
        g_ptr_array_unref(fleet->clients[version]);
    }
    g_rand_free(fleet->random);
    g_free(fleet);
}

gboolean
fleet_resize(Fleet *fleet, Version version, int count, GError **error)
{
    Load *load = fleet->load;
    GPtrArray *clients = fleet->clients[version];

    if (count < 0 || count > load->application->most_clients) {
        g_set_error(error, LOAD_ERROR, 0, "the number of clients must be from 0 to %d",
                    load->application->most_clients);
        return FALSE;
    }
    shrink(fleet, version, (guint)count);
    while (clients->len < (guint)count) {
        Session *session = load->application->employ(load, version, fleet->random);
        Client *client = NULL;
        if (session == NULL) {
            g_set_error(error, LOAD_ERROR, 0, "old and new clients together must be at most %d",
                        load->application->most_clients);
            return FALSE;
        }
        session->stats = load->stats;
        session->version = version;
        session->conninfo = load->conninfo;
        session->path = load->path[version];
        g_snprintf(session->name, sizeof session->name, "shop %s %u", version_name(version), clients->len + 1);
        client = g_new0(Client, 1);
        client->load = load;
        client->worker = session;
        g_ptr_array_add(clients, client);
        client->thread = g_thread_new("client", client_main, client);
    }
    for (guint n = 0; n < clients->len; n++)
        while (!g_atomic_int_get(&((Client *)g_ptr_array_index(clients, n))->ready))
            g_usleep(1000);
    return TRUE;
}
