INSERT INTO ids SELECT :client_id, g, instagram_next() FROM generate_series(1, :rows) g;
