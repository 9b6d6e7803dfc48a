SELECT ticket_block_next();
