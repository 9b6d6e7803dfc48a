"""A throw-away PostgreSQL server, sessions in it, and runs of it under callgrind."""

import contextlib
import os
import pathlib
import pwd
import re
import resource
import shutil
import socket
import struct
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent

SETTINGS = {
    "listen_addresses": "",
    "shared_preload_libraries": "snowflake_pg",
    "snowflake_pg.worker_id": "1",
    "fsync": "on",
    "jit": "off",
    # no work in the background during a measurement, no files for generate_series()
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "8GB",
    "work_mem": "256MB",
}
# What the bench asks for and defaults that matter, as reported in the results.
REPORTED = [*SETTINGS, "shared_buffers", "synchronous_commit", "wal_sync_method", "full_page_writes", "wal_level"]


class Failure(Exception):
    """A command or a statement that should have worked did not."""


def bin_dir():
    if "PGBIN" in os.environ:
        directory = pathlib.Path(os.environ["PGBIN"]).resolve()
    else:
        config = os.environ.get("PG_CONFIG", "pg_config")
        directory = pathlib.Path(subprocess.check_output([config, "--bindir"], text=True).strip())
    if not (directory / "initdb").exists():
        raise Failure(f"no PostgreSQL server in {directory}: set PG_CONFIG or PGBIN")
    return directory


def server_user():
    """The user to become when root, as which PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Failure("root cannot run PostgreSQL, and there is neither a user postgres nor a user nobody")


class Server:
    """A cluster in a temporary directory; stopped and removed at the end of the `with` block."""

    def __init__(self, environment=(), settings=()):
        """Variables and settings for the server beside the usual ones."""
        self.variables, self.settings = dict(environment), {**SETTINGS, **dict(settings)}

    def __enter__(self):
        self.bin = bin_dir()
        user = server_user()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="snowflake_pg_bench."))
        self.data = self.directory / "data"
        self.become = {}
        if user:
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            self.become = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        # the server is to see nothing of the caller's: RUST_BACKTRACE makes an error take 50 ms, PGOPTIONS changes it
        self.environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.directory), "LC_ALL": "C"}
        try:
            self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale")
            settings = {**self.settings, "unix_socket_directories": str(self.directory)}
            with open(self.data / "postgresql.conf", "a") as conf:
                conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Failure):
            self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, program, *arguments, variables=()):
        """Runs a program of PostgreSQL as the server's user; answers what it prints."""
        # into a file: a server that pg_ctl starts would hold a pipe open
        with tempfile.TemporaryFile("w+") as output:
            status = subprocess.run([self.bin / program, *arguments], cwd="/",
                                    env={**self.environment, **dict(variables)},
                                    stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                    **self.become).returncode
            output.seek(0)
            text = output.read()
        if status != 0:
            raise Failure(f"{program} failed: {text}")
        return text

    def start(self, **settings):
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        log = self.directory / "log"
        try:
            self.run("pg_ctl", "-D", self.data, "-l", log, "-o", options, "-w", "start", variables=self.variables)
        except Failure as failure:
            raise Failure(f"{failure}\n{log.read_text() if log.exists() else ''}") from None

    def stop(self, mode="fast"):
        self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def session(self, database="postgres", **options):
        return Session(self, database, **options)

    def query(self, sql, database="postgres"):
        """One statement in a session of its own; answers the lines of the result."""
        with self.session(database) as session:
            return session.query(sql)

    def set(self, name, value, sessions=()):
        """Changes a setting of the running server, and waits until sessions that are open know it."""
        with self.session() as control:
            control.query(f"ALTER SYSTEM SET {name} = '{value}'")
            control.query("SELECT pg_reload_conf()")
            # a session re-reads the configuration between two statements
            for session in (control, *sessions):
                while session.value(f"SELECT setting = '{value}' FROM pg_settings WHERE name = '{name}'") != "t":
                    session.query("SELECT pg_sleep(0.01)")

    def pgbench(self, script, *arguments, database="postgres"):
        return self.run("pgbench", "-h", self.directory, "-U", "postgres", "-n", "-f", self.readable(script),
                        *arguments, database)

    def pgbench_times(self, script, *arguments, database):
        """The time of every round trip, in microseconds."""
        return self.pgbench_logged(script, *arguments, database=database)[1]

    def pgbench_logged(self, script, *arguments, database="postgres"):
        """What pgbench prints, and the time of every round trip in microseconds.

        That is from one answer to the next one of the same client. The time that pgbench itself notes is 0 if the
        answer came before pgbench ran on, which on few cores is often: it reads the clock once for both ends then.
        """
        prefix = self.directory / "pgbench_log"
        output = self.pgbench(script, "--log", f"--log-prefix={prefix}", *arguments, database=database)
        times = []
        for log in self.directory.glob(f"{prefix.name}.*"):
            last = {}
            for line in log.read_text().splitlines():
                client, _, _, _, second, microsecond = line.split()
                now = int(second) * 1_000_000 + int(microsecond)
                if client in last:
                    times.append(now - last[client])
                last[client] = now
            log.unlink()
        return output, times

    def readable(self, script):
        """A copy of a script where the server's user can read it."""
        copy = self.directory / script
        if not copy.exists():
            shutil.copy(HERE / "sql" / script, copy)
            copy.chmod(0o644)
        return copy

    def callgrind(self, statements, database="postgres", settings=(), flags=()):
        """Runs statements in single-user mode under callgrind. The server must be stopped.

        Answers, for each statement, what callgrind noted of its execution alone.
        """
        # IDs of a server that was started again within a window of the mark are ahead of the clock
        time.sleep(1.5)
        out = self.directory / "callgrind.out"
        options = [word for name, value in dict(settings).items() for word in ("-c", f"{name}={value}")]
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *flags,
                               "--dump-before=PortalRun", "--dump-after=PortalRun",
                               self.bin / "postgres", "--single", "-D", self.data, *options, database],
                              cwd="/", env=self.environment, input="".join(f"{sql}\n" for sql in statements),
                              capture_output=True, text=True, **self.become)
        files = sorted(self.directory.glob("callgrind.out.*"), key=lambda file: int(file.suffix[1:]))
        notes = [file.read_text() for file in files[1::2]]  # every other one is of what came before the statement
        for file in (out, *files):
            file.unlink(missing_ok=True)
        if done.returncode != 0 or len(notes) != len(statements) or re.search(r"\b(ERROR|FATAL):", done.stderr):
            raise Failure(f"postgres --single under callgrind: {done.stderr}")
        return notes

    def instructions(self, statements, database="postgres", settings=()):
        """The instructions of the execution of each statement."""
        return [int(re.search(r"^totals: (\d+)", note, re.M)[1])
                for note in self.callgrind(statements, database, settings)]


