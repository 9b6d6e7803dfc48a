CREATE VIEW snowflake_lease AS
    SELECT worker_id, identity, registry, not_before, not_after, remaining, renewed, last_error,
           contested_by
    FROM snowflake_pg_lease();

REVOKE EXECUTE ON FUNCTION snowflake_pg_lease() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_lease() TO pg_monitor;
GRANT SELECT ON snowflake_lease TO pg_monitor;
