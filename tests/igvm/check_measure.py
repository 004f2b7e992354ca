#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""minivmm on IGVM files from outside: they are measured as their generator measures them, and what
the configuration says besides them."""

import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "cli"))
os.environ.setdefault("MINIVMM_FAKE", "")
from program import Case  # noqa: E402

FILES = pathlib.Path(os.environ["IGVM_FILES"])


class Igvm(Case):
    def config(self, tech, name, vcpus=2, more=""):
        self.file("vm.toml", f'[machine]\ncc = "{tech}"\nvcpus = {vcpus}\nmemory = "32M"\n'
                             f'[boot]\nigvm = "{FILES}/{name}.igvm"\ncmdline = "words"\n{more}')

    def refused(self, *fragments):
        status, _, err = self.run_program("check", "vm.toml")
        self.assertNotEqual(status, 0)
        self.assertEqual(err.count("\n"), 1, err)
        for fragment in fragments:
            self.assertIn(fragment, err)

    def test_measured_as_the_generator_says(self):
        count = 0
        expected = json.loads((FILES / "expected.json").read_text())
        for name, values in expected.items():
            for tech, vcpus in (("snp", 1), ("snp", 2), ("snp", 4), ("tdx", 1), ("tdx", 2)):
                if name != "guest" and (vcpus != 2 or tech == "tdx" and name == "guest-2"):
                    continue  # for two vCPUs; for SNP only
                self.config(tech, name, vcpus)
                key = f"snp-{vcpus}" if tech == "snp" else "tdx"
                self.expect(["measure", "vm.toml"], 0, values[key] + "\n", "")
                self.expect(["check", "vm.toml"], 0)
                count += 1
        self.assertGreaterEqual(count, 4)

    def test_report_names_the_file_and_all_vmsas(self):
        self.config("snp", "small")
        report = json.loads(self.expect(["measure", "vm.toml", "--json"], 0)[1])
        self.assertEqual(report["measurement_depends_on"], ["boot.igvm", "machine.vcpus"])
        self.assertEqual(len(set(report["vmsas"])), 2)
        plan = json.loads(self.expect(["plan", "vm.toml", "--json"], 0)[1])
        self.assertEqual(plan["entry"]["mode"], "context")
        self.assertEqual(plan["entry"]["rip"], "0x200000")
        kinds = {item["name"]: (item["kind"], item["measured"]) for item in plan["boot_items"]}
        self.assertEqual(kinds["shared pages"], ("shared", False))
        self.assertEqual(kinds["error range"], ("shared", False))
        self.assertEqual(kinds["parameter area"], ("unmeasured", False))
        self.assertEqual(kinds["page data"][0] in ("data", "unmeasured"), True)

    def test_plain_vm_starts_with_the_native_registers(self):
        self.config("none", "small")
        text = self.expect(["plan", "vm.toml"], 0)[1]
        self.assertIn("Entry: at 0x200000, with the registers that the file has", text)

    def test_td_starts_at_the_reset_vector(self):
        self.config("tdx", "small")
        self.assertIn("Entry: reset vector", self.expect(["plan", "vm.toml"], 0)[1])

    def test_policy_and_features_are_the_files(self):
        for more in ("[snp]\npolicy = 0x30000\n", "[snp]\nguest-features = 0x1\n"):
            self.config("snp", "small", more=more)
            self.expect(["check", "vm.toml"], 0)
        self.config("snp", "small", more="[snp]\npolicy = 0xb0000\n")
        self.refused("snp.policy is 0xb0000", "the IGVM file wants 0x30000")
        self.config("snp", "small", more="[snp]\nguest-features = 0x21\n")
        self.refused("snp.guest-features is 0x21", "wants 0x1")
        self.config("tdx", "small", more="[tdx]\nattributes = 1\n")
        self.refused("tdx.attributes is 0x1", "wants 0x10000000")

    def test_id_block_of_the_file_is_held_against_the_measurement(self):
        self.config("snp", "small", vcpus=3)
        self.refused("was made for launch measurement")

    def test_registers_for_a_vcpu_too_many(self):
        self.config("snp", "small", vcpus=1)
        self.refused("there are registers for vCPU 1, and machine.vcpus is 1")


if __name__ == "__main__":
    unittest.main()
