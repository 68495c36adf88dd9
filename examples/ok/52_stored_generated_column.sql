-- check: SELECT count(*) FROM payments WHERE gross IS DISTINCT FROM round(amount * 1.19, 2)
ALTER TABLE payments ADD COLUMN gross numeric(12,2) GENERATED ALWAYS AS (amount * 1.19) STORED;
