//! Layouts: which bits of an ID are what, and when they begin to count.

use super::Error;
use super::divisor::Divisor;
use super::preset::{PRESETS, Preset, TWITTER};
use super::spec::{Spec, canonical};
use crate::Timestamp;

/// Most bits that a worker field may have: shared memory holds a cache line for every worker ID.
pub const MAX_WORKER_BITS: u32 = 16;
/// Bits of an ID: a bigint without its sign.
pub(super) const ID_BITS: u32 = 63;

/// What a field of an ID holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Always zero in generated IDs.
    Reserved,
    /// Units since the epoch.
    Timestamp,
    /// The worker ID.
    Worker,
    /// The upper part of a worker ID that is shown in two.
    Datacenter,
    /// The lower part of a worker ID that is shown in two.
    Machine,
    /// Distinguishes the IDs of one worker and unit.
    Sequence,
}

impl FieldKind {
    pub(super) const ALL: [Self; 6] = [
        Self::Reserved,
        Self::Timestamp,
        Self::Worker,
        Self::Datacenter,
        Self::Machine,
        Self::Sequence,
    ];

    /// The field's name in a list of fields.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Timestamp => "ts",
            Self::Worker => "worker",
            Self::Datacenter => "datacenter",
            Self::Machine => "machine",
            Self::Sequence => "seq",
        }
    }
}

/// A run of bits in an ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// What it holds.
    pub kind: FieldKind,
    /// How many bits it has, as published.
    pub bits: u32,
}

/// Where a run of bits stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    shift: u32,
    bits: u32,
}

impl Place {
    const fn mask(self) -> u64 {
        (1 << self.bits) - 1
    }

    const fn take(self, id: u64) -> u64 {
        id >> self.shift & self.mask()
    }
}

/// The figures of a layout that generating and decoding need, ready for use.
///
/// A *tick* is an ID without its worker: `units since the epoch << sequence bits | sequence`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    timestamp: Place,
    sequence: Place,
    worker: Place,
    /// Microseconds.
    unit: i64,
    /// The same as a divisor.
    per_unit: Divisor,
    /// Microseconds since 1970.
    epoch: i64,
    /// Microseconds from the epoch that lie within the layout, none too many to calculate with.
    within: u64,
    /// What the next tick adds to the ID.
    per_tick: u64,
    /// What a unit adds to the ID beyond that, modulo 2^64: from where the sequence ends to where the timestamp begins.
    per_carry: u64,
}

impl Shape {
    /// Works out what follows from the places of the fields.
    fn finish(mut self) -> Self {
        let span = (1u128 << self.timestamp.bits) * self.unit as u128;
        self.within = span.min(1 << 62) as u64;
        self.per_tick = 1 << self.sequence.shift;
        let carry = 1u64 << (self.sequence.shift + self.sequence.bits);
        self.per_carry = (1u64 << self.timestamp.shift).wrapping_sub(carry);
        self
    }

    /// Bits of the sequence.
    #[inline]
    pub const fn sequence_bits(&self) -> u32 {
        self.sequence.bits
    }

    /// The unit of the timestamp field, in microseconds.
    #[inline]
    pub const fn unit(&self) -> i64 {
        self.unit
    }

    /// The last tick of the layout.
    #[inline]
    pub const fn last_tick(&self) -> u64 {
        (1 << (self.timestamp.bits + self.sequence.bits)) - 1
    }

    /// Whole units from the epoch to an instant; 0 before the epoch.
    #[inline]
    pub const fn units(&self, instant: Timestamp) -> u64 {
        let since = instant.micros().saturating_sub(self.epoch);
        if since < 0 {
            0
        } else {
            self.per_unit.divide(since as u64)
        }
    }

    /// The first tick of the unit that an instant lies in; past the layout, the one after the
    /// last tick.
    pub const fn first_tick(&self, instant: Timestamp) -> u64 {
        let units = self.units(instant);
        if units > self.timestamp.mask() {
            self.last_tick() + 1
        } else {
            units << self.sequence.bits
        }
    }

