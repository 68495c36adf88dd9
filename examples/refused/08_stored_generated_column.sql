-- refused: materialized view public.daily_revenue
ALTER TABLE invoices ADD COLUMN gross numeric(12,2) GENERATED ALWAYS AS (amount * 1.19) STORED;
