-- Functions are declared here, in this order: pgrx sorts those that need a type of ours otherwise each time.
CREATE TYPE version_vector;

-- text and binary form
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

-- casts; the binary form is checked on its way in
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

-- functions
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

-- the order of causality
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

-- the least upper bound
CREATE OPERATOR || (
    LEFTARG = version_vector,
    RIGHTARG = version_vector,
    FUNCTION = version_vector_merge,
    COMMUTATOR = ||
);

-- the counter of a node
CREATE OPERATOR -> (
    LEFTARG = version_vector,
    RIGHTARG = bigint,
    FUNCTION = version_vector_counter
);

-- the total order
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

-- equal values have equal bytes: a btree may keep one of them for many rows
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

-- aggregates: the bounds of many
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
