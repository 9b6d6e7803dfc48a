//! Every setting.

use std::ffi::{CStr, CString, c_char, c_void};

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use pgrx::prelude::*;
use snowflake_core::snowflake::{Error, Layout, Worker};
use snowflake_core::time::{self, Authorities, GateMode};
use snowflake_core::words::Pace;
use snowflake_core::{Endpoint, Refusal, excerpt};

use crate::host::clock;
use crate::postgres::backend::BackendLocal;
use crate::postgres::encoding;
use crate::postgres::error::{Failure, sentence};
use crate::registry::setting;

static LAYOUT: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"twitter"));
static WORKER_ID: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static REGISTRY: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static TICKET_REGISTRY: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static LEASE_LENGTH: GucSetting<i32> = GucSetting::<i32>::new(600);
static MAX_LEAD: GucSetting<i32> = GucSetting::<i32>::new(500);
static MAX_CLOCK_OFFSET: GucSetting<i32> = GucSetting::<i32>::new(2_000);
static CLOCK_TOLERANCE: GucSetting<i32> = GucSetting::<i32>::new(1_000);
static CLOCK_GATE: GucSetting<ClockGate> = GucSetting::<ClockGate>::new(ClockGate::Off);
static CLOCK_MAX_ERROR: GucSetting<i32> = GucSetting::<i32>::new(500);
static CLOCK_SOURCES: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c"ntp, registry, kernel"));
static CLOCK_WORKER: GucSetting<bool> = GucSetting::<bool>::new(false);
static NTP_POLL: GucSetting<i32> = GucSetting::<i32>::new(64);
static NTP_SERVERS: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static WINDOW: GucSetting<i32> = GucSetting::<i32>::new(1_000);
static SEQUENCE_START: GucSetting<SequenceStart> =
    GucSetting::<SequenceStart>::new(SequenceStart::Zero);

/// With which sequence a new unit of time begins.
#[derive(Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum SequenceStart {
    #[name = c"zero"]
    Zero,
    #[name = c"random"]
    Random,
}

/// When the clock stops IDs.
#[derive(Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum ClockGate {
    #[name = c"off"]
    Off,
    #[name = c"warn"]
    Warn,
    #[name = c"wrong"]
    Wrong,
    #[name = c"unsure"]
    Unsure,
}

/// What to do in this backend when a setting has changed that is reloaded.
static ON_CHANGE: BackendLocal<&'static [fn()]> = BackendLocal::new(&[]);

/// Defines the settings. `on_change` is called when one that is reloaded changes, and when it is
/// defined.
pub fn define(on_change: &'static [fn()]) {
    // PostgreSQL calls assign hooks while it defines a setting
    ON_CHANGE.set(on_change);
    // the layout comes first: the others are checked against it
    define_worker();
    define_registries();
    define_pace();
    define_gate();
    define_time();
    // SAFETY: a C string
    unsafe { pg_sys::MarkGUCPrefixReserved(c"snowflake_pg".as_ptr()) };
}

/// Which IDs this server gives out.
fn define_worker() {
    define_string(
        c"snowflake_pg.layout",
        c"Sets the layout of the IDs that this server gives out.",
        c"It is a preset such as twitter, or a list of fields. Each database records its layout.",
        &LAYOUT,
        (GucContext::Postmaster, GucFlags::default()),
        check_layout,
    );
    define_string(
        c"snowflake_pg.worker_id",
        c"Sets the worker ID of this server, unique among all servers.",
        c"It is a number, a range such as 8-15 dealt to backends in turn, ip, ip: and an interface, hostname, or lease. While it is empty no ID is given out.",
        &WORKER_ID,
        (GucContext::Sighup, GucFlags::default()),
        check_worker_id,
    );
}

