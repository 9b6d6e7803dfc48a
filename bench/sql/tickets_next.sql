SELECT count(ticket_next('bench')) FROM generate_series(1, 100);
