-- Stamps that this database holds: an identity is in use in one place. Not to be dumped, nor to be published: a row counts
-- in the database alone that made it.
CREATE TABLE itc_stamps (
    name text COLLATE "C" NOT NULL,
    -- system identifier, timeline and database
    origin text COLLATE "C" NOT NULL,
    stamp itc_stamp NOT NULL,
    adopted timestamptz NOT NULL,
    PRIMARY KEY (name, origin)
);

CREATE FUNCTION itc_seed(name text) RETURNS void
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamps_seed_wrapper';

CREATE FUNCTION itc_event(name text) RETURNS itc_version
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamps_event_wrapper';

CREATE FUNCTION itc_receive(name text, version itc_version) RETURNS itc_version
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamps_receive_wrapper';

CREATE FUNCTION itc_peek(name text) RETURNS itc_version
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamps_peek_wrapper';

CREATE FUNCTION itc_fork(name text) RETURNS itc_stamp
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamps_fork_wrapper';

CREATE FUNCTION itc_adopt(name text, stamp itc_stamp) RETURNS void
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamps_adopt_wrapper';

CREATE FUNCTION itc_retire(name text) RETURNS itc_stamp
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamps_retire_wrapper';

CREATE FUNCTION itc_join(name text, stamp itc_stamp) RETURNS void
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamps_join_wrapper';

-- the functions act with the rights of the table's owner
REVOKE ALL ON itc_stamps FROM PUBLIC;
GRANT SELECT ON itc_stamps TO pg_monitor;
-- else pg_dump would fail for the owner of the database
GRANT SELECT ON itc_stamps TO pg_database_owner;
REVOKE EXECUTE ON FUNCTION
    itc_seed(text), itc_event(text), itc_receive(text, itc_version), itc_peek(text),
    itc_fork(text), itc_adopt(text, itc_stamp), itc_retire(text), itc_join(text, itc_stamp)
    FROM PUBLIC;
