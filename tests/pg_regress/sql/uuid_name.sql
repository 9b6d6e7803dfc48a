-- UUIDs from names: whoever has the same name in the same namespace gets the same UUID, with no need to ask.
SET client_encoding = 'UTF8';

-- the namespaces of RFC 9562
SELECT uuid_namespace_dns() AS dns, uuid_namespace_url() AS url;
SELECT uuid_namespace_oid() AS oid, uuid_namespace_x500() AS x500;

-- version 5 is the SHA-1 of namespace and name, version 3 the MD5: the RFC's own examples
SELECT uuid_v5(uuid_namespace_dns(), 'www.example.com'), uuid_v3(uuid_namespace_dns(), 'www.example.com');
-- any UUID serves as a namespace
SELECT uuid_v5(uuid_v5(uuid_namespace_dns(), 'example.com'), 'order 4711');

-- what Python's uuid module makes of the same names
CREATE TABLE names (namespace text, name text, v3 uuid, v5 uuid);
INSERT INTO names VALUES
    ('dns', '', 'c87ee674-4ddc-3efe-a74e-dfe25da5d7b3', '4ebd0208-8328-5d69-8c44-ec50939c0967'),
    ('dns', 'www.example.com', '5df41881-3aed-3515-88a7-2f4a814cf09e', '2ed6657d-e927-568b-95e1-2665a8aea6a2'),
    ('dns', 'www.widgets.com', '3d813cbb-47fb-32ba-91df-831e1593ac29', '21f7f8de-8051-5b89-8680-0195ef798b6a'),
    ('dns', 'python.org', '6fa459ea-ee8a-3ca4-894e-db77e160355e', '886313e1-3b8a-5372-9b90-0c9aee199e5d'),
    ('dns', 'morning_reading_study', '4615e79f-dbdb-3c28-be6b-d5a472b3f335', 'cf0e4077-12fe-5622-b9eb-ebaa240afa03'),
    ('dns', '1.3.6.1', '867db8e5-41e6-36a2-ad33-866053e3b1c1', '4d757760-8766-51b5-ba59-e9193a084966'),
    ('dns', 'https://developers.line.biz/', 'ea0a459f-fcbb-39c7-aa72-928e4d97d3ee', '58924418-3880-5620-882c-30e1f4935505'),
    ('dns', '123456789012345678', 'c950c7ed-7c6b-3666-95d0-9ecfc3bdd5fa', 'ef82647b-9628-5009-921d-15d20ee3cab3'),
    ('dns', '이름', '71a6e1bc-a89d-3f26-b98f-89322301f026', 'ed29b41f-88b5-5f2f-ac87-0f22ebff4b2f'),
    ('dns', '名前', '82fb302d-49b6-3a38-96d4-6caaf51fba89', '96664380-ffd9-5e91-967c-141ee634109f'),
    ('dns', '😀', '4ee426a1-9210-355a-9c1d-505466d19eb5', '52096f1e-2b44-5520-929f-9e587f0f4899'),
    ('dns', repeat('a', 55), '51ba8747-7b49-377b-9214-fbe92f38fc26', 'ab36061e-9983-59b3-a171-f60bda1e5897'),
    ('dns', repeat('a', 56), 'b32b1590-d3a6-3fd2-9e8a-7d7e9b646ce5', '3fa6c3cd-527c-5c97-b3b3-25a1c8b0e0ba'),
    ('dns', repeat('a', 63), '0255a4e2-7803-324e-9ee6-96147b40fc2a', '11a49e01-6620-5323-95d5-c4828b787233'),
    ('dns', repeat('a', 64), '3a55c73f-2fc6-3ce3-9219-6b3699fdb604', 'efd9d9de-780b-5e83-a3e7-30a408967cf8'),
    ('dns', repeat('a', 119), '341b40ee-a856-38f3-a489-9716b42bda85', 'c2d76e75-c9a5-545c-8a4d-bd9fb0bf3974'),
    ('dns', repeat('a', 120), '567f49f4-9056-3562-8f19-624786e8cd1c', '49904e19-4ad3-559a-9752-2e407633e28f'),
    ('dns', repeat('x', 1000), 'fc7824ed-b6de-340b-8ec5-8ce01b490bd7', 'f6d12730-a238-51ed-bf69-3689855f9bbf'),
    ('url', '', '14cdb9b4-de01-3faa-aff5-65bc2f771745', '1b4db7eb-4057-5ddf-91e0-36dec72071f5'),
    ('url', 'www.example.com', 'a777199a-c522-31c4-8f4b-335feec7215b', 'b63cdfa4-3df9-568e-97ae-006c5b8fd652'),
    ('url', 'www.widgets.com', '06205cec-255b-300e-a8bc-a8605ab8244e', '255af1f8-53b9-5cd9-a56b-010c24df82e0'),
    ('url', 'python.org', '22fe6191-c161-3d86-a432-a81f343eda08', '7af94e2b-4dd9-50f0-9c9a-8a48519bdef0'),
    ('url', 'morning_reading_study', '0ec04bb3-005f-3cc0-9801-e016212df158', 'd7092d86-aa34-5a33-b9bd-ed5d05128903'),
    ('url', '1.3.6.1', '6471c3b3-9de2-3810-bcbd-31ac16291e2c', 'adb29e44-7874-5cbe-a1f7-b6b25330287d'),
    ('url', 'https://developers.line.biz/', '58019c02-8df6-334c-af78-dcb69a13bc2f', '9c10033d-1420-5057-9f76-83a5106e81d1'),
    ('url', '123456789012345678', '5ecae48e-e511-3778-bffb-c9f834d60ca6', '7df54d1b-a953-5b3f-bc15-c7213c8b86cb'),
    ('url', '이름', '3d16f2a7-07cb-3960-ab3a-55418b6d11f5', 'c3c9a1af-2905-564a-ab37-27bfaecdaa24'),
    ('url', '名前', '5b602ecf-4120-3cba-95b8-ef9b1469a5ee', '14f984bd-6932-5103-a28c-544c76888373'),
    ('url', '😀', '61de432c-c2e8-3f22-b369-f87d0a010d0b', 'f0793165-4aab-598c-9164-4efc598481b2'),
    ('url', repeat('a', 55), 'bc5011fb-c5df-3b9c-a1bb-ddc76e64ee6b', '216292ab-33d5-55d9-9441-e27c6d581a9d'),
    ('url', repeat('a', 56), 'a7e6ca9f-ee8f-3955-9a6b-9da1b60e4a74', '699537c5-641d-5db1-8010-0f64002fd7ee'),
    ('url', repeat('a', 63), '6866a15e-e92a-3b5f-9114-15a7953bfba3', '2c0858d2-4c70-5de3-bc6d-ee6b4efb4073'),
    ('url', repeat('a', 64), '18e0e10c-b309-318b-af8a-cf663a1cfaa5', '37a282a8-9bf9-58e8-af1a-344d9b593c37'),
    ('url', repeat('a', 119), '27e7b1f4-51d4-340a-9d2a-fae66ba06a7b', '75bd0bb9-6bed-5fd6-b9b0-e6ea3b9ddbf6'),
    ('url', repeat('a', 120), 'e6e98ca9-2de1-3d02-8c34-fe92469bbef4', 'ddd61f4e-ee21-55c2-8b4f-e9df944fef53'),
    ('url', repeat('x', 1000), 'ba1e1cdf-2d61-3212-baf9-16264e17408a', '68491f23-75a7-557d-943b-00881c13ae1e'),
    ('oid', '', '596b79dc-00dd-3991-a72f-d3696c38c64f', '0a68eb57-c88a-5f34-9e9d-27f85e68af4f'),
    ('oid', 'www.example.com', 'c2c1e4de-6589-389e-9375-32a90c6a83a8', 'a5e87d3b-479e-52da-b98a-db251a851854'),
    ('oid', 'www.widgets.com', 'a6414046-20fa-3d64-b9b5-426b5d74d3bd', 'd9aa9182-d54e-59ca-ab63-e34cd374d360'),
    ('oid', 'python.org', 'edc9f521-7078-3737-aeed-76056ffc7959', 'cd5d0bff-2444-5d26-ab53-4f7db1cb733d'),
    ('oid', 'morning_reading_study', 'e44dd533-080e-3ee8-917d-9661dbd48ed0', 'd635807c-fda5-5d54-a212-9827c9a7454e'),
    ('oid', '1.3.6.1', 'dd1a1cef-13d5-368a-ad82-eca71acd4cd1', '1447fa61-5277-5fef-a9b3-fbc6e44f4af3'),
    ('oid', 'https://developers.line.biz/', '68b5e983-5498-3023-8a01-d9ed674bbb30', '87571d40-bb70-55b5-84be-52fa50cc625b'),
    ('oid', '123456789012345678', 'd3d8d051-6b67-3208-bd52-6029e9254f79', '0deebecb-ae4e-5790-b3ae-b4f4254e4878'),
    ('oid', '이름', '65bd1996-3a2b-3b8c-a29f-b0a7e219f65e', '46842874-09a6-5231-801d-cc33db70437a'),
    ('oid', '名前', '5177650e-5187-3e08-accc-c6dc560f2cc6', '417030f3-57df-55f1-888c-4de5b6161d04'),
    ('oid', '😀', '7f75cb32-d63d-3b4c-a85f-26e7da8599e0', '60bcfc3c-0bf6-5ade-902f-1d3c45ea37a7'),
    ('oid', repeat('a', 55), '3a081ca6-ab88-31d3-b956-ac4b8b27804a', 'e8dbed83-3646-5e73-9475-eb181e4dd25e'),
    ('oid', repeat('a', 56), '7d07fafc-05c2-394a-8112-0cbff65d6375', 'c51d2e10-5a92-57b6-a179-c60f8cfdf4d8'),
    ('oid', repeat('a', 63), '8ce79783-6e97-32b6-854a-c67e554d3254', 'd4a08b5a-4541-5a90-adcd-cc03247a38f5'),
    ('oid', repeat('a', 64), '1b217104-a73a-3fbe-9a92-acec652ad03b', '93c2c47d-e454-5994-9ab9-0f2f7dfe244c'),
    ('oid', repeat('a', 119), 'e71e7d01-4cf9-3117-b74b-0dd283b6fb50', '3f154922-5e75-5595-aba0-43abc46430c4'),
    ('oid', repeat('a', 120), '00cdcc3e-8fe4-3808-ba4b-0d238e4e2226', '4667c360-e181-587c-ab39-753d8ec77033'),
    ('oid', repeat('x', 1000), '2c90be6b-41ad-34a5-83ca-c6d652384d49', '0ee7e31f-a49b-55bf-a896-2c72533f360c'),
    ('x500', '', '7aaf118c-f174-3eba-9ec5-680cd791a020', 'b4bdf874-8c03-5bd8-8fd7-5e409dfd82c0'),
    ('x500', 'www.example.com', 'f4ea5e25-91d4-38b0-b74f-af6c57210cae', 'a1d3adb1-15b7-5395-a05f-9051a08769a2'),
    ('x500', 'www.widgets.com', '102cfc0d-1db6-3a54-8ba6-19dd83696511', '6d762c22-e074-570e-a751-1f8c23a3bf97'),
    ('x500', 'python.org', '94c1b751-792a-3c8b-8eb7-95ea2c6645bb', 'e9246a06-296f-5b50-be57-0519806c97e8'),
    ('x500', 'morning_reading_study', '3a87ce19-2fda-3caf-9ba6-36ff1d1e2ada', '2c6f6c3d-a1c6-5261-8e94-8d78229fef1e'),
    ('x500', '1.3.6.1', '3f63c9d2-c009-37fc-9ac5-2e85e0d3656f', 'be68e4ca-e25f-53bc-9dc2-7d11588b720d'),
    ('x500', 'https://developers.line.biz/', '27b598b8-87ec-38b5-8ed0-868ddd2d3228', '89b5c597-4ce6-5fd3-a007-4dd012da84e6'),
    ('x500', '123456789012345678', '3be440f8-7201-3f5c-8586-19594843e9c0', '46795c9d-fa78-51ea-9aad-d4e2475ef3eb'),
    ('x500', '이름', '8bdf04fa-5f34-3546-860a-73f63da45ffd', '192331d1-d6f5-5657-9e32-0302b1889478'),
    ('x500', '名前', 'ee222edc-bf77-3960-98be-f9e6a66709bf', '9618fdeb-e619-58f5-b999-49575a3875e3'),
    ('x500', '😀', 'd236d2bb-c97d-3830-8eb8-7af18d8f6793', '9f83a997-144c-5fad-9c02-82965caff4d2'),
    ('x500', repeat('a', 55), '6d0dede3-9c24-37d0-8d03-6c163b8ffd09', '57cb88b0-d28c-581f-83ef-12694c7b3ae0'),
    ('x500', repeat('a', 56), '5c812aed-5427-3368-8ff5-c84e9de6bfd0', '873fb5ef-a4d1-503e-8c6a-ad628738da45'),
    ('x500', repeat('a', 63), '529cd1b5-dd51-3163-b890-79d9eb9ea7fd', '19aa9931-f51f-56c4-b1f0-00b344ea1b9a'),
    ('x500', repeat('a', 64), '325179b1-4427-3f54-899c-e30566587918', '546d85e0-114b-5dac-9d18-256069e3d92c'),
    ('x500', repeat('a', 119), 'b0736426-57b0-35e6-879b-67827f09d85a', 'cec24ee2-fb9b-5838-8443-ef6b377ae0b7'),
    ('x500', repeat('a', 120), '1a16f69f-853d-37d2-9fb0-1f0278671321', '64ddd9f7-b7b4-5fba-a03d-2d3d222d5d5d'),
    ('x500', repeat('x', 1000), '61852423-f841-37a1-aa7f-8d0c2c1f8794', '8f61a586-4256-50a9-9c5c-c33dc7cff218');