class Session:
    """One backend, by way of psql."""

    MARKER = "-- end of answer --"

    def __init__(self, server, database, stop_at_error=True):
        self.psql = subprocess.Popen(
            [server.bin / "psql", "-XAtq", "-h", server.directory, "-U", "postgres", "-d", database,
             "-v", f"ON_ERROR_STOP={int(stop_at_error)}"], env=server.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.ended = False
        self.pid = int(self.value("SELECT pg_backend_pid()"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.psql.stdin.close()
        self.psql.wait()
        self.psql.stdout.close()

    def send(self, sql):
        self.psql.stdin.write(f"{sql};\n\\echo {self.MARKER}\n")
        self.psql.stdin.flush()

    def receive(self):
        """The lines of the answer, up to its end or to that of the session."""
        lines = []
        for line in self.psql.stdout:
            if line.rstrip("\n") == self.MARKER:
                return lines
            lines.append(line.rstrip("\n"))
        self.ended = True
        return lines

    def query(self, sql):
        self.send(sql)
        return self.done(sql)

    def done(self, sql):
        """The lines of the answer to a statement that was sent."""
        lines = self.receive()
        if self.ended or any("ERROR:" in line for line in lines):
            raise Failure(f"{sql}: {' '.join(lines)}")
        return lines

    def value(self, sql):
        (line,) = self.query(sql)
        return line

    def row(self, sql):
        return self.value(sql).split("|")

    def cpu(self, sql):
        """The on-CPU nanoseconds of the backend for one statement."""
        before = self.on_cpu()
        self.query(sql)
        return self.on_cpu() - before

    def on_cpu(self):
        # while it runs, the kernel counts up to the last tick only: it may be about to wait for the next statement
        while True:
            with open(f"/proc/{self.pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] != "R":
                    break
        with open(f"/proc/{self.pid}/schedstat") as schedstat:
            return int(schedstat.read().split()[0])


class Connections:
    """Many backends that have executed one statement each and are idle: a socket each, and no process of ours."""

    def __init__(self, server, number, database, sql):
        self.path = str(server.directory / ".s.PGSQL.5432")
        self.number, self.database, self.sql = number, database, sql
        self.sockets = []

    def __enter__(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, self.number + 100)), hard))
        try:
            for _ in range(self.number):
                self.connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        """Ends them, and waits until they are gone."""
        with contextlib.suppress(OSError):
            for connection in self.sockets:
                connection.sendall(struct.pack("!ci", b"X", 4))
            for connection in self.sockets:
                while connection.recv(4096):
                    pass
        for connection in self.sockets:
            connection.close()

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        self.sockets.append(connection)
        connection.connect(self.path)
        parameters = "".join(f"{name}\0" for name in ("user", "postgres", "database", self.database, "")).encode()
        connection.sendall(struct.pack("!ii", len(parameters) + 8, 3 << 16) + parameters)
        self.await_ready(connection)
        statement = self.sql.encode() + b"\0"
        connection.sendall(struct.pack("!ci", b"Q", len(statement) + 4) + statement)
        self.await_ready(connection)

    @staticmethod
    def await_ready(connection):
        """Reads messages until the server is ready for a statement."""
        with connection.makefile("rb") as messages:
            kind = None
            while kind != b"Z":
                header = messages.read(5)
                if len(header) < 5:
                    raise Failure("the server closed a connection")
                kind, length = struct.unpack("!ci", header)
                body = messages.read(length - 4)
                if kind == b"E":
                    raise Failure(body.replace(b"\0", b" ").decode(errors="replace"))
