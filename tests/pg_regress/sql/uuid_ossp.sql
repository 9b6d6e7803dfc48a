-- uuid-ossp and snowflake_pg in one schema, installed in either order.
SET timezone = 'UTC'; SET datestyle = 'ISO';
SELECT count(*) = 0 AS missing FROM pg_available_extensions WHERE name = 'uuid-ossp' \gset
\if :missing
\echo uuid-ossp is not available on this server
\quit
\endif

CREATE EXTENSION "uuid-ossp";
SELECT extname, nspname AS schema FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
    WHERE extname IN ('snowflake_pg', 'uuid-ossp') ORDER BY extname COLLATE "C";
SELECT uuid_generate_v5(uuid_ns_dns(), 'example.org'), snowflake_timestamp(0, 'twitter') AS epoch;

-- both have the same namespaces, and make the same UUID of a name
SELECT uuid_namespace_dns() = uuid_ns_dns() AS dns, uuid_namespace_url() = uuid_ns_url() AS url,
       uuid_namespace_oid() = uuid_ns_oid() AS oid, uuid_namespace_x500() = uuid_ns_x500() AS x500;
SELECT count(*), count(*) FILTER (WHERE uuid_v3(namespace, name) = uuid_generate_v3(namespace, name)) AS v3,
       count(*) FILTER (WHERE uuid_v5(namespace, name) = uuid_generate_v5(namespace, name)) AS v5
    FROM (SELECT left(repeat(md5(random()::text), 5), n % 150) AS name FROM generate_series(1, 1500) AS n) AS names,
         unnest(ARRAY[uuid_ns_dns(), uuid_ns_url(), uuid_ns_oid(), uuid_ns_x500(), uuid_generate_v4()]) AS namespace;
-- what it generates is read
SELECT version, variant, abs(extract(epoch FROM ts - clock_timestamp())) < 5 AS made_now, node & '01:00:00:00:00:00' AS multicast
    FROM uuid_decode(uuid_generate_v1mc());
SELECT uuid_version(uuid_generate_v4()), uuid_variant(uuid_generate_v4());

BEGIN;
DROP EXTENSION snowflake_pg;
CREATE EXTENSION snowflake_pg;
SELECT uuid_nil(), snowflake_worker_id(snowflake_next());
ROLLBACK;

DROP EXTENSION "uuid-ossp";
SELECT snowflake_worker_id(snowflake_next());
