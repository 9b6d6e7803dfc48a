-- Whose members may move a clock by what others say.
SELECT snowflake_pg_create_clock_role();
REVOKE EXECUTE ON FUNCTION snowflake_pg_create_clock_role() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lamport_witness(bigint), hlc_witness(hlc), snowflake_witness(bigint) TO snowflake_clock;
