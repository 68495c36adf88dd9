/*
 * Do both sides of a rollout say the same? Samples that pgseam takes, and what the application reports itself through
 * pgseam.rollout_report() (queries/create_rollout_report.sql). Both are counted by stage, and both freeze a rollout
 * when more than its threshold differs.
 *
 * Law: a sample is read in one READ ONLY transaction under one snapshot, with no lock but ACCESS SHARE and within its
 * time; it is noted, and the rollout frozen, in a second one, which either does all of it or nothing. The rate of
 * nothing is unknown, never 100 %.
 */
#ifndef PGSEAM_RUN_ROLLOUT_CHECK_H
#define PGSEAM_RUN_ROLLOUT_CHECK_H

#include "run/rollout.h"

/* What is compared. Percentages are in hundredths. */
typedef struct RolloutPair {
    char *stage;
    char *frozen_because;
    char *migration; /* its two sides, by `up` and `down`; or NULL ... */
    char *old_query; /* ... and these: a key, then values; or NULL: what the application reports alone */
    char *new_query;
    char *search_path; /* under which the queries' names were given */
    int threshold;
    int at_least; /* reports; fewer are judged as if they were as many */
    gint64 period;
} RolloutPair;

void rollout_pair_clear(RolloutPair *pair);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RolloutPair, rollout_pair_clear)

/* What `compare` asks for: a migration, or two queries, or neither; -1: as it is. */
typedef struct RolloutPairChange {
    const char *migration;
    const char *old_query;
    const char *new_query;
    int threshold;
    int at_least;
} RolloutPairChange;

/* SEAM_ERROR_REFUSED where the rollout is not there, or the two sides cannot be compared: nothing is changed then. */
gboolean rollout_pair_set(DbConn *conn, const char *name, const RolloutPairChange *change, GError **error);

/* The caller clears. SEAM_ERROR_REFUSED where the rollout is not there; a database of an older pgseam has none with a
 * pair. */
gboolean rollout_pair_get(DbConn *conn, const char *name, RolloutPair *ret, GError **error);

/* How many rows a sample has, and how long it may take. */
typedef struct RolloutSampling {
    gint64 rows; /* of each side; 0: `percent` of them, all with 100 % of two queries */
    int percent; /* no more than ROLLOUT_MAX_ROWS of each side are drawn, though */
    int timeout_ms;
    int threshold; /* -1: the rollout's */
    gboolean never_freezes;
} RolloutSampling;

#define ROLLOUT_MAX_ROWS 100000

typedef struct RolloutDifference {
    char *key;
    char *columns;  /* NULL: those of the queries */
    char *old_side; /* NULL: the key is missing there */
    char *new_side;
} RolloutDifference;

/* One comparison, or a sum of them. */
typedef struct RolloutFigures {
    char *stage;
    char *source; /* of a sum: "check" or "report" */
    char *at;     /* of a sample */
    char *by;
    gint64 compared;
    gint64 mismatches;
    gint64 errors; /* rows on which an expression failed: not among those compared */
    gint64 took_ms;
    gboolean is_over;
    gboolean is_cut;        /* of a sample: fewer rows than were asked for */
    gboolean is_frozen;     /* it was this sample that froze the rollout */
    char *error_text;       /* of the first error; NULL */
    GPtrArray *differences; /* RolloutDifference: the first ones; NULL: not kept */
} RolloutFigures;

void rollout_figures_free(RolloutFigures *figures);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RolloutFigures, rollout_figures_free)

/* One sample, noted. SEAM_ERROR_REFUSED where nothing can be compared, SEAM_ERROR_FAILED where it took too long. */
RolloutFigures *rollout_check(DbConn *conn, const char *name, const RolloutSampling *sampling, GError **error);

/* Pure: whether the next sample may do better: this one took too long, or waited for a lock. */
gboolean rollout_check_may_go_on(const GError *error);

/* Pure: in percent with four decimals, rounded down, so that 100 means all; negative: nothing was compared. */
double rollout_consistency(gint64 compared, gint64 mismatches);
/* Pure: whether more than `threshold` hundredths of a percent differ. */
gboolean rollout_is_over(gint64 compared, gint64 mismatches, int threshold);

typedef struct RolloutReported {
    char *at;
    char *stage;
    char *key;
    char *detail;
    char *role;
    gboolean is_error;
} RolloutReported;

/* For people: sums by stage and source; the last samples, newest first; the first mismatches of the period that the
 * application reported. Empty lists where there are none. */
typedef struct RolloutHealth {
    RolloutPair pair;
    GPtrArray *totals;   /* RolloutFigures */
    GPtrArray *samples;  /* RolloutFigures */
    GPtrArray *reported; /* RolloutReported */
} RolloutHealth;

RolloutHealth *rollout_health(DbConn *conn, const char *name, GError **error);
void rollout_health_free(RolloutHealth *health);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RolloutHealth, rollout_health_free)

#endif
