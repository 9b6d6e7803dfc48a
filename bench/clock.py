"""Clocks measured: NTP servers, beside what chrony measures, and PostgreSQL servers; and a gate before a wrong clock."""

import contextlib
import datetime
import multiprocessing
import os
import pathlib
import pwd
import re
import shutil
import socket
import statistics
import struct
import subprocess
import tempfile
import threading
import time

from calls import CONSTANT, IDS, cpu, row
from measure import net
from postgres import Failure, Server

LIE = 0.25   # seconds that a server is ahead which is wrong
STEP = 0.02  # and one whose clock is stepped
PLOT = "clock_offsets"


class Chronyd:
    """A chronyd that leaves the clock alone, on an address of loopback of its own; ended with the `with` block."""

    number = 10

    def __init__(self, server, *lines):
        Chronyd.number += 1
        self.host = f"127.0.0.{Chronyd.number}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((self.host, 0))
            self.port = probe.getsockname()[1]
        self.server, self.lines = server, lines

    def __enter__(self):
        # of the server's user, who runs it; chronyd wants the folder to itself
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="chronyd.", dir=self.server.directory))
        user = pwd.getpwuid(self.server.become.get("user", os.geteuid()))
        self.home.chmod(0o750)
        configuration = self.home / "chrony.conf"
        configuration.write_text("\n".join((
            f"port {self.port}", f"bindaddress {self.host}", "cmdport 0", "bindcmdaddress /", "allow",
            f"pidfile {self.home}/pid", f"logdir {self.home}", *self.lines, "")))
        if self.server.become:
            for path in (self.home, configuration):
                os.chown(path, user.pw_uid, user.pw_gid)
        self.process = subprocess.Popen(
            [self.program(), "-x", "-U", "-d", "-u", user.pw_name, "-f", configuration], cwd="/", stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.server.environment, **self.server.become)
        return self

    def program(self):
        """A copy where the server's user can read it."""
        copy = self.server.directory / "chronyd"
        if not copy.exists():
            found = os.environ.get("CHRONYD")
            if not found or not os.access(found, os.X_OK):
                raise Failure("CHRONYD does not name a chronyd: tools/chrony finds or fetches one, tools/bench calls it")
            shutil.copy(found, copy)
            copy.chmod(0o755)
        return copy

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def name(self):
        return f"{self.host}:{self.port}"

    def line(self, *options):
        """What a client's configuration says to ask this one."""
        return " ".join(("server", self.host, "port", str(self.port), *options))

    def measured(self):
        """The times and offsets that a client has noted, in seconds: what its server is ahead of it."""
        log = self.home / "measurements.log"
        lines = log.read_text().splitlines() if log.exists() else ()
        fields = [line.split() for line in lines if line[:1].isdigit()]
        stamp = "%Y-%m-%d %H:%M:%S%z"
        return [(datetime.datetime.strptime(f"{field[0]} {field[1]}+0000", stamp).timestamp(), float(field[11]))
                for field in fields]


class Relay:
    """Passes datagrams on to a server, and to another one from some moment on."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self.ended = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join()
        self.socket.close()

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as onward:
            onward.settimeout(0.5)
            while not self.ended:
                with contextlib.suppress(TimeoutError):
                    packet, client = self.socket.recvfrom(1024)
                    onward.sendto(packet, (self.to.host, self.to.port))
                    self.socket.sendto(onward.recv(1024), client)


@contextlib.contextmanager
def busy():
    """Keeps all processors busy."""
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def clock(server, report, sizes):
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(server.session())
        # one is asked once in a second, whoever asks
        several = [stack.enter_context(Chronyd(server, "local stratum 2")) for _ in range(10)]
        honest = several[0]
        liar = stack.enter_context(Chronyd(server, honest.line("iburst", "minpoll 0", "maxpoll 0", f"offset {LIE}")))
        if not all([until_good(session, one.name) for one in (*several, liar)]):
            raise Failure("chronyd does not tell the time")
        for state in ("idle", "all processors busy"):
            with busy() if state != "idle" else contextlib.nullcontext():
                offsets = asked(session, several, sizes.ntp_queries)
            report.figure(f"  ntp_query(): offset of a server with the same clock, {state}, the furthest",
                          1e6 * max(map(abs, offsets)), f"us of {len(offsets)}", most=100)
            report.figure("    the median of the same", 1e6 * statistics.median(map(abs, offsets)), "us")
        lies = [offset - LIE for offset in asked(session, [liar], sizes.ntp_queries // 10)]
        report.figure(f"  ntp_query(): a server {1000 * LIE:g} ms ahead, the furthest from that",
                      1e6 * max(map(abs, lies)), f"us of {len(lies)}", most=100)
        flooded(session, report, sizes)
        looks = {CONSTANT: IDS[CONSTANT], "a look": row("clock_after('2000-01-01Z')")}
        report.values("  clock_after(): a look at the clock as the gate takes it",
                      net(cpu(session, looks, sizes, sizes.rounds), "a look", CONSTANT), "ns", below=1_000)
        cristian(server, session, report, sizes)
        polled(report, several[:4], sizes)
        stepped(server, session, report, sizes, honest)
        for gate in ("off", "wrong"):
            an_hour_ahead(report, gate, honest, sizes.hour_seconds)


def asked(session, servers, count):
    """Offsets in seconds: a statement each, of one server after the other."""
    return [offset(session, servers[turn % len(servers)].name) for turn in range(count)]


def offset(session, name):
    state, seconds = session.row(f"SELECT state, extract(epoch FROM clock_offset) FROM ntp_query('{name}')")
    if state != "good":
        raise Failure(f"{name}: {state}")
    return float(seconds)


def until_good(session, name):
    for _ in range(300):
        if session.value(f"SELECT state FROM ntp_query('{name}')") == "good":
            return True
        time.sleep(0.1)
    return False


def flooded(session, report, sizes):
    """One query whose answer comes after as many as there is time for that are to something else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        name = f"127.0.0.1:{listening.getsockname()[1]}"
        flood = multiprocessing.get_context("fork").Process(target=flood_first, args=(listening, sizes.flood_seconds))
        flood.start()
        try:
            state, seconds, ignored = session.row(
                f"SELECT state, extract(epoch FROM clock_offset), ignored FROM ntp_query('{name}', 1, '10 s')")
        finally:
            flood.kill()
            flood.join()
    report.figure("  ntp_query(): answers to something else before the right one", int(ignored), "in one query", least=1e6)
    report.gate("none of them is taken, and the right one is", state == "good" and abs(float(seconds)) < 1)


