CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX customers_prefs_gin ON customers USING gin (prefs jsonb_path_ops);
CREATE INDEX customers_name_trgm ON customers USING gin (name gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX customers_lower_email_idx ON customers (lower(email));
CREATE UNIQUE INDEX customers_email_active_key ON customers (email) WHERE is_active;
CREATE INDEX ON customers (region_id, created_at DESC NULLS LAST) INCLUDE (name);
CREATE INDEX customers_phone_hash ON customers USING hash (phone);
CREATE INDEX customers_created_brin ON customers USING brin (created_at) WITH (pages_per_range = 32);
CREATE INDEX customers_name_c_idx ON customers (name COLLATE "C" text_pattern_ops);
