-- The node that this database is, and as log_cnt a fingerprint of where that was drawn: what is dumped, copied or
-- promoted is another node. Not dumped for that reason.
CREATE SEQUENCE crdt_node AS bigint MINVALUE 0 MAXVALUE 4611686018427387903 START 0 NO CYCLE;

REVOKE EXECUTE ON FUNCTION crdt_new_node() FROM PUBLIC;
