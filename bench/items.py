"""What the instructions of one snowflake_next() are for."""

import collections
import os
import re
import shutil
import subprocess

import calls
from postgres import Failure

OURS = "snowflake_next()"
BASE = "pg_backend_pid()"

CLOCK = "reading the clock: clock_gettime() of the C library"
CALL = "reading the clock: the call, and what it returns as microseconds"
STANDS = "the last reading of the clock: whether it stands, by the processor's counter"
UNIT = "the clock's unit: epoch, range of the layout, first tick"
MARK = "the durable mark: its bound, as a limit"
LEAD = "the lead: as a limit"
SWAP = "the worker's word: later of next tick and clock, limit, compare-and-swap"
ID = "the ID of the tick"
PATH = "the path: is there a session, is it near the clock, ahead of it or behind"
MOVES = "fields of the session and registers, moved by the compiler"
ENTRY = "the entry by hand: registers kept, room for the clock's answer, the result, exit"
PGRX = "pgrx: entry, a frame that turns panics into errors, memory context"
BASE_ITSELF = "less pg_backend_pid() itself"
OTHER = "anything else"
# The first that matches says what an instruction is for. They are matched with the functions it was inlined through,
# the innermost first, as "function@file:line < ...".
RULES = [(item, re.compile(pattern)) for item, pattern in (
    (MOVES, r"^[^<]*@\S*:[?0](\s|$)"),
    (CALL, r"@clock\.rs:"),
    (STANDS, r"@(counter|reading)\.rs:|rdtsc|current_unit"),
    (UNIT, r"@divisor\.rs:|first_tick_within"),
    (PATH, r"@backend\.rs:"),
    (MARK, r"load_acquire|@(cmp|uint_macros)\.rs:\d+ < [^@]*@slot\.rs:"),
    (SWAP, r"@slot\.rs:"),
    (LEAD, r"@session\.rs:\d+ < [^@]*@session\.rs:"),
    (ID, r"@shape\.rs:"),
    (PATH, r"@session\.rs:"),
    (PGRX, r"@(panic|callconv|memcxt|memcx|error|fcinfo|non_null)\.rs:"),
    (ENTRY, r"."),
)]


def items(server, report, sizes):
    """The instructions of one call, under callgrind, by what they are for: of a build with line tables."""
    library = os.environ.get("PROFILED_LIBRARY")
    if not library:
        raise Failure("PROFILED_LIBRARY is not set: tools/profiled-library builds it, tools/bench does both")
    copy = server.directory / "snowflake_pg.so"
    shutil.copy(library, copy)
    copy.chmod(0o755)
    with calls.databases(server, "installed", "profiled"):
        with server.session("profiled") as session:
            session.query("SET allow_system_table_mods = on")
            session.query(f"UPDATE pg_proc SET probin = '{copy}' WHERE probin = '$libdir/snowflake_pg'")
        server.stop()
        arms = calls.only(OURS, BASE)
        low, high = sizes.short, sizes.long
        installed = calls.per_call(server, arms, low, high, "installed")
        installed = installed[OURS] - installed[BASE]
        notes = server.callgrind([arms[arm].statement(count) for arm in (OURS, BASE) for count in (low, low, high)],
                                 "profiled", {"shared_preload_libraries": copy, "snowflake_pg.mark_window": 60_000},
                                 ["--dump-instr=yes"])
        server.start()

    ours, base = (collections.Counter({place: cost / (high - low) for place, cost in
                                       subtracted(costs(longer), costs(shorter)).items()})
                  for shorter, longer in (notes[1:3], notes[4:6]))
    found = collections.Counter()
    frames = inlined(copy, [address for (file, _, address), count in ours.items() if file == str(copy) and count > 0.5])
    rest = subtracted(ours, base)
    for (file, function, address), count in rest.items():
        if address in frames and file == str(copy):
            found[next(item for item, rule in RULES if rule.search(frames[address]))] += count
        elif "clock_gettime" in function:
            found[CLOCK] += count
        elif function == "pg_backend_pid":
            found[BASE_ITSELF] += count
        else:
            found[OTHER] += count
    whole = sum(found.values())
    report.raw("instruction_items", dict(found))
    report.raw("instruction_frames", {f"{address:x}": frames[address] for address in sorted(frames)})
    for item, count in found.most_common():
        report.figure(f"  {item}", count, "instructions")
    report.figure(f"  together: instructions of {OURS} over {BASE}, with line tables", whole)
    report.figure("  away from what the installed build takes", abs(whole - installed), "instructions", most=3)


def subtracted(counts, others):
    """What is in the one and not in the other; may be negative."""
    return {key: counts.get(key, 0) - others.get(key, 0) for key in counts.keys() | others.keys()}


def costs(note):
    """The instructions at every address that callgrind noted, by file of the program, function and address."""
    counts, names = collections.Counter(), {}
    file = function = None
    address, of_a_call = 0, False
    for line in note.partition("\npositions: ")[2].splitlines()[1:]:
        if name := re.match(r"c?(ob|fn)=(\(\d+\))(?: (.*))?$", line):
            kind, number, text = name.groups()
            if text:  # the first time; later on, the number stands for it
                names[kind, number] = text
            if line.startswith("ob="):
                file = names[kind, number]
            elif line.startswith("fn="):
                function = names[kind, number]
        elif line.startswith("calls="):
            of_a_call = True
        elif cost := re.match(r"(0x[0-9a-f]+|[-+]\d+|\*)(?: \S+)? (\d+)$", line):
            place, count = cost.groups()
            if place.startswith("0x"):
                address = int(place, 16)
            elif place != "*":
                address += int(place)
            if not of_a_call:  # else what the function called took, which is noted there
                counts[file, function, address] += int(count)
            of_a_call = False
    return counts


def inlined(library, addresses):
    """For each address the functions that its instruction was inlined through, the innermost first."""
    output = subprocess.run(["addr2line", "-e", library, "-a", "-i", "-f", "-C", *map(hex, addresses)],
                            capture_output=True, text=True, check=True).stdout
    frames = {}
    for block in re.split(r"^0x", output, flags=re.M)[1:]:
        address, *lines = block.splitlines()
        frames[int(address, 16)] = " < ".join(f"{function}@{os.path.basename(place).split(' ')[0]}" for function, place
                                              in zip(lines[::2], lines[1::2], strict=True))
    return frames
