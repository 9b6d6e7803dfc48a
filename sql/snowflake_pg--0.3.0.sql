-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION snowflake_pg" to load this file. \quit

CREATE TYPE version_vector;

CREATE FUNCTION version_vector_in(input cstring) RETURNS version_vector
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_in_wrapper';

CREATE FUNCTION version_vector_out(vector version_vector) RETURNS cstring
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_out_wrapper';

CREATE FUNCTION version_vector_recv(message internal) RETURNS version_vector
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_recv_wrapper';

CREATE FUNCTION version_vector_send(vector version_vector) RETURNS bytea
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_send_wrapper';

CREATE TYPE version_vector (
    INPUT = version_vector_in,
    OUTPUT = version_vector_out,
    RECEIVE = version_vector_recv,
    SEND = version_vector_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = extended
);

CREATE FUNCTION version_vector(bytes bytea) RETURNS version_vector
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_from_bytea_wrapper';

CREATE FUNCTION version_vector("jsonb" jsonb) RETURNS version_vector
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_from_jsonb_wrapper';

CREATE FUNCTION version_vector_to_jsonb(vector version_vector) RETURNS jsonb
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_to_jsonb_wrapper';

CREATE CAST (version_vector AS bytea) WITH FUNCTION version_vector_send(version_vector);
CREATE CAST (bytea AS version_vector) WITH FUNCTION version_vector(bytea);
CREATE CAST (version_vector AS jsonb) WITH FUNCTION version_vector_to_jsonb(version_vector);
CREATE CAST (jsonb AS version_vector) WITH FUNCTION version_vector(jsonb);

CREATE FUNCTION version_vector(node bigint, counter bigint) RETURNS version_vector
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_of_wrapper';

CREATE FUNCTION version_vector_increment(vector version_vector, node bigint) RETURNS version_vector
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_increment_wrapper';

CREATE FUNCTION version_vector_increment(vector version_vector) RETURNS version_vector
VOLATILE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_increment_own_wrapper';

CREATE FUNCTION version_vector_counter(vector version_vector, node bigint) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_counter_wrapper';

CREATE FUNCTION version_vector_nodes(vector version_vector) RETURNS bigint[]
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_nodes_wrapper';

CREATE FUNCTION version_vector_merge("left" version_vector, "right" version_vector) RETURNS version_vector
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_merge_wrapper';

CREATE FUNCTION version_vector_meet("left" version_vector, "right" version_vector) RETURNS version_vector
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_meet_wrapper';

CREATE FUNCTION version_vector_contains("left" version_vector, "right" version_vector) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_contains_wrapper';

CREATE FUNCTION version_vector_contained("left" version_vector, "right" version_vector) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_contained_wrapper';

CREATE FUNCTION version_vector_after("left" version_vector, "right" version_vector) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_after_wrapper';

CREATE FUNCTION version_vector_before("left" version_vector, "right" version_vector) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_before_wrapper';

CREATE FUNCTION version_vector_concurrent("left" version_vector, "right" version_vector) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_concurrent_wrapper';

CREATE FUNCTION version_vector_eq("left" version_vector, "right" version_vector) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_eq_wrapper';

CREATE FUNCTION version_vector_ne("left" version_vector, "right" version_vector) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_ne_wrapper';

CREATE FUNCTION version_vector_lt("left" version_vector, "right" version_vector) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_lt_wrapper';

CREATE FUNCTION version_vector_le("left" version_vector, "right" version_vector) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_le_wrapper';

CREATE FUNCTION version_vector_gt("left" version_vector, "right" version_vector) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_gt_wrapper';

CREATE FUNCTION version_vector_ge("left" version_vector, "right" version_vector) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_ge_wrapper';

CREATE FUNCTION version_vector_cmp("left" version_vector, "right" version_vector) RETURNS int
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_cmp_wrapper';

CREATE FUNCTION version_vector_hash(vector version_vector) RETURNS int
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_hash_wrapper';

CREATE FUNCTION version_vector_hash_extended(vector version_vector, seed bigint) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'version_vector_hash_extended_wrapper';