/// Where worker IDs and tickets come from.
fn define_registries() {
    define_string(
        c"snowflake_pg.registry",
        c"Names the registry that worker IDs are leased from.",
        c"It is a connection string of a database that has the extension, or etcd://host:port,host:port/prefix. While it is empty no lease is needed.",
        &REGISTRY,
        (GucContext::Postmaster, GucFlags::SUPERUSER_ONLY),
        check_registry,
    );
    define_string(
        c"snowflake_pg.ticket_registry",
        c"Names the registry that blocks of tickets come from.",
        c"It is a connection string of a database that has the extension, etcd://host:port,host:port/prefix, or local. While it is empty, blocks come from where worker IDs are leased.",
        &TICKET_REGISTRY,
        (GucContext::Postmaster, GucFlags::SUPERUSER_ONLY),
        check_ticket_registry,
    );
    define_int(
        c"snowflake_pg.lease_length",
        c"Sets for how long a worker ID is leased.",
        c"The lease is renewed when a third of it is over. IDs go on until its end while the registry does not answer.",
        &LEASE_LENGTH,
        (1, 86_400, GucFlags::UNIT_S),
    );
}

/// How IDs follow the clock.
fn define_pace() {
    define_int(
        c"snowflake_pg.max_lead",
        c"Sets how far IDs may run ahead of the clock before callers wait.",
        c"This matters when sequences are used up faster than time passes.",
        &MAX_LEAD,
        (0, 3_600_000, GucFlags::UNIT_MS),
    );
    define_int(
        c"snowflake_pg.max_clock_offset",
        c"Sets how far a hybrid time from another server may be ahead of the clock.",
        c"One that is further ahead is refused. It must exceed mark_window and what right clocks differ by.",
        &MAX_CLOCK_OFFSET,
        (1, 3_600_000, GucFlags::UNIT_MS),
    );
    define_int(
        c"snowflake_pg.clock_tolerance",
        c"Sets by how much the clock may go back before IDs are refused.",
        c"After a smaller step back, IDs go on from the last one given out.",
        &CLOCK_TOLERANCE,
        (0, i32::MAX, GucFlags::UNIT_S),
    );
    define_int(
        c"snowflake_pg.mark_window",
        c"Sets how far ahead of need the durable mark is raised.",
        c"While IDs are given out, each window costs one small WAL record and one flush.",
        &WINDOW,
        (100, 60_000, GucFlags::UNIT_MS),
    );
    // SAFETY: the hook has the type that PostgreSQL calls it with, and is guarded
    unsafe {
        GucRegistry::define_enum_guc_with_hooks(
            c"snowflake_pg.sequence_start",
            c"Sets with which sequence a new unit of time begins.",
            c"It is zero, or random in the lower half for applications that take IDs modulo a number.",
            &SEQUENCE_START,
            GucContext::Sighup,
            GucFlags::default(),
            None,
            Some(assign_number),
            None,
        );
    }
}

/// When the clock stops IDs.
fn define_gate() {
    // SAFETY: the hook has the type that PostgreSQL calls it with, and is guarded
    unsafe {
        GucRegistry::define_enum_guc_with_hooks(
            c"snowflake_pg.clock_gate",
            c"Sets when IDs are refused because of the clock.",
            c"It is off, warn to have it in the log only, wrong while the clock is known to be wrong, or unsure while it is not known to be right.",
            &CLOCK_GATE,
            GucContext::Sighup,
            GucFlags::default(),
            None,
            Some(assign_number),
            None,
        );
    }
    define_int(
        c"snowflake_pg.clock_max_error",
        c"Sets by how much a clock may be off that counts as right.",
        c"snowflake_pg.clock_gate says what happens beyond it.",
        &CLOCK_MAX_ERROR,
        (1, 3_600_000, GucFlags::UNIT_MS),
    );
    define_string(
        c"snowflake_pg.clock_sources",
        c"Lists who decides whether the clock is right.",
        c"It is a list of ntp, registry and kernel, separated by commas. The first that knows something decides.",
        &CLOCK_SOURCES,
        (GucContext::Sighup, GucFlags::default()),
        check_clock_sources,
    );
}

