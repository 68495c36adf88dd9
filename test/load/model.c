#include "model.h"

#include <string.h>

static void
entry_free(gpointer data)
{
    Entry *entry = data;

    g_free(entry->before);
    g_free(entry);
}

static void
slot_init(Slot *slot, int number)
{
    slot->number = number;
    for (int table = 0; table < TABLES; table++) {
        slot->rows[table] = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, entry_free);
        slot->added[table] = g_array_new(FALSE, FALSE, sizeof(gint64));
    }
    slot->orders_of = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, (GDestroyNotify)g_array_unref);
    slot->maybe = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

Model *
model_new(const Shop *shop)
{
    Model *model = g_new0(Model, 1);

    model->shop = *shop;
    g_mutex_init(&model->lock);
    model->ignored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (int number = 0; number < SLOTS; number++)
        slot_init(&model->slots[number], number);
    return model;
}

void
model_free(Model *model)
{
    for (int number = 0; number < SLOTS; number++) {
        Slot *slot = &model->slots[number];
        for (int table = 0; table < TABLES; table++) {
            g_hash_table_destroy(slot->rows[table]);
            g_array_unref(slot->added[table]);
        }
        g_hash_table_destroy(slot->orders_of);
        g_hash_table_destroy(slot->maybe);
    }
    g_hash_table_destroy(model->ignored);
    g_mutex_clear(&model->lock);
    g_free(model);
}

Slot *
model_take_slot(Model *model, GRand *random)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&model->lock);
    int first = g_rand_int_range(random, 0, SLOTS);

    for (int step = 0; step < SLOTS; step++) {
        int number = (first + step) % SLOTS;
        if (!model->taken[number]) {
            model->taken[number] = TRUE;
            return &model->slots[number];
        }
    }
    return NULL;
}

void
model_return_slot(Model *model, Slot *slot)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&model->lock);

    model->taken[slot->number] = FALSE;
}

Slot *
model_home(Model *model, TableId table, const Row *row)
{
    gint64 user = table == TABLE_USERS ? row->id : row_number(row, ORDER_USER);

    return &model->slots[(user % SLOTS + SLOTS) % SLOTS];
}

Entry *
model_entry(const Slot *slot, TableId table, gint64 id)
{
    return g_hash_table_lookup(slot->rows[table], &id);
}

gboolean
model_row(const Model *model, const Slot *slot, TableId table, gint64 id, Row *row)
{
    const Entry *entry = model_entry(slot, table, id);

    if (entry == NULL)
        shop_row(&model->shop, table, id, row);
    else
        *row = entry->now;
    return entry == NULL || entry->before == NULL;
}

gboolean
model_pick_preloaded(const Model *model, Slot *slot, GRand *random, Row *row)
{
    gint64 first = slot->number == 0 ? SLOTS : slot->number;
    gint64 count = model->shop.users < first ? 0 : (model->shop.users - first) / SLOTS + 1;

    if (count == 0)
        return FALSE;
    /* Doubles have 53 bits, enough for any id this tool can preload. */
    return model_row(model, slot, TABLE_USERS, first + SLOTS * (gint64)(g_rand_double(random) * (double)count), row);
}

static gboolean
pick_added(const Model *model, Slot *slot, TableId table, GRand *random, Row *row)
{
    GArray *added = slot->added[table];

    while (added->len > 0) {
        guint at = (guint)g_rand_int_range(random, 0, (gint32)added->len);
        if (model_row(model, slot, table, g_array_index(added, gint64, at), row) && row->exists)
            return TRUE;
        g_array_remove_index_fast(added, at);
    }
    return FALSE;
}

gboolean
model_pick(const Model *model, Slot *slot, TableId table, GRand *random, Row *row)
{
    gint64 per_user = model->shop.orders_per_user;

    if (g_rand_int_range(random, 0, 3) == 0 && pick_added(model, slot, table, random, row))
        return TRUE;
    for (int attempt = 0; attempt < 10; attempt++) {
        if (!model_pick_preloaded(model, slot, random, row))
            break;
        if (table == TABLE_ORDERS) {
            gint64 order = 0;
            if (per_user == 0)
                break;
            order = (row->id - 1) * per_user + 1 + g_rand_int_range(random, 0, (gint32)per_user);
            if (!model_row(model, slot, TABLE_ORDERS, order, row))
                continue;
        }
        if (row->exists)
            return TRUE;
    }
    return pick_added(model, slot, table, random, row);
}

GArray *
model_orders_of(const Model *model, const Slot *slot, gint64 user)
{
    GArray *orders = g_array_new(FALSE, FALSE, sizeof(gint64));
    const GArray *added = g_hash_table_lookup(slot->orders_of, &user);

    if (user <= model->shop.users)
        for (gint64 n = 0; n < model->shop.orders_per_user; n++) {
            gint64 order = (user - 1) * model->shop.orders_per_user + 1 + n;
            g_array_append_val(orders, order);
        }
    if (added != NULL)
        g_array_append_vals(orders, added->data, added->len);
    return orders;
}

static void
remember_order(Slot *slot, const Row *order)
{
    gint64 user = row_number(order, ORDER_USER);
    GArray *orders = g_hash_table_lookup(slot->orders_of, &user);

    if (orders == NULL) {
        orders = g_array_new(FALSE, FALSE, sizeof(gint64));
        g_hash_table_insert(slot->orders_of, g_memdup2(&user, sizeof user), orders);
    }
    g_array_append_val(orders, order->id);
}

/* The entry to change, made on first touch from what the row was before. */
static Entry *
touch(const Model *model, Slot *slot, TableId table, const Row *row)
{
    Entry *entry = model_entry(slot, table, row->id);

    if (entry != NULL)
        return entry;
    entry = g_new0(Entry, 1);
    if (row->id <= shop_preloaded(&model->shop, table)) {
        shop_row(&model->shop, table, row->id, &entry->now);
    } else {
        entry->now.id = row->id;
        g_array_append_val(slot->added[table], row->id);
        if (table == TABLE_ORDERS)
            remember_order(slot, row);
    }
    g_hash_table_insert(slot->rows[table], &entry->now.id, entry);
    return entry;
}

void
model_apply(const Model *model, Slot *slot, TableId table, const Row *row)
{
    Entry *entry = touch(model, slot, table, row);

    g_clear_pointer(&entry->before, g_free);
    entry->now = *row;
}

void
model_unsure(const Model *model, Slot *slot, TableId table, const Row *row)
{
    Entry *entry = touch(model, slot, table, row);

    if (entry->before == NULL)
        entry->before = g_memdup2(&entry->now, sizeof entry->now);
    entry->now = *row;
}

void
model_maybe(Slot *slot, const char *name)
{
    g_hash_table_add(slot->maybe, g_strdup(name));
}

void
model_ignore(Model *model, const char *column)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&model->lock);

    g_hash_table_add(model->ignored, g_strdup(column));
}

gboolean
model_ignores(Model *model, TableId table, int column)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&model->lock);
    g_autofree char *name = g_strdup_printf("%s.%s", shop_table(table), shop_columns(table)[column]);

    return g_hash_table_contains(model->ignored, name);
}
