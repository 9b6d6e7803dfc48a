//! Places in shared memory that belong to databases and sequences, which are known by their OIDs.
//! An OID comes back: what is created finds no place of another that had its OID before.

use crate::postgres::creation::{self, Created};
use crate::shared::segment;

/// Follows what is created, from `_PG_init`.
pub fn watch() {
    creation::watch(on_creation);
}

fn on_creation(created: Created) {
    let Ok(shared) = segment::shared() else {
        return;
    };
    match created {
        Created::Database(database) => {
            // of one that was dropped: nobody is connected to it, nor to the new one
            shared.marks().forget_database(database);
            shared.counters().forget_database(database);
            shared.block_orders().forget_database(database);
        }
        Created::Relation(relation) => {
            let key = segment::key(relation);
            shared.counters().forget(key);
            shared.block_orders().forget(key);
        }
    }
}
