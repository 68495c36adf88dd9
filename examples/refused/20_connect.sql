-- refused: psql|meta-command|backslash
\connect otherdb
CREATE TABLE elsewhere (id int);
