#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""minivmm-id-block from outside: what it writes, for whom, and what minivmm makes of it."""
import base64
import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "cli"))
os.environ.setdefault("MINIVMM_FAKE", "")
from program import MINIVMM, elf_kernel  # noqa: E402

ID_BLOCK = os.environ["ID_BLOCK"]

CONFIG = """
[machine]
memory = "64M"
cc = "snp"
[boot]
kernel = "kernel"
[snp]
policy = 0xb0000
"""
BLOBS = 'id-block = "out/id-block.bin"\nid-auth = "out/id-auth.bin"\n'


class IdBlock(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        self.file("kernel", elf_kernel())
        self.file("vm.toml", CONFIG)
        self.key("id.pem")

    def path(self, name):
        return os.path.join(self.dir, name)

    def file(self, name, content):
        with open(self.path(name), "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def key(self, name):
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                        "ec_paramgen_curve:P-384", "-out", self.path(name)], check=True,
                       stderr=subprocess.DEVNULL)

    def run_program(self, program, *args):
        done = subprocess.run([program, *args], cwd=self.dir, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, text=True)
        return done.returncode, done.stdout, done.stderr

    def make(self, *args, status=0):
        got = self.run_program(ID_BLOCK, "vm.toml", "--out", "out", *args)
        self.assertEqual(got[0], status, got)
        return got

    def measurement(self):
        status, out, err = self.run_program(MINIVMM, "measure", "vm.toml")
        self.assertEqual(status, 0, err)
        return out.strip()

    def check(self, status, part=None):
        got = self.run_program(MINIVMM, "check", "vm.toml")
        self.assertEqual(got[0], status, got)
        if part:
            self.assertIn(part, got[2])

    # --- what is written

    def test_the_block_has_what_was_asked_for(self):
        self.make("--key", "id.pem", "--svn", "7", "--family-id", "00112233445566778899aabbccddeeff",
                  "--image-id", "FF" * 16)
        block = self.read("out/id-block.bin")
        self.assertEqual(len(block), 96)
        self.assertEqual(block[:48].hex(), self.measurement())
        self.assertEqual(block[48:64].hex(), "00112233445566778899aabbccddeeff")
        self.assertEqual(block[64:80], b"\xff" * 16)
        self.assertEqual(struct.unpack("<IIQ", block[80:]), (1, 7, 0xb0000))
        self.assertEqual(len(self.read("out/id-auth.bin")), 4096)
        self.assertEqual(sorted(os.listdir(self.path("out"))), ["id-auth.bin", "id-block.bin"])

    def test_digests_are_those_of_the_keys(self):
        self.key("author.pem")
        _, out, _ = self.make("--key", "id.pem", "--author-key", "author.pem")
        auth = self.read("out/id-auth.bin")
        lines = dict(line.rsplit(None, 1) for line in out.splitlines())
        self.assertEqual(lines["id key digest"],
                         hashlib.sha384(auth[0x240:0x240 + 0x404]).hexdigest())
        self.assertEqual(lines["author key digest"],
                         hashlib.sha384(auth[0x880:0x880 + 0x404]).hexdigest())
        self.assertEqual(lines["measurement"], self.measurement())
        self.assertEqual(lines["policy"], "0xb0000")

    def test_the_same_input_gives_the_same_files(self):
        self.make("--key", "id.pem")
        first = self.read("out/id-auth.bin")
        self.make("--key", "id.pem")
        self.assertEqual(self.read("out/id-auth.bin"), first)

    def test_openssl_takes_the_signatures(self):
        self.key("author.pem")
        self.make("--key", "id.pem", "--author-key", "author.pem")
        auth = self.read("out/id-auth.bin")
        self.verify("id.pem", self.read("out/id-block.bin"), auth[0x40:])
        self.verify("author.pem", auth[0x240:0x240 + 0x404], auth[0x680:])

    def verify(self, key, data, signature):
        def integer(raw):
            raw = raw[::-1].lstrip(b"\0")
            raw = b"\0" + raw if raw[0] & 0x80 else raw
            return b"\x02" + bytes([len(raw)]) + raw
        der = integer(signature[:72]) + integer(signature[72:144])
        self.file("data", data)
        self.file("signature", b"\x30" + bytes([len(der)]) + der)
        subprocess.run(["openssl", "dgst", "-sha384", "-prverify", key, "-signature", "signature",
                        "data"], cwd=self.dir, check=True, stdout=subprocess.DEVNULL)

    def test_base64_is_the_same_in_text(self):
        self.make("--key", "id.pem")
        self.make("--key", "id.pem", "--base64")
        for name in "id-block", "id-auth":
            self.assertEqual(base64.b64decode(self.read(f"out/{name}.b64"), validate=False),
                             self.read(f"out/{name}.bin"))

    # --- with minivmm

    def test_a_configuration_may_name_blobs_that_are_not_there_yet(self):
        self.file("vm.toml", CONFIG + BLOBS)
        before = self.measurement()
        self.check(2, "id-block")
        self.make("--key", "id.pem")
        self.assertEqual(self.measurement(), before)
        self.check(0)

    def test_check_takes_base64(self):
        self.file("vm.toml", CONFIG + BLOBS.replace(".bin", ".b64"))
        self.make("--key", "id.pem", "--base64")
        self.check(0)

    def test_check_finds_another_policy(self):
        self.make("--key", "id.pem")
        self.file("vm.toml", CONFIG.replace("0xb0000", "0x30000") + BLOBS)
        self.check(2, "policy 0xb0000")

    def test_check_finds_another_measurement(self):
        self.make("--key", "id.pem")
        self.file("vm.toml", CONFIG + BLOBS)
        before = self.measurement()
        self.file("kernel", elf_kernel(12288))
        self.check(2, before)
        self.check(2, self.measurement())

    def test_check_finds_wrong_lengths(self):
        self.make("--key", "id.pem")
        self.file("vm.toml", CONFIG + BLOBS)
        block, auth = self.read("out/id-block.bin"), self.read("out/id-auth.bin")
        for name, content in (("id-block", block[:95]), ("id-block", block + b"\0"),
                              ("id-block", b""), ("id-auth", auth[:-1]), ("id-auth", auth + b"\0")):
            self.file("out/id-block.bin", block)
            self.file("out/id-auth.bin", auth)
            self.file(f"out/{name}.bin", content)
            self.check(2, f"snp.{name}")

    # --- what is refused

    def test_other_vms_have_no_id_block(self):
        for cc in "none", "tdx", "sw-protected", "auto":
            self.file("vm.toml", CONFIG.replace('"snp"', f'"{cc}"'))
            self.assertIn("snp", self.make("--key", "id.pem", status=2)[2])
            self.assertFalse(os.path.exists(self.path("out")))

    def test_wrong_use(self):
        for args in ([], ["--key"], ["--key", "id.pem", "--svn", "-1"],
                     ["--key", "id.pem", "--svn", "4294967296"],
                     ["--key", "id.pem", "--svn", "x"], ["--key", "id.pem", "--svn", ""],
                     ["--key", "id.pem", "--family-id", "00"],
                     ["--key", "id.pem", "--image-id", "0" * 33],
                     ["--key", "id.pem", "--image-id", "g" * 32],
                     ["--key", "id.pem", "--nonsense"], ["--key", "id.pem", "another.toml"]):
            self.make(*args, status=2)
        self.assertEqual(self.run_program(ID_BLOCK)[0], 2)
        self.assertFalse(os.path.exists(self.path("out")))

    def test_faults_of_the_configuration_have_their_place(self):
        self.file("vm.toml", CONFIG + "polisy = 1\n")
        self.assertIn("vm.toml:9:1: ", self.make("--key", "id.pem", status=2)[2])

    def test_a_missing_key_or_kernel_fails(self):
        self.assertIn("none.pem", self.make("--key", "none.pem", status=1)[2])
        os.unlink(self.path("kernel"))
        self.assertIn("kernel", self.make("--key", "id.pem", status=1)[2])
        self.assertFalse(os.path.exists(self.path("out")))

    def test_help_and_version(self):
        status, out, _ = self.run_program(ID_BLOCK, "--help")
        self.assertEqual(status, 0)
        self.assertTrue(out.startswith("usage: minivmm-id-block "))
        status, out, _ = self.run_program(ID_BLOCK, "--version")
        self.assertEqual((status, out.split()[0]), (0, "minivmm-id-block"))

    def test_minivmm_itself_has_nothing_of_the_library(self):
        libraries = subprocess.run(["ldd", MINIVMM], stdout=subprocess.PIPE, text=True).stdout
        self.assertNotIn("gnutls", libraries)


if __name__ == "__main__":
    unittest.main()
