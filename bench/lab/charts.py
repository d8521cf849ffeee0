# SPDX-License-Identifier: ISC
"""Charts by gnuplot, as SVG: colours by what is shown, dashes and points beside them for those who see no colour.

In a page the colours become the page's (CSS variables --ink, --grid, --c0...), so that they follow dark and light.
"""
import re
import shutil
import subprocess

WIDTH, HEIGHT = 600, 400
INK, GRID = "#333333", "#dadada"
COLOURS = {"percore": "#1f6fd1", "article-hyper": "#d1490c", "hyper": "#7a4a2b", "go": "#12805c", "php": "#8a3fb0",
           "node": "#a87600", "plain": "#6b6b6b", "limit": "#c2185b"}
DARK = {"percore": "#6cb0ff", "article-hyper": "#ff9257", "hyper": "#c9a186", "go": "#4fd1a1", "php": "#d09bf0",
        "node": "#e9c04b", "plain": "#b0b0b0", "limit": "#ff7aa8"}
DASHES = ["solid", "(9,5)", "(2,4)", "(12,4,2,4)", "(5,3)", "(14,6)"]
POINTS = [7, 5, 9, 13, 6, 4, 8, 12]


def available():
    return shutil.which("gnuplot") is not None


def quoted(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', "'") + '"'


def line(name, points, app, style=0, point=None, plain=False, line_too=True):
    """One series; points are (x, y, what to say of it)."""
    return {"name": name, "points": points, "app": app, "style": style, "point": style if point is None else point,
            "plain": plain, "line": line_too}


def script(series, options, size):
    width, height = size
    head = [f'set terminal svg size {width},{height} dynamic enhanced font "sans-serif,14" background rgb "white"',
            f'set border 3 lc rgb "{INK}"', f'set tics nomirror textcolor rgb "{INK}"', "set tics out scale 0.5",
            f'set grid lc rgb "{GRID}" lw 0.7 dt 1, lc rgb "{GRID}" lw 0.7 dt 1',
            f'set key above left Left reverse horizontal samplen 3 textcolor rgb "{INK}" font ",13" noenhanced',
            f'set xlabel textcolor rgb "{INK}"', f'set ylabel textcolor rgb "{INK}"', "set encoding utf8",
            'set decimalsign "."', *options]
    plots = []
    for number, one in enumerate(series):
        rows = "\n".join(f"{x} {y} {quoted(said)}" for x, y, said in one["points"])
        head.append(f"$d{number} << E\n{rows}\nE")
        colour, name = COLOURS[one["app"]], quoted(one["name"])
        dash, point = DASHES[one["style"] % len(DASHES)], POINTS[one["point"] % len(POINTS)]
        if one["plain"]:
            plots.append(f'$d{number} using 1:2 with lines lw 1.8 dt {dash} lc rgb "{colour}" title {name}')
            continue
        shape = "linespoints" if one["line"] else "points"
        every = max(1, len(one["points"]) // 12)
        plots.append(f'$d{number} using 1:2 with {shape} lw 2 dt {dash} pt {point} ps 0.8 pointinterval {every} '
                     f'lc rgb "{colour}" title {name}')
        plots.append(f'$d{number} using 1:2:3 with labels hypertext point pt {point} ps 0.01 '
                     f'lc rgb "{colour}" notitle')
    return "\n".join(head) + "\nplot " + ", ".join(plots) + "\n"


def svg(series, options, size=(WIDTH, HEIGHT)):
    """The chart with colours of its own, for a README; "" where there is nothing to show."""
    series = [s for s in series if s["points"]]
    if not series or not available():
        return ""
    done = subprocess.run(["gnuplot"], input=script(series, options, size), text=True, capture_output=True, check=False)
    if done.returncode != 0 or "<svg" not in done.stdout:
        raise RuntimeError(f"gnuplot: {done.stderr.strip()[-400:]}")
    return done.stdout


def text(series, options, size=(100, 26)):
    """The chart in letters, for a terminal and for a README; [] where there is nothing to show."""
    series = [s for s in series if s["points"]]
    if not series or not available():
        return []
    head = [f"set terminal dumb size {size[0]},{size[1]} mono noenhanced", "set border 3", "set tics nomirror",
            "set key at graph 0.02,1 left Left reverse samplen 2", 'set decimalsign "."', *options]
    plots = []
    for number, one in enumerate(series):
        head.append(f"$d{number} << E\n" + "\n".join(f"{x} {y}" for x, y, _ in one["points"]) + "\nE")
        how = "lines lt 0" if one["plain"] else f'points pt "{chr(ord("A") + number)}"'
        plots.append(f'$d{number} using 1:2 with {how} title {quoted(one["name"])}')
    done = subprocess.run(["gnuplot"], input="\n".join(head) + "\nplot " + ", ".join(plots) + "\n", text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"gnuplot: {done.stderr.strip()[-400:]}")
    return [row.rstrip() for row in done.stdout.strip("\f\n").splitlines()]


def rgb(colour):
    return tuple(int(colour[i:i + 2], 16) for i in (1, 3, 5))


def for_page(text, title):
    """Inlined: the page's colours, a name for those who hear it, ids of its own."""
    if not text:
        return '<p class="none">not measured in this run</p>'
    text = text[text.index("<svg"):]
    names = {rgb(INK): "var(--ink)", rgb(GRID): "var(--grid)",
             **{rgb(c): f"var(--{app})" for app, c in COLOURS.items()}}

    def replaced(match):
        return names.get(tuple(int(n) for n in match.groups()), match.group(0))
    text = re.sub(r"rgb\(\s*(\d+),\s*(\d+),\s*(\d+)\)", replaced, text)
    text = re.sub(r"#[0-9a-fA-F]{6}", lambda m: names.get(rgb(m.group(0)), m.group(0)), text)
    text = re.sub(r'<rect[^>]*fill="(?:#ffffff|white)"[^>]*/>', "", text, count=1)
    text = text.replace('"black"', '"var(--ink)"').replace("'black'", "'var(--ink)'")
    tag = re.sub(r"[^a-z0-9]", "", title.lower())
    text = re.sub(r"gnuplot_plot_|gpDot|gpPt|clipPath|gnuplot_canvas|textbox", lambda m: tag + m.group(0), text)
    text = re.sub(r"<title>(?:Gnuplot|gnuplot|Produced)[^<]*</title>", "", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
