-- Functions are declared here, in this order: pgrx sorts those that need a type of ours otherwise each time.
CREATE TYPE itc_version;
CREATE TYPE itc_stamp;

-- text and binary form
CREATE FUNCTION itc_version_in(input cstring) RETURNS itc_version
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_in_wrapper';

CREATE FUNCTION itc_version_out(version itc_version) RETURNS cstring
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_out_wrapper';

CREATE FUNCTION itc_version_recv(message internal) RETURNS itc_version
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_recv_wrapper';

CREATE FUNCTION itc_version_send(version itc_version) RETURNS bytea
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_send_wrapper';

CREATE TYPE itc_version (
    INPUT = itc_version_in,
    OUTPUT = itc_version_out,
    RECEIVE = itc_version_recv,
    SEND = itc_version_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = extended
);

CREATE FUNCTION itc_stamp_in(input cstring) RETURNS itc_stamp
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamp_in_wrapper';

CREATE FUNCTION itc_stamp_out(stamp itc_stamp) RETURNS cstring
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamp_out_wrapper';

CREATE FUNCTION itc_stamp_recv(message internal) RETURNS itc_stamp
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamp_recv_wrapper';

CREATE FUNCTION itc_stamp_send(stamp itc_stamp) RETURNS bytea
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamp_send_wrapper';

CREATE TYPE itc_stamp (
    INPUT = itc_stamp_in,
    OUTPUT = itc_stamp_out,
    RECEIVE = itc_stamp_recv,
    SEND = itc_stamp_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = extended
);

-- casts; the binary form is checked on its way in
CREATE FUNCTION itc_version(bytes bytea) RETURNS itc_version
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_from_bytea_wrapper';

CREATE FUNCTION itc_stamp(bytes bytea) RETURNS itc_stamp
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamp_from_bytea_wrapper';

CREATE CAST (itc_version AS bytea) WITH FUNCTION itc_version_send(itc_version);
CREATE CAST (bytea AS itc_version) WITH FUNCTION itc_version(bytea);
CREATE CAST (itc_stamp AS bytea) WITH FUNCTION itc_stamp_send(itc_stamp);
CREATE CAST (bytea AS itc_stamp) WITH FUNCTION itc_stamp(bytea);

-- the steps of the clock, on values
CREATE FUNCTION itc_seed() RETURNS itc_stamp
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_seed_wrapper';

CREATE FUNCTION itc_fork(stamp itc_stamp, OUT "left" itc_stamp, OUT "right" itc_stamp)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_fork_wrapper';

CREATE FUNCTION itc_event(stamp itc_stamp) RETURNS itc_stamp
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_event_wrapper';

CREATE FUNCTION itc_join("left" itc_stamp, "right" itc_stamp) RETURNS itc_stamp
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_join_wrapper';

CREATE FUNCTION itc_receive(stamp itc_stamp, version itc_version) RETURNS itc_stamp
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_receive_wrapper';

CREATE FUNCTION itc_peek(stamp itc_stamp) RETURNS itc_version
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_peek_wrapper';

-- versions by causality, both types by equality
CREATE FUNCTION itc_version_join("left" itc_version, "right" itc_version) RETURNS itc_version
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_join_wrapper';

CREATE FUNCTION itc_version_contains("left" itc_version, "right" itc_version) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_contains_wrapper';

CREATE FUNCTION itc_version_contained("left" itc_version, "right" itc_version) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_contained_wrapper';

CREATE FUNCTION itc_version_after("left" itc_version, "right" itc_version) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_after_wrapper';

CREATE FUNCTION itc_version_before("left" itc_version, "right" itc_version) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_before_wrapper';

CREATE FUNCTION itc_version_concurrent("left" itc_version, "right" itc_version) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_concurrent_wrapper';

CREATE FUNCTION itc_version_eq("left" itc_version, "right" itc_version) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_eq_wrapper';

