-- The gate, turned off as it is by default, and what is certain of the time.
SELECT gate, refusals, waits FROM snowflake_clock;

ALTER SYSTEM SET snowflake_pg.clock_gate = 'sometimes';
SET snowflake_pg.clock_gate = 'wrong';

-- No time is certainly after the end of time, or before its beginning.
SELECT clock_after('infinity'), clock_before('-infinity'), clock_after(NULL), clock_before(NULL);
-- A bound is one, whoever vouches for the clock, and nobody for sure says that it is 1970.
SELECT earliest <= latest AS in_order, clock_before('1970-01-01') AS in_the_sixties FROM clock_bounds();

-- Who may see what is known of the clock.
CREATE ROLE gate_user;
SET ROLE gate_user;
SELECT clock_before('1970-01-01');
SELECT state FROM snowflake_clock;
RESET ROLE;
GRANT pg_monitor TO gate_user;
SET ROLE gate_user;
SELECT count(*) FROM snowflake_clock;
RESET ROLE;
DROP ROLE gate_user;
