-- Not STRICT and with a SQL body, so that the planner inlines them into an index condition.
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
