# SPDX-License-Identifier: ISC
"""Variants of deploy/nginx.conf and lighttpd.conf, each one step away from what is there.

Every line that can be left out is left out once, found by reading the file, so that a new line is a new variant; then
come lines that could be added.  A variant tells what a user loses by it; a step that finds nothing to change fails.
"""
import re
from dataclasses import dataclass, field

# What cannot be left out: without it nothing is answered, or another port is.
NEEDED = re.compile(r"\s*(server unix:|listen |fastcgi_pass |allow |deny |fastcgi_param REQUEST_(METHOD|URI) )")
# What a user loses; of a line that is not named here we do not know, so it counts as a loss.
LOSSES = [
    ("client_max_body_size", "bodies over 1 MiB"),
    ("QUERY_STRING", "queries"),
    ("CONTENT_TYPE", "the body's type"),
    ("CONTENT_LENGTH", "bodies"),
    ("REMOTE_ADDR", "the client's address: limits by client, logs"),
    ("HTTPS", "whether it came by TLS"),
    ("PERCORE_START", "the time waited before percore: --queue-target sees less"),
    ("max-request-size", "a limit of its own for bodies"),
]
NOTHING = ""


class Stale(Exception):
    pass


@dataclass(frozen=True)
class Step:
    """Takes out what matches, puts lines in behind the first line that matches `behind`."""
    out: tuple = ()
    put: str = ""
    behind: str = ""

    def __call__(self, text):
        for pattern in self.out:
            changed = re.sub(pattern, "", text, flags=re.M)
            if changed == text:
                raise Stale(f"nothing to leave out: {pattern}")
            text = changed
        if self.put:
            changed = re.sub(self.behind, lambda m: m.group(0) + self.put + "\n", text, count=1, flags=re.M)
            if changed == text:
                raise Stale(f"nowhere to put: {self.put}")
            text = changed
        return text


@dataclass(frozen=True)
class Variant:
    front: str
    name: str
    steps: tuple = field(default=())
    loses: str = NOTHING
    gains: bool = False     # it is there to tell what a wish costs, not to save

    def edit(self, text):
        for step in self.steps:
            text = step(text)
        return text


def loss_of(line):
    return next((loss for word, loss in LOSSES if word in line), "not known")


def without_each(front, text, pattern, skip):
    """A variant for each line of its own that matches."""
    for found in re.finditer(pattern, text, re.M):
        line = found.group(0)
        if not NEEDED.match(line) and not re.search(skip, line):
            short = re.sub(r"\s*#.*|;| if_not_empty", "", line).strip()
            yield Variant(front, f"without {short}", (Step((f"^{re.escape(line)}\n",)),), loss_of(line))


def nginx(text):
    def added(line, name="", loses=NOTHING, gains=False):
        return Variant("nginx", name or f"with {line.rstrip(';')}", (Step((), "\t" + line, r"^\tlisten .*\n"),), loses,
                       gains)
    here = r"^\tlocation = /(?:metrics|status) \{\n(?:.*\n)*?\t\}\n"
    yield from without_each("nginx", text, r"^\t[a-z_]+ [^{}#\n]*;.*$", "keepalive|keep_conn")
    yield Variant("nginx", "without kept connections",
                  (Step((r"^\s*keepalive \d+;.*\n", r"^\s*fastcgi_keep_conn on;.*\n")),), gains=True)
    yield Variant("nginx", "without the locations for this machine only", (Step((here,)),),
                  "a closed /metrics, /status")
    yield Variant("nginx", "nginx's own fastcgi_params instead",
                  (Step((r"^\tfastcgi_param .*\n",), "\tinclude /etc/nginx/fastcgi_params;", r"^\tlisten .*\n"),),
                  "the time waited before percore")
    yield Variant("nginx", "with a log, percore's request id in it", (log_with_id(),), gains=True)
    yield added("access_log /dev/null combined;", "with a log as nginx comes", gains=True)
    yield added("fastcgi_pass_request_headers off;", loses="the client's headers")
    yield added("fastcgi_pass_request_body off;", loses="bodies")
    yield added("fastcgi_buffering off;", loses="a worker's freedom from slow clients")
    yield added("fastcgi_buffers 4 4k;", loses="room in memory for answers over 16 KiB")
    yield added("fastcgi_buffer_size 1k;", loses="answers with longer headers")
    yield added("fastcgi_max_temp_file_size 0;", loses="room on disk for long answers to slow clients")
    yield added("fastcgi_next_upstream off;", loses="another try where a kept connection had ended")
    yield added("fastcgi_ignore_client_abort on;", loses="percore's knowing that a client hung up")
    yield added("server_tokens off;")
    yield added("tcp_nodelay off;", loses="latency of long answers")


def log_with_id():
    form = ("'$remote_addr [$time_iso8601] \"$request\" $status $request_time $sent_http_x_request_id'")
    return lambda text: Step((), "\taccess_log /dev/null percore;", r"^\tlisten .*\n")(
        f"log_format percore {form};\n" + text)


def lighttpd(text):
    def added(line, loses=NOTHING):
        return Variant("lighttpd", f"with {line}", (Step((), line, r"^server\.port .*\n"),), loses)
    only_here = r'^\$HTTP\["url"\] =~ "\^/\(metrics(?:.*\n)*?\}\n'
    yield from without_each("lighttpd", text, r"^server\.[a-z.-]+ = .*$", r"modules|document-root|bind|server\.port")
    yield Variant("lighttpd", "without the condition for this machine only",
                  (Step((only_here, r'"mod_access", ')),), "a closed /metrics, /status")
    yield added('server.max-keep-alive-requests = 100000')
    yield added('server.stream-response-body = 1', "a worker's freedom from slow clients")
    yield added('server.tag = ""')
    yield added('server.network-backend = "writev"')
    yield added('server.range-requests = "disable"')
    yield added('etag.use-inode = "disable"')


def all_of(front, text):
    """As it is, twice: between the two is what the noise makes of nothing; then each step; then all that are free,
    where they are several."""
    found = list({"nginx": nginx, "lighttpd": lighttpd}[front](text))
    free = [v for v in found if v.loses == NOTHING and not v.gains]
    together = [Variant(front, "all that lose nothing", tuple(s for v in free for s in v.steps))]
    return [Variant(front, "as it is"), Variant(front, "as it is, again"), *found, *together[:len(free) > 1]]
