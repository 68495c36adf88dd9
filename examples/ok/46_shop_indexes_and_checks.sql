CREATE INDEX orders_status_idx ON orders (status) WHERE status <> 'sent';
CREATE INDEX users_email_lower_idx ON users (lower(email));
ALTER TABLE order_items ADD CONSTRAINT order_items_quantity_positive CHECK (quantity > 0);
ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'open';
ALTER TABLE orders ADD COLUMN placed_at timestamptz DEFAULT now();
CREATE VIEW open_orders AS SELECT id, user_id, total FROM orders WHERE status = 'open';
GRANT SELECT ON open_orders, orders TO app_reader;
