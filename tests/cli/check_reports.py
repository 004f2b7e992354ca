# SPDX-License-Identifier: MIT
"""plan, check and probe of the real program."""
import json
import os
import unittest

from program import Case, elf_kernel


class Plan(Case):
    def setUp(self):
        super().setUp()
        self.file("kernel", elf_kernel())
        self.file("initrd", b"not much of one" * 1000)
        self.file("vm.toml", "[machine]\nvcpus = 2\nmemory = '5G'\n"
                  "[boot]\nkernel = 'kernel'\ninitrd = 'initrd'\ncmdline = 'quiet'\n")

    def test_text(self):
        _, out, _ = self.expect(["plan", "vm.toml"], 0, err="")
        for line in ("Memory map that the guest is given:", "Regions of memory:",
                     "Boot items in the order of the launch:", "plain VM: nothing is converted, "
                     "nothing is measured, nothing is sealed", "low RAM", "high RAM"):
            self.assertIn(line, out)

    def test_json(self):
        _, out, _ = self.expect(["plan", "vm.toml", "--json"], 0, err="")
        plan = json.loads(out)
        self.assertEqual(plan["vcpus"], 2)
        self.assertEqual(plan["memory"], 5 << 30)
        self.assertEqual([(r["name"], r["gpa"], r["len"]) for r in plan["regions"]],
                         [("low RAM", "0x0", "0x80000000"),
                          ("high RAM", "0x100000000", "0xc0000000")])
        self.assertEqual(plan["entry"]["mode"], "pvh")
        self.assertEqual(plan["entry"]["rip"], "0x100000")
        self.assertEqual(plan["launch"]["cc"], "none")

        items = plan["boot_items"]
        initrd = [i for i in items if i["name"] == "initrd"]
        self.assertEqual([i["bytes_used"] for i in initrd], [15000])
        self.assertTrue(all(not i["measured"] for i in items))
        ranges = sorted((int(i["gpa"], 16), int(i["len"], 16)) for i in items)
        for (gpa, length), (following, _) in zip(ranges, ranges[1:]):
            self.assertLessEqual(gpa + length, following)

        ram = sum(int(m["len"], 16) for m in plan["memory_map"] if m["type"] == "RAM")
        self.assertLessEqual(ram, 5 << 30)
        self.assertGreater(ram, (5 << 30) - (2 << 20))

    def test_same_plan_twice(self):
        self.assertEqual(self.run_program("plan", "vm.toml"), self.run_program("plan", "vm.toml"))

    def test_check(self):
        self.expect(["check", "vm.toml"], 0, "vm.toml: ok\n", "")

    def test_missing_and_bad_kernel(self):
        os.unlink(os.path.join(self.dir, "kernel"))
        _, _, err = self.expect(["plan", "vm.toml"], 1, "")
        self.assertRegex(err, r"^vm\.toml:5:1: [^\n]*kernel[^\n]*ENOENT[^\n]*\n$")
        self.file("kernel", b"no kernel at all" * 1000)
        _, _, err = self.expect(["plan", "vm.toml"], 1, "")
        self.assertRegex(err, r"^vm\.toml:5:1: [^\n]*kernel[^\n]*\n$")

    def test_all_missing_files_are_told_with_their_lines_as_check_does(self):
        self.file("vm.toml", """[machine]
cc = 'snp'
[boot]
kernel = "no-kernel"
initrd = "no-initrd"
[[disk]]
path = "no-disk"
[log]
file = "nowhere/vm.log"
""")
        for command in ("plan", "measure"):
            _, _, err = self.expect([command, "vm.toml"], 1, "")
            self.assertEqual([line.split(":")[:3] for line in err.splitlines()],
                             [["vm.toml", line, "1"] for line in "4579"])
            self.assertEqual(err.count("ENOENT"), 4)


TD_FIRMWARE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vectors/tdvf-a.fd")