CREATE VIEW vectors AS SELECT names.*, ns
    FROM names JOIN (VALUES ('dns', uuid_namespace_dns()), ('url', uuid_namespace_url()),
                            ('oid', uuid_namespace_oid()), ('x500', uuid_namespace_x500())) AS namespaces (namespace, ns)
         USING (namespace);
SELECT count(*), count(*) FILTER (WHERE uuid_v3(ns, name) = v3) AS v3, count(*) FILTER (WHERE uuid_v5(ns, name) = v5) AS v5
    FROM vectors;
-- the bytes of a name make the same UUID as its characters
SELECT count(*), count(*) FILTER (WHERE uuid_v3(ns, convert_to(name, 'UTF8')) = v3) AS v3,
       count(*) FILTER (WHERE uuid_v5(ns, convert_to(name, 'UTF8')) = v5) AS v5
    FROM vectors;
SELECT namespace, name, uuid_v3(ns, name) AS is_v3, v3, uuid_v5(ns, name) AS is_v5, v5
    FROM vectors WHERE (uuid_v3(ns, name), uuid_v5(ns, name)) <> (v3, v5);
SELECT DISTINCT uuid_version(v3) AS version_3, uuid_variant(v3) AS variant_3, uuid_version(v5) AS version_5, uuid_variant(v5) AS variant_5
    FROM vectors;
