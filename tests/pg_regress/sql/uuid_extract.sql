-- PostgreSQL 17 and later take UUIDs apart, too, 17 without the time of version 7: where both answer, they agree.
-- Older servers have nothing to disagree with.
SET timezone = 'UTC'; SET datestyle = 'ISO';

CREATE TABLE samples AS
    -- all versions and variants
    SELECT overlay(overlay(md5(n::text) PLACING to_hex(n % 16) FROM 13) PLACING to_hex(n / 16 % 16) FROM 17)::uuid AS uuid
    FROM generate_series(0, 5119) AS n;
INSERT INTO samples VALUES
    ('00000000-0000-0000-0000-000000000000'), ('ffffffff-ffff-ffff-ffff-ffffffffffff'),
    ('00000000-0000-1000-8000-000000000000'), ('ffffffff-ffff-1fff-bfff-ffffffffffff'),
    ('00000000-0000-7000-8000-000000000000'), ('ffffffff-ffff-7fff-bfff-ffffffffffff'),
    ('c232ab00-9414-11ec-b3c8-9f6bdeced846'), ('017f22e2-79b0-7cc3-98c4-dc0c0c07398f'),
    (uuid_v1()), (uuid_v4()), (uuid_v6()), (uuid_v7()), (snowflake128_next());
SELECT count(*), count(DISTINCT uuid_version(uuid)) AS versions, count(DISTINCT uuid_variant(uuid)) AS variants FROM samples;

CREATE FUNCTION disagreements() RETURNS TABLE (what text, uuid uuid) LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN
        RETURN QUERY EXECUTE $query$
            SELECT 'version', uuid FROM samples WHERE uuid_version(uuid) IS DISTINCT FROM uuid_extract_version(uuid)
            UNION ALL
            SELECT 'timestamp', uuid FROM samples
                WHERE uuid_version(uuid) IN (1, 7) AND uuid_timestamp(uuid) <> uuid_extract_timestamp(uuid) $query$;
    END IF;
    IF current_setting('server_version_num')::int >= 180000 THEN
        -- ours knows the time of version 6 as well
        RETURN QUERY EXECUTE $query$
            SELECT 'has timestamp', uuid FROM samples
                WHERE uuid_version(uuid) IS DISTINCT FROM 6 AND uuid_timestamp(uuid) IS DISTINCT FROM uuid_extract_timestamp(uuid)
            UNION ALL
            SELECT 'version 7', uuid FROM (SELECT uuidv7() AS uuid FROM generate_series(1, 1000)) AS made
                WHERE uuid_version(uuid) <> 7 OR uuid_timestamp(uuid) <> uuid_extract_timestamp(uuid)
            UNION ALL
            SELECT 'version 4', uuid FROM (SELECT uuidv4() AS uuid FROM generate_series(1, 1000)) AS made
                WHERE uuid_version(uuid) <> 4 OR uuid_timestamp(uuid) IS NOT NULL $query$;
    END IF;
END $$;
SELECT * FROM disagreements();

DROP FUNCTION disagreements();
DROP TABLE samples;
