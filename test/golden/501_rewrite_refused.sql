ALTER TABLE nokey ALTER a TYPE bigint;
ALTER TABLE parted ALTER b TYPE bigint;
ALTER TABLE orders ALTER state TYPE int USING length(state) + random();
ALTER TABLE orders ALTER total TYPE bigint USING total * 100;
ALTER TABLE users ALTER shown TYPE jsonb;
