INSERT INTO uuids SELECT :client_id, g, :function() FROM generate_series(1, :rows) g;
