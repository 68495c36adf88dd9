-- application: stops at the gate
ALTER TABLE audit_log ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE audit_log ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);
ALTER TABLE measurements_2026_h2 ADD PRIMARY KEY (id, taken_on);
-- check: SELECT count(DISTINCT id) FROM audit_log
