-- What was compared, by whom: 'check' (samples) or 'report' (the application). Each row is a part of the sum, so that sessions which
-- report at once never wait for each other; parts that nobody holds are put together now and then. Room on the pages keeps updates HOT.
CREATE TABLE IF NOT EXISTS pgseam.rollout_count (
    rollout text COLLATE "C" NOT NULL,
    period bigint NOT NULL,
    source text NOT NULL CHECK (source IN ('check', 'report')),
    stage text NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    compared bigint NOT NULL,
    mismatches bigint NOT NULL,
    errors bigint NOT NULL,
    PRIMARY KEY (rollout, period, source, stage, id))
WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)
