-- A registry of worker IDs: what a member and an operator type and see.
SET timezone = 'UTC'; SET datestyle = 'ISO';

-- a role for its members comes with the extension, and may do nothing else
SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolinherit
    FROM pg_roles WHERE rolname = 'snowflake_member';

-- A server says what it is, what its clock reads and what it holds. Times in the answer are shown
-- as milliseconds from that clock.
CREATE TYPE regress_answer AS (outcome text, worker_id int, begins bigint, ends bigint, contested_by text, detail text);
CREATE FUNCTION regress_take(server int, layout text, identity text DEFAULT NULL, ahead bigint DEFAULT 0, length bigint DEFAULT 600000,
        fixed int DEFAULT NULL, held int DEFAULT NULL, held_begins bigint DEFAULT NULL, held_ends bigint DEFAULT NULL)
    RETURNS regress_answer VOLATILE LANGUAGE sql AS $$
    WITH reading AS MATERIALIZED (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + ahead AS clock)
    SELECT outcome, t.worker_id, t.not_before - clock, t.not_after - clock, t.contested_by,
           regexp_replace(t.detail, '\d{4}-\d\d-\d\dT[0-9:.]+Z', 'TIME', 'g')
        FROM reading, snowflake_lease_take(layout, coalesce(identity, 'data of ' || server), lpad(server::text, 32, '0')::uuid,
            'db-' || server, clock, 500, length, fixed, held, clock + held_begins, clock + held_ends) AS t
$$;
CREATE ROLE regress_snowflake_server IN ROLE snowflake_member;
GRANT CREATE ON SCHEMA public TO regress_snowflake_server;
SET ROLE regress_snowflake_server;

-- four worker IDs
\set four '''ts=41,worker=2,seq=12,epoch=2020-01-01T00:00:00Z'''
SELECT * FROM regress_take(1, :four);
SELECT * FROM regress_take(2, :four);
SELECT * FROM regress_take(3, :four);
-- asked for by number
SELECT * FROM regress_take(4, :four, fixed => 3);
SELECT * FROM regress_take(5, :four);
SELECT * FROM regress_take(5, :four, fixed => 3);
-- another layout has worker IDs of its own; spellings of one layout are the same
SELECT * FROM regress_take(1, 'pgedge');
SELECT * FROM regress_take(2, 'ts=41,datacenter=5,machine=5,seq=12,epoch=1672531200000');
-- a renewal
SELECT worker_id, begins < 0 AS went_on, ends FROM regress_take(1, :four, ahead => 200);
SELECT layout, worker_id, holder, host_name, not_after - not_before > '10 min' AS renewed, now() - last_renewal < '1 min' AS now, released, contested_by
    FROM snowflake_leases ORDER BY layout, worker_id;
-- a clone of the first: a worker ID of its own, if there is one
SELECT * FROM regress_take(6, :four, 'data of 1');
SELECT host_name, contested_by FROM snowflake_leases WHERE contested_by IS NOT NULL;
SELECT contested_by FROM regress_take(1, :four);
SELECT contested_by FROM regress_take(1, :four);
SELECT * FROM regress_take(6, 'pgedge', 'data of 1');
-- a clock that is wrong
SELECT * FROM regress_take(1, :four, ahead => 7200000);
SELECT * FROM regress_take(7, 'pgedge', ahead => -7200000);

-- given back: by its holder only, once
SELECT snowflake_lease_release(:four, 1, lpad('1', 32, '0')::uuid, 0);
SELECT snowflake_lease_release(:four, 1, lpad('2', 32, '0')::uuid, 0);
SELECT snowflake_lease_release(:four, 1, lpad('2', 32, '0')::uuid, 0);
SELECT snowflake_lease_release(:four, 1, NULL, 0) IS NULL AS strict;
SELECT snowflake_lease_release('pgedge', 77, lpad('2', 32, '0')::uuid, 0);
SELECT worker_id, released, not_after = not_before AS unused FROM snowflake_leases WHERE released;
SELECT outcome, worker_id, ends FROM regress_take(5, :four);
-- a lease that it lost is no lease that the registry lost
SELECT outcome FROM regress_take(2, :four, held => 1, held_begins => -9000, held_ends => -1000);
SELECT outcome, worker_id, ends FROM regress_take(8, 'javascript');

