-- refused: psql|meta-command|backslash
ALTER TABLE customers ADD COLUMN twitter text;
\set ON_ERROR_STOP on
ALTER TABLE customers ADD COLUMN mastodon text;
