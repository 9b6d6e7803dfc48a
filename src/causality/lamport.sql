-- The mark of the Lamport clock: no number above it has been given out.
CREATE SEQUENCE lamport_mark AS bigint MINVALUE 0 MAXVALUE 4611686018427387904 START 0 NO CYCLE;
SELECT pg_catalog.pg_extension_config_dump('lamport_mark', '');

GRANT SELECT ON lamport_mark TO PUBLIC;
REVOKE EXECUTE ON FUNCTION lamport_witness(bigint) FROM PUBLIC;