-- what makes no sense
SELECT regress_take(1, 'banana');
\echo SQLSTATE :SQLSTATE
SELECT regress_take(1, NULL);
\echo SQLSTATE :SQLSTATE
SELECT regress_take(1, :four, '');
\echo SQLSTATE :SQLSTATE
SELECT regress_take(1, :four, E'a\nb');
SELECT regress_take(1, :four, repeat('x', 256));
SELECT regress_take(1, :four, length => 0);
SELECT regress_take(1, :four, length => 86400001);
SELECT regress_take(1, :four, fixed => 4);
\echo SQLSTATE :SQLSTATE
SELECT regress_take(1, :four, fixed => -1);
SELECT regress_take(1, :four, held => 1);
\echo SQLSTATE :SQLSTATE
SELECT snowflake_lease_release('banana', 1, lpad('2', 32, '0')::uuid, 0);
SELECT snowflake_lease_release(:four, 4, lpad('2', 32, '0')::uuid, 0);

-- a transaction that could still be rolled back, or that sees what was
BEGIN;
SELECT regress_take(1, :four);
\echo SQLSTATE :SQLSTATE
ROLLBACK;
BEGIN;
SELECT snowflake_lease_release(:four, 0, lpad('1', 32, '0')::uuid, 0);
ROLLBACK;
SELECT 1 \; SELECT regress_take(1, :four);
DO $$
BEGIN
    PERFORM regress_take(1, 'pgedge');
EXCEPTION WHEN others THEN
    RAISE NOTICE '%: %', SQLSTATE, SQLERRM;
END $$;
SET default_transaction_isolation = 'repeatable read';
SELECT regress_take(1, :four);
\echo SQLSTATE :SQLSTATE
SET default_transaction_isolation = 'serializable';
SELECT regress_take(1, :four);
RESET default_transaction_isolation;
SET default_transaction_read_only = on;
SELECT regress_take(1, :four);
\echo SQLSTATE :SQLSTATE
RESET default_transaction_read_only;