/// What the clock is measured by.
fn define_time() {
    GucRegistry::define_bool_guc(
        c"snowflake_pg.clock_worker",
        c"Sets whether a background worker measures the clock.",
        c"It asks the servers of snowflake_pg.ntp_servers, and the registry in PostgreSQL.",
        &CLOCK_WORKER,
        GucContext::Postmaster,
        GucFlags::default(),
    );
    define_int(
        c"snowflake_pg.ntp_poll",
        c"Sets how often the background worker asks the NTP servers and the registry.",
        c"Less than a minute is for servers of your own.",
        &NTP_POLL,
        (1, 3_600, GucFlags::UNIT_S),
    );
    define_string(
        c"snowflake_pg.ntp_servers",
        c"Lists the NTP servers that the background worker asks, and others than superusers may query.",
        c"It is a list of host or host:port, separated by commas, of up to 8.",
        &NTP_SERVERS,
        (GucContext::Sighup, GucFlags::SUPERUSER_ONLY),
        check_ntp_servers,
    );
}

/// What PostgreSQL calls with a value that is proposed for a setting of type string.
type CheckHook = unsafe extern "C-unwind" fn(
    *mut *mut c_char,
    *mut *mut c_void,
    pg_sys::GucSource::Type,
) -> bool;

/// Defines a setting of type string.
fn define_string(
    name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    setting: &'static GucSetting<Option<CString>>,
    (context, flags): (GucContext, GucFlags),
    check: CheckHook,
) {
    // SAFETY: the hooks have the types that PostgreSQL calls them with, and are guarded
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            name,
            short,
            long,
            setting,
            context,
            flags,
            Some(check),
            Some(assign_string),
            None,
        );
    }
}

/// Defines a setting of type integer that is reloaded: from the smallest to the largest value, in
/// a unit.
fn define_int(
    name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    setting: &'static GucSetting<i32>,
    (smallest, largest, unit): (i32, i32, GucFlags),
) {
    // SAFETY: the hook has the type that PostgreSQL calls it with, and is guarded
    unsafe {
        GucRegistry::define_int_guc_with_hooks(
            name,
            short,
            long,
            setting,
            smallest,
            largest,
            GucContext::Sighup,
            unit,
            None,
            Some(assign_number),
            None,
        );
    }
}

/// The layout that this server gives out IDs in. Only for a preloaded library.
pub fn layout() -> Result<Layout, Error> {
    // checked when it was set; the clock may have gone back since
    Layout::parse(&text(&LAYOUT), snowflake_core::Timestamp::INFINITY)
}

/// Where the worker ID comes from.
pub fn worker(layout: &Layout) -> Result<Worker, Error> {
    Worker::parse(&text(&WORKER_ID), layout)
}

/// The registry that worker IDs are leased from; `None` if no lease is needed.
pub fn registry() -> Option<String> {
    Some(text(&REGISTRY).trim().to_string()).filter(|registry| !registry.is_empty())
}

/// The registry whose members compare their clocks; `None` if there is none, or one in etcd, which has no
/// clock.
pub fn fleet() -> Option<String> {
    registry().filter(|registry| setting::is_postgres(registry))
}

/// The registry that blocks of tickets come from; `None` if it is the database of the ticket.
pub fn ticket_registry() -> Option<String> {
    match text(&TICKET_REGISTRY).trim() {
        "" => registry(),
        LOCAL => None,
        other => Some(other.to_string()),
    }
}

/// The value by which tickets have nothing to do with a registry.
const LOCAL: &str = "local";

/// For how long a worker ID is leased, in microseconds.
pub fn lease_length() -> i64 {
    i64::from(LEASE_LENGTH.get()) * 1_000_000
}

/// How far IDs may leave the clock. Those under a lease are not to run ahead of its renewal.
pub fn pace() -> Pace {
    let max_lead = i64::from(MAX_LEAD.get()) * 1_000;
    Pace {
        max_lead: match registry() {
            Some(_) => max_lead.min(lease_length() / 3),
            None => max_lead,
        },
        clock_tolerance: i64::from(CLOCK_TOLERANCE.get()) * 1_000_000,
        window: i64::from(WINDOW.get()) * 1_000,
    }
}

