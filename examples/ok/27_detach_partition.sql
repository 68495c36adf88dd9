-- application: stops at the gate
ALTER TABLE measurements DETACH PARTITION measurements_2025 CONCURRENTLY;
DROP TABLE measurements_2025;
-- check: SELECT count(*) FROM measurements