def flood_first(listening, seconds):
    """Answers one request: first, an hour ahead, as what did not ask; then as it should be."""
    def stamp(ahead=0):
        return int((time.time() + ahead + 2_208_988_800) * 2**32)

    request, client = listening.recvfrom(1024)
    received = stamp()

    def answer(origin, sent):
        return struct.pack("!BBbbII4sQ8sQQ", 0x24, 2, 6, -20, 0, 0, b"TEST", received, origin, received, sent)

    asked = request[40:48]
    wrong = answer(bytes((asked[0] ^ 1, *asked[1:])), stamp(3_600))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(100):
            listening.sendto(wrong, client)
    # the other side may have as many as its buffer takes before it
    time.sleep(0.5)
    listening.sendto(answer(asked, stamp()), client)


def cristian(server, session, report, sizes):
    """The clock of a PostgreSQL server on the same machine: the truth is 0."""
    widths = session.query(f"""
        SELECT CASE WHEN low <= '0' AND high >= '0' THEN extract(epoch FROM high - low) * 1e6 ELSE -1 END
        FROM generate_series(1, {sizes.cristian}), cristian_sync('host={server.directory} user=postgres dbname=postgres')""")
    widths = [float(width) for width in widths]
    report.figure("  cristian_sync(), 8 rounds: the truth out of the bounds", sum(width < 0 for width in widths),
                  f"of {len(widths)}", most=0)
    report.figure("  cristian_sync(), 8 rounds: width of the bounds, median", statistics.median(widths), "us", most=200)


def polled(report, servers, sizes):
    """What the worker takes that asks four NTP servers."""
    with contextlib.ExitStack() as stack:
        settings = {"snowflake_pg.clock_worker": "on", "snowflake_pg.ntp_poll": "16s",
                    "snowflake_pg.ntp_servers": ",".join(one.name for one in servers)}
        server = stack.enter_context(Server((), settings))
        server.query("CREATE EXTENSION snowflake_pg")
        session = stack.enter_context(server.session())
        polls = "SELECT coalesce(min(polls), 0) FROM snowflake_clock_sources"
        # the first rounds come soon after each other
        while int(session.value(polls)) < 4:
            time.sleep(0.5)
        worker = process(server, "snowflake_pg clock")
        time.sleep(1)
        wakes, (spent, before) = wake_ups(worker), (on_cpu(worker), int(session.value(polls)))
        time.sleep(5)
        report.figure("  the clock worker: wake-ups in 5 s between two polls", wake_ups(worker) - wakes, "", most=0)
        while int(session.value(polls)) < before + sizes.polls:
            time.sleep(1)
        made = int(session.value(polls)) - before
        report.figure("  the clock worker: CPU of a poll of 4 servers",
                      (on_cpu(worker) - spent) / made / 1e6, "ms", most=1)