-- also from where long names are kept out of line, compressed or not
CREATE TABLE long_names (name text);
INSERT INTO long_names SELECT string_agg(md5(n::text), '') FROM generate_series(1, 2000) AS n;
INSERT INTO long_names VALUES (repeat('snow', 100000));
SELECT length(name), uuid_v3(uuid_namespace_url(), name), uuid_v5(uuid_namespace_url(), name) FROM long_names;
DROP TABLE long_names;

-- a literal is text; bytes have to be declared
SELECT uuid_v5(uuid_namespace_oid(), '\x312e332e36') = uuid_v5(uuid_namespace_oid(), '\x312e332e36'::text) AS text,
       uuid_v5(uuid_namespace_oid(), '\x312e332e36'::bytea) = uuid_v5(uuid_namespace_oid(), '1.3.6') AS bytes;
-- bytes need not be characters of any encoding
SELECT uuid_v3(uuid_namespace_oid(), '\x00ff'::bytea), uuid_v5(uuid_namespace_oid(), '\x00ff'::bytea);
-- so is a parameter of which nothing is said
PREPARE of_name AS SELECT uuid_v5(uuid_namespace_dns(), $1);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'of_name';
EXECUTE of_name ('www.example.com');
DEALLOCATE of_name;
-- other types: those that are text, and those that can be written as text
SELECT uuid_v5(uuid_namespace_dns(), 'python.org'::varchar(20)), uuid_v5(uuid_namespace_dns(), 'python.org'::name);
SELECT uuid_v5(uuid_namespace_url(), 4711);
SELECT uuid_v5(uuid_namespace_url(), 4711::text) = uuid_v5(uuid_namespace_url(), '4711') AS same;
-- characters that look the same need not be: NFC, NFD
SELECT uuid_v5(uuid_namespace_url(), U&'\00E9') = uuid_v5(uuid_namespace_url(), U&'e\0301') AS same,
       uuid_v5(uuid_namespace_url(), U&'\00E9') = uuid_v5(uuid_namespace_url(), normalize(U&'e\0301', NFC)) AS same_normalized;