    /// The same for an instant that is known to lie within the layout, by one comparison; `None` also for some that do.
    #[inline(always)]
    pub const fn first_tick_within(&self, instant: Timestamp) -> Option<u64> {
        // a huge number before the epoch
        let since = instant.micros().wrapping_sub(self.epoch) as u64;
        if since < self.within {
            Some(self.per_unit.divide(since) << self.sequence.bits)
        } else {
            None
        }
    }

    /// The instant at which the unit of a tick begins.
    pub const fn instant(&self, tick: u64) -> Timestamp {
        let units = (tick >> self.sequence.bits) as i64;
        Timestamp::from_micros(self.epoch.saturating_add(units.saturating_mul(self.unit)))
    }

    /// The bits of a worker ID in their place, for [`Shape::id`].
    pub const fn worker_bits(&self, worker: u32) -> u64 {
        (worker as u64) << self.worker.shift
    }

    /// The ID of a tick; `worker` as from [`Shape::worker_bits`].
    #[inline(always)]
    pub const fn id(&self, tick: u64, worker: u64) -> i64 {
        let units = tick >> self.sequence.bits;
        let fields = tick
            .wrapping_mul(self.per_tick)
            .wrapping_add(units.wrapping_mul(self.per_carry));
        (fields | worker) as i64
    }
}

/// The fields of an ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The beginning of the ID's unit of time.
    pub timestamp: Timestamp,
    /// The whole worker field, if the layout has one.
    pub worker_id: Option<i32>,
    /// Its upper part, if the layout shows it in two.
    pub datacenter_id: Option<i32>,
    /// Its lower part, if the layout shows it in two.
    pub machine_id: Option<i32>,
    /// The sequence.
    pub sequence: i32,
    /// The reserved bits, if the layout has such.
    pub reserved: Option<i32>,
}

/// A layout: an ordered list of fields, a unit and an epoch.
#[derive(Clone, Debug)]
pub struct Layout {
    name: String,
    fields: Vec<Field>,
    shape: Shape,
    reserved: Option<Place>,
    datacenter: Option<Place>,
    machine: Option<Place>,
    largest_id: u64,
}

/// Two layouts are the same if their IDs are, whatever they are called.
impl PartialEq for Layout {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields && self.shape == other.shape
    }
}

impl Layout {
    /// All presets.
    pub fn presets() -> impl Iterator<Item = Self> {
        PRESETS.iter().map(Self::preset)
    }

    /// The layout that applies where none is named.
    pub fn twitter() -> Self {
        Self::preset(&TWITTER)
    }

    fn preset(preset: &Preset) -> Self {
        Self::place(
            preset.name.into(),
            preset.fields.into(),
            preset.unit,
            preset.epoch * 1_000,
        )
    }

