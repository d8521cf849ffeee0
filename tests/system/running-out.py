#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Lets each allocation, read, write, open ... that a request costs fail in turn (failing.c), once and from then on, and looks
at what the client gets: the true answer, or a problem document of percore's; then the next requests get true ones.

running-out.py SOCKET ORDER PARENT ROLE: the service's socket; failing.c's file; the pid above ROLE (worker, master).
Prints what failed of how many, and how it was answered; exit status 1: a wrong answer.
"""
import collections
import json
import mmap
import os
import signal
import socket
import struct
import sys
import time

KINDS = ["memory", "mapping", "open", "read", "write", "socket", "receive", "send", "accept", "fork"]
# Where the connection itself fails the client sees it closed: there is no way left to answer.
CONNECTION = {"receive", "send", "accept"}
MOST = int(os.environ.get("FAILING_MOST") or "40")  # of a kind and request: spread over all

path, order_file, parent = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(order_file, "r+b") as file:
    order = mmap.mmap(file.fileno(), 4096)


AFTER = (0, b"")  # closed after a good answer, as a web server expects of a kept connection


def arm(pid, kind=0, nth=0, for_ever=False):
    order[0:4] = struct.pack("i", 0)
    order[4:120] = struct.pack("iii", kind, for_ever, 0) + struct.pack("q", nth) + bytes(96)
    order[0:4] = struct.pack("i", pid)


def disarm():
    order[0:4] = struct.pack("i", 0)


def counts():
    return struct.unpack("10q", order[24:104])


def failed():
    return struct.unpack("q", order[104:112])[0]


def children(pid, name):
    found = []
    for child in open(f"/proc/{pid}/task/{pid}/children").read().split():
        try:
            with open(f"/proc/{child}/stat") as stat:
                text = stat.read()
        except OSError:
            continue
        if text[text.index("(") + 1:text.rindex(")")] == name and text[text.rindex(")") + 2] not in "ZX":
            found.append(int(child))
    return found


def master():
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = children(parent, "percore-master")
        if len(found) == 1:
            return found[0]
        time.sleep(0.01)
    sys.exit("there is no master")


def worker():
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = children(master(), "percore-worker")
        if len(found) == 1:
            return found[0]
        time.sleep(0.01)
    sys.exit("there is no worker")


def record(kind, body, request=1):
    return struct.pack("!BBHHBB", 1, kind, request, len(body), 0, 0) + body


def pair(name, value):
    name, value = name.encode(), value.encode()
    return struct.pack("!BB", len(name), len(value)) + name + value


def request_bytes(method, uri, body, kind, keep):
    params = pair("REQUEST_METHOD", method) + pair("REQUEST_URI", uri) + pair("CONTENT_LENGTH", str(len(body)))
    if kind:
        params += pair("CONTENT_TYPE", kind)
    stream = record(1, struct.pack("!HB5x", 1, keep)) + record(4, params) + record(4, b"")
    for at in range(0, len(body), 60000):
        stream += record(5, body[at:at + 60000])
    return stream + record(5, b"")


def exchange(s, stream):
    """(status, body), or None where the connection was closed without an answer that is whole."""
    try:
        s.sendall(stream)
    except (BrokenPipeError, ConnectionResetError):
        pass  # an answer may be there all the same
    out = answer = b""
    while True:
        while len(answer) >= 8:
            _, what, _, length, padding, _ = struct.unpack("!BBHHBB", answer[:8])
            if len(answer) < 8 + length + padding:
                break
            content, answer = answer[8:8 + length], answer[8 + length + padding:]
            if what == 6:
                out += content
            elif what == 3:
                head, _, rest = out.partition(b"\r\n\r\n")
                status = 200
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"status:"):
                        status = int(line.split()[1])
                return status, rest
        try:
            got = s.recv(1 << 16)
        except ConnectionResetError:
            return None
        if not got:
            return None
        answer += got


def is_over(s):
    """Nobody keeps a connection open that nobody asked to."""
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def ask(method, uri, body=b"", kind="", keep=False, timeout=20):
    """Where the connection is kept: also what a second request on it gets, if the first got something good."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        s.connect(path)
        got = exchange(s, request_bytes(method, uri, body, kind, keep))
        if keep and got and got[0] < 400:
            return exchange(s, request_bytes(method, uri, body, kind, keep)) or AFTER
        if got and not keep and not is_over(s):
            raise Wrong("more than an answer")
        return got


class Wrong(Exception):
    pass


def is_problem(body, status):
    try:
        problem = json.loads(body)
    except ValueError:
        return False
    return problem.get("status") == status and problem.get("type") == "about:blank" and "request_id" in problem


def check(request, kind, got):
    """The word for how it went."""
    if got is None:
        if kind in CONNECTION:
            return "closed"
        raise Wrong("closed without an answer")
    if got == AFTER:
        return "closed after an answer"
    status, body = got
    if request.is_true(status, body):
        return "true"
    if kind in CONNECTION and status == 400 and is_problem(body, 400):
        return "400"  # the body broke off
    if status in (500, 503) and is_problem(body, status):
        return str(status)
    raise Wrong(f"{status} {body[:200]!r}")


class Request:
    def __init__(self, name, method, uri, body=b"", kind="", keep=False, is_true=None):
        self.name, self.arguments, self.is_true = name, (method, uri, body, kind, keep), is_true

    def ask(self):
        return ask(*self.arguments)


def same(expected):
    return lambda status, body: status == 200 and body == expected


