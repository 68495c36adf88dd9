CREATE POLICY articles_read ON articles FOR SELECT USING (status > 0 OR author_id IS NOT NULL);
CREATE POLICY articles_own ON articles AS PERMISSIVE FOR ALL TO app_reader USING (true) WITH CHECK (author_id > 0);
ALTER TABLE articles ENABLE ROW LEVEL SECURITY;
GRANT SELECT, UPDATE ON articles TO app_reader;
REVOKE UPDATE ON articles FROM app_reader;
ALTER POLICY articles_read ON articles USING (status >= 0);