    /// Reads the name of a preset, or a list of fields from the most significant bit down such as
    /// `ts=41,worker=10,seq=12,unit=1ms,epoch=2020-01-01T00:00:00Z`. The unit is in `us`, `ms` or
    /// `s` (default 1 ms), the epoch in RFC 3339 or milliseconds since 1970.
    ///
    /// # Errors
    /// Other names, and lists of fields that make no layout; `now` is there to refuse an epoch in
    /// the future.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, Error> {
        let text = text.trim();
        if let Some(preset) = PRESETS.iter().find(|preset| preset.name == text) {
            return Ok(Self::preset(preset));
        }
        if !text.contains('=') {
            return Err(Error::LayoutUnknown { name: text.into() });
        }
        Spec::read(text)
            .and_then(|spec| spec.layout(now))
            .map_err(|(field, problem)| Error::LayoutInvalid {
                spec: text.into(),
                field,
                problem,
            })
    }

    /// Puts fields that are known to be sound into their places, from the lowest up.
    pub(super) fn place(name: String, fields: Vec<Field>, unit: i64, epoch: i64) -> Self {
        let mut layout = Self {
            name,
            shape: Shape {
                timestamp: Place::default(),
                sequence: Place::default(),
                worker: Place::default(),
                unit,
                per_unit: Divisor::new(unit as u64),
                epoch,
                within: 0,
                per_tick: 0,
                per_carry: 0,
            },
            reserved: None,
            datacenter: None,
            machine: None,
            largest_id: 0,
            fields: Vec::new(),
        };
        let mut shift = 0;
        for field in fields.iter().rev() {
            let place = Place {
                shift,
                // the top bit of 64 published ones is always zero
                bits: field.bits.min(ID_BITS - shift),
            };
            match field.kind {
                FieldKind::Reserved => layout.reserved = Some(place),
                FieldKind::Timestamp => layout.shape.timestamp = place,
                FieldKind::Worker => layout.shape.worker = place,
                FieldKind::Datacenter => {
                    layout.datacenter = Some(place);
                    layout.shape.worker.bits += place.bits;
                }
                FieldKind::Machine => {
                    layout.machine = Some(place);
                    layout.shape.worker = place;
                }
                FieldKind::Sequence => layout.shape.sequence = place,
            }
            shift += place.bits;
        }
        layout.shape = layout.shape.finish();
        let timestamp = layout.shape.timestamp;
        layout.largest_id = (1 << (timestamp.shift + timestamp.bits)) - 1;
        layout.fields = fields;
        layout
    }

    /// The name of the preset, or the list of fields in its canonical spelling.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One name for all layouts that give the same IDs: worker IDs are leased by it. A split of
    /// the worker field and reserved bits in front make no difference.
    pub fn namespace(&self) -> String {
        if let Some(preset) = Self::presets().find(|preset| preset.shape == self.shape) {
            return preset.name;
        }
        let mut fields: Vec<Field> = Vec::new();
        for field in &self.fields {
            match field.kind {
                FieldKind::Reserved if fields.is_empty() => {}
                FieldKind::Datacenter => {}
                FieldKind::Machine => fields.push(Field {
                    kind: FieldKind::Worker,
                    bits: self.worker_bits(),
                }),
                _ => fields.push(*field),
            }
        }
        canonical(&fields, self.shape.unit, self.epoch())
    }

    /// The figures that generating needs.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Bits of the fields of a kind, as published; 0 without such a field.
    pub fn bits(&self, kind: FieldKind) -> u32 {
        let of_kind = self.fields.iter().filter(|field| field.kind == kind);
        of_kind.map(|field| field.bits).sum()
    }

    /// Bits of the whole worker field.
    pub fn worker_bits(&self) -> u32 {
        self.shape.worker.bits
    }

    /// The largest worker ID; 0 for a layout without worker field.
    pub fn largest_worker(&self) -> u32 {
        self.shape.worker.mask() as u32
    }

    /// The largest sequence.
    pub fn largest_sequence(&self) -> u64 {
        self.shape.sequence.mask()
    }

    /// The largest ID.
    pub fn largest_id(&self) -> i64 {
        self.largest_id as i64
    }

    /// The first instant of the layout.
    pub fn epoch(&self) -> Timestamp {
        Timestamp::from_micros(self.shape.epoch)
    }

    /// The last instant of the layout: the beginning of its last unit.
    pub fn last_instant(&self) -> Timestamp {
        self.shape.instant(self.shape.last_tick())
    }

    /// IDs that one worker can give out in a second without running ahead of the clock.
    pub fn ids_per_second(&self) -> i64 {
        let sequences = self.shape.sequence.mask() as i64 + 1;
        sequences.saturating_mul(1_000_000) / self.shape.unit
    }

    fn checked(&self, id: i64) -> Result<u64, Error> {
        let bits = u64::try_from(id).map_err(|_| Error::IdNegative { id })?;
        if bits > self.largest_id {
            return Err(Error::IdAboveLayout {
                id,
                layout: self.name.clone(),
                largest: self.largest_id(),
            });
        }
        Ok(bits)
    }

    /// The fields of an ID.
    ///
    /// # Errors
    /// A negative ID, or one above the layout's largest.
    pub fn decode(&self, id: i64) -> Result<Decoded, Error> {
        let bits = self.checked(id)?;
        let field = |place: Place| place.take(bits) as i32;
        Ok(Decoded {
            timestamp: self.timestamp(id)?,
            worker_id: (self.worker_bits() > 0).then(|| field(self.shape.worker)),
            datacenter_id: self.datacenter.map(field),
            machine_id: self.machine.map(field),
            sequence: field(self.shape.sequence),
            reserved: self.reserved.map(field),
        })
    }

    /// The time of an ID.
    ///
    /// # Errors
    /// A negative ID, or one above the layout's largest.
    pub fn timestamp(&self, id: i64) -> Result<Timestamp, Error> {
        let units = self.shape.timestamp.take(self.checked(id)?);
        Ok(self.shape.instant(units << self.shape.sequence.bits))
    }

    /// Refuses a worker ID that does not fit the worker field.
    ///
    /// # Errors
    /// Such a worker ID.
    pub fn check_worker(&self, worker: i32) -> Result<u32, Error> {
        match u32::try_from(worker) {
            Ok(fits) if fits <= self.largest_worker() => Ok(fits),
            _ => Err(Error::WorkerOutOfRange {
                worker: worker.into(),
                layout: self.name.clone(),
                largest: self.largest_worker().into(),
            }),
        }
    }

    fn out_of_range(&self, timestamp: Timestamp) -> Error {
        Error::TimestampOutOfRange {
            timestamp,
            layout: self.name.clone(),
            epoch: self.epoch(),
            last_instant: self.last_instant(),
        }
    }

    fn check_time(&self, timestamp: Timestamp) -> Result<(), Error> {
        if timestamp < self.epoch() || timestamp > self.last_instant() {
            return Err(self.out_of_range(timestamp));
        }
        Ok(())
    }

    /// The ID made of these fields.
    ///
    /// # Errors
    /// A time outside the layout, a worker ID or a sequence that does not fit its field.
    pub fn encode(&self, timestamp: Timestamp, worker: i32, sequence: i32) -> Result<i64, Error> {
        self.check_time(timestamp)?;
        let worker = self.check_worker(worker)?;
        let bits = match u64::try_from(sequence) {
            Ok(bits) if bits <= self.largest_sequence() => bits,
            _ => {
                return Err(Error::SequenceOutOfRange {
                    sequence: sequence.into(),
                    layout: self.name.clone(),
                    largest: self.largest_sequence() as i64,
                });
            }
        };
        let tick = self.shape.first_tick(timestamp) | bits;
        Ok(self.shape.id(tick, self.shape.worker_bits(worker)))
    }

    /// The first ID at or after a time; the infinities stand for the ends of the layout.
    ///
    /// # Errors
    /// Another time outside the layout.
    pub fn min_id(&self, timestamp: Timestamp) -> Result<i64, Error> {
        match timestamp {
            Timestamp::NEGATIVE_INFINITY => return Ok(0),
            Timestamp::INFINITY => return Ok(self.largest_id()),
            _ => self.check_time(timestamp)?,
        }
        let since = timestamp.micros() - self.shape.epoch;
        // not after the last instant, which is a whole unit: rounding up stays inside the layout
        let units = (since as u64).div_ceil(self.shape.unit as u64);
        Ok((units << self.shape.timestamp.shift) as i64)
    }

    /// The last ID at or before a time; the infinities stand for the ends of the layout.
    ///
    /// # Errors
    /// Another time outside the layout.
    pub fn max_id(&self, timestamp: Timestamp) -> Result<i64, Error> {
        match timestamp {
            Timestamp::NEGATIVE_INFINITY => return Ok(0),
            Timestamp::INFINITY => return Ok(self.largest_id()),
            _ => self.check_time(timestamp)?,
        }
        let shift = self.shape.timestamp.shift;
        let units = self.shape.units(timestamp);
        Ok((units << shift | ((1 << shift) - 1)) as i64)
    }

    /// The IDs of a half-open range of time, as the first ID and the one after the last; `None`
    /// for the latter where the range has no end.
    ///
    /// # Errors
    /// A range that ends before it starts, or a time outside the layout.
    pub fn range(&self, start: Timestamp, end: Timestamp) -> Result<(i64, Option<i64>), Error> {
        if start > end {
            return Err(Error::RangeReversed { start, end });
        }
        let lower = self.min_id(start)?;
        let upper = match end {
            Timestamp::INFINITY if start == end => Some(lower),
            Timestamp::INFINITY => None,
            _ => Some(self.min_id(end)?),
        };
        Ok((lower, upper))
    }
}
