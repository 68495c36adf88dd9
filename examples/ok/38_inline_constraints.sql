ALTER TABLE customers ADD COLUMN age integer CHECK (age >= 0);
ALTER TABLE customers ADD COLUMN vat_id text UNIQUE;
ALTER TABLE customers ADD COLUMN parent_id bigint REFERENCES customers (id);
ALTER TABLE customers ADD COLUMN warehouse_id bigint CONSTRAINT customers_warehouse_fk REFERENCES warehouses ON DELETE SET NULL,
                      ADD COLUMN limit_eur numeric(10,2) DEFAULT 500 CONSTRAINT customers_limit_positive CHECK (limit_eur > 0) NOT NULL;
