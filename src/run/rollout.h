/*
 * Rollouts: which version of an application answers, and for which keys. The application asks two functions of the
 * journal's schema, pgseam.rollout_version() and pgseam.rollout_state(); what each stage means stands in the latter.
 *
 * Law: processes of the application may be one stage apart, never two, so a stage is left for the next one, or back for
 * one that also writes both sides. Row, history and NOTIFY pgseam_rollout are one statement: whoever changes a rollout
 * leaves a line, and whoever listens hears of it when, and only when, it is committed.
 */
#ifndef PGSEAM_RUN_ROLLOUT_H
#define PGSEAM_RUN_ROLLOUT_H

#include "db/conn.h"

/* id, name, are both sides written in it */
#define ROLLOUT_STAGES(X)                                                                                              \
    X(ROLLOUT_OFF, "off", FALSE)                                                                                       \
    X(ROLLOUT_DUALWRITE, "dualwrite", TRUE)                                                                            \
    X(ROLLOUT_SHADOW, "shadow", TRUE)                                                                                  \
    X(ROLLOUT_LIVE, "live", TRUE)                                                                                      \
    X(ROLLOUT_RAMPDOWN, "rampdown", TRUE)                                                                              \
    X(ROLLOUT_COMPLETE, "complete", FALSE)

#define ROLLOUT_ENUM(id, name, both) id,
typedef enum RolloutStage { ROLLOUT_STAGES(ROLLOUT_ENUM) N_ROLLOUT_STAGES } RolloutStage;

/* More would make each call of the function slower than its look-up. */
#define ROLLOUT_MAX_COHORTS 1000

typedef struct Rollout {
    char *name;
    RolloutStage stage;
    int percent;          /* in hundredths; -1: never set */
    GPtrArray *cohorts;   /* keys that get the new version in stage live, whatever the percentage */
    char *frozen_because; /* NULL: is not frozen */
    char *reads;          /* what the application is told: old, both, key (by the key) or new */
    char *writes;         /* old, both or new */
    char *changed_at;
    char *changed_by;
} Rollout;

/* What `set` asks for. */
typedef struct RolloutChange {
    RolloutStage stage;
    int percent;            /* in hundredths; -1: as it is */
    const char *const *add; /* cohort keys; NULL: none */
    const char *const *remove;
    const char *because; /* for the history; NULL */
    gboolean is_forced;  /* skips stages, goes back from complete */
} RolloutChange;

typedef struct RolloutEvent {
    char *at;
    char *action; /* create, set, freeze, unfreeze or drop */
    char *role;
    char *client; /* user@host */
    char *before; /* a JSON object {stage, percent, cohorts, frozen_because}, or NULL; */
    char *after;  /* the same */
    char *reason; /* NULL: none was given */
} RolloutEvent;

const char *rollout_stage_name(RolloutStage stage);
gboolean rollout_parse_stage(const char *text, RolloutStage *ret_stage);

/* "12.5" <-> 1250: 0 to 100, at most two decimals. The caller frees the text. */
gboolean rollout_parse_percent(const char *text, int *ret_percent);
char *rollout_percent_text(int percent);

/* All, by name, or the one of that name. Empty where there is no journal, or one that is older than rollouts. The
 * caller unrefs. */
GPtrArray *rollout_list(DbConn *conn, const char *name, GError **error);

/* What became of a name, oldest first, the dropped included. The caller unrefs. */
GPtrArray *rollout_history(DbConn *conn, const char *name, GError **error);

/* Each is one transaction under the row's lock. SEAM_ERROR_REFUSED says what is in the way and which way there is.
 * rollout_set() makes the journal and the rollout (in stage off) where they are missing; what changes nothing leaves no
 * line. */
gboolean rollout_set(DbConn *conn, const char *name, const RolloutChange *change, GError **error);
/* A rollout that is frozen already keeps its reason. */
gboolean rollout_freeze(DbConn *conn, const char *name, const char *because, GError **error);
gboolean rollout_unfreeze(DbConn *conn, const char *name, const char *because, GError **error);
gboolean rollout_drop(DbConn *conn, const char *name, const char *because, gboolean is_forced, GError **error);

/* Let a role ("public": everybody) ask the functions, and nothing else: refused if it could use the journal's tables
 * once it may enter the schema. */
gboolean rollout_grant(DbConn *conn, const char *role, GError **error);

/* Pure: may `from` become `to`? (rollout_rules.c) */
gboolean rollout_check_change(const Rollout *from, const Rollout *to, gboolean is_forced, GError **error);
/* Pure: may it go? Functions answer 'old' for what they do not know. */
gboolean rollout_check_drop(const Rollout *rollout, gboolean is_forced, GError **error);

#endif