/// How far a hybrid time from another server may be ahead of the clock, in microseconds.
pub fn max_clock_offset() -> i64 {
    i64::from(MAX_CLOCK_OFFSET.get()) * 1_000
}

/// When the clock stops IDs.
#[inline]
pub fn clock_gate() -> GateMode {
    match CLOCK_GATE.get() {
        ClockGate::Off => GateMode::Off,
        ClockGate::Warn => GateMode::Warn,
        ClockGate::Wrong => GateMode::Wrong,
        ClockGate::Unsure => GateMode::Unsure,
    }
}

/// By how much a clock may be off that counts as right, in nanoseconds.
pub fn clock_max_error() -> i64 {
    i64::from(CLOCK_MAX_ERROR.get()) * 1_000_000
}

/// Who decides whether the clock is right.
pub fn clock_sources() -> Authorities {
    SOURCES_READ.get().unwrap_or_else(|| {
        // checked when it was set
        let sources = Authorities::parse(&text(&CLOCK_SOURCES)).unwrap_or_default();
        SOURCES_READ.set(Some(sources));
        sources
    })
}

/// What the setting was when a setting changed last, read once.
static SOURCES_READ: BackendLocal<Option<Authorities>> = BackendLocal::new(None);

/// Whether a background worker measures the clock.
pub fn clock_worker() -> bool {
    CLOCK_WORKER.get()
}

/// How often they are asked, in nanoseconds.
pub fn ntp_poll() -> i64 {
    i64::from(NTP_POLL.get()) * 1_000_000_000
}

/// The NTP servers that the operator has listed.
pub fn ntp_servers() -> Result<Vec<Endpoint>, time::Error> {
    time::servers(&text(&NTP_SERVERS))
}

/// Whether a unit of time begins at a random sequence.
pub fn random_start() -> bool {
    SEQUENCE_START.get() == SequenceStart::Random
}

