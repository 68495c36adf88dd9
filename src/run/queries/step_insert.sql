-- $1 bigint: migration, $2 int: step, $3 text: phase, $4 text: kind, $5 text: relation, $6 bigint: rows expected
INSERT INTO pgseam.step (migration_id, id, phase, kind, relation, relation_oid, rows_total)
VALUES ($1::bigint, $2::int, $3, $4, $5, pg_catalog.to_regclass($5), $6::bigint)
