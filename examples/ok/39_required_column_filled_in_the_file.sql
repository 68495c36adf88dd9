-- application: stops at the gate
-- No default: the new application always says it. The rows that are there get it from the country.
ALTER TABLE customers ADD COLUMN locale text NOT NULL;
UPDATE customers SET locale = lower(country) || '_' || country WHERE locale IS NULL;
-- check: SELECT locale, count(*) FROM customers GROUP BY locale
-- plain: ALTER TABLE customers ADD COLUMN locale text; UPDATE customers SET locale = lower(country) || '_' || country WHERE locale IS NULL; ALTER TABLE customers ALTER COLUMN locale SET NOT NULL