CREATE OPERATOR @> (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_contains,
    COMMUTATOR = <@,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR <@ (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_contained,
    COMMUTATOR = @>,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR >> (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_after,
    COMMUTATOR = <<,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR << (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_before,
    COMMUTATOR = >>,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR >< (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_concurrent,
    COMMUTATOR = ><,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR || (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_merge,
    COMMUTATOR = ||
);

CREATE OPERATOR -> (
    LEFTARG = version_vector,
    RIGHTARG = bigint,
    FUNCTION = version_vector_counter
);

CREATE OPERATOR = (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_eq,
    COMMUTATOR = =,
    NEGATOR = <>,
    RESTRICT = pg_catalog.eqsel,
    JOIN = pg_catalog.eqjoinsel,
    HASHES,
    MERGES
);

CREATE OPERATOR <> (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_ne,
    COMMUTATOR = <>,
    NEGATOR = =,
    RESTRICT = pg_catalog.neqsel,
    JOIN = pg_catalog.neqjoinsel
);

CREATE OPERATOR < (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_lt,
    COMMUTATOR = >,
    NEGATOR = >=,
    RESTRICT = pg_catalog.scalarltsel,
    JOIN = pg_catalog.scalarltjoinsel
);

CREATE OPERATOR <= (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_le,
    COMMUTATOR = >=,
    NEGATOR = >,
    RESTRICT = pg_catalog.scalarlesel,
    JOIN = pg_catalog.scalarlejoinsel
);

CREATE OPERATOR > (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_gt,
    COMMUTATOR = <,
    NEGATOR = <=,
    RESTRICT = pg_catalog.scalargtsel,
    JOIN = pg_catalog.scalargtjoinsel
);

CREATE OPERATOR >= (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_ge,
    COMMUTATOR = <=,
    NEGATOR = <,
    RESTRICT = pg_catalog.scalargesel,
    JOIN = pg_catalog.scalargejoinsel
);

CREATE OPERATOR CLASS version_vector_ops DEFAULT FOR TYPE version_vector USING btree AS
    OPERATOR 1 < (version_vector, version_vector),
    OPERATOR 2 <= (version_vector, version_vector),
    OPERATOR 3 = (version_vector, version_vector),
    OPERATOR 4 >= (version_vector, version_vector),
    OPERATOR 5 > (version_vector, version_vector),
    FUNCTION 1 version_vector_cmp(version_vector, version_vector),
    FUNCTION 4 pg_catalog.btequalimage(oid);

CREATE OPERATOR CLASS version_vector_ops DEFAULT FOR TYPE version_vector USING hash AS
    OPERATOR 1 = (version_vector, version_vector),
    FUNCTION 1 version_vector_hash(version_vector),
    FUNCTION 2 version_vector_hash_extended(version_vector, bigint);

CREATE AGGREGATE version_vector_merge(version_vector) (
    SFUNC = version_vector_merge,
    STYPE = version_vector,
    COMBINEFUNC = version_vector_merge,
    PARALLEL = SAFE
);

CREATE AGGREGATE version_vector_meet(version_vector) (
    SFUNC = version_vector_meet,
    STYPE = version_vector,
    COMBINEFUNC = version_vector_meet,
    PARALLEL = SAFE
);

CREATE TYPE crdt_context;

CREATE FUNCTION crdt_context_in(input cstring) RETURNS crdt_context
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_in_wrapper';

CREATE FUNCTION crdt_context_out(context crdt_context) RETURNS cstring
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_out_wrapper';

CREATE FUNCTION crdt_context_recv(message internal) RETURNS crdt_context
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_recv_wrapper';

CREATE FUNCTION crdt_context_send(context crdt_context) RETURNS bytea
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_send_wrapper';

CREATE TYPE crdt_context (
    INPUT = crdt_context_in,
    OUTPUT = crdt_context_out,
    RECEIVE = crdt_context_recv,
    SEND = crdt_context_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = extended
);

CREATE FUNCTION crdt_context(bytes bytea) RETURNS crdt_context
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_from_bytea_wrapper';

CREATE CAST (crdt_context AS bytea) WITH FUNCTION crdt_context_send(crdt_context);
CREATE CAST (bytea AS crdt_context) WITH FUNCTION crdt_context(bytea);

CREATE FUNCTION crdt_context_merge("left" crdt_context, "right" crdt_context) RETURNS crdt_context
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_merge_wrapper';

CREATE FUNCTION crdt_context_contains("left" crdt_context, "right" crdt_context) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_contains_wrapper';

CREATE FUNCTION crdt_context_contained("left" crdt_context, "right" crdt_context) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_contained_wrapper';

CREATE FUNCTION crdt_context_eq("left" crdt_context, "right" crdt_context) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_eq_wrapper';

CREATE FUNCTION crdt_context_ne("left" crdt_context, "right" crdt_context) RETURNS boolean
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_ne_wrapper';

CREATE FUNCTION crdt_context_hash(context crdt_context) RETURNS int
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_hash_wrapper';

CREATE FUNCTION crdt_context_hash_extended(context crdt_context, seed bigint) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_hash_extended_wrapper';

CREATE OPERATOR @> (
    LEFTARG = crdt_context,
    RIGHTARG = crdt_context,
    FUNCTION = crdt_context_contains,
    COMMUTATOR = <@,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR <@ (
    LEFTARG = crdt_context,
    RIGHTARG = crdt_context,
    FUNCTION = crdt_context_contained,
    COMMUTATOR = @>,
    RESTRICT = pg_catalog.contsel,
    JOIN = pg_catalog.contjoinsel
);

CREATE OPERATOR || (
    LEFTARG = crdt_context,
    RIGHTARG = crdt_context,
    FUNCTION = crdt_context_merge,
    COMMUTATOR = ||
);

CREATE OPERATOR = (
    LEFTARG = crdt_context,
    RIGHTARG = crdt_context,
    FUNCTION = crdt_context_eq,
    COMMUTATOR = =,
    NEGATOR = <>,
    RESTRICT = pg_catalog.eqsel,
    JOIN = pg_catalog.eqjoinsel,
    HASHES
);

CREATE OPERATOR <> (
    LEFTARG = crdt_context,
    RIGHTARG = crdt_context,
    FUNCTION = crdt_context_ne,
    COMMUTATOR = <>,
    NEGATOR = =,
    RESTRICT = pg_catalog.neqsel,
    JOIN = pg_catalog.neqjoinsel
);

CREATE OPERATOR CLASS crdt_context_ops DEFAULT FOR TYPE crdt_context USING hash AS
    OPERATOR 1 = (crdt_context, crdt_context),
    FUNCTION 1 crdt_context_hash(crdt_context),
    FUNCTION 2 crdt_context_hash_extended(crdt_context, bigint);

CREATE AGGREGATE crdt_context_merge(crdt_context) (
    SFUNC = crdt_context_merge,
    STYPE = crdt_context,
    COMBINEFUNC = crdt_context_merge,
    PARALLEL = SAFE
);

CREATE TYPE hlc;

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

CREATE FUNCTION hlc_next() RETURNS hlc
VOLATILE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_next_wrapper';

CREATE FUNCTION hlc_now() RETURNS hlc
VOLATILE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_now_wrapper';

CREATE FUNCTION hlc_transaction() RETURNS hlc
STABLE STRICT PARALLEL RESTRICTED LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_transaction_wrapper';

CREATE FUNCTION hlc_witness("time" hlc) RETURNS hlc
VOLATILE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_witness_wrapper';
REVOKE EXECUTE ON FUNCTION hlc_witness(hlc) FROM PUBLIC;

CREATE FUNCTION hlc_witness_row() RETURNS trigger
VOLATILE LANGUAGE c
AS 'MODULE_PATHNAME', 'hlc_witness_row_wrapper';

CREATE SEQUENCE hlc_mark AS bigint MINVALUE 0 START 0 NO CYCLE;
SELECT pg_catalog.pg_extension_config_dump('hlc_mark', '');
GRANT SELECT ON hlc_mark TO PUBLIC;

CREATE TYPE itc_version;
CREATE TYPE itc_stamp;

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

CREATE TABLE itc_stamps (
    name text COLLATE "C" NOT NULL,
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

REVOKE ALL ON itc_stamps FROM PUBLIC;
GRANT SELECT ON itc_stamps TO pg_monitor;
GRANT SELECT ON itc_stamps TO pg_database_owner;
REVOKE EXECUTE ON FUNCTION
    itc_seed(text), itc_event(text), itc_receive(text, itc_version), itc_peek(text),
    itc_fork(text), itc_adopt(text, itc_stamp), itc_retire(text), itc_join(text, itc_stamp)
    FROM PUBLIC;

CREATE  FUNCTION "clock_after"(
	"ts" timestamp with time zone
) RETURNS bool
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'clock_after_wrapper';

CREATE  FUNCTION "clock_before"(
	"ts" timestamp with time zone
) RETURNS bool
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'clock_before_wrapper';

CREATE FUNCTION clock_bounds(OUT earliest timestamptz, OUT latest timestamptz)
VOLATILE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'clock_bounds_wrapper';

CREATE  FUNCTION "crdt_new_node"() RETURNS bigint
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_new_node_wrapper';

CREATE  FUNCTION "crdt_node_id"() RETURNS bigint
STRICT STABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_node_id_wrapper';

CREATE FUNCTION cristian_offset(sent timestamptz, server_time timestamptz, received timestamptz, min_rtt interval DEFAULT '0', OUT clock_offset interval, OUT error interval)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'cristian_offset_wrapper';

CREATE FUNCTION cristian_sync(conninfo text, rounds int DEFAULT 8, OUT clock_offset interval, OUT error interval, OUT low interval, OUT high interval, OUT min_rtt interval, OUT rounds int)
VOLATILE STRICT PARALLEL RESTRICTED LANGUAGE c
AS 'MODULE_PATHNAME', 'cristian_sync_wrapper';

REVOKE EXECUTE ON FUNCTION cristian_sync(text, int) FROM PUBLIC;

CREATE FUNCTION kernel_clock(OUT synchronised boolean, OUT max_error interval, OUT est_error interval, OUT frequency_ppm float8, OUT flags text[], OUT tai_offset int, OUT state text)
VOLATILE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'kernel_clock_wrapper';

CREATE FUNCTION "lamport_next"() RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'lamport_next_wrapper';

CREATE  FUNCTION "lamport_now"() RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'lamport_now_wrapper';

CREATE  FUNCTION "lamport_witness"(
	"number" bigint
) RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'lamport_witness_wrapper';

CREATE SEQUENCE lamport_mark AS bigint MINVALUE 0 MAXVALUE 4611686018427387904 START 0 NO CYCLE;
SELECT pg_catalog.pg_extension_config_dump('lamport_mark', '');

GRANT SELECT ON lamport_mark TO PUBLIC;
REVOKE EXECUTE ON FUNCTION lamport_witness(bigint) FROM PUBLIC;

CREATE SEQUENCE crdt_node AS bigint MINVALUE 0 MAXVALUE 4611686018427387903 START 0 NO CYCLE;

REVOKE EXECUTE ON FUNCTION crdt_new_node() FROM PUBLIC;

CREATE FUNCTION lamport_witness_row() RETURNS trigger LANGUAGE c
AS 'MODULE_PATHNAME', 'lamport_witness_row_wrapper';

CREATE FUNCTION ntp_bounds(t1 timestamptz, t2 timestamptz, t3 timestamptz, t4 timestamptz, OUT low interval, OUT high interval)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'ntp_bounds_wrapper';

CREATE FUNCTION ntp_bounds(t1 float8, t2 float8, t3 float8, t4 float8, OUT low float8, OUT high float8)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'ntp_bounds_float_wrapper';

CREATE FUNCTION ntp_decode(packet bytea, near timestamptz, OUT leap int, OUT version int, OUT mode int, OUT stratum int, OUT poll int, OUT "precision" int, OUT root_delay interval, OUT root_dispersion interval, OUT reference_id text, OUT reference_ts timestamptz, OUT origin_ts timestamptz, OUT receive_ts timestamptz, OUT transmit_ts timestamptz, OUT kiss text)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'ntp_decode_wrapper';

CREATE  FUNCTION "ntp_delay"(
	"t1" timestamp with time zone,
	"t2" timestamp with time zone,
	"t3" timestamp with time zone,
	"t4" timestamp with time zone
) RETURNS interval
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ntp_delay_wrapper';

CREATE  FUNCTION "ntp_delay"(
	"t1" double precision,
	"t2" double precision,
	"t3" double precision,
	"t4" double precision
) RETURNS double precision
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ntp_delay_float_wrapper';

CREATE  FUNCTION "ntp_offset"(
	"t1" timestamp with time zone,
	"t2" timestamp with time zone,
	"t3" timestamp with time zone,
	"t4" timestamp with time zone
) RETURNS interval
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ntp_offset_wrapper';

CREATE  FUNCTION "ntp_offset"(
	"t1" double precision,
	"t2" double precision,
	"t3" double precision,
	"t4" double precision
) RETURNS double precision
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ntp_offset_float_wrapper';

CREATE FUNCTION ntp_query(server text, samples int DEFAULT 1, timeout interval DEFAULT '1 s', OUT state text, OUT clock_offset interval, OUT delay interval, OUT dispersion interval, OUT root_distance interval, OUT jitter interval, OUT stratum int, OUT leap int, OUT reference_id text, OUT kiss text, OUT ignored int, OUT detail text)
VOLATILE STRICT PARALLEL RESTRICTED LANGUAGE c
AS 'MODULE_PATHNAME', 'ntp_query_wrapper';

REVOKE EXECUTE ON FUNCTION ntp_query(text, int, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ntp_query(text, int, interval) TO pg_monitor;

CREATE FUNCTION ntp_select(offsets interval[], distances interval[], OUT low interval, OUT high interval, OUT agreeing int, OUT truechimers boolean[])
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'ntp_select_wrapper';

CREATE FUNCTION snowflake128_decode(uuid uuid, OUT ts timestamptz, OUT worker_id int, OUT sequence int)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake128_decode_wrapper';

CREATE FUNCTION "snowflake128_next"() RETURNS uuid
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake128_next_wrapper';

CREATE  FUNCTION "snowflake128_timestamp"(
	"uuid" uuid
) RETURNS timestamp with time zone
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake128_timestamp_wrapper';

CREATE FUNCTION snowflake_adopt("table" regclass, "column" name) RETURNS void
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_adopt_wrapper';

CREATE FUNCTION snowflake_clock_report(identity text, nonce uuid, host_name text, poll bigint, offset_low bigint, offset_high bigint, ntp_low bigint, ntp_high bigint, kernel_low bigint, kernel_high bigint, state text, gate text, OUT received bigint, OUT sent bigint, OUT fleet_low bigint, OUT fleet_high bigint, OUT agreeing integer, OUT clocks integer, OUT accepted boolean)
VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_clock_report_wrapper';

CREATE FUNCTION snowflake_decode(id bigint, OUT ts timestamptz, OUT worker_id int, OUT datacenter_id int, OUT machine_id int, OUT sequence int, OUT reserved int)
STABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_decode_wrapper';

CREATE FUNCTION snowflake_decode(id bigint, layout text, OUT ts timestamptz, OUT worker_id int, OUT datacenter_id int, OUT machine_id int, OUT sequence int, OUT reserved int)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_decode_layout_wrapper';

CREATE  FUNCTION "snowflake_encode"(
	"ts" timestamp with time zone,
	"worker_id" INT,
	"sequence" INT
) RETURNS bigint
STRICT STABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_encode_wrapper';

CREATE  FUNCTION "snowflake_encode"(
	"ts" timestamp with time zone,
	"worker_id" INT,
	"sequence" INT,
	"layout" text
) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_encode_layout_wrapper';

CREATE  FUNCTION "snowflake_from_base32"(
	"text" text
) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_from_base32_wrapper';

CREATE FUNCTION snowflake_lease_release(layout text, worker_id integer, nonce uuid, mark bigint)
RETURNS boolean
STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_lease_release_wrapper';

CREATE FUNCTION snowflake_lease_take(layout text, identity text, nonce uuid, host_name text, clock bigint, max_lead bigint, length bigint, fixed_worker integer, held_worker integer, held_not_before bigint, held_not_after bigint, OUT outcome text, OUT worker_id integer, OUT not_before bigint, OUT not_after bigint, OUT contested_by text, OUT detail text)
VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_lease_take_wrapper';

CREATE  FUNCTION "snowflake_max_id"(
	"ts" timestamp with time zone
) RETURNS bigint
STRICT STABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_max_id_wrapper';

CREATE  FUNCTION "snowflake_max_id"(
	"ts" timestamp with time zone,
	"layout" text
) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_max_id_layout_wrapper';

CREATE  FUNCTION "snowflake_min_id"(
	"ts" timestamp with time zone
) RETURNS bigint
STRICT STABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_min_id_wrapper';

CREATE  FUNCTION "snowflake_min_id"(
	"ts" timestamp with time zone,
	"layout" text
) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_min_id_layout_wrapper';

CREATE FUNCTION snowflake_between(id bigint, start_ts timestamptz, end_ts timestamptz)
RETURNS boolean STABLE PARALLEL SAFE LANGUAGE sql
BEGIN ATOMIC
    SELECT id >= snowflake_min_id(start_ts) AND id < snowflake_min_id(end_ts);
END;

CREATE FUNCTION snowflake_between(id bigint, start_ts timestamptz, end_ts timestamptz, layout text)
RETURNS boolean IMMUTABLE PARALLEL SAFE LANGUAGE sql
BEGIN ATOMIC
    SELECT id >= snowflake_min_id(start_ts, layout) AND id < snowflake_min_id(end_ts, layout);
END;

CREATE  FUNCTION "snowflake_next_batch"(
	"count" INT
) RETURNS SETOF bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_next_batch_wrapper';

CREATE FUNCTION "snowflake_next"() RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_next_wrapper';

CREATE FUNCTION "snowflake_next"(
	"worker_id" INT
) RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_next_worker_wrapper';

CREATE  FUNCTION "snowflake_pg_clock"() RETURNS TABLE (
	"state" TEXT,
	"gate" TEXT,
	"decided_by" TEXT,
	"offset_low" interval,
	"offset_high" interval,
	"as_of" timestamp with time zone,
	"drift_ppm" double precision,
	"last_jump" interval,
	"last_jump_at" timestamp with time zone,
	"kernel_synchronised" bool,
	"kernel_max_error" interval,
	"kernel_frequency_ppm" double precision,
	"leap" TEXT,
	"daemon" TEXT,
	"ptp" TEXT,
	"refusals" bigint,
	"waits" bigint
)
STRICT VOLATILE PARALLEL RESTRICTED
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_clock_wrapper';

CREATE VIEW snowflake_clock AS
    SELECT state, gate, decided_by, offset_low, offset_high, as_of, drift_ppm, last_jump,
           last_jump_at, kernel_synchronised, kernel_max_error, kernel_frequency_ppm, leap, daemon, ptp, refusals, waits
    FROM snowflake_pg_clock();

REVOKE EXECUTE ON FUNCTION snowflake_pg_clock() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_clock() TO pg_monitor;
GRANT SELECT ON snowflake_clock TO pg_monitor;

CREATE  FUNCTION "snowflake_pg_clock_fleet"() RETURNS TABLE (
	"registry_low" interval,
	"registry_high" interval,
	"fleet_low" interval,
	"fleet_high" interval,
	"agreeing" INT,
	"clocks" INT,
	"as_of" timestamp with time zone,
	"answers" bigint,
	"failures" bigint,
	"last_error" TEXT
)
STRICT VOLATILE PARALLEL RESTRICTED
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_clock_fleet_wrapper';

CREATE VIEW snowflake_clock_fleet AS
    SELECT registry_low, registry_high, fleet_low, fleet_high, agreeing, clocks, as_of, answers, failures, last_error
    FROM snowflake_pg_clock_fleet();

REVOKE EXECUTE ON FUNCTION snowflake_pg_clock_fleet() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_clock_fleet() TO pg_monitor;
GRANT SELECT ON snowflake_clock_fleet TO pg_monitor;

CREATE  FUNCTION "snowflake_pg_clock_history"() RETURNS TABLE (
	"server" TEXT,
	"at" timestamp with time zone,
	"clock_offset" interval,
	"delay" interval,
	"distance" interval
)
STRICT VOLATILE PARALLEL RESTRICTED
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_clock_history_wrapper';

CREATE  FUNCTION "snowflake_pg_clock_sources"() RETURNS TABLE (
	"server" TEXT,
	"address" TEXT,
	"state" TEXT,
	"clock_offset" interval,
	"delay" interval,
	"dispersion" interval,
	"root_distance" interval,
	"jitter" interval,
	"stratum" INT,
	"leap" INT,
	"reference_id" TEXT,
	"kiss" TEXT,
	"reach" INT,
	"polls" bigint,
	"answers" bigint,
	"ignored" bigint,
	"next_poll" timestamp with time zone,
	"last_error" TEXT
)
STRICT VOLATILE PARALLEL RESTRICTED
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_clock_sources_wrapper';

CREATE VIEW snowflake_clock_sources AS
    SELECT server, address, state, clock_offset, delay, dispersion, root_distance, jitter, stratum, leap,
           reference_id, kiss, reach::bit(8) AS reach, polls, answers, ignored, next_poll, last_error
    FROM snowflake_pg_clock_sources();

CREATE VIEW snowflake_clock_history AS
    SELECT server, at, clock_offset, delay, distance
    FROM snowflake_pg_clock_history();

REVOKE EXECUTE ON FUNCTION snowflake_pg_clock_sources() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION snowflake_pg_clock_history() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_clock_sources() TO pg_monitor;
GRANT EXECUTE ON FUNCTION snowflake_pg_clock_history() TO pg_monitor;
GRANT SELECT ON snowflake_clock_sources TO pg_monitor;
GRANT SELECT ON snowflake_clock_history TO pg_monitor;

CREATE  FUNCTION "snowflake_pg_create_clock_role"() RETURNS void
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_create_clock_role_wrapper';

CREATE  FUNCTION "snowflake_pg_create_member_role"() RETURNS void
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_create_member_role_wrapper';

CREATE FUNCTION snowflake_pg_fleet_clocks() RETURNS TABLE (member text, host_name text, offset_low interval, offset_high interval, verdict text, reported_at timestamptz, state text, gate text, ntp_low interval, ntp_high interval, kernel_low interval, kernel_high interval)
STRICT VOLATILE PARALLEL RESTRICTED SECURITY DEFINER SET search_path TO pg_catalog, pg_temp LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_fleet_clocks_wrapper';

CREATE  FUNCTION "snowflake_pg_layouts"() RETURNS TABLE (
	"layout" TEXT,
	"ts_bits" INT,
	"worker_bits" INT,
	"sequence_bits" INT,
	"reserved_bits" INT,
	"unit" interval,
	"epoch" timestamp with time zone,
	"last_instant" timestamp with time zone,
	"ids_per_second" bigint
)
STRICT STABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_layouts_wrapper';

CREATE  FUNCTION "snowflake_pg_lease"() RETURNS TABLE (
	"worker_id" INT,
	"identity" TEXT,
	"registry" TEXT,
	"not_before" timestamp with time zone,
	"not_after" timestamp with time zone,
	"remaining" interval,
	"renewed" timestamp with time zone,
	"last_error" TEXT,
	"contested_by" TEXT
)
STRICT VOLATILE PARALLEL RESTRICTED
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_lease_wrapper';

CREATE VIEW snowflake_lease AS
    SELECT worker_id, identity, registry, not_before, not_after, remaining, renewed, last_error,
           contested_by
    FROM snowflake_pg_lease();

REVOKE EXECUTE ON FUNCTION snowflake_pg_lease() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_lease() TO pg_monitor;
GRANT SELECT ON snowflake_lease TO pg_monitor;

CREATE FUNCTION snowflake_pg_replace_record() RETURNS trigger LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_replace_record_wrapper';

CREATE FUNCTION snowflake_pg_replace_registry() RETURNS trigger LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_replace_registry_wrapper';

CREATE TABLE snowflake_registry (
    clock_tolerance interval NOT NULL DEFAULT '1 min' CHECK (clock_tolerance > '0' AND clock_tolerance <= '1 hour'),
    longest bigint NOT NULL DEFAULT 600000 CHECK (longest BETWEEN 1 AND 86400000),
    hold_until bigint NOT NULL DEFAULT 0 CHECK (hold_until >= 0),
    system_identifier text,
    database oid,
    timeline bigint,
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton)
);
INSERT INTO snowflake_registry DEFAULT VALUES;
CREATE TRIGGER snowflake_pg_replace_registry
    BEFORE INSERT ON snowflake_registry
    FOR EACH ROW EXECUTE FUNCTION snowflake_pg_replace_registry();
SELECT pg_catalog.pg_extension_config_dump('snowflake_registry', '');

CREATE TABLE snowflake_registry_lease (
    layout text COLLATE "C" NOT NULL,
    worker_id integer NOT NULL CHECK (worker_id >= 0),
    identity text COLLATE "C" NOT NULL,
    nonce uuid NOT NULL,
    host_name text COLLATE "C" NOT NULL,
    not_before bigint NOT NULL CHECK (not_before >= 0),
    not_after bigint NOT NULL CHECK (not_after <= 253402300799999),
    renewed timestamptz NOT NULL,
    fixed boolean NOT NULL,
    released boolean NOT NULL,
    contested_by text COLLATE "C",
    PRIMARY KEY (layout, worker_id),
    CHECK (not_before <= not_after)
);
SELECT pg_catalog.pg_extension_config_dump('snowflake_registry_lease', '');

CREATE VIEW snowflake_leases AS
    SELECT layout, worker_id, identity AS holder, host_name,
           pg_catalog.to_timestamp(not_before::double precision OPERATOR(pg_catalog./) double precision '1000') AS not_before,
           pg_catalog.to_timestamp(not_after::double precision OPERATOR(pg_catalog./) double precision '1000') AS not_after,
           renewed AS last_renewal, released, contested_by
    FROM snowflake_registry_lease;

SELECT snowflake_pg_create_member_role();
REVOKE EXECUTE ON FUNCTION snowflake_pg_create_member_role() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION snowflake_pg_replace_registry() FROM PUBLIC;

REVOKE ALL ON snowflake_registry, snowflake_registry_lease, snowflake_leases FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION
    snowflake_lease_take(text, text, uuid, text, bigint, bigint, bigint, integer, integer, bigint, bigint),
    snowflake_lease_release(text, integer, uuid, bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    snowflake_lease_take(text, text, uuid, text, bigint, bigint, bigint, integer, integer, bigint, bigint),
    snowflake_lease_release(text, integer, uuid, bigint)
    TO snowflake_member;
GRANT SELECT ON snowflake_leases TO snowflake_member, pg_monitor;
GRANT SELECT ON snowflake_registry TO pg_monitor;

GRANT SELECT ON snowflake_registry, snowflake_registry_lease TO pg_database_owner;

CREATE UNLOGGED TABLE snowflake_clocks (
    identity text COLLATE "C" PRIMARY KEY,
    nonce uuid NOT NULL,
    host_name text COLLATE "C" NOT NULL,
    poll bigint NOT NULL,
    offset_low bigint NOT NULL,
    offset_high bigint NOT NULL,
    ntp_low bigint,
    ntp_high bigint,
    kernel_low bigint,
    kernel_high bigint,
    state text COLLATE "C" NOT NULL,
    gate text COLLATE "C" NOT NULL,
    reported_at timestamptz NOT NULL,
    elapsed bigint NOT NULL,
    server_start timestamptz NOT NULL,
    CHECK (offset_low <= offset_high)
) WITH (fillfactor = 50);

CREATE VIEW snowflake_fleet_clocks AS
    SELECT member, host_name, offset_low, offset_high, verdict, reported_at, state, gate, ntp_low, ntp_high,
           kernel_low, kernel_high
    FROM snowflake_pg_fleet_clocks();

REVOKE ALL ON snowflake_clocks, snowflake_fleet_clocks FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION
    snowflake_clock_report(text, uuid, text, bigint, bigint, bigint, bigint, bigint, bigint, bigint, text, text),
    snowflake_pg_fleet_clocks()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    snowflake_clock_report(text, uuid, text, bigint, bigint, bigint, bigint, bigint, bigint, bigint, text, text)
    TO snowflake_member;
GRANT EXECUTE ON FUNCTION snowflake_pg_fleet_clocks() TO snowflake_member, pg_monitor;
GRANT SELECT ON snowflake_fleet_clocks TO snowflake_member, pg_monitor;

CREATE  FUNCTION "snowflake_pg_server_layout"() RETURNS TEXT
STRICT VOLATILE PARALLEL RESTRICTED
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_server_layout_wrapper';

CREATE  FUNCTION "snowflake_pg_status"() RETURNS TABLE (
	"worker_id" INT,
	"last_id" bigint,
	"last_ts" timestamp with time zone,
	"lead" interval,
	"regression" interval,
	"waits" bigint,
	"regressions" bigint,
	"errors" bigint,
	"mark" timestamp with time zone,
	"layout" TEXT,
	"layout_expires" timestamp with time zone,
	"mark_waits" bigint
)
STRICT VOLATILE PARALLEL RESTRICTED
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_status_wrapper';

CREATE VIEW snowflake_layouts AS
    SELECT layout, ts_bits, worker_bits, sequence_bits, reserved_bits, unit, epoch, last_instant,
           ids_per_second
    FROM snowflake_pg_layouts();
GRANT SELECT ON snowflake_layouts TO PUBLIC;

CREATE VIEW snowflake_status AS
    SELECT worker_id, last_id, last_ts, lead, regression, waits, regressions, errors, mark, layout,
           layout_expires, mark_waits
    FROM snowflake_pg_status();
REVOKE EXECUTE ON FUNCTION snowflake_pg_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_status() TO pg_monitor;
GRANT SELECT ON snowflake_status TO pg_monitor;

CREATE FUNCTION snowflake_pg_ticket_state(sequence regclass, OUT next bigint, OUT step bigint, OUT block int, OUT last_block int, OUT cached bigint, OUT blocks bigint, OUT waits bigint, OUT last_error text)
VOLATILE STRICT PARALLEL RESTRICTED LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_ticket_state_wrapper';

CREATE  FUNCTION "snowflake_range"(
	"start_ts" timestamp with time zone,
	"end_ts" timestamp with time zone
) RETURNS int8range
STRICT STABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_range_wrapper';

CREATE  FUNCTION "snowflake_range"(
	"start_ts" timestamp with time zone,
	"end_ts" timestamp with time zone,
	"layout" text
) RETURNS int8range
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_range_layout_wrapper';

CREATE  FUNCTION "snowflake_sequence"(
	"id" bigint
) RETURNS INT
STRICT STABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_sequence_wrapper';

CREATE  FUNCTION "snowflake_sequence"(
	"id" bigint,
	"layout" text
) RETURNS INT
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_sequence_layout_wrapper';

CREATE  FUNCTION "snowflake_set_layout"(
	"layout" text
) RETURNS void
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_set_layout_wrapper';

CREATE TABLE snowflake_recorded_layout (
    layout text NOT NULL,
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton)
);
INSERT INTO snowflake_recorded_layout (layout) VALUES (snowflake_pg_server_layout());
CREATE TRIGGER snowflake_pg_replace_record
    BEFORE INSERT OR UPDATE OR DELETE ON snowflake_recorded_layout
    FOR EACH ROW EXECUTE FUNCTION snowflake_pg_replace_record();
SELECT pg_catalog.pg_extension_config_dump('snowflake_recorded_layout', '');

CREATE SEQUENCE snowflake_mark AS bigint MINVALUE 0 START 0 NO CYCLE;
SELECT pg_catalog.pg_extension_config_dump('snowflake_mark', '');

GRANT SELECT ON snowflake_recorded_layout, snowflake_mark TO PUBLIC;
REVOKE EXECUTE ON FUNCTION snowflake_set_layout(text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION snowflake_pg_replace_record() FROM PUBLIC;

CREATE FUNCTION snowflake_ticket_claim(name text, count int, OUT first bigint, OUT step bigint, OUT claimed int)
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_ticket_claim_wrapper';

CREATE  FUNCTION "snowflake_ticket_define"(
	"name" text,
	"start" bigint,
	"block" INT,
	"step" INT
) RETURNS bool
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_ticket_define_wrapper';

CREATE  FUNCTION "snowflake_timestamp"(
	"id" bigint
) RETURNS timestamp with time zone
STRICT STABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_timestamp_wrapper';

CREATE  FUNCTION "snowflake_timestamp"(
	"id" bigint,
	"layout" text
) RETURNS timestamp with time zone
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_timestamp_layout_wrapper';

CREATE  FUNCTION "snowflake_to_base32"(
	"id" bigint
) RETURNS TEXT
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_to_base32_wrapper';

CREATE  FUNCTION "snowflake_to_text"(
	"id" bigint
) RETURNS TEXT
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_to_text_wrapper';

CREATE  FUNCTION "snowflake_witness"(
	"id" bigint
) RETURNS void
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_witness_wrapper';

REVOKE EXECUTE ON FUNCTION snowflake_witness(bigint) FROM PUBLIC;

SELECT snowflake_pg_create_clock_role();
REVOKE EXECUTE ON FUNCTION snowflake_pg_create_clock_role() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lamport_witness(bigint), hlc_witness(hlc), snowflake_witness(bigint) TO snowflake_clock;

CREATE FUNCTION snowflake_witness_row() RETURNS trigger LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_witness_row_wrapper';

CREATE  FUNCTION "snowflake_worker_id"(
	"id" bigint
) RETURNS INT
STRICT STABLE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_worker_id_wrapper';

CREATE  FUNCTION "snowflake_worker_id"(
	"id" bigint,
	"layout" text
) RETURNS INT
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_worker_id_layout_wrapper';

CREATE FUNCTION stride_check() RETURNS TABLE (sequence regclass, node int, nodes int, last_value bigint, problems text[])
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'stride_check_wrapper';

CREATE FUNCTION stride_sequence(sequence regclass, node int, nodes int) RETURNS bigint
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'stride_sequence_wrapper';

CREATE  FUNCTION "ticket_create"(
	"name" text,
	"start" bigint,
	"block" INT
) RETURNS void
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ticket_create_wrapper';

CREATE  FUNCTION "ticket_create"(
	"name" text,
	"start" bigint,
	"block" INT,
	"step" INT
) RETURNS void
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ticket_create_step_wrapper';

CREATE  FUNCTION "ticket_drop"(
	"name" text
) RETURNS void
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ticket_drop_wrapper';

CREATE TABLE snowflake_ticket (
    name text COLLATE "C" PRIMARY KEY,
    sequence regclass NOT NULL UNIQUE,
    registry boolean NOT NULL,
    confirmed boolean NOT NULL DEFAULT false
);
SELECT pg_catalog.pg_extension_config_dump('snowflake_ticket',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid OPERATOR(pg_catalog.=) snowflake_ticket.sequence '
    'AND relkind OPERATOR(pg_catalog.=) ''S'')');
GRANT SELECT ON snowflake_ticket TO PUBLIC;

REVOKE EXECUTE ON FUNCTION ticket_create(text, bigint, int), ticket_create(text, bigint, int, int) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION snowflake_ticket_define(text, bigint, int, int) FROM PUBLIC;

CREATE VIEW snowflake_tickets AS
    SELECT name, sequence, registry, CASE WHEN NOT registry THEN next END AS next,
           CASE WHEN NOT registry THEN step END AS step, block, last_block, cached, blocks, waits, last_error
    FROM snowflake_ticket, snowflake_pg_ticket_state(sequence);

REVOKE EXECUTE ON FUNCTION snowflake_pg_ticket_state(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_ticket_state(regclass) TO pg_monitor;
GRANT SELECT ON snowflake_tickets TO pg_monitor;

CREATE FUNCTION "ticket_next"(
	"name" text
) RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ticket_next_wrapper';

CREATE FUNCTION uuid_decode(uuid uuid, OUT version int, OUT variant text, OUT ts timestamptz, OUT clock_seq int, OUT node macaddr)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_decode_wrapper';

CREATE  FUNCTION "uuid_from_guid_bytes"(
	"bytes" bytea
) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_from_guid_bytes_wrapper';

CREATE  FUNCTION "uuid_namespace_dns"() RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_namespace_dns_wrapper';

CREATE  FUNCTION "uuid_namespace_oid"() RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_namespace_oid_wrapper';

CREATE  FUNCTION "uuid_namespace_url"() RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_namespace_url_wrapper';

CREATE  FUNCTION "uuid_namespace_x500"() RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_namespace_x500_wrapper';

CREATE  FUNCTION "uuid_timestamp"(
	"uuid" uuid
) RETURNS timestamp with time zone
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_timestamp_wrapper';

CREATE  FUNCTION "uuid_to_guid_bytes"(
	"uuid" uuid
) RETURNS bytea
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_to_guid_bytes_wrapper';

CREATE FUNCTION "uuid_v1"() RETURNS uuid
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v1_wrapper';

CREATE  FUNCTION "uuid_v3"(
	"namespace" uuid,
	"name" text
) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v3_wrapper';

CREATE  FUNCTION "uuid_v3"(
	"namespace" uuid,
	"name" bytea
) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v3_bytes_wrapper';

CREATE FUNCTION "uuid_v4"() RETURNS uuid
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v4_wrapper';

CREATE  FUNCTION "uuid_v5"(
	"namespace" uuid,
	"name" text
) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v5_wrapper';

CREATE  FUNCTION "uuid_v5"(
	"namespace" uuid,
	"name" bytea
) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v5_bytes_wrapper';

CREATE FUNCTION "uuid_v6"() RETURNS uuid
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v6_wrapper';

CREATE  FUNCTION "uuid_v7"(
	"ts" timestamp with time zone
) RETURNS uuid
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v7_at_wrapper';

CREATE FUNCTION "uuid_v7"() RETURNS uuid
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v7_wrapper';

CREATE  FUNCTION "uuid_v7_max"(
	"ts" timestamp with time zone
) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v7_max_wrapper';

CREATE  FUNCTION "uuid_v7_min"(
	"ts" timestamp with time zone
) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v7_min_wrapper';

CREATE  FUNCTION "uuid_v8"(
	"bytes" bytea
) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v8_wrapper';

CREATE  FUNCTION "uuid_variant"(
	"uuid" uuid
) RETURNS TEXT
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_variant_wrapper';

CREATE  FUNCTION "uuid_version"(
	"uuid" uuid
) RETURNS INT
IMMUTABLE STRICT PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_version_wrapper';
