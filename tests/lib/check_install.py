# SPDX-License-Identifier: MIT
"""Installs into a folder of its own and builds a program against what is there."""
import glob
import os
import re
import subprocess
import tempfile
import unittest

BUILD = os.environ["BUILD_DIR"]
SOURCE = os.environ["SOURCE_DIR"]
VERSION = os.environ["VERSION"]
SHARED = os.environ["SHARED"] == "1"
CC = os.environ["CC"]
RELEASE = os.environ["BUILD_TYPE"] == "Release" and "gcc" in os.path.basename(os.path.realpath(CC))


def output(*args, **kwargs):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.prefix = os.path.join(folder.name, "prefix")
        output("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.pc_dir = os.path.dirname(cls.find("lib/**/minivmm.pc"))
        cls.lib_dir = os.path.dirname(cls.pc_dir)

    @classmethod
    def find(cls, pattern):
        found = glob.glob(os.path.join(cls.prefix, pattern), recursive=True)
        if len(found) != 1:
            raise AssertionError(f"{pattern}: {found}")
        return found[0]

    def flags(self, *args):
        env = dict(os.environ, PKG_CONFIG_PATH=self.pc_dir)
        return output("pkg-config", *args, "minivmm", env=env).split()

    def public_names(self):
        with open(self.find("include/minivmm/minivmm.h")) as f:
            header = f.read()
        public = set(re.findall(r"(?m)^MINIVMM_API[^;(]*?\b(minivmm_\w+)\(", header))
        self.assertGreater(len(public), 20)
        return public

    def build_and_run(self, *flags):
        program = os.path.join(self.prefix, "consumer")
        output(CC, "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", program,
               os.path.join(SOURCE, "tests/lib/consumer.c"), *flags)
        out = output(program, env=dict(os.environ, LD_LIBRARY_PATH=self.lib_dir)).splitlines()
        self.assertEqual(out[:3], [f"version {VERSION}", "help yes", "set refused"])
        self.assertRegex(out[3], r"^check 1 .*/nonexistent/vmlinuz.*ENOENT")
        if os.path.exists("/dev/kvm"):
            self.assertRegex(out[4], r"failed: ")
        else:
            self.assertRegex(out[4], r"^create failed: unable to open /dev/kvm: ENOENT")
        return program

    def test_static_library(self):
        program = self.build_and_run(*self.flags("--cflags"), "-static",
                                     *self.flags("--static", "--libs"))
        self.assertNotIn("NEEDED", output("readelf", "-d", program))

    @unittest.skipUnless(SHARED, "this build has no shared library")
    def test_shared_library(self):
        program = self.build_and_run(*self.flags("--cflags", "--libs"))
        self.assertIn(f"[libminivmm.so.{VERSION.split('.')[0]}]", output("readelf", "-d", program))

    @unittest.skipUnless(SHARED, "this build has no shared library")
    def test_shared_library_exports_the_public_header_and_nothing_else(self):
        names = output("nm", "-D", "--defined-only",
                       os.path.join(self.lib_dir, "libminivmm.so")).splitlines()
        self.assertEqual({line.split()[-1] for line in names}, self.public_names())

    def test_static_library_defines_the_public_header_and_nothing_else(self):
        names = output("nm", "-g", "--defined-only",
                       os.path.join(self.lib_dir, "libminivmm.a")).splitlines()
        self.assertEqual({line.split()[-1] for line in names if len(line.split()) == 3},
                         self.public_names())

    def test_program_is_hardened(self):
        path = self.find("bin/minivmm")
        self.assertRegex(output("readelf", "-h", path), r"Type: +DYN")
        self.assertRegex(output("readelf", "-lW", path), r"GNU_RELRO")
        self.assertRegex(output("readelf", "-lW", path), r"GNU_STACK.* RW +0x")
        self.assertRegex(output("readelf", "-dW", path), r"FLAGS_1.*\bNOW\b.*\bPIE\b")
        if SHARED and RELEASE:
            symbols = output("nm", "-D", path)
            self.assertIn("__stack_chk_fail", symbols)
            self.assertRegex(symbols, r"__\w+_chk\b")

    def test_program(self):
        self.assertEqual(output(self.find("bin/minivmm"), "--version"), f"minivmm {VERSION}\n")

    def test_files_for_people(self):
        self.find("share/doc/minivmm/README.md")
        self.find("share/doc/minivmm/LICENSE")

    def test_every_header_that_is_included_is_there(self):
        for path in glob.glob(os.path.join(self.prefix, "include/**/*.h"), recursive=True):
            with open(path) as f:
                for name in re.findall(r'(?m)^#include "(.*)"', f.read()):
                    self.assertTrue(os.path.exists(os.path.join(os.path.dirname(path), name)), name)


if __name__ == "__main__":
    unittest.main()
