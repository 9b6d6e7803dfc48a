//! The processor's counter of time, which tells how long a reading of the clock stands: reading it
//! takes less than half as long. The clock itself is the kernel's, always.

use snowflake_core::time::CounterRate;

use crate::host::clock;
use crate::postgres::backend::BackendLocal;

/// When the server started.
#[derive(Clone, Copy)]
struct Start {
    /// Elapsed nanoseconds.
    elapsed: i64,
    /// How long the machine had slept.
    asleep: i64,
    counter: u64,
}

/// Nothing if there is no counter that the kernel keeps its own clock by: one that runs evenly, and
/// alike on all processors.
static START: BackendLocal<Option<Start>> = BackendLocal::new(None);

/// Nanoseconds that a machine which did not sleep may seem to have slept, as the readings of its
/// clocks are not simultaneous.
const AWAKE: i64 = 500_000_000;

/// Notes where the counter stands. Called by the postmaster, whose backends inherit it.
pub fn start() {
    if is_steady() {
        let (elapsed, asleep) = (clock::elapsed(), clock::asleep());
        // read afterwards here and before in `rate`: too few ticks at the worst, however long this
        // process is held up in between
        START.set(Some(Start {
            elapsed,
            asleep,
            counter: read(),
        }));
    }
}

/// How fast the counter runs, if there is still one to go by: the kernel may have found it wanting,
/// and after a sleep of the machine it may stand anywhere.
pub fn rate() -> Option<CounterRate> {
    let start = START.get()?;
    let slept = clock::asleep().abs_diff(start.asleep);
    if !is_steady() || slept > AWAKE.unsigned_abs() {
        return None;
    }
    let ticks = read().checked_sub(start.counter)?;
    CounterRate::between(ticks, clock::elapsed().saturating_sub(start.elapsed))
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn is_steady() -> bool {
    const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let mut allowed: libc::c_int = 0;
    // SAFETY: the pointer is to an int, where the kernel stores whether this process may read the
    // counter
    let status = unsafe { libc::prctl(libc::PR_GET_TSC, &raw mut allowed) };
    status == 0
        && allowed == libc::PR_TSC_ENABLE
        && std::fs::read_to_string(CLOCK_SOURCE).is_ok_and(|source| source.trim_end() == "tsc")
}

/// Where the counter stands. It is read only where [`rate`] has returned something.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[inline(always)]
pub fn read() -> u64 {
    // SAFETY: an instruction of every such processor, without effects; `is_steady` has asked whether
    // the process may use it
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn is_steady() -> bool {
    false
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[inline(always)]
pub fn read() -> u64 {
    0
}
