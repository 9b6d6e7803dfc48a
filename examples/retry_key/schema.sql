CREATE EXTENSION IF NOT EXISTS snowflake_pg;

-- One namespace for each application. Changing it changes every key.
CREATE FUNCTION shop_namespace() RETURNS uuid
    IMMUTABLE PARALLEL SAFE
    RETURN uuid_v5(uuid_namespace_url(), 'https://shop.example/');

CREATE TABLE outgoing (
    id         bigint PRIMARY KEY DEFAULT snowflake_next(),
    retry_key  uuid NOT NULL GENERATED ALWAYS AS (uuid_v5(shop_namespace(), id::text)) STORED,
    recipient  text NOT NULL,
    body       text NOT NULL,
    attempts   int NOT NULL DEFAULT 0,              -- without an answer that settled it
    retry_at   timestamptz NOT NULL DEFAULT now(),  -- not to be sent before
    status     int,                                 -- the answer that settled it: 200 and 409 mean accepted
    request_id text                                 -- of the request that was accepted
);

CREATE INDEX outgoing_to_send ON outgoing (retry_at, id) WHERE status IS NULL;
