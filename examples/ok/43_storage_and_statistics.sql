ALTER TABLE sessions SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE articles ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE articles ALTER COLUMN author_id SET (n_distinct = -0.1);
ALTER TABLE articles ALTER author_id SET STATISTICS 1000;
CREATE STATISTICS articles_author_status (dependencies, ndistinct) ON author_id, status FROM articles;
ALTER TABLE sessions REPLICA IDENTITY FULL;
ALTER TABLE customers CLUSTER ON customers_email_idx;
ALTER SEQUENCE ticket_no_seq INCREMENT BY 10 CACHE 5;
CREATE PUBLICATION billing_feed FOR TABLE billing.entries, billing.accounts;
