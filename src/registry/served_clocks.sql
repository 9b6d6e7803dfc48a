-- The clocks of the servers that share this registry, one row each. Times are microseconds. Not logged: what a crash
-- takes is reported again at the next poll.
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

-- default privileges of the database may have given more
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
