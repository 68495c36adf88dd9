-- The unique indexes and exclusion constraints of a target, but for those on the very key of the flow.
-- $1 oid: target, $2 text[]: the key's columns in the target
SELECT c.relname AS name, p.parts, p.operators, pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
       coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_not_distinct
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  LEFT JOIN pg_catalog.pg_constraint AS k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
   AND (k.contype = 'x' OR coalesce((pg_catalog.to_jsonb(k) ->> 'conperiod')::boolean, false))
 CROSS JOIN LATERAL (
       SELECT pg_catalog.array_agg(pg_catalog.pg_get_indexdef(i.indexrelid, g.place, false)
                  -- The definition of a single column says nothing of its collation.
                  || coalesce((SELECT pg_catalog.format(' COLLATE %I.%I', cn.nspname, l.collname)
                                 FROM pg_catalog.pg_collation AS l JOIN pg_catalog.pg_namespace AS cn ON cn.oid = l.collnamespace
                                WHERE l.oid = (i.indcollation::oid[])[g.place - 1]), '') ORDER BY g.place) AS parts,
              pg_catalog.array_agg('OPERATOR(' || pg_catalog.quote_ident(n.nspname) || '.' || o.oprname || ')' ORDER BY g.place)
                  AS operators,
              pg_catalog.array_agg((SELECT a.attname FROM pg_catalog.pg_attribute AS a
                                     WHERE a.attrelid = i.indrelid AND a.attnum = (i.indkey::int2[])[g.place - 1])
                                   ORDER BY g.place) AS columns
         FROM pg_catalog.generate_series(1, i.indnkeyatts::int) AS g(place)
         JOIN pg_catalog.pg_opclass AS q ON q.oid = (i.indclass::oid[])[g.place - 1]
         LEFT JOIN pg_catalog.pg_amop AS m ON k.conexclop IS NULL AND m.amopfamily = q.opcfamily AND m.amopstrategy = 3
          AND m.amoplefttype = q.opcintype AND m.amoprighttype = q.opcintype
         JOIN pg_catalog.pg_operator AS o ON o.oid = coalesce(k.conexclop[g.place], m.amopopr)
         JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace) AS p
 WHERE i.indrelid = $1::oid AND (i.indisunique OR i.indisexclusion)
   AND NOT (i.indpred IS NULL AND i.indexprs IS NULL AND k.oid IS NULL
            AND p.columns::text[] @> $2::text[] AND p.columns::text[] <@ $2::text[])
 ORDER BY c.relname
