-- refused: (?i)unlogged|online rewrite|opaque
ALTER TABLE sessions SET UNLOGGED;
