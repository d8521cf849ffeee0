#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Whether the pages of percore(3) and percore.h say the same.

    manual.py HEADER EXPORTS DIRECTORY PAGE...

Each function, type, member and constant of the header stands in one page as the header declares it, and nothing else
does.  Says what differs, and ends with 1 then.  The pages' examples go to DIRECTORY, as PAGE-N.c.
"""
import os
import re
import shlex
import sys


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def words(text):
    """Alike for texts that differ in blanks only."""
    return " ".join(re.findall(r"\w+|\.\.\.|\S", text))


def split(text, mark):
    """At each mark that is in no brackets."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "({") - (c in ")}")
        if c == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip() for part in parts if part.strip()]


def members(body):
    """Of a struct, each with its type: "const char *a, *b" is two."""
    for line in split(body, ";"):
        first, *others = [line] if re.search(r"[({]", line) else split(line, ",")
        yield words(first)
        for other in others:
            yield words(re.match(r"(.*?)\**\w+$", first).group(1) + other)


def function_name(text):
    return re.search(r"(\w+) \(", text).group(1)


class Header:
    def __init__(self, text):
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        self.functions, self.types, self.members = {}, set(), {}
        self.constants = set(re.findall(r"#define (PERCORE_\w+)", text)) - {"PERCORE_H"}
        text = re.sub(r"^#(.*\\\n)*.*", "", text, flags=re.M)
        text = re.sub(r'extern "C" \{|__attribute__\(\(.*?\)\)\)?|\[\[noreturn\]\]|_Noreturn', "", text)
        for declaration in split(text, ";"):
            self.add(declaration)

    def add(self, text):
        tagged = re.match(r"(struct|enum)(?: (\w+))?\s*(?:\{(.*)\})?$", text, flags=re.S)
        if tagged:
            kind, name, body = tagged.groups()
            if name:
                self.types.add(f"{kind} {name}")
            if body and kind == "enum":
                self.constants |= {re.match(r"\w+", constant).group() for constant in split(body, ",")}
            elif body:
                self.members[f"{kind} {name}"] = list(members(body))
        elif text.startswith("typedef"):
            self.types.add(words(text))
        elif text != "}":
            self.functions[function_name(words(text))] = words(text)


class Page:
    def __init__(self, path):
        self.file = os.path.basename(path)
        self.names, self.functions, self.types, self.members = [], [], [], []
        self.constants, self.examples = set(), []
        self.type, self.call, self.example = "", [], None
        section = None
        for line in read(path).splitlines():
            macro, arguments = line[:3], []
            if re.match(r"\.(Sh|Nm|Ft|Fn|Fo|Fa|Fc|Vt|It|Dv|Fd) ", line):
                arguments = [a for a in shlex.split(line[4:]) if a not in (",", ";")]
            if macro == ".Sh":
                section = {"NAME": self.take_name, "SYNOPSIS": self.take_synopsis, "EXAMPLES": self.take_example}.get(
                    arguments[0], self.take_text)
            elif section:
                section(macro, arguments, line)

    def take_name(self, macro, arguments, _):
        if macro == ".Nm":
            self.names += arguments

    def take_synopsis(self, macro, arguments, _):
        if macro == ".Ft":
            self.type = " ".join(arguments)
        elif macro == ".Fo":
            self.call = arguments
        elif macro == ".Fa":
            self.call += arguments
        elif macro in (".Fn", ".Fc"):
            name, *given = arguments or self.call
            text = words(f"{self.type} {name}({','.join(given)})")
            (self.types if self.type.startswith("typedef") else self.functions).append(text)
        elif macro == ".Vt":
            self.types.append(" ".join(arguments))
        elif macro == ".Fd":
            self.constants.add(re.match(r"\w+", arguments[1]).group())

    def take_text(self, macro, arguments, _):
        if macro == ".It" and arguments[:1] == ["Fa"]:
            self.members += [words(a) for a in arguments[1:]]
        elif macro == ".It" and arguments[:1] == ["Dv"]:
            self.constants |= set(arguments[1:])

    def take_example(self, macro, _, line):
        if macro == ".Bd":
            self.example = []
        elif macro == ".Ed":
            self.examples.append("\n".join(self.example) + "\n")
            self.example = None
        elif self.example is not None:
            self.example.append(line.replace("\\&", "").replace("\\e", "\\"))


def compare(page, header):
    """What one page says that the header does not, or the other way round."""
    shown = [function_name(text) for text in page.functions]
    if page.names != (shown or ["percore"]):
        differing = set(page.names) ^ set(shown)
        yield f"NAME and SYNOPSIS have not the same functions in the same order: {' '.join(differing)}"
    for text in page.functions:
        wanted = header.functions.get(function_name(text))
        if text != wanted:
            yield f"{text}\n  in the header: {wanted}"
    wanted = [member for name in page.types for member in header.members.get(name, [])]
    for member in set(wanted + page.members):
        if wanted.count(member) != page.members.count(member):
            yield f"{wanted.count(member)} times in the header, {page.members.count(member)} times here: {member}"


def compare_all(pages, header, exported):
    for page in pages:
        for fault in compare(page, header):
            yield f"{page.file}: {fault}"
    for what, shown, wanted in (
        ("NAME", [n for page in pages for n in page.names], set(exported) | set(header.functions)),
        ("SYNOPSIS", [t for page in pages for t in page.types], header.types),
        ("list or SYNOPSIS", [c for page in pages for c in page.constants], header.constants),
    ):
        for name in sorted(wanted | set(shown) - {"percore"}):
            if shown.count(name) != (name in wanted):
                yield f"in the {what} of {shown.count(name)} pages: {name}"


def main(header_path, exports_path, directory, *page_paths):
    pages = [Page(path) for path in page_paths]
    exported = [name for name in read(exports_path).split() if name.startswith("percore_")]
    for page in pages:
        for i, example in enumerate(page.examples, 1):
            with open(f"{directory}/{page.file.removesuffix('.3')}-{i}.c", "w", encoding="utf-8") as file:
                file.write(example)
    faults = list(compare_all(pages, Header(read(header_path)), exported))
    print(*faults, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
