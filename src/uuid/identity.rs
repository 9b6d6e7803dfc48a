//! What UUIDs of versions 1 and 6 hold beside the time.

use snowflake_core::uuid::Node;

use crate::host::random;
use crate::postgres::backend::BackendLocal;
use crate::shared::segment;

/// Node ID and clock sequence, random for every start of the server, so that UUIDs from before
/// and after it never meet, whatever the clock does;
/// an own node ID is never that of a network card (RFC 9562, section 6.10).
#[derive(Clone, Copy)]
pub struct Identity {
    pub node: Node,
    pub clock_sequence: u16,
}

impl Identity {
    /// The identity of 64 random bits.
    pub fn new(random: u64) -> Self {
        let [high, low, node @ ..] = random.to_be_bytes();
        let mut node: Node = node;
        // the multicast bit, which no network card has
        node[0] |= 1;
        Self {
            node,
            clock_sequence: u16::from_be_bytes([high, low]) & 0x3fff,
        }
    }

    /// That of this server; of this backend, where the library is not preloaded.
    pub fn of_server() -> Self {
        Self::known().unwrap_or_else(|| {
            let random =
                segment::shared().map_or_else(|_| random::bits(), |shared| shared.identity());
            let identity = Self::new(random);
            IDENTITY.set(Some(identity));
            identity
        })
    }

    /// The same, if this backend has looked it up.
    #[inline(always)]
    pub fn known() -> Option<Self> {
        IDENTITY.get()
    }
}

static IDENTITY: BackendLocal<Option<Identity>> = BackendLocal::new(None);
