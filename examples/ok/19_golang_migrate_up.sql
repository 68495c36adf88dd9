BEGIN;
CREATE TABLE IF NOT EXISTS outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY,
    topic      text        NOT NULL,
    payload    jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id)
);
CREATE INDEX IF NOT EXISTS outbox_created_at_idx ON outbox (created_at);
ALTER TABLE IF EXISTS payments ADD COLUMN IF NOT EXISTS settled_at timestamptz;
CREATE INDEX IF NOT EXISTS payments_settled_at_idx ON payments (settled_at) WHERE settled_at IS NULL;
COMMIT;
