//! Layouts that others have published.

use super::field::{Field, FieldKind};

/// A layout as it was published.
pub(super) struct Preset {
    pub(super) name: &'static str,
    /// Most significant first. One published with 64 bits is taken with its top bit always zero.
    pub(super) fields: &'static [Field],
    /// Microseconds.
    pub(super) unit: i64,
    /// Milliseconds since 1970.
    pub(super) epoch: i64,
}

const fn reserved(bits: u32) -> Field {
    Field {
        kind: FieldKind::Reserved,
        bits,
    }
}

const fn ts(bits: u32) -> Field {
    Field {
        kind: FieldKind::Timestamp,
        bits,
    }
}

const fn worker(bits: u32) -> Field {
    Field {
        kind: FieldKind::Worker,
        bits,
    }
}

const fn datacenter(bits: u32) -> Field {
    Field {
        kind: FieldKind::Datacenter,
        bits,
    }
}

const fn machine(bits: u32) -> Field {
    Field {
        kind: FieldKind::Machine,
        bits,
    }
}

const fn seq(bits: u32) -> Field {
    Field {
        kind: FieldKind::Sequence,
        bits,
    }
}

pub(super) const TWITTER: Preset = Preset {
    // https://github.com/twitter-archive/snowflake/tree/snowflake-2010
    name: "twitter",
    fields: &[ts(41), datacenter(5), machine(5), seq(12)],
    unit: 1_000,
    epoch: 1_288_834_974_657,
};

pub(super) const PRESETS: [Preset; 8] = [
    TWITTER,
    Preset {
        name: "compact58",
        fields: &[reserved(6), ts(41), worker(5), seq(12)],
        unit: 1_000,
        epoch: 0,
    },
    Preset {
        // https://discord.com/developers/docs/reference#snowflakes
        name: "discord",
        fields: &[ts(42), datacenter(5), machine(5), seq(12)],
        unit: 1_000,
        epoch: 1_420_070_400_000,
    },
    Preset {
        // https://instagram-engineering.com/sharding-ids-at-instagram-1cf5a71e5a5c
        name: "instagram",
        fields: &[ts(41), worker(13), seq(10)],
        unit: 1_000,
        epoch: 1_314_220_021_721,
    },
    Preset {
        // https://github.com/mastodon/mastodon, lib/mastodon/snowflake.rb
        name: "mastodon",
        fields: &[ts(48), seq(16)],
        unit: 1_000,
        epoch: 0,
    },
    Preset {
        // https://github.com/sony/sonyflake, version 1
        name: "sonyflake",
        fields: &[ts(39), seq(8), worker(16)],
        unit: 10_000,
        epoch: 1_409_529_600_000,
    },
    Preset {
        // https://github.com/pgEdge/snowflake
        name: "pgedge",
        fields: &[ts(41), worker(10), seq(12)],
        unit: 1_000,
        epoch: 1_672_531_200_000,
    },
    Preset {
        name: "javascript",
        fields: &[ts(41), worker(4), seq(8)],
        unit: 1_000,
        epoch: 1_577_836_800_000,
    },
];

/// The names of the presets, in the order of [`Layout::presets`](super::Layout::presets).
pub fn preset_names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.name)
}
