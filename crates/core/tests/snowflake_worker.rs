//! Where a worker ID comes from: the setting, the host name, an address.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::IpAddr;

use snowflake_core::snowflake::{Error, Layout, Worker, host_name_ordinal, worker_from_address};
use snowflake_core::{Kind, Refusal, Timestamp};

fn layout(name: &str) -> Layout {
    Layout::parse(name, Timestamp::from_millis(1_700_000_000_000)).expect("a layout")
}

/// 1024 workers.
fn twitter() -> Layout {
    Layout::twitter()
}

/// No worker field.
fn mastodon() -> Layout {
    layout("mastodon")
}

fn address(interface: Option<&str>) -> Worker {
    Worker::Address {
        interface: interface.map(Into::into),
    }
}

/// The particular problem of a value that is refused.
fn refusal(value: &str, layout: &Layout) -> Option<String> {
    let refused = match Worker::parse(value, layout) {
        Err(error) => error,
        Ok(worker) => panic!("{value:?} reads as {worker:?}"),
    };
    assert_eq!(refused.kind(), Kind::InvalidParameter);
    match refused {
        Error::WorkerInvalid {
            value: given,
            layout: of,
            largest,
            problem,
        } => {
            assert_eq!(given, value);
            assert_eq!(of, layout.name());
            assert_eq!(largest, i64::from(layout.largest_worker()));
            problem
        }
        other => panic!("{value:?}: {other:?}"),
    }
}

#[test]
fn all_forms() {
    let expected = [
        ("", Worker::Unset),
        ("  ", Worker::Unset),
        ("0", Worker::Fixed(0)),
        ("42", Worker::Fixed(42)),
        (" 42 ", Worker::Fixed(42)),
        ("007", Worker::Fixed(7)),
        ("1023", Worker::Fixed(1023)),
        ("8-15", Worker::Range(8, 15)),
        (" 8 - 15 ", Worker::Range(8, 15)),
        ("8-8", Worker::Range(8, 8)),
        ("0-1023", Worker::Range(0, 1023)),
        ("hostname", Worker::HostName),
        ("lease", Worker::Lease),
        (" lease ", Worker::Lease),
        ("ip", address(None)),
        ("ip:eth0", address(Some("eth0"))),
        ("ip: eth0 ", address(Some("eth0"))),
        ("ip:wg-1-2", address(Some("wg-1-2"))),
        ("ip:eth0:1", address(Some("eth0:1"))),
    ];
    for (value, worker) in expected {
        assert_eq!(Worker::parse(value, &twitter()), Ok(worker), "{value:?}");
    }
}

#[test]
fn other_text_is_refused() {
    for value in [
        "-1",
        "+1",
        "1.0",
        "1e3",
        "0x10",
        "one",
        "-",
        "1-",
        "-1-2",
        "1-2-3",
        "1,2",
        "1..2",
        "1 2",
        "1–2",
        "٣",
        "IP",
        "Hostname",
        "host name",
        "ipv4",
        "eth0",
    ] {
        assert_eq!(refusal(value, &twitter()), None, "{value:?}");
    }
}

#[test]
fn numbers_outside_the_layout_are_refused() {
    for (value, number) in [
        ("1024", "1024"),
        ("4294967295", "4294967295"),
        ("4294967296", "4294967296"),
        ("99999999999999999999", "99999999999999999999"),
        ("1020-1024", "1024"),
        ("1024-1025", "1024"),
    ] {
        let expected = format!("{number} is out of range");
        assert_eq!(refusal(value, &twitter()), Some(expected), "{value:?}");
    }
    let sonyflake = layout("sonyflake");
    assert_eq!(
        Worker::parse("65535", &sonyflake),
        Ok(Worker::Fixed(65_535))
    );
    assert!(refusal("65536", &sonyflake).is_some());
}

#[test]
fn a_range_that_ends_before_it_starts() {
    let problem = refusal("15-8", &twitter()).unwrap();
    assert_eq!(problem, "The range ends before it starts");
}

#[test]
fn an_interface_without_a_name() {
    for value in ["ip:", "ip:  "] {
        let problem = refusal(value, &twitter()).unwrap();
        assert_eq!(problem, "The name of the interface is missing", "{value:?}");
    }
}

