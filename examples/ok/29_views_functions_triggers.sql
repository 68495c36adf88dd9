CREATE OR REPLACE VIEW active_customers AS
    SELECT id, name, email, region_id FROM customers WHERE is_active IS NOT FALSE;
CREATE VIEW customers_by_region AS SELECT region_id, count(*) AS n FROM customers GROUP BY region_id;
CREATE OR REPLACE FUNCTION customer_label(c customers) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT c.name || ' <' || coalesce(c.email, '-') || '>';
$$;
CREATE FUNCTION set_updated() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    -- a semicolon in a comment; and 'quotes'
    NEW.updated_at = now();
    RETURN NEW;
END;
$body$;
CREATE TRIGGER invoices_touch BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION set_updated();
ALTER TABLE invoices DISABLE TRIGGER invoices_touch;
COMMENT ON TABLE customers IS 'people who pay; see billing''s wiki';
COMMENT ON COLUMN invoices.updated_at IS NULL;
GRANT SELECT ON customers, invoices TO app_reader;
GRANT SELECT (warehouse_id, qty) ON stock TO app_reader;
