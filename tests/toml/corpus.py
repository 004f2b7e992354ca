#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs a toml-test decoder over the corpus that Debian's golang-github-burntsushi-toml-dev installs.

usage: corpus.py DECODER [CORPUS]

Every document of TOML 1.0 is run: valid/X.toml must decode to what X.json says, invalid/X.toml must
be refused with exit status 1. What is not TOML 1.0 is taken from the corpus itself: the "exclude"
list for 1.0.0 in its version.go, or its files-toml-1.0.0 list if it has one.
Exit status: 0 all well, 1 not, 77 no corpus here.
"""

import fnmatch
import json
import os
import re
import subprocess
import sys

CORPUS = "/usr/share/gocode/src/github.com/BurntSushi/toml/internal/toml-test/tests"
PACKAGE = "golang-github-burntsushi-toml-dev"
TIMES = ("datetime", "datetime-local", "date-local", "time-local")


def documents(root):
    """Names of all .toml files below root, without the ending."""
    for folder, _, files in os.walk(root):
        for name in files:
            if name.endswith(".toml"):
                yield os.path.relpath(os.path.join(folder, name), root)[: -len(".toml")]


def other_versions(root, names):
    """Those of `names` that the corpus itself says are not TOML 1.0."""
    listed = os.path.join(root, "files-toml-1.0.0")
    if os.path.exists(listed):
        with open(listed, encoding="utf-8") as f:
            wanted = {line.strip()[: -len(".toml")] for line in f if ".toml" in line}
        return {n for n in names if n not in wanted}
    with open(os.path.join(root, "..", "version.go"), encoding="utf-8") as f:
        spec = re.search(r'"1\.0\.0": versionSpec\{(.*?)\n\t\}', f.read(), re.S)
    if not spec:
        sys.exit("version.go of the corpus has no entry for 1.0.0")
    patterns = re.findall(r'^\s*"([^"]+)",', spec.group(1), re.M)
    return {n for n in names if any(fnmatch.fnmatchcase(n, p) for p in patterns)}


def moment(text):
    """A date or time in one spelling: T and Z in capitals, no trailing zeros in the fraction."""
    text = text.replace(" ", "T").replace("t", "T").replace("z", "Z").replace("+00:00", "Z")
    return re.sub(r"\.(\d+)", lambda m: ("." + m.group(1).rstrip("0")).rstrip("."), text)


def difference(want, have, path="document"):
    """None, or what differs and where."""
    if isinstance(want, list):
        if not isinstance(have, list) or len(want) != len(have):
            return f"{path}: want an array of {len(want)}, have {have!r}"
        pairs = [(w, h, f"{path}[{i}]") for i, (w, h) in enumerate(zip(want, have))]
        return next(filter(None, (difference(*p) for p in pairs)), None)
    if not isinstance(have, dict) or set(want) != set(have):
        return f"{path}: want {want!r}, have {have!r}"
    if set(want) != {"type", "value"} or not isinstance(want["type"], str):
        return next(filter(None, (difference(want[k], have[k], f"{path}.{k}") for k in want)), None)
    kind, w, h = want["type"], want["value"], have["value"]
    if kind == have["type"]:
        if kind == "float" and "nan" not in (w, h):
            same = float(w) == float(h)
        elif kind in TIMES:
            same = moment(w) == moment(h)
        else:
            same = w == h
        if same:
            return None
    return f"{path}: want {want!r}, have {have!r}"


def check(decoder, root, name):
    """None, or why this document fails."""
    with open(os.path.join(root, name + ".toml"), "rb") as f:
        run = subprocess.run([decoder], stdin=f, capture_output=True, timeout=60, check=False)
    if name.startswith("invalid"):
        if run.returncode == 1 and not run.stdout and run.stderr:
            return None
        return f"exit status {run.returncode}, want 1; stdout: {run.stdout!r}"
    if run.returncode != 0:
        return f"exit status {run.returncode}: {run.stderr.decode(errors='replace').strip()}"
    with open(os.path.join(root, name + ".json"), "rb") as f:
        return difference(json.load(f), json.loads(run.stdout))


def main():
    decoder = sys.argv[1]
    root = sys.argv[2] if len(sys.argv) > 2 else CORPUS
    if not os.path.isdir(root):
        print(f"SKIP: no corpus at {root}; install {PACKAGE}")
        return 77
    names = sorted(documents(root))
    excluded = other_versions(root, names)
    failed = 0
    counts = {"valid": 0, "invalid": 0}
    for name in names:
        if name in excluded:
            print(f"not TOML 1.0 by the corpus's own list: {name}")
            continue
        why = check(decoder, root, name)
        counts[name.split(os.sep)[0]] += 1
        if why:
            failed += 1
            print(f"FAIL {name}: {why}")
    print(f"{len(names)} documents: {counts['valid']} valid and {counts['invalid']} invalid run, "
          f"{len(excluded)} of another TOML version not run, {failed} failed")
    return 1 if failed or not all(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
