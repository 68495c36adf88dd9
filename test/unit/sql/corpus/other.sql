BEGIN;
-- pgseam: allow opaque because it is ours alone
CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT a; END;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "I" ON ONLY t USING btree (a DESC, lower(b) text_ops) INCLUDE (c) WHERE d > 0;
DROP INDEX IF EXISTS a, s."b", db.s.c CASCADE;
CREATE INDEX ON t ((a || 'ä漢'));
CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN NEW.a := 'x;'; RETURN NEW; END $body$;
CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);
FROB x;
\set y 1
COPY t FROM stdin;
COMMIT;
