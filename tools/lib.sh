# shellcheck shell=bash
# What the scripts of this project share. Sourced, never run; leaves the caller in the root of the project.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export root=$PWD

say() { printf '==> %s\n' "$*" >&2; }
die() { printf '%s\n' "$@" >&2; exit 1; }

is_root() { [ "$(id -u)" = 0 ]; }

# May we act as root, straight away or by a password somebody can type?
can_become_root() {
    is_root || { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }
}
as_root() { if is_root; then "$@"; else sudo "$@"; fi; }

# PostgreSQL refuses to run as root: its own user runs it then, or nobody.
server_user() {
    if ! is_root; then id -un
    elif id postgres >/dev/null 2>&1; then echo postgres
    else echo nobody
    fi
}

# Run a command as that user, in a directory that this user can enter.
as_server_user() {
    local user
    user=$(server_user)
    # What it leaves in the directory for temporary files goes with $work.
    if is_root; then
        set -- setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups env HOME="$work" "$@"
    fi
    (cd "$work" && env TMPDIR="$work" "$@")
}

# A directory of our own, gone at the end, that the server's user owns. Sets $work.
make_work_dir() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/snowflake_pg.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    # A signal ends the script by way of the EXIT trap.
    trap 'exit 130' INT TERM HUP
    if is_root; then chown "$(server_user)" "$work"; fi
}

# The programs of a PostgreSQL, given its pg_config, where the server's user can run them: a private PostgreSQL in a
# folder that only root can enter is copied.
runnable_bin() {
    local bin=${1%/pg_config} version home copy
    if ! as_server_user test -x "$bin/postgres"; then
        version=$(major_version "$1")
        home=$root/target/pg/$version copy=$work/postgres-$version
        if ! [ -e "$copy" ]; then mkdir "$copy" && cp -a "$home/." "$copy"; fi
        bin=$copy${bin#"$home"}
    fi
    echo "$bin"
}

# The tests and what they read, where the server's user can.
copy_tests() { cp -r README.md docs examples sql tests "$work"; }

# The pg_config of the packaged PostgreSQL: the one PG_CONFIG names, else the newest with server headers.
# The path is spelled in one way, since for cargo another spelling means a rebuild.
native_pg_config() {
    local config=${PG_CONFIG:-pg_config} bin
    bin=$("$config" --bindir 2>/dev/null) || bin=/nowhere
    if ! [ -x "$bin/postgres" ] || ! [ -e "$("$config" --pgxs)" ]; then
        die "No PostgreSQL server with headers found by '$config'." \
            "Install them (Debian: postgresql-NN and postgresql-server-dev-NN) or set PG_CONFIG."
    fi
    echo "$bin/pg_config"
}

# Where the packaged server headers bring pg_regress and the Perl modules for tests.
pgxs_dir() { realpath "$(dirname "$("$(native_pg_config)" --pgxs)")/.."; }

major_version() { "$1" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/'; }

extension_version() { sed -n "s/^default_version *= *'\(.*\)'/\1/p" snowflake_pg.control; }
