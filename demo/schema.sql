CREATE EXTENSION snowflake_pg;

-- pgbench's INSERT names its columns, so the default fills the key.
ALTER TABLE pgbench_history ADD COLUMN id bigint PRIMARY KEY DEFAULT snowflake_next();

CREATE TABLE events (
    id      bigint PRIMARY KEY DEFAULT snowflake_next(),
    payload text NOT NULL
);
