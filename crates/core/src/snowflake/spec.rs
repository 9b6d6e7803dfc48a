//! A layout written as a list of fields.

use std::fmt::Write;

use super::field::{Field, FieldKind, ID_BITS, MAX_WORKER_BITS};
use super::layout::Layout;
use crate::excerpt::excerpt;
use crate::timestamp::Timestamp;

/// Most bits of a field shown as an integer.
const MAX_FIELD_BITS: u32 = 31;

/// What is wrong with a field of another name.
const UNKNOWN: &str = "is unknown: the fields are ts, worker, datacenter, machine, seq and \
                       reserved, beside unit and epoch";

/// The unit of a timestamp if none is given, in microseconds.
const USUAL_UNIT: i64 = 1_000;

/// What makes a list of fields no layout.
pub(super) struct Fault {
    /// The field at fault.
    pub(super) field: String,
    /// What is wrong with it: goes on after the name of the field.
    pub(super) problem: String,
}

fn fault(field: &str, problem: impl Into<String>) -> Fault {
    Fault {
        field: excerpt(field).into(),
        problem: problem.into(),
    }
}

/// A list of fields as written.
pub(super) struct Spec {
    fields: Vec<Field>,
    /// Microseconds.
    unit: Option<i64>,
    epoch: Option<Timestamp>,
}

impl Spec {
    /// Reads a list of fields; whether they make a layout is for [`Spec::layout`].
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let mut spec = Self {
            fields: Vec::new(),
            unit: None,
            epoch: None,
        };
        for item in text.split(',') {
            let Some((key, value)) = item.split_once('=') else {
                let problem = "is not of the form name=value";
                return Err(fault(item.trim(), problem));
            };
            let (key, value) = (key.trim(), value.trim());
            match key {
                "unit" if spec.unit.is_some() => return Err(fault("unit", "is given twice")),
                "unit" => spec.unit = Some(unit(value)?),
                "epoch" if spec.epoch.is_some() => return Err(fault("epoch", "is given twice")),
                "epoch" => spec.epoch = Some(epoch(value)?),
                _ => {
                    let known = FieldKind::ALL.into_iter().find(|kind| kind.name() == key);
                    let kind = known.ok_or_else(|| fault(key, UNKNOWN))?;
                    spec.add(kind, value)?;
                }
            }
        }
        Ok(spec)
    }

    /// Adds a field, which must be new and have a number of bits that it can have.
    fn add(&mut self, kind: FieldKind, value: &str) -> Result<(), Fault> {
        let name = kind.name();
        if self.has(kind) {
            return Err(fault(name, "is given twice"));
        }
        let limit = match kind {
            // a bit at least is the sequence's
            FieldKind::Timestamp => ID_BITS - 1,
            FieldKind::Worker | FieldKind::Datacenter | FieldKind::Machine => MAX_WORKER_BITS,
            FieldKind::Reserved | FieldKind::Sequence => MAX_FIELD_BITS,
        };
        match value.parse::<u32>() {
            Ok(bits) if (1..=limit).contains(&bits) => self.fields.push(Field { kind, bits }),
            _ => {
                let problem = format!("has \"{}\" bits: it can have 1 to {limit}", excerpt(value));
                return Err(fault(name, problem));
            }
        }
        Ok(())
    }

    fn has(&self, kind: FieldKind) -> bool {
        self.fields.iter().any(|field| field.kind == kind)
    }

    fn position(&self, kind: FieldKind) -> Option<usize> {
        self.fields.iter().position(|field| field.kind == kind)
    }

    /// The layout that it makes.
    ///
    /// # Errors
    /// What is wrong with it; an epoch after `now` is.
    pub(super) fn layout(self, now: Timestamp) -> Result<Layout, Fault> {
        self.check_time_and_sequence()?;
        self.check_worker_fields()?;
        self.check_width()?;
        let unit = self.unit.unwrap_or(USUAL_UNIT);
        let epoch = self.epoch_before(now)?;
        let name = canonical(&self.fields, unit, epoch);
        let layout = Layout::place(name, self.fields, unit, epoch.micros());
        check_reach(&layout)?;
        Ok(layout)
    }

    /// A timestamp and a sequence are there, and the timestamp leads.
    fn check_time_and_sequence(&self) -> Result<(), Fault> {
        if !self.has(FieldKind::Timestamp) {
            return Err(fault("ts", "is missing: a layout needs a timestamp"));
        }
        if !self.has(FieldKind::Sequence) {
            return Err(fault("seq", "is missing: a layout needs a sequence"));
        }
        let mut kinds = self.fields.iter().map(|field| field.kind);
        let leading = kinds.find(|kind| *kind != FieldKind::Reserved);
        if leading != Some(FieldKind::Timestamp) {
            return Err(fault(
                "ts",
                "must come before all other fields but reserved bits: IDs are ordered by time",
            ));
        }
        Ok(())
    }

    /// A worker ID is one field, or two that follow each other.
    fn check_worker_fields(&self) -> Result<(), Fault> {
        match (
            self.position(FieldKind::Datacenter),
            self.position(FieldKind::Machine),
        ) {
            (None, None) => Ok(()),
            _ if self.has(FieldKind::Worker) => Err(fault(
                "worker",
                "is given beside datacenter and machine: they are its two parts",
            )),
            (Some(datacenter), Some(machine)) if datacenter + 1 == machine => Ok(()),
            (Some(_), Some(_)) => Err(fault("machine", "must come right after datacenter")),
            (Some(_), None) => Err(fault(
                "datacenter",
                "is given without machine: call it worker",
            )),
            (None, Some(_)) => Err(fault(
                "machine",
                "is given without datacenter: call it worker",
            )),
        }
    }

    /// All fields together fit an ID.
    fn check_width(&self) -> Result<(), Fault> {
        let bits: u32 = self.fields.iter().map(|field| field.bits).sum();
        if bits <= ID_BITS {
            return Ok(());
        }
        let widest = self.fields.iter().max_by_key(|field| field.bits);
        let name = widest.map_or("ts", |field| field.kind.name());
        Err(fault(
            name,
            format!("makes {bits} bits with the others: an ID has {ID_BITS}"),
        ))
    }

    /// The epoch, which must be given and not be in the future.
    fn epoch_before(&self, now: Timestamp) -> Result<Timestamp, Fault> {
        match self.epoch {
            Some(epoch) if epoch <= now => Ok(epoch),
            Some(epoch) => Err(fault(
                "epoch",
                format!("is in the future: {epoch} is after {now}"),
            )),
            None => Err(fault(
                "epoch",
                "is missing: say when the timestamp begins to count",
            )),
        }
    }
}