def shape(value):
    """The names in it, and where something is null; what cannot be looked at is null, as a worker's memory."""
    if isinstance(value, dict):
        return {name: name == "memory_bytes" or shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return value is None


def is_status(status, body):
    return status == 200 and shape(json.loads(body)) == shape(json.loads(first_status))


def is_job(status, body):
    return status == 202 and set(json.loads(body)) == {"id", "location"}


big = os.urandom(300000)
requests = {
    "percore": [
        Request("GET /data", "GET", "/data", is_true=same(b'{"street":"10 Downing Street","city":"Value: 99"}')),
        Request("GET /data, kept", "GET", "/data", keep=True,
                is_true=same(b'{"street":"10 Downing Street","city":"Value: 99"}')),
        Request("POST /echo", "POST", "/echo", b"abc", is_true=same(b"abc")),
        Request("POST /echo, 300 kB", "POST", "/echo", big, is_true=same(big)),
        Request("GET /addresses/Rome", "GET", "/addresses/Rome", is_true=same(b'{"street":"Via Appia"}')),
        Request("POST /render", "POST", "/render", b'{"rounds":1}', "application/json", is_true=is_job),
        Request("GET /status", "GET", "/status",
                is_true=is_status),
        Request("GET /metrics", "GET", "/metrics",
                is_true=lambda status, body: status == 200 and b"percore_generation 1" in body),
        Request("GET /no", "GET", "/no", is_true=lambda status, body: status == 404 and is_problem(body, 404)),
    ],
    "json": [
        Request("POST /json", "POST", "/json", b'{"a":[1,2.5,"x",null,{"b":true}],"c":"' + b"y" * 3000 + b'"}',
                "application/json", is_true=lambda status, body: status == 200 and json.loads(body) == {
                    "type": "object", "document": {"a": [1, 2.5, "x", None, {"b": True}], "c": "y" * 3000}}),
    ],
}

total, wrong = collections.Counter(), 0


def settle(request):
    """Serves again, often enough that the next death is not one of a worker that dies at once."""
    disarm()
    until = time.monotonic() + 10
    for n in range(12):
        got = request.ask()
        # A store that could not be reached is asked again later; a worker that cannot reach its master leaves.
        while got and got[0] in (503, 0) and time.monotonic() < until:
            time.sleep(0.05)
            got = request.ask()
        if got is None or not request.is_true(*got):
            raise Wrong(f"request {n} after it: {got}")


for n in range(20):  # every series is there
    for request in requests[sys.argv[4]]:
        request.ask()
ask("GET", "/nowhere")
if sys.argv[4] == "percore":
    os.kill(worker(), signal.SIGKILL)  # it is told how the one before ended
    time.sleep(1.5)  # the task has run, and is not running
    ask("GET", "/data")
    first_status = ask("GET", "/status")[1]


def spread(count, most):
    return range(1, count + 1) if count <= most else [1 + n * (count - 1) // (most - 1) for n in range(most)]


def try_one(where, action):
    global wrong
    try:
        action()
    except (Wrong, TimeoutError, json.JSONDecodeError, KeyError) as e:
        wrong += 1
        print(f"{where}: {e!r}")
        disarm()


def try_requests():
    """Calls of the worker."""
    for request in requests[sys.argv[4]]:
        settle(request)
        arm(worker())
        request.ask()
        time.sleep(0.01)
        calls = counts()
        disarm()
        for kind, count in enumerate(calls):
            if KINDS[kind] == "accept" and request.name not in ("GET /data", "GET /data, kept"):
                continue  # a second each, and of no request
            for nth in spread(count, MOST):
                # Nobody answers who is not accepted; and the jobs' process is given up after seconds.
                once = KINDS[kind] == "accept" or (request.name == "POST /render" and KINDS[kind] in ("socket", "send") and nth > 1)
                for for_ever in (False,) if once else (False, True):

                    def action():
                        arm(worker(), kind, nth, for_ever)
                        got = request.ask()
                        if failed() > 0:
                            total[check(request, KINDS[kind], got)] += 1
                        settle(request)

                    try_one(f"{request.name}: {KINDS[kind]} {nth} of {count}{' and all after it' if for_ever else ''}", action)


def replace_worker():
    """What the master does for a worker that is killed."""
    before = worker()
    os.kill(before, signal.SIGKILL)
    until = time.monotonic() + 20
    while before in children(master(), "percore-worker") and time.monotonic() < until:
        time.sleep(0.01)
    worker()


def next_generation():
    """What the supervisor does for a reload; the one before may also serve on."""
    os.kill(parent, signal.SIGHUP)
    time.sleep(0.3)


def try_house(name, who, event):
    """Calls of the processes that serve nothing themselves: whatever fails, the service goes on."""
    request = requests[sys.argv[4]][0]
    settle(request)
    arm(who())
    event()
    calls = counts()
    disarm()
    for kind, count in enumerate(calls):
        for nth in spread(count, 8):

            def action():
                settle(request)
                arm(who(), kind, nth)
                event()
                total["house"] += failed() > 0
                settle(request)

            try_one(f"{name}: {KINDS[kind]} {nth} of {count}", action)


try_requests()
if sys.argv[4] == "percore":
    try_house("the master replaces a worker", master, replace_worker)
    try_house("the supervisor reloads", lambda: parent, next_generation)
print(f"{sum(total.values())} calls failed: " + ", ".join(f"{n} {word}" for word, n in sorted(total.items())))
sys.exit(wrong > 0)
