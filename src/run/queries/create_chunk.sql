CREATE TABLE IF NOT EXISTS pgseam.chunk (
    migration_id bigint NOT NULL,
    step_id int NOT NULL,
    cursor text[],
    high text[],
    rows_seen bigint NOT NULL DEFAULT 0,
    rows_changed bigint NOT NULL DEFAULT 0,
    batches bigint NOT NULL DEFAULT 0,
    passes int NOT NULL DEFAULT 0,
    pass_changed bigint NOT NULL DEFAULT 0,
    spent_ms bigint NOT NULL DEFAULT 0,
    is_done boolean NOT NULL DEFAULT false,
    PRIMARY KEY (migration_id, step_id),
    FOREIGN KEY (migration_id, step_id) REFERENCES pgseam.step)
