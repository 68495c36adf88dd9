CREATE UNIQUE INDEX IF NOT EXISTS migration_live ON pgseam.migration (name)
 WHERE state NOT IN ('complete', 'rolled_back')
