UPDATE ticket SET last = last + 1 RETURNING last;
