DO $$
DECLARE
    number bigint;
BEGIN
    FOR i IN 1 .. 100 LOOP
        UPDATE ticket SET last = last + 1 RETURNING last INTO number;
    END LOOP;
END
$$;
