-- Blocks of a source that are in its shadow: noted in the transaction that brings them there.
CREATE TABLE IF NOT EXISTS pgseam.rewrite_chunk (
    migration_id bigint NOT NULL,
    name text NOT NULL,
    first_block bigint NOT NULL,
    end_block bigint NOT NULL,
    rows bigint NOT NULL,
    spent_ms bigint NOT NULL,
    PRIMARY KEY (migration_id, name, first_block),
    FOREIGN KEY (migration_id, name) REFERENCES pgseam.rewrite)
