INSERT INTO ids SELECT :client_id, g, snowflake_next() FROM generate_series(1, :rows) g;
INSERT INTO ids SELECT :client_id, :rows + n, id FROM snowflake_next_batch(:rows) WITH ORDINALITY b(id, n);
