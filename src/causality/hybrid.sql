-- Functions are declared here, in this order: pgrx sorts those that need a type of ours otherwise each time.
CREATE TYPE hlc;

-- text and binary form; the binary one is bigint's
CREATE FUNCTION hlc_in(input cstring) RETURNS hlc
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_in_wrapper';

CREATE FUNCTION hlc_out("time" hlc) RETURNS cstring
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_out_wrapper';

CREATE FUNCTION hlc_recv(message internal) RETURNS hlc
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'int8recv';

CREATE FUNCTION hlc_send("time" hlc) RETURNS bytea
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'int8send';

CREATE TYPE hlc (
    INPUT = hlc_in,
    OUTPUT = hlc_out,
    RECEIVE = hlc_recv,
    SEND = hlc_send,
    LIKE = pg_catalog.int8
);

-- casts: the time in the upper 54 bits and the counter in the lower 10 are a bigint
CREATE FUNCTION hlc(ts timestamptz) RETURNS hlc
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_from_timestamp_wrapper';

CREATE FUNCTION hlc_timestamp("time" hlc) RETURNS timestamptz
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_timestamp_wrapper';

CREATE FUNCTION hlc_counter("time" hlc) RETURNS int
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_counter_wrapper';

CREATE CAST (hlc AS bigint) WITHOUT FUNCTION;
CREATE CAST (bigint AS hlc) WITHOUT FUNCTION;
CREATE CAST (hlc AS timestamptz) WITH FUNCTION hlc_timestamp(hlc);
CREATE CAST (timestamptz AS hlc) WITH FUNCTION hlc(timestamptz);

-- comparing and hashing are bigint's
CREATE FUNCTION hlc_eq("left" hlc, "right" hlc) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'int8eq';

CREATE FUNCTION hlc_ne("left" hlc, "right" hlc) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'int8ne';

CREATE FUNCTION hlc_lt("left" hlc, "right" hlc) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'int8lt';

CREATE FUNCTION hlc_le("left" hlc, "right" hlc) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'int8le';

CREATE FUNCTION hlc_gt("left" hlc, "right" hlc) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'int8gt';

CREATE FUNCTION hlc_ge("left" hlc, "right" hlc) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'int8ge';

CREATE FUNCTION hlc_cmp("left" hlc, "right" hlc) RETURNS int
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'btint8cmp';

CREATE FUNCTION hlc_sortsupport(support internal) RETURNS void
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'btint8sortsupport';

CREATE FUNCTION hlc_hash("time" hlc) RETURNS int
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'hashint8';

CREATE FUNCTION hlc_hash_extended("time" hlc, seed bigint) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'hashint8extended';

CREATE FUNCTION hlc_larger("left" hlc, "right" hlc) RETURNS hlc
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'int8larger';

CREATE FUNCTION hlc_smaller("left" hlc, "right" hlc) RETURNS hlc
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'int8smaller';

CREATE OPERATOR = (
    LEFTARG = hlc,
    RIGHTARG = hlc,
    FUNCTION = hlc_eq,
    COMMUTATOR = =,
    NEGATOR = <>,
    RESTRICT = pg_catalog.eqsel,
    JOIN = pg_catalog.eqjoinsel,
    HASHES,
    MERGES
);

CREATE OPERATOR <> (
    LEFTARG = hlc,
    RIGHTARG = hlc,
    FUNCTION = hlc_ne,
    COMMUTATOR = <>,
    NEGATOR = =,
    RESTRICT = pg_catalog.neqsel,
    JOIN = pg_catalog.neqjoinsel
);

CREATE OPERATOR < (
    LEFTARG = hlc,
    RIGHTARG = hlc,
    FUNCTION = hlc_lt,
    COMMUTATOR = >,
    NEGATOR = >=,
    RESTRICT = pg_catalog.scalarltsel,
    JOIN = pg_catalog.scalarltjoinsel
);

CREATE OPERATOR <= (
    LEFTARG = hlc,
    RIGHTARG = hlc,
    FUNCTION = hlc_le,
    COMMUTATOR = >=,
    NEGATOR = >,
    RESTRICT = pg_catalog.scalarlesel,
    JOIN = pg_catalog.scalarlejoinsel
);

CREATE OPERATOR > (
    LEFTARG = hlc,
    RIGHTARG = hlc,
    FUNCTION = hlc_gt,
    COMMUTATOR = <,
    NEGATOR = <=,
    RESTRICT = pg_catalog.scalargtsel,
    JOIN = pg_catalog.scalargtjoinsel
);

CREATE OPERATOR >= (
    LEFTARG = hlc,
    RIGHTARG = hlc,
    FUNCTION = hlc_ge,
    COMMUTATOR = <=,
    NEGATOR = <,
    RESTRICT = pg_catalog.scalargesel,
    JOIN = pg_catalog.scalargejoinsel
);

CREATE OPERATOR CLASS hlc_ops DEFAULT FOR TYPE hlc USING btree AS
    OPERATOR 1 < (hlc, hlc),
    OPERATOR 2 <= (hlc, hlc),
    OPERATOR 3 = (hlc, hlc),
    OPERATOR 4 >= (hlc, hlc),
    OPERATOR 5 > (hlc, hlc),
    FUNCTION 1 hlc_cmp(hlc, hlc),
    FUNCTION 2 hlc_sortsupport(internal),
    FUNCTION 4 pg_catalog.btequalimage(oid);

CREATE OPERATOR CLASS hlc_ops DEFAULT FOR TYPE hlc USING hash AS
    OPERATOR 1 = (hlc, hlc),
    FUNCTION 1 hlc_hash(hlc),
    FUNCTION 2 hlc_hash_extended(hlc, bigint);

CREATE AGGREGATE max(hlc) (
    SFUNC = hlc_larger,
    STYPE = hlc,
    SORTOP = >,
    COMBINEFUNC = hlc_larger,
    PARALLEL = SAFE
);

CREATE AGGREGATE min(hlc) (
    SFUNC = hlc_smaller,
    STYPE = hlc,
    SORTOP = <,
    COMBINEFUNC = hlc_smaller,
    PARALLEL = SAFE
);

-- the clock
CREATE FUNCTION hlc_next() RETURNS hlc
VOLATILE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_next_wrapper';

CREATE FUNCTION hlc_now() RETURNS hlc
VOLATILE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_now_wrapper';

CREATE FUNCTION hlc_transaction() RETURNS hlc
STABLE STRICT PARALLEL RESTRICTED LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_transaction_wrapper';

-- who may call it can push the clock ahead, by max_clock_offset
CREATE FUNCTION hlc_witness("time" hlc) RETURNS hlc
VOLATILE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_witness_wrapper';
REVOKE EXECUTE ON FUNCTION hlc_witness(hlc) FROM PUBLIC;

CREATE FUNCTION hlc_witness_row() RETURNS trigger
VOLATILE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_witness_row_wrapper';

-- The durable mark: milliseconds since 1970 that all hybrid times given out or received are below.
CREATE SEQUENCE hlc_mark AS bigint MINVALUE 0 START 0 NO CYCLE;
SELECT pg_catalog.pg_extension_config_dump('hlc_mark', '');
GRANT SELECT ON hlc_mark TO PUBLIC;
