-- Columns come and go.
ALTER TABLE users ADD COLUMN age int, ADD price numeric(10,2) DEFAULT coalesce(1, 2), DROP COLUMN IF EXISTS "Old,one";
alter table if exists only shop."Odd ""name""" alter b set default 'x, y' || f(1,2), alter c set not null, alter d drop not null;
ALTER TABLE t ADD a character varying (20) COLLATE "C" DEFAULT 'a, b' NOT NULL CHECK (a <> '');
ALTER TABLE t ADD b timestamp with time zone DEFAULT now() - interval '1 day', ADD c int[] DEFAULT ARRAY[1,2]::int[];
ALTER TABLE t ALTER a TYPE bigint USING a::bigint, ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (id) NOT VALID;
CREATE TABLE IF NOT EXISTS s.t (id bigint PRIMARY KEY, a text DEFAULT 'x' UNIQUE, UNIQUE (a, id), CHECK (id > 0), FOREIGN KEY (a) REFERENCES u);
CREATE TABLE p PARTITION OF q FOR VALUES FROM (1) TO (2);
