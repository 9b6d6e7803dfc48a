-- Lamport's clock, as a session sees it
SELECT lamport_now() AS start \gset
SELECT lamport_next() - :start AS next;
SELECT lamport_next() - :start AS next, lamport_now() - :start AS now;
SELECT lamport_witness(:start + 1000) - :start AS witness;
SELECT lamport_witness(:start + 5) - :start AS old, lamport_witness(0) - :start AS zero;
SELECT lamport_now() - :start AS now;
SELECT lamport_witness(NULL) IS NULL AS null;
SELECT count(DISTINCT lamport_next()) FROM generate_series(1, 1000);
SELECT lamport_now() - :start AS now;
SELECT last_value >= lamport_now() AS covered FROM lamport_mark;

CREATE TABLE event (t bigint DEFAULT lamport_next(), body text, PRIMARY KEY (t));
INSERT INTO event (body) VALUES ('a'), ('b') RETURNING t - :start AS t, body;
DROP TABLE event;

-- numbers that it does not take
SELECT lamport_witness(-1);
SELECT lamport_witness(4611686018427387905);
\set VERBOSITY terse
SELECT lamport_witness(4611686018427387904);
\set VERBOSITY default

-- who may move it
CREATE ROLE regress_lamport;
SET ROLE regress_lamport;
SELECT lamport_next() > :start AS next, lamport_now() > :start AS now;
SELECT lamport_witness(1);
RESET ROLE;
GRANT snowflake_clock TO regress_lamport;
SET ROLE regress_lamport;
SELECT lamport_witness(1) > :start AS witness;
RESET ROLE;
DROP ROLE regress_lamport;
