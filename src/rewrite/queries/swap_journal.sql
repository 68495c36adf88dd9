-- What the cut-over must know of the rewrite: the shapes that both tables were planned with, and what the way back needs.
-- $1 bigint: migration, $2 name of the rewrite, $3 text[]: sequences that become bigint
SELECT r.shape, r.shadow_shape, r.unproven, r.wordings,
       -- A sequence that has gone beyond its old end stays as it is: its column refuses what does not fit.
       (SELECT pg_catalog.array_agg(u.statement)
          FROM pg_catalog.unnest(r.undo) AS u(statement)
         WHERE NOT EXISTS (
               SELECT FROM pg_catalog.unnest($3::text[]) AS w(name)
                WHERE pg_catalog.starts_with(u.statement, pg_catalog.format('ALTER SEQUENCE %s AS ', w.name))
                  AND pg_catalog.pg_sequence_last_value(pg_catalog.to_regclass(w.name))
                      > pg_catalog.substring(u.statement, 'MAXVALUE (-?[0-9]+)$')::bigint)) AS undo,
       (SELECT pg_catalog.array_agg(pg_catalog.format('ALTER SEQUENCE %s AS %s MINVALUE %s MAXVALUE %s', w.name,
                                                      s.seqtypid::pg_catalog.regtype, s.seqmin, s.seqmax))
          FROM pg_catalog.unnest($3::text[]) AS w(name)
          JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = pg_catalog.to_regclass(w.name)) AS narrow
  FROM pgseam.rewrite AS r
 WHERE r.migration_id = $1::bigint AND r.name = $2