-- neither temporary tables nor functions nor operators of the caller's get in between
RESET ROLE;
CREATE SCHEMA AUTHORIZATION regress_snowflake_server;
SET ROLE regress_snowflake_server;
CREATE TEMP TABLE snowflake_registry (LIKE pg_class);
CREATE TEMP TABLE snowflake_registry_lease (LIKE pg_class);
CREATE FUNCTION regress_snowflake_server.never(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT 1/0 = 1';
CREATE OPERATOR regress_snowflake_server.= (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_snowflake_server.never);
CREATE FUNCTION regress_snowflake_server.to_timestamp(numeric) RETURNS timestamptz LANGUAGE sql AS 'SELECT ''-infinity''::timestamptz';
SET search_path = regress_snowflake_server, pg_temp, public, pg_catalog;
SELECT outcome, worker_id FROM regress_take(1, 'pgedge');
RESET search_path;
DROP TABLE pg_temp.snowflake_registry, pg_temp.snowflake_registry_lease;
DROP SCHEMA regress_snowflake_server CASCADE;

-- a member may do no more
SELECT count(*) FROM snowflake_registry;
SELECT count(*) FROM snowflake_registry_lease;
UPDATE snowflake_registry SET hold_until = 0;
DELETE FROM snowflake_registry_lease;
DELETE FROM snowflake_leases;
SELECT snowflake_pg_create_member_role();
SELECT snowflake_pg_replace_registry();
RESET ROLE;

-- who is no member may do nothing
CREATE ROLE regress_snowflake_user;
SET ROLE regress_snowflake_user;
SELECT regress_take(1, :four);
\echo SQLSTATE :SQLSTATE
SELECT snowflake_lease_release(:four, 0, lpad('1', 32, '0')::uuid, 0);
SELECT count(*) FROM snowflake_leases;
SELECT count(*) FROM snowflake_registry;
RESET ROLE;
-- an operator sees
GRANT pg_monitor TO regress_snowflake_user;
SET ROLE regress_snowflake_user;
SELECT count(*) FROM snowflake_leases;
SELECT clock_tolerance, longest, hold_until, system_identifier = (SELECT system_identifier::text FROM pg_control_system()) AS here FROM snowflake_registry;
SELECT count(*) FROM snowflake_registry_lease;
SELECT regress_take(1, :four);
RESET ROLE;

-- the tolerance is an administrator's
\set VERBOSITY terse
UPDATE snowflake_registry SET clock_tolerance = '3 h';
UPDATE snowflake_registry SET clock_tolerance = '0 s';
\set VERBOSITY default
UPDATE snowflake_registry SET clock_tolerance = '1.5 s';
SELECT outcome, detail FROM regress_take(1, :four, ahead => 60000);
UPDATE snowflake_registry SET clock_tolerance = DEFAULT;
-- a longer lease is granted from the second time on
SELECT ends BETWEEN 600000 AND 660000 AS ten_minutes FROM regress_take(1, :four, length => 3600000);
SELECT ends FROM regress_take(1, :four, length => 3600000);

-- A registry with another past than its row says may have lost grants: nothing is granted anew until they are over,
-- and what is live goes on.
UPDATE snowflake_registry SET timeline = 0;
SELECT * FROM regress_take(9, 'javascript');
SELECT * FROM regress_take(9, 'javascript');
SELECT outcome, worker_id, begins, ends FROM regress_take(8, 'javascript', held => 0, held_begins => -1000, held_ends => 300000);
SELECT outcome FROM regress_take(10, 'javascript', held => 5, held_begins => -1000, held_ends => 100000);
SELECT outcome, worker_id, begins, ends FROM regress_take(10, 'javascript', held => 5, held_begins => -1000, held_ends => 300000);
SELECT to_timestamp(hold_until / 1000.0) - now() BETWEEN '1 h 2 min' AND '1 h 3 min' AS longest_and_margin, timeline > 0 AS noticed FROM snowflake_registry;
UPDATE snowflake_registry SET hold_until = 0, longest = DEFAULT;
SELECT outcome FROM regress_take(9, 'javascript');
-- so does another database, or cluster
UPDATE snowflake_registry SET system_identifier = '1';
SELECT outcome FROM regress_take(11, 'javascript');
UPDATE snowflake_registry SET hold_until = 0;
UPDATE snowflake_registry SET database = 1;
SELECT outcome FROM regress_take(11, 'javascript');
UPDATE snowflake_registry SET hold_until = 0;
-- and a holder that knows more
SELECT outcome FROM regress_take(12, 'javascript', held => 9, held_begins => -1000, held_ends => 100000);
SELECT outcome FROM regress_take(13, 'javascript');

-- the trigger is good for nothing else
SELECT snowflake_pg_replace_registry();
\echo SQLSTATE :SQLSTATE
CREATE TABLE parcels ();
CREATE TRIGGER parcels BEFORE INSERT ON parcels FOR EACH ROW EXECUTE FUNCTION snowflake_pg_replace_registry();
INSERT INTO parcels DEFAULT VALUES;
DROP TABLE parcels;
-- a row that is inserted, as by a restore, takes the place of the one that is there
INSERT INTO snowflake_registry (clock_tolerance, hold_until) VALUES ('2 min', 5);
SELECT clock_tolerance, hold_until, system_identifier FROM snowflake_registry;
DELETE FROM snowflake_registry;
SELECT outcome FROM regress_take(13, 'javascript');
\echo SQLSTATE :SQLSTATE
INSERT INTO snowflake_registry DEFAULT VALUES;
SELECT outcome FROM regress_take(13, 'javascript');
TRUNCATE snowflake_registry_lease;
DELETE FROM snowflake_registry;
INSERT INTO snowflake_registry DEFAULT VALUES;

-- tables that were altered
ALTER TABLE snowflake_registry_lease RENAME TO away;
SELECT regress_take(1, :four);
\echo SQLSTATE :SQLSTATE
ALTER TABLE away RENAME TO snowflake_registry_lease;

-- in a schema that is in nobody's search path, and moves
CREATE SCHEMA "Regress ids";
ALTER EXTENSION snowflake_pg SET SCHEMA "Regress ids";
GRANT USAGE ON SCHEMA "Regress ids" TO regress_snowflake_server;
SET ROLE regress_snowflake_server;
SELECT outcome, worker_id FROM "Regress ids".snowflake_lease_take('pgedge', '1', lpad('1', 32, '0')::uuid, 'db-1',
    floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, 500, 600000, NULL, NULL, NULL, NULL);
SELECT count(*) FROM "Regress ids".snowflake_leases;
RESET ROLE;
ALTER EXTENSION snowflake_pg SET SCHEMA public;
DROP SCHEMA "Regress ids";

-- the role outlives the extension, which takes the one that is there
\set original :DBNAME
CREATE DATABASE regress_snowflake_registry TEMPLATE template0;
\c regress_snowflake_registry
DROP EXTENSION plpgsql;
CREATE EXTENSION snowflake_pg;
SELECT count(*) FROM snowflake_leases;
DROP EXTENSION snowflake_pg;
CREATE EXTENSION snowflake_pg;
\c :original
DROP DATABASE regress_snowflake_registry;
SELECT count(*) FROM pg_roles WHERE rolname = 'snowflake_member';

TRUNCATE snowflake_registry_lease;
DROP FUNCTION regress_take;
DROP TYPE regress_answer;
REVOKE CREATE ON SCHEMA public FROM regress_snowflake_server;
DROP ROLE regress_snowflake_server, regress_snowflake_user;
