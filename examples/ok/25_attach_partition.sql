-- The second half of 2026 was loaded aside.
ALTER TABLE measurements ATTACH PARTITION measurements_2026_h2 FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
CREATE TABLE measurements_2027_h1 PARTITION OF measurements FOR VALUES FROM ('2027-01-01') TO ('2027-07-01');
-- check: SELECT count(*) FROM measurements
