# SPDX-License-Identifier: ISC
"""This tree's program against another build's, in turns: medians of both, and the ratio within each round.

What bench/overhead --before and bench/reliability --before run.  Both programs meet the same load generator and the
same web server's configuration; which comes first changes from round to round.
"""
import argparse
import dataclasses
import datetime
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from . import build, plan, stats, subjects, trials

SIDES = ("before", "after")


# ---- Connections that idle.

class Idle:
    """So many kept connections to a FastCGI socket: each is asked once, then left alone."""
    AT_ONCE = 64

    def __init__(self, path, count):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < count + 256:
            raise build.Missing(f"{count} connections need more descriptors than {hard}; see ulimit -n")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 256), hard))
        self.connections = []
        try:
            for begin in range(0, count, self.AT_ONCE):
                self.add(path, min(self.AT_ONCE, count - begin))
        except BaseException:
            self.close()
            raise

    def add(self, path, count):
        new = [socket.socket(socket.AF_UNIX) for _ in range(count)]
        self.connections += new
        for connection in new:
            connection.settimeout(10)
            connection.connect(path)
            connection.sendall(subjects.fastcgi_request(b"", keep=True))
        for connection in new:
            self.read_answer(connection)

    @staticmethod
    def read_answer(connection):
        with connection.makefile("rb") as records:
            while head := records.read(8):
                records.read(int.from_bytes(head[4:6], "big") + head[6])
                if head[1] == 3:  # the request's end
                    return
        raise trials.Failed("a connection that was to be kept ended")

    def still_open(self):
        count = 0
        for connection in self.connections:
            connection.setblocking(False)
            try:
                count += connection.recv(1) != b""
            except BlockingIOError:
                count += 1
            except OSError:
                pass
        return count

    def close(self):
        for connection in self.connections:
            connection.close()


# ---- What is measured: each returns {row: figure}, and what else was seen.

def size_of(chosen):
    return dataclasses.replace(plan.SIZES["quick"], saturation_s=chosen.seconds, wait_s=2.5 * chosen.seconds,
                               wait_loads=[0.8])


def cpu(front, title):
    def measured(running, load, chosen):
        seen = trials.saturation(load, size_of(chosen))
        return {f"CPU a request {title}, us": seen["app_us"],
                f"the same of {running.subject.front}, us": seen["web_us"]}, seen
    return plan.Subject("percore", trials.CORES, front), measured


def p99_at_80(running, load, chosen):
    capacity_per_s = running.subject.workers * 1e6 / (running.subject.wait_us + 70)
    seen = trials.loads(load, size_of(chosen), capacity_per_s)["runs"][0]
    return {f"p99 at 80 % of capacity ({seen['rate_per_s']:,}/s), ms": seen["p99_ns"] / 1e6}, seen


def reload(idle):
    def measured(running, load, chosen):
        def tell():
            while not over.wait(0.5):
                os.kill(running.app_pids[0], signal.SIGHUP)
        over, teller = threading.Event(), threading.Thread(target=tell)
        connections = Idle(running.socket, idle)
        try:
            teller.start()
            seen = load.measure_valid(3, trials.open_model(running.subject, chosen.rate, chosen.seconds))
        finally:
            over.set()
            teller.join()
            lost = idle - connections.still_open()
            connections.close()
        kept = f", {idle:,} idle connections" if idle else ""
        return {f"p99, reloads at {chosen.rate:,.0f}/s{kept}, ms": seen["p99_ns"] / 1e6}, {**seen, "lost": lost}
    return measured


def trials_of(chosen):
    """(subject, how it is measured)."""
    waiting = plan.Subject("percore", 4, "nginx", True)
    if chosen.what == "overhead":
        return [cpu("nginx", "behind nginx, connections kept"), cpu("lighttpd", "behind lighttpd"),
                (waiting, p99_at_80)]
    return [(waiting, reload(idle)) for idle in sorted({0, chosen.idle})]


# ---- In turns.

def measure_all(chosen, programs, rows, doubts):
    """Fills rows: {row: {side: {round: figure}}}, and doubts: {side: {what: how often}}."""
    for number in range(1, chosen.rounds + 1):
        for subject, measured in trials_of(chosen):
            for side in SIDES if number % 2 else SIDES[::-1]:
                print(f"round {number} of {chosen.rounds}: {subject.name}, {side}", file=sys.stderr)
                with tempfile.TemporaryDirectory(prefix="percore-") as folder:
                    os.chmod(folder, 0o755)
                    with subjects.Running(subject, {"percore": programs[side]}, folder) as running:
                        load = trials.Load(running, folder)
                        load.warm()
                        figures, seen = measured(running, load, chosen)
                for row, figure in figures.items():
                    rows.setdefault(row, {s: {} for s in SIDES})[side][number] = figure
                for what, count in (("runs disturbed", not seen["valid"]), ("requests failed", seen["errors"]),
                                    ("idle connections closed", seen.get("lost", 0))):
                    doubts[side][what] = doubts[side].get(what, 0) + count


def tell(rows, doubts):
    print(f"\n{'medians':60} {'before':>9} {'after':>9}   after / before, 95 % interval")
    for row, sides in rows.items():
        both = sides["before"].keys() & sides["after"].keys()
        if not both:
            continue
        ratios = [sides["after"][n] / sides["before"][n] for n in sorted(both)]
        low, high = stats.interval(ratios)
        middle = [stats.median(sides[side].values()) for side in SIDES]
        print(f"{row:60} {middle[0]:9.2f} {middle[1]:9.2f}   {stats.median(ratios):.2f}  ({low:.2f} to {high:.2f})")
    for side in SIDES:
        told = ", ".join(f"{count} {what}" for what, count in doubts[side].items() if count)
        if told:
            print(f"{side}: {told}")


def program_in(folder):
    """The program itself where libtool's script stands for it."""
    for path in (folder / ".libs" / "percore", folder / "percore", folder):
        if path.is_file():
            return str(path.resolve())
    sys.exit(f"no percore in {folder}")


def about(program, folder):
    commit = subprocess.run(["git", "-C", folder, "describe", "--always", "--dirty"], text=True, capture_output=True,
                            check=False).stdout.strip()
    os.environ["LD_LIBRARY_PATH"] = str(Path(program).parent)
    return f"{build.first_line([program, '--version'])} at {commit or folder}"


def stop(_number, _frame):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("what", choices=["overhead", "reload"])
    parser.add_argument("folder", type=Path, help="where the other build's program lies")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of a trial")
    parser.add_argument("--rate", type=float, default=800, help="requests/s amid reloads (800)")
    parser.add_argument("--idle", type=int, default=5000, help="kept connections that idle amid reloads (5000)")
    return parser.parse_args()


def main():
    chosen = options()
    programs = {"before": program_in(chosen.folder.resolve()), "after": str(build.percore())}
    print(f"{datetime.date.today()}, Linux {os.uname().release}, {trials.CORES} cores, load average before "
          f"{os.getloadavg()[0]:.2f}, {chosen.rounds} rounds of {chosen.seconds:g} s")
    for side, folder in zip(SIDES, (chosen.folder, build.TOP)):
        print(f"{side + ':':8}{about(programs[side], folder if folder.is_dir() else folder.parent)}")
    rows, doubts, status = {}, {side: {} for side in SIDES}, 0
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        measure_all(chosen, programs, rows, doubts)
    except KeyboardInterrupt:
        status = 130
    except (trials.Failed, build.Missing) as reason:
        print(f"failed: {reason}", file=sys.stderr)
        status = 1
    tell(rows, doubts)
    return status


if __name__ == "__main__":
    sys.exit(main())