class Confidential(Case):
    def setUp(self):
        super().setUp()
        self.file("kernel", elf_kernel())

    # a TD starts in firmware, the others in the kernel
    def configure(self, cc):
        image = f"firmware = '{TD_FIRMWARE}'" if cc == "tdx" else "kernel = 'kernel'"
        self.file("vm.toml", f"[machine]\ncc = '{cc}'\nvcpus = 2\n[boot]\n{image}\n")

    def test_td_without_firmware_is_refused(self):
        self.file("vm.toml", "[machine]\ncc = 'tdx'\n[boot]\nkernel = 'kernel'\n")
        for command in ("plan", "measure"):
            _, _, err = self.expect([command, "vm.toml"], 1, "")
            self.assertRegex(err, r"^minivmm: [^\n]*firmware[^\n]*\n$")
        _, _, err = self.expect(["check", "vm.toml"], 2, "")
        self.assertRegex(err, r"^vm\.toml: [^\n]*firmware[^\n]*\n$")

    def test_plan_names_the_steps_of_each_technology(self):
        for cc, seal in (("snp", "KVM_SEV_SNP_LAUNCH_FINISH"), ("tdx", "KVM_TDX_FINALIZE_VM"),
                         ("sw-protected", "nothing is measured")):
            self.configure(cc)
            _, out, _ = self.expect(["plan", "vm.toml", "--json"], 0, err="")
            plan = json.loads(out)
            self.assertEqual(plan["launch"]["cc"], cc)
            self.assertIn(seal, " ".join(plan["launch"]["steps"]))
            measured = [i["name"] for i in plan["boot_items"] if i["measured"]]
            self.assertEqual(bool(measured), cc != "sw-protected", measured)

    def test_measure_prints_96_hexadecimal_digits(self):
        for cc in ("snp", "tdx"):
            self.configure(cc)
            _, out, _ = self.expect(["measure", "vm.toml"], 0, err="")
            self.assertRegex(out, r"^[0-9a-f]{96}\n$")
            _, text, _ = self.expect(["measure", "vm.toml", "--json"], 0, err="")
            report = json.loads(text)
            self.assertEqual(report["cc"], cc)
            self.assertEqual(report["measurement"], out.strip())

    def test_measure_says_what_its_values_depend_on(self):
        self.configure("tdx")
        report = json.loads(self.expect(["measure", "vm.toml", "--json"], 0, err="")[1])
        self.assertEqual(report["measurement_depends_on"], ["boot.firmware"])
        self.assertEqual(report["td_hob"]["depends_on"], ["boot.firmware", "machine.memory"])
        self.assertNotIn("kernel", [i["input"] for i in report["rtmr_inputs"]])
        self.configure("snp")
        report = json.loads(self.expect(["measure", "vm.toml", "--json"], 0, err="")[1])
        self.assertIn("machine.memory", report["measurement_depends_on"])
        self.assertNotIn("td_hob", report)

    def test_a_kernel_for_the_firmware_of_a_td_is_measured_by_the_guest(self):
        ovmf = "/usr/share/ovmf/OVMF.fd"
        if not os.path.exists(ovmf):
            self.skipTest("needs Debian's package ovmf")
        self.file("efi", b"MZ" + bytes(1000))
        self.file("vm.toml", f"[machine]\ncc = 'tdx'\nmemory = '64M'\n[boot]\n"
                             f"firmware = '{ovmf}'\nkernel = 'efi'\ninitrd = 'efi'\n"
                             f"cmdline = 'quiet'\n")
        for command in ("measure", "plan"):
            report = json.loads(self.expect([command, "vm.toml", "--json"], 0, err="")[1])
            report = report.get("launch", report)
            self.assertEqual(report["measurement_depends_on"], ["boot.firmware"])
            inputs = {i["input"]: (i["rtmr"], i["depends_on"]) for i in report["rtmr_inputs"]}
            self.assertEqual(inputs["CFV"], (0, ["boot.firmware"]))
            self.assertIn("machine.vcpus", inputs["ACPI loader script, RSDP, ACPI tables"][1])
            self.assertEqual(inputs["kernel"], (1, ["boot.kernel"]))
            self.assertEqual(inputs["command line"], (2, ["boot.cmdline"]))
            self.assertEqual(inputs["initrd"], (2, ["boot.initrd"]))

    def test_only_the_hob_depends_on_the_size_of_ram(self):
        reports = []
        for size in ("64M", "4G"):
            self.file("vm.toml", f"[machine]\ncc = 'tdx'\nmemory = '{size}'\n"
                                 f"[boot]\nfirmware = '{TD_FIRMWARE}'\n")
            reports.append(json.loads(self.expect(["measure", "vm.toml", "--json"], 0, err="")[1]))
        small, large = reports
        self.assertEqual(small["measurement"], large["measurement"])
        self.assertNotEqual(small["td_hob"]["sha384_ovmf"], large["td_hob"]["sha384_ovmf"])

    def test_measurement_depends_on_the_kernel(self):
        self.configure("snp")
        before = self.run_program("measure", "vm.toml")
        self.file("kernel", elf_kernel()[:-1] + b"!")
        self.assertNotEqual(self.run_program("measure", "vm.toml"), before)


class Probe(Case):
    def test_json_has_its_stable_keys(self):
        _, out, _ = self.expect(["probe", "--json"], 0, err="")
        probe = json.loads(out)
        self.assertEqual(list(probe), ["cpu", "kvm", "vm_types", "huge_pages", "missing"])
        self.assertEqual([t["name"] for t in probe["vm_types"]],
                         ["plain", "sw-protected", "snp", "tdx"])
        for item in probe["missing"]:
            self.assertTrue(item["item"] and item["remedy"], item)
        usable = probe["kvm"]["usable"]
        self.assertEqual(usable, probe["kvm"]["problem"] is None)
        self.assertEqual(usable, "kvm" not in [m["item"] for m in probe["missing"]])

    @unittest.skipIf(os.path.exists("/dev/kvm"), "this host has a /dev/kvm")
    def test_text_without_kvm(self):
        _, out, _ = self.expect(["probe"], 0, err="")
        self.assertIn("KVM: not usable, unable to open /dev/kvm: ENOENT", out)
        self.assertIn("Missing:\n  kvm: ", out)


if __name__ == "__main__":
    unittest.main()
