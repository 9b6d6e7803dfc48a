SELECT nextval('cache_1000');
