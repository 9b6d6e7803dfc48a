-- IDs as text that sorts as the numbers do.
SET timezone = 'UTC'; SET datestyle = 'ISO';

-- 19 digits; 13 symbols of Crockford's base 32, which has no I, L, O and U
SELECT id, snowflake_to_text(id), snowflake_to_base32(id), snowflake_from_base32(snowflake_to_base32(id)) = id AS back
    FROM unnest('{0, 1, 31, 32, 1541815603606036480, 1234567890123456789, 9223372036854775807}'::bigint[]) AS id;

-- the order of the texts is that of the numbers
SELECT count(*), bool_and(by_id = by_text) AS text_sorts, bool_and(by_id = by_base32) AS base32_sorts
    FROM (SELECT row_number() OVER (ORDER BY id) AS by_id,
                 row_number() OVER (ORDER BY snowflake_to_text(id) COLLATE "C") AS by_text,
                 row_number() OVER (ORDER BY snowflake_to_base32(id) COLLATE "C") AS by_base32
          FROM (SELECT (2 ^ (n / 17.0))::bigint AS id FROM generate_series(0, 1070) AS n) AS ids) AS ranks;

-- reading is lenient as Crockford defines: lower case, letters taken for digits, hyphens
SELECT snowflake_from_base32('1ASD13XH1F800') AS as_written, snowflake_from_base32('1asd13xh1f800') AS lower_case,
       snowflake_from_base32('iasdl3xhIf8oO') AS confused, snowflake_from_base32('1-ASD1-3XH1-F800-') AS hyphens;

-- anything else is an error that says where
SELECT snowflake_from_base32('1ANCJZ70QU000');
\echo SQLSTATE :SQLSTATE
SELECT snowflake_from_base32('1-ANC*Z70QT000');
SELECT snowflake_from_base32(' 1ANCJZ70QT000');
SELECT snowflake_from_base32('1ANCJZ70QT00');
SELECT snowflake_from_base32('');
SELECT snowflake_from_base32('---');
SELECT snowflake_from_base32('1ANCJZ70QT0000');
SELECT snowflake_from_base32('8000000000000');
SELECT snowflake_from_base32('ZZZZZZZZZZZZZ');

-- a negative number is no ID
SELECT snowflake_to_text(-1);
\echo SQLSTATE :SQLSTATE
SELECT snowflake_to_base32(-9223372036854775808);

SELECT snowflake_to_text(NULL) IS NULL, snowflake_to_base32(NULL) IS NULL, snowflake_from_base32(NULL) IS NULL;
