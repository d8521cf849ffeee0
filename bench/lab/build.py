# SPDX-License-Identifier: ISC
"""Builds percore, the yardsticks and the peers; says which peers cannot be had, and why."""
import os
import shutil
import subprocess
from pathlib import Path

from . import plan

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PERCORE_BUILD", TOP / "build"))
PEERS = BUILD / "bench" / "peers"
LONGEST_S = 1800  # a build; cargo waits for a lock as long as another holds it
CRATES = Path("/usr/share/cargo/registry")  # where Debian's librust-*-dev lie


class Missing(Exception):
    pass


def run(command, **how):
    try:
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=LONGEST_S, **how)
    except subprocess.TimeoutExpired as reason:
        raise Missing(f"{' '.join(map(str, command[:3]))}: not built within {LONGEST_S} s") from reason
    if done.returncode != 0:
        raise Missing(f"{' '.join(map(str, command[:3]))}: {done.stdout.strip()[-600:]}")
    return done.stdout


def newer(target, *sources):
    return target.exists() and all(target.stat().st_mtime >= s.stat().st_mtime for s in sources)


def need(tool, package):
    path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
    if not path:
        raise Missing(f"{tool} is missing; install {package}")
    return path


def percore():
    run([TOP / "deploy" / "build"])
    run(["make", "-C", BUILD, "bench"])
    libtool = BUILD / ".libs" / "percore"  # the program itself; build/percore is a script that finds its library
    os.environ["LD_LIBRARY_PATH"] = str(BUILD / ".libs")
    return libtool if libtool.exists() else BUILD / "percore"


def static_percore():
    """One static executable; None where it cannot be linked."""
    folder = BUILD / "bench" / "static"
    try:
        run([TOP / "deploy" / "build", "--enable-static-program", "CFLAGS=-O2"],
            env={**os.environ, "PERCORE_BUILD": str(folder)})
    except Missing:
        return None
    return folder / "percore"


def hyper():
    cargo = need("cargo", "cargo")
    if not list(CRATES.glob("hyper-0.14*")):
        raise Missing("hyper is missing; install librust-hyper-dev, librust-tokio-dev, librust-serde-json-dev, "
                      "librust-socket2-dev")
    source, folder = TOP / "bench" / "peers" / "hyper", PEERS / "hyper"
    program = folder / "target" / "release" / "peer-hyper"
    if not newer(program, source / "Cargo.toml", source / "src" / "main.rs"):
        shutil.copytree(source, folder, dirs_exist_ok=True)  # a copy, so that no lock file is left in the sources
        (folder / "Cargo.lock").unlink(missing_ok=True)
        run([cargo, "build", "--release", "--offline", "--config", 'source.crates-io.replace-with="debian"',
             "--config", f'source.debian.directory="{CRATES}"'], cwd=folder)
        program.touch()
    return program


def go():
    compiler = need("go", "golang-go")
    source, program = TOP / "bench" / "peers" / "go" / "main.go", PEERS / "go"
    if not newer(program, source):
        run([compiler, "build", "-ldflags", "-s -w", "-o", program, source],
            env={**os.environ, "GO111MODULE": "off", "GOCACHE": str(PEERS / "go-cache"), "GOFLAGS": ""})
    return program


def php():
    return need("php-fpm8.2", "php8.2-fpm")


def node():
    return need("node", "nodejs")


def plain():
    return BUILD / "bench" / "plain"


def everything(wanted, say):
    """Programs by app, of those wanted, and why the others are left out."""
    programs, left_out = {"percore": str(percore())}, {}
    PEERS.mkdir(parents=True, exist_ok=True)
    for app, build in (("article-hyper", hyper), ("hyper", hyper), ("go", go), ("php", php), ("node", node),
                       ("plain", plain)):
        if app not in wanted:
            continue
        say(f"building {app}")
        try:
            programs[app] = str(build())
        except Missing as reason:
            left_out[app] = str(reason)
    return programs, left_out


def stripped_bytes(program, folder):
    copy = Path(folder) / "stripped"
    shutil.copy(program, copy)
    subprocess.run(["strip", copy], check=False, stderr=subprocess.DEVNULL)
    return copy.stat().st_size


def libraries_bytes(program):
    """Of the shared libraries that it needs, and that are not the C library's."""
    total, names = 0, []
    for line in subprocess.run(["ldd", program], text=True, capture_output=True, check=False).stdout.splitlines():
        parts = line.split()
        if len(parts) > 2 and parts[2].startswith("/") and not parts[0].startswith(("libc.so", "libm.so", "ld-linux")):
            total += Path(parts[2]).stat().st_size
            names.append(parts[0])
    return total, names


def sizes(programs, folder, with_static):
    """Bytes of each executable, stripped; what it needs beside it."""
    found = {}
    for app, program in programs.items():
        libraries, names = libraries_bytes(program)
        found[app] = {"bytes": stripped_bytes(program, folder), "libraries_bytes": libraries, "libraries": names}
    static = static_percore() if with_static else None
    if static and static.exists():
        found["percore-static"] = {"bytes": stripped_bytes(static, folder), "libraries_bytes": 0, "libraries": []}
    return found


def first_line(command):
    try:
        done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=20)
        return (done.stdout + done.stderr).strip().splitlines()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return "?"


def versions(programs):
    found = {"percore": first_line([programs["percore"], "--version"]),
             "nginx": first_line(["nginx", "-v"]).removeprefix("nginx version: "),
             "lighttpd": first_line(["lighttpd", "-v"])}
    if set(plan.HYPER) & set(programs):
        crates = sorted(p.name for pattern in ("hyper-0*", "tokio-1*") for p in CRATES.glob(pattern))
        found["hyper"] = ", ".join(crates + [first_line(["rustc", "--version"])])
    for app, command in (("go", ["go", "version"]), ("php", ["php-fpm8.2", "-v"]), ("node", ["node", "--version"])):
        if app in programs:
            found[app] = first_line(command)
    return found
