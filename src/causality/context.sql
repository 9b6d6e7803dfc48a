-- Functions are declared here, in this order: pgrx sorts those that need a type of ours otherwise each time.
CREATE TYPE crdt_context;

-- text and binary form
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

-- casts; the binary form is checked on its way in
CREATE FUNCTION crdt_context(bytes bytea) RETURNS crdt_context
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'crdt_context_from_bytea_wrapper';

CREATE CAST (crdt_context AS bytea) WITH FUNCTION crdt_context_send(crdt_context);
CREATE CAST (bytea AS crdt_context) WITH FUNCTION crdt_context(bytea);

-- functions
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

-- what is known
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

-- all that is known to one of two
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

-- all that is known to one of many
CREATE AGGREGATE crdt_context_merge(crdt_context) (
    SFUNC = crdt_context_merge,
    STYPE = crdt_context,
    COMBINEFUNC = crdt_context_merge,
    PARALLEL = SAFE
);
