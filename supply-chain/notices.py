"""Writes the licence notices that travel with the programs: which crates are in them, under which licence, by whom.

  python supply-chain/notices.py            writes crates/function-binaries/THIRD-PARTY-NOTICES and crates/docket/THIRD-PARTY-NOTICES
  python supply-chain/notices.py --check    fails if a committed file differs

A crate with a choice of licences is taken under the first of PREFERRED. A licence's text stands once, with everyone who
gave it; what a crate's licence file says beside the licence stands whole. The page's notices come from Vite.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
import re
import sys

from boolean.boolean import AND, OR
from crates import ROOT, Crate, linked
from license_expression import Licensing

# Apache-2.0 first: it asks for its text and the NOTICE files, not for every copyright line. No crate here has a NOTICE.
PREFERRED = ("Apache-2.0", "MIT", "ISC", "BSD-3-Clause", "Zlib", "Unicode-3.0")
# What identifies a licence in a file.
WORDING = {
    "Apache-2.0": r"Apache License,? Version 2\.0",
    "MIT": r"Permission is hereby granted, free of charge, to any person obtaining a copy",
    "ISC": r"Permission to use, copy, modify, and(/or)? distribute this software",
    "BSD-3-Clause": r"Redistribution and use in source and binary forms",
    "Zlib": r"This software is provided 'as-is', without any express or implied warranty",
    "Unicode-3.0": r"UNICODE LICENSE V3",
    "BSL-1.0": r"Boost Software License",
    "Unlicense": r"This is free and unencumbered software",
}
FILES = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)([-_.](?!rs$|html$).*)?", re.IGNORECASE)
COPYRIGHT = re.compile(r"^\W*(copyright\b|\(c\)|©).*\d|^\W*copyright \(c\)", re.IGNORECASE)
APACHE_TERMS = re.compile(r"TERMS AND CONDITIONS FOR USE, REPRODUCTION.*?END OF TERMS AND CONDITIONS", re.DOTALL)
TITLE = re.compile(r"^\s*(the )?(mit|isc|zlib) licen[cs]e( \(mit\))?:?\s*$|^\s*all rights reserved\.?$", re.IGNORECASE)


@dataclass
class Program:
    """What has a notice: a package's programs, built with these features for this target."""

    file: Path
    title: str
    package: str
    target: str
    features: list[str] = field(default_factory=list)


PROGRAMS = (
    # With OTEL=1 the zips have a few crates more; one file serves both. On arm64 the crates are the same.
    Program(
        ROOT / "crates/function-binaries/THIRD-PARTY-NOTICES",
        "the functions of Docket",
        "function-binaries",
        "x86_64-unknown-linux-gnu",
        ["functions/otel"],
    ),
    Program(ROOT / "crates/docket/THIRD-PARTY-NOTICES", "the command line docket", "docket", "all"),
)


def taken(expression: str) -> set[str]:
    """The licences under which a crate is taken."""

    def choose(node) -> set[str]:
        if isinstance(node, AND):
            return set().union(*map(choose, node.args))
        if isinstance(node, OR):
            return min(map(choose, node.args), key=lambda keys: max(map(rank, keys)))
        return {str(node)}

    def rank(key: str) -> int:
        return PREFERRED.index(key) if key in PREFERRED else len(PREFERRED)

    return choose(Licensing().parse(expression.replace("/", " OR ")))


