//! Links libpq, with which a server asks the registry of worker IDs in another one: as postgres_fdw
//! and dblink do, the one that belongs to the PostgreSQL it is built for.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=PGRX_PG_CONFIG_PATH");
    let pg_config = env::var("PGRX_PG_CONFIG_PATH").unwrap_or_else(|_| "pg_config".into());
    let ask = |option| {
        let output = Command::new(&pg_config).arg(option).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().to_string()).filter(|text| output.status.success() && !text.is_empty())
    };
    if let Some(folder) = ask("--libdir") {
        println!("cargo:rustc-link-search=native={folder}");
        // where PostgreSQL itself looks for it
        let configured = ask("--configure").unwrap_or_default();
        if !configured.contains("--disable-rpath") {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{folder},--enable-new-dtags");
        }
    }
    println!("cargo:rustc-link-lib=dylib=pq");
}
