# SPDX-License-Identifier: MIT
"""Configurations that are wrong, or ask for what this version or this host does not have."""
import os
import re
import unittest

from program import Case, elf_kernel


class Config(Case):
    def test_missing_file(self):
        for command in ("run", "check", "plan", "measure"):
            _, out, err = self.expect([command, "missing.toml"], 2, "")
            self.assertRegex(err, r"^minivmm: [^\n]*missing\.toml[^\n]*ENOENT[^\n]*\n$")

    def test_all_faults_are_reported_with_their_place(self):
        self.file("vm.toml", "[machine]\nvcpu = 2\nmemory = true\n"
                  "[boot]\nkernel = 'vmlinuz'\ncmdline = 7\n")
        for command in ("run", "check", "plan", "measure"):
            _, _, err = self.expect([command, "vm.toml"], 2, "")
            lines = err.splitlines()
            self.assertEqual(len(lines), 3, err)
            self.assertTrue(lines[0].startswith("vm.toml:2:1: "), err)
            self.assertIn("vcpus", lines[0])
            self.assertTrue(lines[1].startswith("vm.toml:3:10: "), err)
            self.assertTrue(lines[2].startswith("vm.toml:6:11: "), err)

    def test_text_that_is_no_toml(self):
        self.file("vm.toml", "[machine\n")
        _, _, err = self.expect(["check", "vm.toml"], 2, "")
        self.assertRegex(err, r"^vm\.toml:1:\d+: [^\n]+\n$")

    def test_nothing_to_boot(self):
        self.file("vm.toml", "[machine]\nvcpus = 1\n")
        _, _, err = self.expect(["run", "vm.toml"], 2, "")
        self.assertIn("kernel, firmware or igvm is needed", err)


    def test_control_characters_of_a_configuration_do_not_reach_the_terminal(self):
        self.file("kernel", elf_kernel())
        bad = "x\\u009b2J\\u0085\\u0080"
        for command, text, status in (
                ("check", f'[boot]\nkernel = "{bad}"\n', 2),
                ("check", f'[boot]\nkernel = "kernel"\n[[disk]]\npath = "{bad}"\n', 2),
                ("check", f'[boot]\nkernel = "kernel"\ninitrd = "{bad}"\n', 2),
                ("check", f'[boot]\nkernel = "kernel"\n[serial]\noutput = "{bad}"\n', 2),
                ("check", f'[machine]\ncc = "{bad}"\n', 2),
                ("check", f'["{bad}"]\n', 2),
                ("run", f'[boot]\nkernel = "kernel"\n[log]\nfile = "{bad}/y"\n', 1)):
            self.file("vm.toml", text)
            _, _, err = self.expect([command, "vm.toml"], status, "")
            self.assertIn("x??2J", err)
            self.assertNotRegex(err[:-1], "[\x00-\x09\x0b-\x1f\x7f-\x9f]")

    def test_measure_where_nothing_is_measured(self):
        self.file("kernel", elf_kernel())
        for cc, kind in (("none", "plain VM"), ("sw-protected", "software-protected VM")):
            self.file("vm.toml", f"[machine]\ncc = '{cc}'\n[boot]\nkernel = 'kernel'\n")
            _, _, err = self.expect(["measure", "vm.toml", "--json"], 1, "")
            self.assertRegex(err, rf"^minivmm: [^\n]*{kind}[^\n]*not measured\n$")

    def test_auto_needs_a_host_to_ask(self):
        self.file("kernel", elf_kernel())
        self.file("vm.toml", "[machine]\ncc = 'auto'\n[boot]\nkernel = 'kernel'\n")
        for command in ("plan", "measure"):
            _, _, err = self.expect([command, "vm.toml"], 1, "")
            self.assertRegex(err, r"^vm\.toml:2:1: machine\.cc = \"auto\": [^\n]+\n$")
        _, _, err = self.expect(["check", "vm.toml"], 1, "")
        self.assertRegex(err, r"^vm\.toml:2:1: machine\.cc = \"auto\": [^\n]+\n$")

    @unittest.skipIf(os.path.exists("/dev/kvm"), "this host has a /dev/kvm")
    def test_missing_kvm(self):
        self.file("kernel", elf_kernel())
        self.file("vm.toml", "[boot]\nkernel = 'kernel'\n")
        self.expect(["run", "vm.toml"], 1, "", "minivmm: unable to open /dev/kvm: ENOENT "
                    "(No such file or directory): enable virtualization in the firmware setup "
                    "and load the module, modprobe kvm_amd or kvm_intel, or in a container give "
                    "it the device (--device /dev/kvm)\n")

    @unittest.skipIf(not os.access("/dev/kvm", os.R_OK | os.W_OK) or
                     re.search(r"^flags.* (svm|vmx)\b", open("/proc/cpuinfo").read(), re.M),
                     "this host has no KVM, or one with hardware virtualization")
    def test_kvm_by_page_tables_alone(self):
        self.file("kernel", elf_kernel())
        self.file("vm.toml", "[boot]\nkernel = 'kernel'\n")
        _, _, err = self.expect(["run", "vm.toml"], 1, "")
        self.assertRegex(err, r"^minivmm: [^\n]*neither SVM nor VMX[^\n]*\n$")


if __name__ == "__main__":
    unittest.main()
