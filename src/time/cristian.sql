-- It connects with whatever the server's user has, such as a password file: for superusers, as the function itself checks.
REVOKE EXECUTE ON FUNCTION cristian_sync(text, int) FROM PUBLIC;
