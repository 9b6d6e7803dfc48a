-- which node this database is
SELECT crdt_node_id() AS node \gset
SELECT :node BETWEEN 1 AND (1::bigint << 62) - 1 AS in_range, crdt_node_id() = :node AS same;
SELECT version_vector_increment('{}') = version_vector(:node, 1) AS own,
       version_vector_increment(version_vector_increment('{}')) -> :node AS counter;
SELECT version_vector_increment(NULL) IS NULL AS null;
SELECT crdt_new_node() AS new \gset
SELECT :new <> :node AS another, crdt_node_id() = :new AS same;
SELECT version_vector_nodes(version_vector_increment(version_vector(:node, 1))) <@ ARRAY[:node, :new] AS both;
CREATE ROLE regress_node;
SET ROLE regress_node;
SELECT crdt_node_id() = :new AS same;
SELECT crdt_new_node();
RESET ROLE;
DROP ROLE regress_node;
