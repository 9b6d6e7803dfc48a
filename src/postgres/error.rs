//! The one place where errors become SQLSTATE, message, DETAIL and HINT.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode};
use snowflake_core::{Kind, Refusal};

use crate::postgres::encoding;

/// An error on its way to the client.
#[derive(Debug)]
pub struct Failure {
    code: PgSqlErrorCode,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

/// What glue functions answer.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// An error without detail and hint.
    pub fn new(code: PgSqlErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
            hint: None,
        }
    }

    /// The server, the database or their surroundings are not in the state that this needs.
    pub fn state(message: impl Into<String>) -> Self {
        Self::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            message,
        )
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Message and detail as one line.
    pub fn line(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.message),
            None => self.message.clone(),
        }
    }

    /// The library is not in shared_preload_libraries.
    pub fn not_preloaded() -> Self {
        Self::state("snowflake_pg must be loaded via \"shared_preload_libraries\"").hint(
            "Add snowflake_pg to shared_preload_libraries in postgresql.conf and restart the \
             server.",
        )
    }

    /// Sends it to the client or the log.
    pub fn report(self, level: PgLogLevel) {
        let message = encoding::message(self.message);
        let mut report = ErrorReport::new(self.code, message, "snowflake_pg");
        if let Some(detail) = self.detail {
            report = report.set_detail(encoding::message(detail));
        }
        if let Some(hint) = self.hint {
            report = report.set_hint(encoding::message(hint));
        }
        report.report(level);
    }

    /// Ends the statement.
    #[cold]
    pub fn raise(self) -> ! {
        self.report(PgLogLevel::ERROR);
        unreachable!("reporting an ERROR does not return");
    }
}

/// What any room of the core refuses.
impl<E: Refusal> From<E> for Failure {
    fn from(error: E) -> Self {
        let code = match error.kind() {
            Kind::InvalidParameter => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Kind::NumericOutOfRange => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            Kind::TimestampOutOfRange => PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
            Kind::InvalidText => PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            Kind::NotConfigured | Kind::Clock => {
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE
            }
            Kind::Exhausted => PgSqlErrorCode::ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED,
            Kind::Unsupported => PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
        };
        Self {
            code,
            message: error.to_string(),
            detail: error.detail(),
            hint: error.hint().map(Into::into),
        }
    }
}

/// Ends the statement with the error, if there is one.
pub trait OrRaise {
    type Value;
    fn or_raise(self) -> Self::Value;
}

impl<T, E: Into<Failure>> OrRaise for Result<T, E> {
    type Value = T;

    #[inline(always)]
    fn or_raise(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => error.into().raise(),
        }
    }
}