CREATE FUNCTION itc_version_ne("left" itc_version, "right" itc_version) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_ne_wrapper';

CREATE FUNCTION itc_version_hash(version itc_version) RETURNS int
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_hash_wrapper';

CREATE FUNCTION itc_version_hash_extended(version itc_version, seed bigint) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_version_hash_extended_wrapper';

CREATE FUNCTION itc_stamp_eq("left" itc_stamp, "right" itc_stamp) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamp_eq_wrapper';

CREATE FUNCTION itc_stamp_ne("left" itc_stamp, "right" itc_stamp) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamp_ne_wrapper';

CREATE FUNCTION itc_stamp_hash(stamp itc_stamp) RETURNS int
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamp_hash_wrapper';

CREATE FUNCTION itc_stamp_hash_extended(stamp itc_stamp, seed bigint) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'itc_stamp_hash_extended_wrapper';

CREATE OPERATOR @> (
    LEFTARG = itc_version,
    RIGHTARG = itc_version,
    FUNCTION = itc_version_contains,
    COMMUTATOR = <@,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR <@ (
    LEFTARG = itc_version,
    RIGHTARG = itc_version,
    FUNCTION = itc_version_contained,
    COMMUTATOR = @>,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR >> (
    LEFTARG = itc_version,
    RIGHTARG = itc_version,
    FUNCTION = itc_version_after,
    COMMUTATOR = <<,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR << (
    LEFTARG = itc_version,
    RIGHTARG = itc_version,
    FUNCTION = itc_version_before,
    COMMUTATOR = >>,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR >< (
    LEFTARG = itc_version,
    RIGHTARG = itc_version,
    FUNCTION = itc_version_concurrent,
    COMMUTATOR = ><,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR || (
    LEFTARG = itc_version,
    RIGHTARG = itc_version,
    FUNCTION = itc_version_join,
    COMMUTATOR = ||
);

CREATE OPERATOR = (
    LEFTARG = itc_version,
    RIGHTARG = itc_version,
    FUNCTION = itc_version_eq,
    COMMUTATOR = =,
    NEGATOR = <>,
    RESTRICT = pg_catalog.eqsel,
    JOIN = pg_catalog.eqjoinsel,
    HASHES
);

CREATE OPERATOR <> (
    LEFTARG = itc_version,
    RIGHTARG = itc_version,
    FUNCTION = itc_version_ne,
    COMMUTATOR = <>,
    NEGATOR = =,
    RESTRICT = pg_catalog.neqsel,
    JOIN = pg_catalog.neqjoinsel
);

CREATE OPERATOR CLASS itc_version_ops DEFAULT FOR TYPE itc_version USING hash AS
    OPERATOR 1 = (itc_version, itc_version),
    FUNCTION 1 itc_version_hash(itc_version),
    FUNCTION 2 itc_version_hash_extended(itc_version, bigint);

CREATE OPERATOR = (
    LEFTARG = itc_stamp,
    RIGHTARG = itc_stamp,
    FUNCTION = itc_stamp_eq,
    COMMUTATOR = =,
    NEGATOR = <>,
    RESTRICT = pg_catalog.eqsel,
    JOIN = pg_catalog.eqjoinsel,
    HASHES
);

CREATE OPERATOR <> (
    LEFTARG = itc_stamp,
    RIGHTARG = itc_stamp,
    FUNCTION = itc_stamp_ne,
    COMMUTATOR = <>,
    NEGATOR = =,
    RESTRICT = pg_catalog.neqsel,
    JOIN = pg_catalog.neqjoinsel
);

CREATE OPERATOR CLASS itc_stamp_ops DEFAULT FOR TYPE itc_stamp USING hash AS
    OPERATOR 1 = (itc_stamp, itc_stamp),
    FUNCTION 1 itc_stamp_hash(itc_stamp),
    FUNCTION 2 itc_stamp_hash_extended(itc_stamp, bigint);
