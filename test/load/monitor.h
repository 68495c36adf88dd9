/* Looks every 10 ms who waits for a lock, for how long and behind whom. */
#ifndef LOAD_MONITOR_H
#define LOAD_MONITOR_H

#include <glib.h>
#include <json-glib/json-glib.h>

typedef struct Monitor Monitor;

/* Starts a thread with a connection of its own. */
Monitor *monitor_new(const char *conninfo);
void monitor_free(Monitor *monitor);

/* Adds the members to an object that has been begun. */
void monitor_write(Monitor *monitor, JsonBuilder *json);

#endif
