//! Layouts: which bits of an ID are what, and when they begin to count.

use super::error::Error;
use super::field::{Field, FieldKind, ID_BITS, Place};
use super::shape::{Places, Shape};
use crate::timestamp::Timestamp;

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
///
/// ```
/// use snowflake_core::Timestamp;
/// use snowflake_core::snowflake::Layout;
///
/// let now = Timestamp::from_millis(1_735_689_600_000);
/// let layout = Layout::parse("ts=41,worker=10,seq=12,epoch=2020-01-01T00:00:00Z", now)?;
/// let id = layout.encode(now, 5, 7)?;
/// let decoded = layout.decode(id)?;
/// assert_eq!(decoded.timestamp, now);
/// assert_eq!((decoded.worker_id, decoded.sequence), (Some(5), 7));
/// # Ok::<(), snowflake_core::snowflake::Error>(())
/// ```
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
    /// Puts fields that are known to be sound into their places, from the lowest up. The unit is
    /// in microseconds, the epoch in microseconds since 1970.
    pub(super) fn place(name: String, fields: Vec<Field>, unit: i64, epoch: i64) -> Self {
        let mut places = Places::default();
        let (mut reserved, mut datacenter, mut machine) = (None, None, None);
        let mut shift = 0;
        for field in fields.iter().rev() {
            let place = Place {
                shift,
                // the top bit of 64 published ones is always zero
                bits: field.bits.min(ID_BITS - shift),
            };
            match field.kind {
                FieldKind::Reserved => reserved = Some(place),
                FieldKind::Timestamp => places.timestamp = place,
                FieldKind::Worker => places.worker = place,
                FieldKind::Datacenter => {
                    datacenter = Some(place);
                    places.worker.bits += place.bits;
                }
                FieldKind::Machine => {
                    machine = Some(place);
                    places.worker = place;
                }
                FieldKind::Sequence => places.sequence = place,
            }
            shift += place.bits;
        }
        let top = places.timestamp.shift + places.timestamp.bits;
        Self {
            name,
            fields,
            shape: Shape::new(places, unit, epoch),
            reserved,
            datacenter,
            machine,
            largest_id: (1 << top) - 1,
        }
    }

    /// The name of the preset, or the list of fields in its canonical spelling.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The fields as published, most significant first.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
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
        self.shape.worker.largest() as u32
    }

    /// The largest sequence.
    pub fn largest_sequence(&self) -> u64 {
        self.shape.sequence.largest()
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

    /// How many IDs one worker can give out in a second without running ahead of the clock.
    pub fn ids_per_second(&self) -> i64 {
        let sequences = self.shape.sequence.largest() as i64 + 1;
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
