-- pgseam: allow opaque because it only creates a role's schema when that is missing
DO $$
BEGIN
    IF to_regnamespace('reports') IS NULL THEN
        CREATE SCHEMA reports;
    END IF;
END $$;
CREATE TABLE reports.runs (id bigserial PRIMARY KEY, started_at timestamptz NOT NULL DEFAULT now());
-- rollback keeps: CREATE SCHEMA reports