-- NULL in, NULL out
SELECT uuid_v3(NULL, 'name') IS NULL, uuid_v3(uuid_namespace_dns(), NULL::text) IS NULL, uuid_v3(uuid_namespace_dns(), NULL::bytea) IS NULL,
       uuid_v5(NULL, 'name') IS NULL, uuid_v5(uuid_namespace_dns(), NULL::text) IS NULL, uuid_v5(uuid_namespace_dns(), NULL::bytea) IS NULL;

-- a key that follows from another column
CREATE TABLE sites (host text, id uuid GENERATED ALWAYS AS (uuid_v5(uuid_namespace_dns(), host)) STORED PRIMARY KEY);
INSERT INTO sites VALUES ('www.example.com'), ('python.org');
INSERT INTO sites VALUES ('www.example.com');
TABLE sites ORDER BY host;
-- an index on the UUIDs of names
CREATE INDEX sites_v3 ON sites (uuid_v3(uuid_namespace_dns(), host));
SET enable_seqscan = off; SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT host FROM sites WHERE uuid_v3(uuid_namespace_dns(), host) = '5df41881-3aed-3515-88a7-2f4a814cf09e';
SELECT host FROM sites WHERE uuid_v3(uuid_namespace_dns(), host) = '5df41881-3aed-3515-88a7-2f4a814cf09e';
-- with a name that is known, the UUID is a constant of the plan
EXPLAIN (COSTS OFF) SELECT host FROM sites WHERE id = uuid_v5(uuid_namespace_dns(), 'python.org');
DROP TABLE sites, names CASCADE;

