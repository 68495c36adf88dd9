ALTER TABLE users ADD CONSTRAINT n_positive CHECK (n > 0), ADD UNIQUE (email) DEFERRABLE;
ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
ALTER TABLE users ADD COLUMN uid text NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  ADD COLUMN code bigserial, ADD COLUMN kind int CHECK (kind > 0);
