//! The names of layouts: how they are read, and which layouts have one in common.

use super::error::Error;
use super::field::{Field, FieldKind};
use super::layout::Layout;
use super::preset::{PRESETS, Preset, TWITTER};
use super::spec::{Fault, Spec, canonical};
use crate::excerpt::excerpt;
use crate::timestamp::Timestamp;

/// The most bytes of a layout as it is written, spaces and all.
const LONGEST: usize = 1_024;

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
    /// Other names, and lists of fields that make no layout, such as one with an epoch after `now`.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(Error::LayoutTooLong {
                spec: excerpt(text.trim_start()).into(),
                length: text.len(),
                longest: LONGEST,
            });
        }
        let text = text.trim();
        if let Some(preset) = PRESETS.iter().find(|preset| preset.name == text) {
            return Ok(Self::preset(preset));
        }
        if !text.contains('=') {
            return Err(Error::LayoutUnknown {
                name: excerpt(text).into(),
            });
        }
        Spec::read(text)
            .and_then(|spec| spec.layout(now))
            .map_err(|Fault { field, problem }| Error::LayoutInvalid {
                spec: excerpt(text).into(),
                field,
                problem,
            })
    }

    /// One name for all layouts that give the same IDs: worker IDs are leased by it. A split of
    /// the worker field and reserved bits in front make no difference.
    pub fn namespace(&self) -> String {
        if let Some(preset) = Self::presets().find(|preset| preset.shape() == self.shape()) {
            return preset.name().into();
        }
        let mut fields: Vec<Field> = Vec::new();
        for field in self.fields() {
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
        canonical(&fields, self.shape().unit(), self.epoch())
    }
}