/// Shared memory holds all worker IDs of the layout, and PostgreSQL all of its timestamps.
fn check_reach(layout: &Layout) -> Result<(), Fault> {
    let bits = layout.worker_bits();
    if bits > MAX_WORKER_BITS {
        return Err(fault(
            "datacenter",
            format!(
                "makes a worker ID of {bits} bits with machine: it can have 1 to {MAX_WORKER_BITS}"
            ),
        ));
    }
    if !layout.last_instant().is_finite() {
        // what does not fit saturates at infinity, shortly before PostgreSQL's last timestamp
        return Err(fault("ts", "reaches past the year 294246"));
    }
    Ok(())
}

/// A list of fields in its canonical spelling; the unit in microseconds.
pub(super) fn canonical(fields: &[Field], unit: i64, epoch: Timestamp) -> String {
    let mut name = String::new();
    for field in fields {
        // writing to a String does not fail
        let _ = write!(name, "{}={},", field.kind.name(), field.bits);
    }
    let unit = match unit {
        _ if unit % 1_000_000 == 0 => format!("{}s", unit / 1_000_000),
        _ if unit % 1_000 == 0 => format!("{}ms", unit / 1_000),
        _ => format!("{unit}us"),
    };
    let _ = write!(name, "unit={unit},epoch={epoch}");
    name
}

/// Microseconds of a unit such as `10ms`.
fn unit(value: &str) -> Result<i64, Fault> {
    let digits = value.trim_end_matches(|symbol: char| symbol.is_ascii_alphabetic());
    let scale = match value[digits.len()..].trim() {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        _ => 0,
    };
    match digits.trim().parse::<i64>() {
        Ok(number) if scale > 0 && (1..=1_000_000 / scale).contains(&number) => Ok(number * scale),
        _ => Err(fault(
            "unit",
            format!(
                "is \"{}\": give a whole number of us, ms or s, up to one second",
                excerpt(value)
            ),
        )),
    }
}

/// An epoch, in RFC 3339 or milliseconds since 1970.
fn epoch(value: &str) -> Result<Timestamp, Fault> {
    let epoch = match value.parse::<i64>() {
        Ok(millis) => Some(Timestamp::from_millis(millis)),
        Err(_) => Timestamp::parse(value),
    };
    match epoch {
        // one past what 64 bits hold is in the future as well
        Some(epoch) if epoch.micros() >= 0 => Ok(epoch),
        Some(_) => Err(fault(
            "epoch",
            format!("is \"{}\": it cannot be before 1970", excerpt(value)),
        )),
        None => Err(fault(
            "epoch",
            format!(
                "is \"{}\": give a time such as 2020-01-01T00:00:00Z, or milliseconds since 1970",
                excerpt(value)
            ),
        )),
    }
}
