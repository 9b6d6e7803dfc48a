-- Taking UUIDs apart.
SET timezone = 'UTC'; SET datestyle = 'ISO';

-- the examples of RFC 9562, and one of version 2 (DCE security), which is defined elsewhere
CREATE TABLE examples (uuid uuid);
INSERT INTO examples VALUES
    ('c232ab00-9414-11ec-b3c8-9f6bdeced846'),
    ('000003e8-9414-21ec-b300-9f6bdeced846'),
    ('5df41881-3aed-3515-88a7-2f4a814cf09e'),
    ('919108f7-52d1-4320-9bac-f847db4148a8'),
    ('2ed6657d-e927-568b-95e1-2665a8aea6a2'),
    ('1ec9414c-232a-6b00-b3c8-9f6bdeced846'),
    ('017f22e2-79b0-7cc3-98c4-dc0c0c07398f'),
    ('2489e9ad-2ee2-8e00-8ec9-32d5f69181c0'),
    ('5c146b14-3c52-8afd-938a-375d0df1fbf6');
SELECT uuid, d.* FROM examples, uuid_decode(uuid) AS d;

-- one part alone
SELECT uuid, uuid_version(uuid), uuid_variant(uuid), uuid_timestamp(uuid) FROM examples;

-- one row, so the parts can be taken in the select list too
SELECT (uuid_decode('1ec9414c-232a-6b00-b3c8-9f6bdeced846')).*;
SELECT (uuid_decode('1ec9414c-232a-6b00-b3c8-9f6bdeced846')).node;
SELECT uuid_decode('1ec9414c-232a-6b00-b3c8-9f6bdeced846');

-- nil and max have no version; their variants are not RFC 9562's
SELECT uuid, d.* FROM (VALUES (uuid '00000000-0000-0000-0000-000000000000'), ('ffffffff-ffff-ffff-ffff-ffffffffffff')) AS v (uuid),
       uuid_decode(uuid) AS d;

-- the variant is in the first bits of the fourth group; only RFC 9562's has versions
SELECT uuid, d.* FROM (SELECT uuid(concat('c232ab00-9414-11ec-', to_hex(n), '3c8-9f6bdeced846')) FROM generate_series(0, 15) AS n) AS v,
       uuid_decode(uuid) AS d;

-- versions that nobody has defined are shown
SELECT uuid, d.* FROM (SELECT uuid(concat('c232ab00-9414-', to_hex(n), '1ec-b3c8-9f6bdeced846')) FROM generate_series(0, 15) AS n) AS v,
       uuid_decode(uuid) AS d;

-- the first and the last time of versions 1, 6 and 7
SELECT uuid, uuid_timestamp(uuid)
    FROM (VALUES (1, uuid '00000000-0000-1000-8000-000000000000'), (2, 'ffffffff-ffff-1fff-bfff-ffffffffffff'),
                 (3, '00000000-0000-6000-8000-000000000000'), (4, 'ffffffff-ffff-6fff-bfff-ffffffffffff'),
                 (5, '00000000-0000-7000-8000-000000000000'), (6, 'ffffffff-ffff-7fff-bfff-ffffffffffff')) AS v (n, uuid)
    ORDER BY n;
-- 1 and 6 to the microsecond, cut; 7 to the millisecond
SELECT uuid_timestamp('c232ab09-9414-11ec-b3c8-9f6bdeced846'), uuid_timestamp('c232ab0a-9414-11ec-b3c8-9f6bdeced846'),
       uuid_timestamp('1ec9414c-232a-6b0a-b3c8-9f6bdeced846'), uuid_timestamp('017f22e2-79b0-7fff-98c4-dc0c0c07398f');

-- the three functions answer what the columns of uuid_decode have
SELECT count(*), bool_and((version, variant, ts) IS NOT DISTINCT FROM (uuid_version(uuid), uuid_variant(uuid), uuid_timestamp(uuid))) AS agree,
       count(DISTINCT variant) AS variants, count(DISTINCT version) AS versions
    FROM (SELECT uuid(md5(n::text)) AS uuid FROM generate_series(1, 10000) AS n) AS v, uuid_decode(uuid);

-- the text of a time depends on the session, its value does not
BEGIN;
SET LOCAL timezone = 'America/New_York';
SELECT uuid_timestamp('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
COMMIT;

-- so it can be stored
CREATE TABLE events (id uuid PRIMARY KEY, created timestamptz GENERATED ALWAYS AS (uuid_timestamp(id)) STORED);
CREATE INDEX events_version ON events (uuid_version(id), uuid_variant(id));
INSERT INTO events SELECT uuid FROM examples WHERE uuid_version(uuid) IN (1, 4, 6, 7);
TABLE events ORDER BY id;
DROP TABLE events, examples;

-- NULL in, NULL out
SELECT uuid_decode(NULL) IS NULL, uuid_version(NULL) IS NULL, uuid_variant(NULL) IS NULL, uuid_timestamp(NULL) IS NULL;
