-- UUIDs from bytes and as bytes: versions 4 and 8, Microsoft's GUIDs.
SET bytea_output = 'hex';

-- version 4: random
SELECT uuid_version(uuid), uuid_variant(uuid) FROM uuid_v4() AS uuid;
SELECT count(DISTINCT uuid) AS different FROM (SELECT uuid_v4() AS uuid FROM generate_series(1, 10000)) AS made;
-- all bits but those of version and variant are 0 as well as 1
SELECT bit_and(bits) = x'00000000000040008000000000000000' AS zeros, bit_or(bits) = x'ffffffffffff4fffbfffffffffffffff' AS ones
    FROM (SELECT ('x' || replace(uuid_v4()::text, '-', ''))::bit(128) AS bits FROM generate_series(1, 1000)) AS made;
CREATE TABLE tokens (token uuid DEFAULT uuid_v4(), owner text);
INSERT INTO tokens (owner) VALUES ('alice'), ('bob') RETURNING owner, uuid_version(token);
SELECT count(DISTINCT token) FROM tokens;
DROP TABLE tokens;

-- version 8: 16 bytes of your own, of which version and variant replace six bits; RFC 9562's second example
SELECT uuid_v8('\x5c146b143c524afd938a375d0df1fbf6');
SELECT uuid_v8('\x00000000000000000000000000000000'), uuid_v8('\xffffffffffffffffffffffffffffffff');
-- such as the start of a SHA-256
SELECT uuid_v8(substr(sha256(uuid_send(uuid_namespace_dns()) || 'www.example.com'), 1, 16));
-- what is one already stays as it is
SELECT uuid_v8(uuid_send('2489e9ad-2ee2-8e00-8ec9-32d5f69181c0'));
-- 16 it must be
SELECT uuid_v8('\x5c146b143c524afd938a375d0df1fb');
\echo SQLSTATE :SQLSTATE
SELECT uuid_v8('\x5c146b143c524afd938a375d0df1fbf600');
SELECT uuid_v8('');
SELECT uuid_v8(sha256('www.example.com'));
-- text is not parsed: these are the bytes of 36 characters
SELECT uuid_v8('2489e9ad-2ee2-8e00-8ec9-32d5f69181c0');
SELECT uuid_v8(NULL) IS NULL;

-- a GUID has its first three groups in the byte order of Intel's processors
SELECT uuid_to_guid_bytes('00112233-4455-6677-8899-aabbccddeeff');
SELECT uuid_from_guid_bytes('\x33221100554477668899aabbccddeeff');
SELECT uuid_to_guid_bytes('00000000-0000-0000-0000-000000000000'), uuid_to_guid_bytes('ffffffff-ffff-ffff-ffff-ffffffffffff');
-- as against the order on the wire
SELECT uuid_send('00112233-4455-6677-8899-aabbccddeeff');
-- every UUID comes back, whatever it is
SELECT count(*), bool_and(uuid_from_guid_bytes(uuid_to_guid_bytes(uuid)) = uuid) AS back, bool_and(octet_length(uuid_to_guid_bytes(uuid)) = 16) AS sixteen
    FROM (SELECT uuid(md5(n::text)) AS uuid FROM generate_series(1, 1000) AS n) AS v;
SELECT uuid_from_guid_bytes('\x33221100554477668899aabbccddee');
\echo SQLSTATE :SQLSTATE
SELECT uuid_from_guid_bytes('\x33221100554477668899aabbccddeeff00');
SELECT uuid_from_guid_bytes('');
SELECT uuid_to_guid_bytes(NULL) IS NULL, uuid_from_guid_bytes(NULL) IS NULL;

-- what another system stored as bytes, with its UUID beside it
CREATE TABLE imported (guid bytea, id uuid GENERATED ALWAYS AS (uuid_from_guid_bytes(guid)) STORED);
CREATE INDEX ON imported (uuid_to_guid_bytes(id));
INSERT INTO imported VALUES ('\x33221100554477668899aabbccddeeff') RETURNING id;
DROP TABLE imported;
