-- who may call them can push the IDs of this server ahead, by max_lead
REVOKE EXECUTE ON FUNCTION snowflake_witness(bigint) FROM PUBLIC;
