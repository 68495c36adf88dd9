-- application: stops at the gate
DROP VIEW IF EXISTS legacy_overview;
DROP TABLE legacy_imports;
DROP TABLE IF EXISTS legacy_batches, never_was;