def process(server, title):
    """The server's process that shows such a title."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            parent = re.search(r"^PPid:\s*(\d+)", (path.parent / "status").read_text(), re.M)[1]
            postmaster = (server.data / "postmaster.pid").read_text().split()[0]
            if parent == postmaster and title in path.read_text():
                return path.parent
    raise Failure(f"no process \"{title}\"")


def wake_ups(process):
    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (process / "status").read_text(), re.M)[1])


def on_cpu(process):
    return int((process / "schedstat").read_text().split()[0])


def stepped(server, session, report, sizes, honest):
    """A server whose clock is stepped, asked by ntp_query() and by a chronyd."""
    # the server is only measured: a client that goes by it counts its own clock as corrected afterwards
    poll = ("minpoll -2", "maxpoll -2", "noselect")
    with contextlib.ExitStack() as stack:
        ahead = stack.enter_context(Chronyd(server, honest.line("iburst", "minpoll 0", "maxpoll 0", f"offset {STEP}")))
        until_good(session, ahead.name)
        relay = Relay()
        relay.to = honest
        stack.enter_context(relay)
        client = stack.enter_context(Chronyd(server, f"server 127.0.0.1 port {relay.port} {' '.join(poll)}",
                                             "log measurements"))
        ours = []
        began = time.time()
        while (at := time.time() - began) < 2 * sizes.step_seconds:
            if at > sizes.step_seconds:
                relay.to = ahead
            ours.append((at, offset(session, f"127.0.0.1:{relay.port}")))
        theirs = [(at - began, ahead_by) for at, ahead_by in client.measured()]
    report.raw(PLOT, {"step": sizes.step_seconds, "ntp_query()": ours, "chronyd": theirs})
    for name, offsets in (("ntp_query()", ours), ("chronyd", theirs)):
        after = [ahead_by for at, ahead_by in offsets if at > sizes.step_seconds + 1]
        if not after:
            raise Failure(f"{name} has measured nothing")
        report.figure(f"  a server whose clock is stepped by {1000 * STEP:g} ms, by {name}: the median afterwards",
                      1000 * statistics.median(after), "ms")


def an_hour_ahead(report, gate, honest, seconds):
    """The clock of a server goes an hour ahead, and back after some seconds, under 4 clients."""
    hour = 3_600
    root = pathlib.Path(__file__).resolve().parent.parent
    built = subprocess.run([root / "tools" / "faked-clock"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="clock.") as folder:
        os.chmod(folder, 0o755)
        setting = pathlib.Path(folder) / "clock"

        def set_clock(ahead):
            with open(setting, "r+b" if setting.exists() else "wb", buffering=0) as file:
                file.write(struct.pack("qq", ahead * 1_000_000_000, 0))

        set_clock(0)
        # where the server's user can read it
        library = shutil.copy(built, folder)
        faked = {"LD_PRELOAD": library, "FAKED_CLOCK": str(setting)}
        settings = {"snowflake_pg.clock_gate": gate, "snowflake_pg.clock_worker": "on",
                    "snowflake_pg.ntp_servers": honest.name, "snowflake_pg.clock_sources": "ntp"}
        with Server(faked, settings) as server:
            server.query("CREATE EXTENSION snowflake_pg")
            with server.session() as session:
                # until an NTP server has vouched for the clock
                for _ in range(100):
                    if session.value("SELECT state FROM snowflake_clock") == "right":
                        break
                    time.sleep(0.1)
                else:
                    raise Failure("nobody vouches for the clock")
            clients = [Client(server) for _ in range(4)]
            try:
                time.sleep(seconds)
                set_clock(hour)
                time.sleep(seconds)
                set_clock(0)
                back = time.time()
                time.sleep(10)
            finally:
                for client in clients:
                    client.end()
    made = sorted(pair for client in clients for pair in client.made)
    wrong = sum(count for at, stamp, count in made if stamp > at + hour / 2)
    after = [at - back for at, stamp, count in made if at > back and stamp < at + hour / 2]
    name = f"an hour ahead for {seconds:g} s, clock_gate = {gate}"
    report.figure(f"  {name}: IDs of the wrong hour", wrong, f"of {sum(count for _, _, count in made):,}",
                  **({"most": 0} if gate != "off" else {}))
    report.figure(f"  {name}: until there are IDs again", after[0] if after else 10,
                  "s" if after else "s have passed, and there are none", **({"most": 1} if gate != "off" else {}))


class Client(threading.Thread):
    """Makes IDs in a session of its own until it is told to end, whatever errors there are."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.ended = server, False
        self.made = []  # when, the latest time of an ID, how many
        self.start()

    def run(self):
        with self.server.session(stop_at_error=False) as session:
            while not self.ended:
                session.send("SELECT extract(epoch FROM max(snowflake_timestamp(id))), count(*) "
                             "FROM (SELECT snowflake_next() AS id FROM generate_series(1, 100)) AS made")
                answer = session.receive()
                if len(answer) == 1 and "|" in answer[0]:
                    stamp, count = answer[0].split("|")
                    self.made.append((time.time(), float(stamp), int(count)))
                time.sleep(0.005)

    def end(self):
        self.ended = True
        self.join()
