# SPDX-License-Identifier: ISC
"""Starts a subject and its web server, asks it, counts what its processes cost, stops it.

Everything is on loopback.  A subject lives for one trial: Running(...) is a context manager.
"""
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from . import build, plan

DATA = b'{"street":"10 Downing Street","city":"Value: 99"}'
BARE_DATA = b'{"street":"10 Downing Street","city":"X"}'
FASTCGI = {"percore", "go", "plain", "php"}
KEEPS = {"percore", "go"}  # can be spoken to over kept connections without starving the others
# What percore does against overload is off: nobody else does it, and the ramp and the saturation overload on purpose.
PERCORE = ["--queue-target", "0", "--max-wait", "0"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def read(path):
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def children(pid):
    return [int(c) for task in Path(f"/proc/{pid}/task").glob("*") for c in read(task / "children").split()]


def tree(pids):
    found = []
    for pid in pids:
        found += [pid] + tree(children(pid))
    return found


def ended(process, seconds=3):
    """Waits for it; what does not leave in time is killed, with its children, and named."""
    try:
        process.wait(seconds)
        return
    except subprocess.TimeoutExpired:
        print(f"killed, since no signal ended it within {seconds} s: {' '.join(map(str, process.args))}",
              file=sys.stderr)
    for pid in reversed(tree([process.pid])):
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        print(f"not even SIGKILL ended it: {process.pid}", file=sys.stderr)


def cpu_ns(pids):
    """Of all their threads."""
    return sum(int(read(f).split()[0] or 0) for pid in pids for f in Path(f"/proc/{pid}/task").glob("*/schedstat")
               if read(f))


def private_kib(pid):
    return sum(int(n) for n in re.findall(r"^Private_(?:Clean|Dirty): *(\d+)", read(f"/proc/{pid}/smaps_rollup"), re.M))


def record(kind, content):
    return bytes([1, kind, 0, 1, len(content) >> 8, len(content) & 255, 0, 0]) + content


def fastcgi_request(script, keep=False):
    def text(value):
        return len(value).to_bytes(1) if len(value) < 128 else (len(value) | 1 << 31).to_bytes(4)
    params = b""
    for name, value in ((b"REQUEST_METHOD", b"GET"), (b"REQUEST_URI", b"/data"), (b"SCRIPT_FILENAME", script),
                        (b"QUERY_STRING", b""), (b"SCRIPT_NAME", b"/data"), (b"SERVER_PROTOCOL", b"HTTP/1.1"),
                        (b"REMOTE_ADDR", b"127.0.0.1"), (b"HTTP_HOST", b"localhost")):
        params += text(name) + text(value) + name + value
    return record(1, bytes([0, 1, keep, 0, 0, 0, 0, 0])) + record(4, params) + record(4, b"") + record(5, b"")


HTTP_REQUEST = b"GET /data HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Running:
    """One subject, started; .url is where it answers."""

    def __init__(self, subject, programs, folder, group=None, edit=None, work=plan.WORK):
        self.edit = edit or (lambda text: text)  # of the web server's configuration, as it lies in the repository
        self.work = work  # rounds of formatting, where the subject can be told
        self.group = group  # the cgroup that the application, and nothing else, runs in
        self.subject, self.program, self.folder = subject, programs[subject.app], Path(folder)
        self.started, self.app_pids, self.web_pids = [], [], []
        self.listening = None
        self.port = free_port()
        self.socket = str(self.folder / f"{subject.name}.sock")

    def __enter__(self):
        try:
            self.begin = time.monotonic_ns()
            self.start_app()
            self.first_answer_ns = self.await_answer() - self.begin
            self.start_front()
            return self
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    # ---- The application.

    def spawn(self, *command, **how):
        with open(self.folder / "stderr", "a", encoding="utf-8") as errors:
            process = subprocess.Popen([str(c) for c in command], stdout=errors, stderr=errors,
                                       process_group=0,  # Ctrl-C is for bench/experiment, which stops them
                                       **{"stdin": subprocess.DEVNULL, **how})
        self.started.append(process)
        return process.pid

    def spawn_app(self, *command, **how):
        self.app_pids.append(self.spawn(*(self.group.begin(command) if self.group else command), **how))

    def listen(self):
        Path(self.socket).unlink(missing_ok=True)
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(self.socket)
        os.chmod(self.socket, 0o666)
        self.listening.listen(4096)

    def start_app(self):
        subject, n = self.subject, self.subject.workers
        if subject.app in ("percore", "go", "plain"):
            self.listen()
            self.begin = time.monotonic_ns()
        if subject.app == "percore":
            command = [self.program, "--workers", n, *PERCORE]
            command += ["--work-wait", subject.wait_us] if subject.wait else []
            command += ["--work", self.work] if self.work != plan.WORK else []
            self.spawn_app(*command, stdin=self.listening,  # with the library that lies beside it: another build's, too
                           env={**os.environ, "LD_LIBRARY_PATH": str(Path(self.program).parent)})
        elif subject.app == "plain":
            for _ in range(n):
                self.spawn_app(self.program, stdin=self.listening)
        elif subject.app == "go":
            self.spawn_app(self.program, subject.wait_us, stdin=self.listening,
                           env={**os.environ, "GOMAXPROCS": str(n)})
        elif subject.app in plan.HYPER:
            variant = "article" if subject.app == "article-hyper" else "tuned"
            self.spawn_app(self.program, variant, self.port, n, subject.wait_us, self.work)
        elif subject.app == "node":
            script = build.TOP / "bench" / "peers" / "node" / "data.js"
            self.spawn_app(self.program, script, self.port, n)
        else:
            self.start_php(n)

    def start_php(self, workers):
        shutil.copy(build.TOP / "bench" / "peers" / "php" / "data.php", self.folder / "data.php")
        conf = self.folder / "fpm.conf"
        user = "user = root" if os.geteuid() == 0 else ""
        conf.write_text(f"[global]\ndaemonize = no\nerror_log = {self.folder}/fpm.log\n[www]\n{user}\n"
                        f"listen = {self.socket}\nlisten.mode = 0666\nlisten.backlog = 4096\npm = static\n"
                        f"pm.max_children = {workers}\n")
        Path(self.socket).unlink(missing_ok=True)
        self.spawn_app(self.program, "-R", "-F", "-y", conf)

    def await_answer(self):
        """Asks the application itself until it answers; returns when."""
        request = (fastcgi_request(str(self.folder / "data.php").encode()) if self.subject.app in FASTCGI
                   else HTTP_REQUEST)
        end = time.monotonic() + 15
        while time.monotonic() < end:
            try:
                if (DATA if self.work else BARE_DATA) in self.ask(request):
                    return time.monotonic_ns()
            except OSError:
                pass
            time.sleep(0.0005)
        raise build.Missing(f"{self.subject.name} does not answer: {read(self.folder / 'stderr')[-300:]}")

    def ask(self, request):
        unix = self.subject.app in FASTCGI
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as connection:
            connection.settimeout(10)
            connection.connect(self.socket if unix else ("127.0.0.1", self.port))
            connection.sendall(request)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        return answer

    # ---- The web server.

    def start_front(self):
        if self.subject.front == "direct":
            self.url = f"http://127.0.0.1:{self.port}/data"
            return
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/data"
        if self.subject.front == "nginx":
            conf = self.folder / "nginx.conf"
            conf.write_text(self.nginx_conf(port))
            self.web_pids = [self.spawn("nginx", "-c", conf, "-e", self.folder / "nginx.log")]
        else:
            conf = self.folder / "lighttpd.conf"
            conf.write_text(self.edit((build.TOP / "lighttpd.conf").read_text()))
            self.web_pids = [self.spawn("lighttpd", "-D", "-f", conf,
                                        env={**os.environ, "PERCORE_SOCKET": self.socket, "PERCORE_PORT": str(port)})]
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    return
            except OSError:
                time.sleep(0.01)
        raise build.Missing(f"{self.subject.front} does not start: {read(self.folder / 'nginx.log')[-300:]}")

    def nginx_conf(self, port):
        conf = self.edit((build.TOP / "deploy" / "nginx.conf").read_text())
        conf = conf.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
        if self.subject.app in FASTCGI:
            conf = conf.replace("unix:/run/percore.sock", f"unix:{self.socket}")
        else:
            conf = conf.replace("unix:/run/percore.sock", f"127.0.0.1:{self.port}")
            conf = re.sub(r"\s*#.*\n", "\n", conf) # what is written in two lines would end a comment
            conf = re.sub(r".*fastcgi_(param|keep_conn).*\n", "", conf)
            conf = conf.replace("fastcgi_pass percore;", 'proxy_http_version 1.1; proxy_set_header Connection "";\n'
                                "\t\tproxy_pass http://percore;")
        if self.subject.app in FASTCGI - KEEPS:
            conf = re.sub(r".*(keepalive \d+|fastcgi_keep_conn).*\n", "", conf)
        if self.subject.app == "go":  # it refuses a request that does not name its protocol
            conf = self.with_parameter(conf, "SERVER_PROTOCOL $server_protocol")
        if self.subject.app == "php":
            conf = self.with_parameter(conf, f"SCRIPT_FILENAME {self.folder}/data.php")
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind}; " for kind in
                            ("client_body", "fastcgi", "proxy", "uwsgi", "scgi"))
        user = "user root; " if os.geteuid() == 0 else ""
        return (f"daemon off; pid {self.folder}/nginx.pid; error_log {self.folder}/nginx.log; {user}"
                "worker_processes auto;\nevents { worker_connections 4096; }\n"
                f"http {{ access_log off; {temporary}keepalive_requests 1000000000;\n{conf}}}\n")

    @staticmethod
    def with_parameter(conf, parameter):
        """One more, beside the others: nginx inherits all or none."""
        first = "fastcgi_param REQUEST_METHOD $request_method;"
        if first not in conf:
            raise build.Missing("deploy/nginx.conf passes no REQUEST_METHOD")
        return conf.replace(first, f"{first} fastcgi_param {parameter};", 1)

    # ---- What it costs.

    def app_tree(self):
        return tree(self.app_pids)

    def cpu(self):
        """Nanoseconds of the application and of the web server so far."""
        return cpu_ns(self.app_tree()), cpu_ns(tree(self.web_pids))

    def memory(self):
        """KiB of its own: of a worker (the median; a thread's share where workers are threads), and of everything."""
        pids = self.app_tree()
        total = sum(private_kib(p) for p in pids)
        if self.subject.app in (*plan.HYPER, "go"):
            return total / self.subject.workers, total
        named = [p for p in pids if read(f"/proc/{p}/comm").strip() == "percore-worker"]  # not its helpers
        workers = sorted(private_kib(p) for p in named or [p for p in pids if not children(p)])
        return workers[len(workers) // 2], total

    def stop(self):
        for process in self.started:
            if process.poll() is None:
                process.terminate()
        for process in self.started:
            ended(process)
        self.started = []
        if self.listening:
            self.listening.close()
        Path(self.socket).unlink(missing_ok=True)
