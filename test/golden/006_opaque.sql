-- pgseam: allow opaque because the role is new and nobody uses it yet
GRANT SELECT ON users TO reader;
CREATE TABLE "Audit log" (id bigint PRIMARY KEY, what text NOT NULL DEFAULT 'x, y');
