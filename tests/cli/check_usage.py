# SPDX-License-Identifier: MIT
"""What the program says to a wrong command line, and its help."""
import re
import unittest

from program import Case, elf_kernel


class Usage(Case):
    def test_no_arguments(self):
        self.expect([], 2, "", "minivmm: no command given: see 'minivmm --help'\n")

    def test_unknown_command_suggests_the_nearest(self):
        self.expect(["rnu"], 2, "", "minivmm: unknown command 'rnu': did you mean 'run'?\n")
        self.expect(["mesure"], 2, "",
                    "minivmm: unknown command 'mesure': did you mean 'measure'?\n")
        self.expect(["help", "plam"], 2, "",
                    "minivmm: unknown command 'plam': did you mean 'plan'?\n")

    def test_unknown_command_that_is_like_no_other(self):
        for word in ("destroy", "x" * 5000):
            self.expect([word], 2, "")
        self.expect(["destroy"], 2, "",
                    "minivmm: unknown command 'destroy': see 'minivmm --help'\n")

    def test_missing_configuration(self):
        self.expect(["run"], 2, "", "minivmm: run: no configuration file given: "
                    "usage: minivmm run CONFIG [--timings]\n")
        self.expect(["plan", "--json"], 2, "", "minivmm: plan: no configuration file given: "
                    "usage: minivmm plan CONFIG [--json]\n")

    def test_unknown_option(self):
        self.expect(["run", "--json", "a.toml"], 2, "",
                    "minivmm: run: unknown option '--json': see 'minivmm help run'\n")

    def test_too_many_arguments(self):
        self.expect(["check", "a.toml", "b.toml"], 2, "",
                    "minivmm: check: unexpected argument 'b.toml': "
                    "usage: minivmm check CONFIG\n")
        self.expect(["probe", "a.toml"], 2, "",
                    "minivmm: probe: unexpected argument 'a.toml': "
                    "usage: minivmm probe [--json]\n")

    def test_version(self):
        _, out, _ = self.expect(["--version"], 0, err="")
        self.assertRegex(out, r"^minivmm \d+\.\d+\.\d+\n$")

        self.assertEqual(self.expect(["-V"], 0, err="")[1], out)

    def test_words_in_a_commands_place_take_no_more_than_they_use(self):
        for args, rest in ((["help", "run", "check"], "check"), (["--help", "run", "x"], "x"),
                           (["--version", "x"], "x"), (["-V", "--json"], "--json"),
                           (["--help-config", "x"], "x")):
            self.expect(args, 2, "", f"minivmm: {args[0]}: unexpected argument '{rest}': "
                        "see 'minivmm --help'\n")

    def test_behind_two_dashes_is_no_option(self):
        for name in ("missing.toml", "--json", "--", "-h"):
            _, _, err = self.expect(["check", "--", name], 2, "")
            self.assertRegex(err, rf"^minivmm: unable to open {name}: ENOENT")
        self.expect(["check", "--"], 2, "", "minivmm: check: no configuration file given: "
                    "usage: minivmm check CONFIG\n")

    def test_a_dash_is_standard_input(self):
        self.file("kernel", elf_kernel())
        good = "[boot]\nkernel = 'kernel'\n"
        for args in (["check", "-"], ["check", "--", "-"]):
            self.expect(args, 0, "-: ok\n", "", input=good)
        _, _, err = self.expect(["check", "-"], 2, "", input="[boot]\nkernel = 1\n")
        self.assertRegex(err, r"^<stdin>:2:10: boot\.kernel: ")

    def test_help_lists_every_command(self):
        _, out, _ = self.expect(["--help"], 0, err="")
        for command in ("run", "check", "plan", "measure", "probe", "help"):
            self.assertRegex(out, rf"(?m)^  {command} ")
        self.assertEqual(self.expect(["help"], 0, err="")[1], out)

    def test_help_of_a_command(self):
        for command in ("run", "check", "plan", "measure", "probe"):
            _, out, _ = self.expect([command, "--help"], 0, err="")
            self.assertTrue(out.startswith(f"usage: minivmm {command}"), out)
            self.assertEqual(self.expect(["help", command], 0, err="")[1], out)
            self.assertEqual(self.expect(["--help", command], 0, err="")[1], out)

    def test_help_config_names_every_table(self):
        _, out, _ = self.expect(["--help-config"], 0, err="")
        for key in ("machine.vcpus", "machine.memory", "boot.kernel", "serial.output",
                    "log.level"):
            self.assertIsNotNone(re.search(re.escape(key.split(".")[1]), out), key)


if __name__ == "__main__":
    unittest.main()
