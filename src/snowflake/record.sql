-- The layout of this database's IDs: one row, written by CREATE EXTENSION, dumped by pg_dump.
CREATE TABLE snowflake_recorded_layout (
    layout text NOT NULL,
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton)
);
INSERT INTO snowflake_recorded_layout (layout) VALUES (snowflake_pg_server_layout());
CREATE TRIGGER snowflake_pg_replace_record
    BEFORE INSERT OR UPDATE OR DELETE ON snowflake_recorded_layout
    FOR EACH ROW EXECUTE FUNCTION snowflake_pg_replace_record();
SELECT pg_catalog.pg_extension_config_dump('snowflake_recorded_layout', '');

-- The durable mark: milliseconds since 1970 that all IDs given out are below, 0 before the first.
CREATE SEQUENCE snowflake_mark AS bigint MINVALUE 0 START 0 NO CYCLE;
SELECT pg_catalog.pg_extension_config_dump('snowflake_mark', '');

GRANT SELECT ON snowflake_recorded_layout, snowflake_mark TO PUBLIC;
REVOKE EXECUTE ON FUNCTION snowflake_set_layout(text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION snowflake_pg_replace_record() FROM PUBLIC;
