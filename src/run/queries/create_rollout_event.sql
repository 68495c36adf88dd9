-- Who changed which rollout, and from what to what. It outlives the rollout.
CREATE TABLE IF NOT EXISTS pgseam.rollout_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rollout text NOT NULL,
    at timestamptz NOT NULL,
    action text NOT NULL,
    role text NOT NULL DEFAULT session_user,
    client text NOT NULL, -- user@host, as the operating system has them
    before jsonb,
    after jsonb,
    reason text)
