SELECT nextval('cache_1');
