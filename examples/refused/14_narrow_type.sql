-- refused: materialized view public.daily_revenue
ALTER TABLE invoices ALTER COLUMN number TYPE varchar(20);
