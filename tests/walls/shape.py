#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shape of the sources: no file is too long to read, and no circle of files is larger than a
device.

    shape.py [SOURCE_TREE]

A source and its header count as one. Files of one device may know each other: they are named after
it (blk.c, blk_io.c, blk_internal.h) and stand in one room.
"""
import os
import re
import sys

ROOMS = ("vmm", "mem", "boot", "cc")
LINES = 500


def sources(tree):
    for room in ROOMS:
        for folder, _, names in sorted(os.walk(os.path.join(tree, room))):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), tree)


def device(unit):
    folder, name = os.path.split(unit)
    return folder, name.split("_")[0]


def circles(graph):
    """Strongly connected components of more than one unit (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(unit):
        index[unit] = low[unit] = len(index)
        stack.append(unit)
        for other in sorted(graph.get(unit, ())):
            if other not in index:
                visit(other)
                low[unit] = min(low[unit], low[other])
            elif other in stack:
                low[unit] = min(low[unit], index[other])
        if low[unit] == index[unit]:
            circle = stack[stack.index(unit):]
            del stack[stack.index(unit):]
            if len(circle) > 1:
                found.append(sorted(circle))

    for unit in sorted(graph):
        if unit not in index:
            visit(unit)
    return found


def main():
    tree = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../..")
    graph, breaches, nfiles = {}, [], 0
    for path in sources(tree):
        nfiles += 1
        with open(os.path.join(tree, path), encoding="utf-8") as file:
            text = file.read()
        lines = text.count("\n")
        if lines > LINES:
            breaches.append(f"{path}: {lines} lines, at most {LINES} can be read in one go")
        unit = os.path.splitext(path)[0]
        for include in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.M):
            other = os.path.splitext(include)[0]
            if other != unit:
                graph.setdefault(unit, set()).add(other)
    for circle in circles(graph):
        if len({device(unit) for unit in circle}) > 1:
            breaches.append("a circle of files: " + ", ".join(circle))
    for breach in breaches:
        print(breach)
    if nfiles == 0:
        print("no source files found")
    if breaches or nfiles == 0:
        sys.exit(1)
    print(f"{nfiles} files, none too long, and no circle larger than a device")


main()