-- The same characters give the same UUID in a database of any encoding: their UTF-8 is hashed, as everybody does.
\set original :DBNAME
SELECT octet_length('é'), uuid_v3(uuid_namespace_dns(), 'é'), uuid_v5(uuid_namespace_dns(), 'é');
SELECT octet_length('이름'), uuid_v3(uuid_namespace_dns(), '이름'), uuid_v5(uuid_namespace_dns(), '이름');

CREATE DATABASE regress_snowflake_latin1 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0;
\c regress_snowflake_latin1
SET client_encoding = 'UTF8';
CREATE EXTENSION snowflake_pg;
SELECT octet_length('é'), uuid_v3(uuid_namespace_dns(), 'é'), uuid_v5(uuid_namespace_dns(), 'é');
-- bytes are bytes
SELECT uuid_v5(uuid_namespace_dns(), convert_to('é', 'LATIN1')) = uuid_v5(uuid_namespace_dns(), 'é') AS latin1,
       uuid_v5(uuid_namespace_dns(), convert_to('é', 'UTF8')) = uuid_v5(uuid_namespace_dns(), 'é') AS utf8;
\c :original
DROP DATABASE regress_snowflake_latin1;

CREATE DATABASE regress_snowflake_euc_kr ENCODING 'EUC_KR' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0;
\c regress_snowflake_euc_kr
SET client_encoding = 'UTF8';
CREATE EXTENSION snowflake_pg;
SELECT octet_length('이름'), uuid_v3(uuid_namespace_dns(), '이름'), uuid_v5(uuid_namespace_dns(), '이름');
\c :original
DROP DATABASE regress_snowflake_euc_kr;

-- SQL_ASCII knows bytes only, so they are hashed as they are
CREATE DATABASE regress_snowflake_sql_ascii ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0;
\c regress_snowflake_sql_ascii
SET client_encoding = 'UTF8';
CREATE EXTENSION snowflake_pg;
SELECT octet_length('이름'), uuid_v3(uuid_namespace_dns(), '이름'), uuid_v5(uuid_namespace_dns(), '이름');
SELECT uuid_v3(uuid_namespace_dns(), E'\xe9') = uuid_v3(uuid_namespace_dns(), '\xe9'::bytea) AS v3,
       uuid_v5(uuid_namespace_dns(), E'\xe9') = uuid_v5(uuid_namespace_dns(), '\xe9'::bytea) AS v5;
\c :original
DROP DATABASE regress_snowflake_sql_ascii;
