//! The one place where errors become SQLSTATE, message, DETAIL and HINT.

use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportWithLevel};
use pgrx::{PgLogLevel, PgSqlErrorCode};
use snowflake_core::{Kind, Refusal};

use crate::postgres::encoding;

/// Keeps errors on their way through Rust from pgrx's panic hook. With RUST_BACKTRACE in the
/// environment it takes a backtrace of each, which those of PostgreSQL then have in their DETAIL.
/// A panic that is a fault of ours still gets there. Called once, after pgrx has set its hook.
pub fn keep_from_panic_hook() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let payload = info.payload();
        let is_error = payload.is::<CaughtError>()
            || payload.is::<ErrorReportWithLevel>()
            || payload.is::<ErrorReport>();
        if !is_error {
            hook(info);
        }
    }));
}

/// An error on its way to the client.
#[derive(Debug)]
pub struct Failure {
    code: PgSqlErrorCode,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

/// What glue functions return.
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

    /// A problem that somebody else put into words, as a detail.
    pub fn detail_of(self, problem: &str) -> Self {
        self.detail(sentence(problem))
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
    fn send(self, level: PgLogLevel) {
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
        self.send(PgLogLevel::ERROR);
        unreachable!("reporting an ERROR does not return");
    }
}

/// What the client or the log is told while the statement goes on.
#[must_use = "nobody is told before notice, warning or log"]
pub struct Report(Failure);

impl Report {
    pub fn new(message: impl Into<String>) -> Self {
        Self(Failure::new(
            PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
            message,
        ))
    }

    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self(self.0.detail(detail))
    }

    /// Says by its SQLSTATE that something is amiss.
    fn of_warning(mut self) -> Self {
        self.0.code = PgSqlErrorCode::ERRCODE_WARNING;
        self
    }

    /// Tells the client.
    pub fn notice(self) {
        self.0.send(PgLogLevel::NOTICE);
    }

    /// Warns the client.
    pub fn warning(self) {
        self.of_warning().0.send(PgLogLevel::WARNING);
    }

    /// Tells the log.
    pub fn log(self) {
        self.0.send(PgLogLevel::LOG);
    }

    /// Warns those who read the log.
    pub fn log_warning(self) {
        self.of_warning().log();
    }
}

/// An error that ends no statement is still told, with its SQLSTATE.
impl From<Failure> for Report {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

/// A problem that somebody else put into words, as a sentence.
pub fn sentence(problem: &str) -> String {
    format!("{}.", without_full_stop(problem))
}

/// A problem that somebody else put into words, to go on after.
pub fn without_full_stop(problem: &str) -> &str {
    problem.trim_end().trim_end_matches('.')
}

/// What any room of the core refuses.
impl<E: Refusal> From<E> for Failure {
    fn from(error: E) -> Self {
        let code = match error.kind() {
            Kind::InvalidParameter => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Kind::NumericOutOfRange => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            Kind::TimestampOutOfRange => PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
            Kind::InvalidText => PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            Kind::InvalidBinary => PgSqlErrorCode::ERRCODE_INVALID_BINARY_REPRESENTATION,
            Kind::LimitExceeded => PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            Kind::OutOfMemory => PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY,
            Kind::NotConfigured | Kind::Clock => {
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE
            }
            Kind::Exhausted => PgSqlErrorCode::ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED,
            Kind::Unsupported => PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            Kind::Protocol => PgSqlErrorCode::ERRCODE_PROTOCOL_VIOLATION,
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
