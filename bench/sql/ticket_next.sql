SELECT ticket_next('bench');
