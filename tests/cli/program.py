# SPDX-License-Identifier: MIT
"""Runs the program under test; shared by the check_*.py scripts."""
import os
import re
import struct
import subprocess
import tempfile
import unittest

MINIVMM = os.environ["MINIVMM"]
FAKE = os.environ["MINIVMM_FAKE"]


def usable_kvm():
    """Is there a KVM that runs ordinary kernels?"""
    with open("/proc/cpuinfo") as cpus:
        hardware = re.search(r"^flags.* (svm|vmx)\b", cpus.read(), re.M)
    return bool(hardware) and os.path.exists("/dev/kvm")


class Case(unittest.TestCase):
    """A test with a folder of its own, in which the program runs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def file(self, name, content):
        with open(os.path.join(self.dir, name), "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())

    def run_program(self, *args, program=MINIVMM, **kwargs):
        """(exit status, stdout, stderr)"""
        if "input" not in kwargs:
            kwargs["stdin"] = subprocess.DEVNULL
        done = subprocess.run([program, *args], cwd=self.dir,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              text=True, errors="replace", **kwargs)
        return done.returncode, done.stdout, done.stderr

    def expect(self, args, status, out=None, err=None, **kwargs):
        got = self.run_program(*args, **kwargs)
        self.assertEqual(got[0], status, got)
        if out is not None:
            self.assertEqual(got[1], out)
        if err is not None:
            self.assertEqual(got[2], err)
        return got


def elf_kernel(size=8192):
    """The smallest ELF kernel with a PVH entry: one segment at 1 MiB that halts."""
    base = 0x100000
    code = b"\xf4" * size
    note = struct.pack("<III4sQ", 4, 8, 18, b"Xen\0", base)
    phoff, offset = 64, 4096
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, base, phoff, 0, 0,
                         64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, offset, base, base, size, size, 4096)
    notes = struct.pack("<IIQQQQQQ", 4, 4, phoff + 112, 0, 0, len(note), len(note), 4)
    head = header + load + notes + note
    return head + b"\0" * (offset - len(head)) + code