@dataclass
class Text:
    """A licence's text, and the crates and people that it stands for."""

    words: str
    holders: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def split(text: str) -> tuple[str, list[str]]:
    """A licence file's text without its heading and Apache's terms, and its copyright lines."""
    text = APACHE_TERMS.sub("(The terms of the Apache License, Version 2.0, are above.)", text)
    text = re.sub(r"^//+ ?", "", text, flags=re.MULTILINE)
    holders = [" ".join(line.split()) for line in text.splitlines() if COPYRIGHT.search(line)]
    lines = [line.rstrip() for line in text.splitlines() if not COPYRIGHT.search(line) and not TITLE.search(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip(), holders


def licences(text: str) -> set[str]:
    """The licences that a file holds."""
    words = " ".join(text.split())
    return {key for key, wording in WORDING.items() if re.search(wording, words)}


def applying(crate: Crate, keys: set[str]) -> list[tuple[str, str]]:
    """The texts of a crate that its notice must have, each with the licences in it; not Apache's, which stands once."""
    found = []
    for file in sorted(path for path in crate.folder.rglob("*") if path.is_file() and FILES.fullmatch(path.name)):
        parts = file.relative_to(crate.folder).parts[:-1]
        text = file.read_text(errors="replace")
        holds = licences(text)
        if parts and parts[0] not in ("src", "third_party"):
            continue  # what belongs to tests is not in the program
        if parts and any("Apache-2.0" in licences(other.read_text()) for other in file.parent.glob("LICENSE*")):
            continue  # others' code within the crate, to be had under Apache-2.0
        if holds == {"Apache-2.0"} or (holds and not parts and not holds & keys):
            continue  # the one licence that stands once, or one that was not taken
        found.append((" AND ".join(sorted(holds if parts else holds & keys)) or "Remarks", text))
    return found


def gather(crates: list[Crate]) -> tuple[list[Crate], dict[str, list[Text]]]:
    """The crates under Apache-2.0, and the texts of the other licences, by licence."""
    apache, texts, without = [], defaultdict(dict), []
    for crate in crates:
        keys = taken(crate.license)
        if unknown := keys - set(PREFERRED):
            raise SystemExit(f"notices: {crate} is under {', '.join(sorted(unknown))}: add it to PREFERRED and WORDING")
        if "Apache-2.0" in keys:
            apache.append(crate)
        found = {"Apache-2.0"}
        for name, text in applying(crate, keys):
            found |= set(name.split(" AND "))
            words, holders = split(text)
            entry = texts[name].setdefault("".join(re.findall(r"\w+", words.lower())), Text(words))
            entry.holders["; ".join(dict.fromkeys(holders))].append(str(crate))
        without += [(crate, key) for key in sorted(keys - found)]
    for crate, key in without:
        # The crate has no licence file: the text is the one that most others have.
        usual = max(texts[key].values(), key=lambda text: sum(map(len, text.holders.values())))
        usual.holders[f"The authors of {crate.repository or crate.name}"].append(str(crate))
    return apache, {key: list(found.values()) for key, found in sorted(texts.items())}


def notices(program: Program) -> str:
    """The text for a program."""
    crates = linked(program.package, program.features, program.target)
    apache, texts = gather([crate for crate in crates if crate.sha256])
    parts = [
        f"Third-party notices of {program.title}",
        "Docket is under the Apache License, Version 2.0, whose text is below. It contains the Rust standard library with its\n"
        "parts (MIT OR Apache-2.0; the toolchain's COPYRIGHT-library.html names them) and these crates of crates.io.",
        "==== Apache License, Version 2.0",
        ", ".join(map(str, apache)),
        (ROOT / "LICENSE").read_text().strip(),
    ]
    for key, entries in texts.items():
        for entry in sorted(entries, key=lambda entry: -sum(map(len, entry.holders.values()))):
            parts.append(f"==== {key}")
            parts.append("\n".join(f"{', '.join(names)}: {who}".rstrip(": ") for who, names in entry.holders.items()))
            parts.append(entry.words)
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """The command line."""
    check, stale = sys.argv[1:] == ["--check"], []
    if sys.argv[1:] and not check:
        print(__doc__, file=sys.stderr)
        return 2
    for program in PROGRAMS:
        text = notices(program)
        if not check:
            program.file.write_text(text)
        elif not program.file.is_file() or program.file.read_text() != text:
            stale.append(str(program.file.relative_to(ROOT)))
    if stale:
        print(f"notices: {' and '.join(stale)} name other crates than Cargo.lock: run `make notices`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
