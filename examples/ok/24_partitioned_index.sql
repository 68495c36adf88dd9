CREATE INDEX measurements_sensor_idx ON measurements (sensor_id, taken_on);
CREATE UNIQUE INDEX tickets_queue_id_key ON tickets (queue, id);
ALTER TABLE measurements ADD COLUMN quality smallint;
ALTER TABLE measurements ADD CONSTRAINT measurements_value_check CHECK (value >= 0);
