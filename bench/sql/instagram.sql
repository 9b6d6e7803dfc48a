SELECT instagram_next();