fn text(setting: &GucSetting<Option<CString>>) -> String {
    setting
        .get()
        .map(|text| text.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// A hook that hands the proposed value to a function.
macro_rules! check_hook {
    ($hook:ident, $accepts:ident) => {
        #[pg_guard]
        unsafe extern "C-unwind" fn $hook(
            value: *mut *mut c_char,
            _extra: *mut *mut c_void,
            _source: pg_sys::GucSource::Type,
        ) -> bool {
            // SAFETY: PostgreSQL passes the proposed value
            $accepts(&unsafe { proposed(value) })
        }
    };
}

check_hook!(check_layout, accepts_layout);
check_hook!(check_worker_id, accepts_worker_id);
check_hook!(check_registry, accepts_registry);
check_hook!(check_ticket_registry, accepts_ticket_registry);
check_hook!(check_ntp_servers, accepts_ntp_servers);
check_hook!(check_clock_sources, accepts_clock_sources);

fn accepts_layout(value: &str) -> bool {
    accept("snowflake_pg.layout", value, |text| {
        Layout::parse(text, clock::wall()).map(drop)
    })
}

fn accepts_worker_id(value: &str) -> bool {
    accept("snowflake_pg.worker_id", value, |text| {
        Worker::parse(text, &layout()?).map(drop)
    })
}

fn accepts_registry(value: &str) -> bool {
    accept_secret(
        "snowflake_pg.registry",
        setting::check(value),
        "It is a connection string of libpq, or etcd://host:port,host:port/prefix.",
    )
}

fn accepts_ticket_registry(value: &str) -> bool {
    let result = match value.trim() {
        "" | LOCAL => Ok(()),
        registry => setting::check(registry),
    };
    accept_secret(
        "snowflake_pg.ticket_registry",
        result,
        "It is a connection string of libpq, etcd://host:port,host:port/prefix, or \"local\".",
    )
}

fn accepts_ntp_servers(value: &str) -> bool {
    accept_list(
        "snowflake_pg.ntp_servers",
        value,
        time::servers(value).err(),
    )
}

fn accepts_clock_sources(value: &str) -> bool {
    accept_list(
        "snowflake_pg.clock_sources",
        value,
        Authorities::parse(value).err(),
    )
}

/// What a check hook returns for a list.
fn accept_list(name: &str, value: &str, error: Option<time::Error>) -> bool {
    let Some(error) = error else {
        return true;
    };
    let detail = match &error {
        time::Error::ServerInvalid { problem, .. } => problem.clone(),
        time::Error::AuthorityUnknown { .. } | time::Error::AuthorityTwice { .. } => {
            error.detail().unwrap_or_default()
        }
        _ => sentence(&error.to_string()),
    };
    refuse(name, value, Some(detail), error.hint())
}

/// What a check hook returns for a setting that may hold a password.
fn accept_secret(name: &str, result: Result<(), String>, hint: &str) -> bool {
    match result {
        Ok(()) => true,
        Err(problem) => refuse(name, "...", Some(problem), Some(hint)),
    }
}

/// The value that a check hook is asked about.
///
/// # Safety
/// `value` is what PostgreSQL passed to the hook.
unsafe fn proposed(value: *mut *mut c_char) -> String {
    // SAFETY: string settings are passed as a pointer to a C string or to NULL
    unsafe {
        if (*value).is_null() {
            String::new()
        } else {
            encoding::lossy(CStr::from_ptr(*value).to_bytes())
        }
    }
}

/// What a check hook returns. A server does not start with a value that is refused: it would run with
/// the default instead, and only say so in its log.
fn accept(name: &str, value: &str, check: impl Fn(&str) -> Result<(), Error>) -> bool {
    let Err(error) = check(value) else {
        return true;
    };
    let detail = match error {
        Error::LayoutUnknown { .. }
        | Error::LayoutInvalid { .. }
        | Error::LayoutTooLong { .. }
        | Error::WorkerInvalid { .. } => error.detail(),
        _ => Some(error.to_string()),
    };
    refuse(name, value, detail, error.hint())
}

fn refuse(name: &str, value: &str, detail: Option<String>, hint: Option<&str>) -> bool {
    // SAFETY: a flag that the main thread alone writes
    if unsafe { pg_sys::process_shared_preload_libraries_in_progress } {
        let mut failure = Failure::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!(
                "invalid value for parameter \"{name}\": \"{}\"",
                excerpt(value)
            ),
        );
        if let Some(detail) = detail {
            failure = failure.detail(detail);
        }
        if let Some(hint) = hint {
            failure = failure.hint(hint);
        }
        failure.raise();
    }
    // SAFETY: what GUC_check_errdetail() and GUC_check_errhint() do: strings in ErrorContext,
    // which PostgreSQL resets after it has reported
    unsafe {
        if let Some(detail) = detail {
            pg_sys::GUC_check_errdetail_string = in_error_context(&detail);
        }
        if let Some(hint) = hint {
            pg_sys::GUC_check_errhint_string = in_error_context(hint);
        }
    }
    false
}

/// A C string in ErrorContext, in ASCII: the server has no encoding before it has a database.
fn in_error_context(text: &str) -> *mut c_char {
    let text = CString::new(encoding::escape(text).replace('\0', "")).unwrap_or_default();
    // SAFETY: ErrorContext exists from the start of every process
    unsafe { pg_sys::MemoryContextStrdup(pg_sys::ErrorContext, text.as_ptr()) }
}

#[pg_guard]
unsafe extern "C-unwind" fn assign_string(_value: *const c_char, _extra: *mut c_void) {
    tell();
}

#[pg_guard]
unsafe extern "C-unwind" fn assign_number(_value: i32, _extra: *mut c_void) {
    tell();
}

fn tell() {
    SOURCES_READ.set(None);
    for on_change in ON_CHANGE.get() {
        on_change();
    }
}