#[test]
fn refusals_name_the_range_and_the_forms() {
    let refused = Worker::parse("1024", &twitter()).unwrap_err();
    assert_eq!(refused.to_string(), "invalid worker ID \"1024\"");
    let detail = refused.detail().unwrap();
    assert!(detail.contains("1024 is out of range"), "{detail}");
    assert!(detail.contains("0 to 1023"), "{detail}");
    let hint = refused.hint().unwrap();
    for form in ["number", "range", "\"ip\"", "\"hostname\"", "\"lease\""] {
        assert!(hint.contains(form), "{hint}");
    }
}

#[test]
fn a_layout_without_workers_takes_0_only() {
    let layout = mastodon();
    assert_eq!(Worker::parse("", &layout), Ok(Worker::Unset));
    assert_eq!(Worker::parse("0", &layout), Ok(Worker::Fixed(0)));
    for value in [
        "1", "0-0", "0-1", "ip", "ip:eth0", "ip:", "hostname", "lease", "nonsense",
    ] {
        refusal(value, &layout);
        let refused = Worker::parse(value, &layout).unwrap_err();
        assert_eq!(refused.hint(), Some("Set it to 0."), "{value:?}");
        let detail = refused.detail().unwrap();
        assert!(detail.contains("the only worker ID is 0"), "{detail}");
    }
}

#[test]
fn check_worker_agrees_with_the_setting() {
    let layout = layout("javascript");
    for worker in -1..=17 {
        let setting = Worker::parse(&worker.to_string(), &layout);
        assert_eq!(
            layout.check_worker(worker).is_ok(),
            setting.is_ok(),
            "{worker}"
        );
        assert_eq!(
            layout.check_worker(worker).is_ok(),
            (0..16).contains(&worker)
        );
    }
    assert_eq!(mastodon().check_worker(0), Ok(0));
    assert!(mastodon().check_worker(1).is_err());
}

#[test]
fn ordinals_of_host_names() {
    for (name, ordinal) in [
        ("db-3", 3),
        ("db-3.example.org", 3),
        ("db3", 3),
        ("db-03", 3),
        ("3", 3),
        ("10.example.org", 10),
        ("db-0", 0),
        ("postgres-1023.eu-west-1.internal", 1023),
        ("node7-12", 12),
        ("büro-5", 5),
    ] {
        assert_eq!(host_name_ordinal(name, &twitter()), Ok(ordinal), "{name}");
    }
}

#[test]
fn host_names_that_give_no_worker() {
    for name in [
        "",
        "db",
        "db-",
        "3db",
        "db.example3.org",
        ".3",
        "db-3a",
        "db-٣",
        "localhost",
        "db-3-",
    ] {
        let refused = host_name_ordinal(name, &twitter()).unwrap_err();
        assert_eq!(refused.kind(), Kind::NotConfigured, "{name:?}");
        let detail = refused.detail().unwrap();
        assert!(detail.contains("does not end in a number"), "{detail}");
    }
    for name in ["db-1024", "db-4294967296", "db-99999999999999999999"] {
        let refused = host_name_ordinal(name, &twitter()).unwrap_err();
        let detail = refused.detail().unwrap();
        assert!(detail.contains("out of range"), "{detail}");
        assert!(detail.contains("0 to 1023"), "{detail}");
    }
    assert!(host_name_ordinal("db-1", &mastodon()).is_err());
}

#[test]
fn workers_from_addresses() {
    let worker = |text: &str, layout: &Layout| {
        let address: IpAddr = text.parse().unwrap();
        worker_from_address(address, layout)
    };
    let expected = [
        ("10.0.0.0", 0),
        ("10.0.0.7", 7),
        ("192.168.7.255", 255),
        ("fe80::1", 1),
        ("2001:db8::12ff", 255),
        ("::ffff:10.0.0.9", 9),
    ];
    for (address, octet) in expected {
        assert_eq!(worker(address, &twitter()), octet, "{address}");
        // 32 and 16 workers, and none
        assert_eq!(worker(address, &layout("compact58")), octet % 32);
        assert_eq!(worker(address, &layout("javascript")), octet % 16);
        assert_eq!(worker(address, &layout("sonyflake")), octet);
        assert_eq!(worker(address, &mastodon()), 0);
    }
}
