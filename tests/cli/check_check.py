# SPDX-License-Identifier: MIT
"""`check` finds what `run` would refuse, with the line it is of, all of it in one run."""
import fcntl
import os
import re
import shutil
import socket
import struct
import textwrap
import unittest

from program import FAKE, MINIVMM, Case, elf_kernel, usable_kvm

BOOT = "[boot]\nkernel = 'kernel'\n"  # two lines


class Check(Case):
    def setUp(self):
        super().setUp()
        self.file("kernel", elf_kernel())
        self.file("image", b"x" * 1024)
        self.how = {}

    def path(self, name):
        return os.path.join(self.dir, name)

    def finds(self, text, status, *faults):
        """Behind BOOT: exactly these faults, each as "LINE:COLUMN: beginning"."""
        self.file("vm.toml", BOOT + text)
        _, _, err = self.expect(["check", "vm.toml"], status, "", **self.how)
        lines = err.splitlines()
        self.assertEqual(len(lines), len(faults), err)
        for line, fault in zip(lines, faults):
            self.assertTrue(line.startswith(f"vm.toml:{fault}"), err)
        return err

    def good(self, text):
        self.file("vm.toml", BOOT + text)
        self.expect(["check", "vm.toml"], 0, "vm.toml: ok\n", "")

    # --- missing files -----------------------------------------------------------------------

    def test_every_missing_file_is_told_with_its_line(self):
        self.file("vm.toml", """[boot]
kernel = "no-kernel"
initrd = "no-initrd"
[[disk]]
path = "image"
[[disk]]
path = "no-disk"
[rng]
source = "nosuch"
[vsock]
path = "nowhere/vm.vsock"
[serial]
output = "file:nowhere/serial"
[console]
output = "unix:nowhere/console"
[log]
file = "nowhere/vm.log"
""")
        _, _, err = self.expect(["check", "vm.toml"], 2, "")
        self.assertEqual([line.split(" ")[:2] for line in err.splitlines()],
                         [["vm.toml:2:1:", "boot.kernel:"], ["vm.toml:3:1:", "boot.initrd:"],
                          ["vm.toml:7:1:", "disk[1].path:"], ["vm.toml:9:1:", "rng.source:"],
                          ["vm.toml:11:1:", "vsock.path:"], ["vm.toml:13:1:", "serial.output:"],
                          ["vm.toml:15:1:", "console.output:"], ["vm.toml:17:1:", "log.file:"]])
        self.assertEqual(err.count("ENOENT"), 8)
        self.assertEqual(err.count("its folder is missing"), 4)
        self.assertEqual(sorted(os.listdir(self.dir)), ["image", "kernel", "vm.toml"])

    def test_files_of_a_confidential_guest_are_told_with_their_lines(self):
        keys = ("host-data-file", "id-block", "id-auth", "certs")
        text = "[snp]\n" + "".join(f"{key} = 'nosuch'\n" for key in keys)
        self.finds("[machine]\ncc = 'snp'\n" + text, 2,
                   *(f"{6 + i}:1: snp.{key}: unable to open" for i, key in enumerate(keys)))
        self.good(text)  # of no other guest

    def test_what_the_loader_finds_has_its_line(self):
        self.file("initrd", "")
        self.finds("initrd = 'initrd'\n", 2, "3:1: initrd: ")
        self.file("kernel", b"no kernel at all" * 1000)
        self.finds("", 2, "2:1: kernel: ")

    # --- files that are there, and no good ---------------------------------------------------

    def test_disks_are_looked_at(self):
        self.file("small", b"x" * 511)
        self.file("qcow2", b"QFI\xfb\0\0\0\3" + bytes(1016))
        os.mkfifo(self.path("fifo"))
        for path, says in (("missing", "unable to open"), ("small", "smaller than a sector"),
                           (".", "EISDIR"), ("fifo", "neither a file nor a block device"),
                           ("qcow2", "is a qcow2 image")):
            err = self.finds(f"[[disk]]\npath = '{path}'\n", 2, "4:1: disk[0].path: ")
            self.assertIn(says, err)
        self.good("[[disk]]\npath = 'image'\n")
        self.good("[[disk]]\npath = 'qcow2'\nformat = 'raw'\n")

    def test_pipes_and_folders_do_not_hang_it(self):
        os.mkfifo(self.path("fifo"))
        os.mkdir(self.path("dir"))
        self.finds("[rng]\nsource = 'fifo'\n", 2, "4:1: rng.source: ")
        self.finds("[rng]\nsource = 'dir'\n", 2, "4:1: rng.source: ")
        self.finds("initrd = 'fifo'\n", 2, "3:1: boot.initrd: ")
        for table, key, value in (("log", "file", "{}"), ("serial", "output", "file:{}")):
            self.finds(f"[{table}]\n{key} = '{value.format('dir')}'\n", 2, f"4:1: {table}.{key}: ")
            self.good(f"[{table}]\n{key} = '{value.format('fifo')}'\n")  # somebody may come to read

    def test_permissions_are_the_hosts(self):
        if os.geteuid() == 0:  # to whom nothing is forbidden
            os.chmod(self.dir, 0o755)
            shutil.copy(MINIVMM, self.path("minivmm"))
            self.how = {"program": self.path("minivmm"), "user": 65534, "group": 65534,
                        "extra_groups": []}
        os.chmod(self.path("image"), 0o444)
        os.mkdir(self.path("closed"), 0o555)
        err = self.finds("[[disk]]\npath = 'image'\n", 1, "4:1: disk[0].path: ")
        self.assertIn("readonly = true", err)
        self.finds("[log]\nfile = 'closed/log'\n", 1, "4:1: log.file: ")
        self.finds("[vsock]\npath = 'closed/vsock'\n", 1, "4:1: vsock.path: ")
        self.finds("[serial]\noutput = 'file:image'\n", 1, "4:1: serial.output: ")

    def test_two_names_of_one_image_are_told_as_that(self):
        os.symlink("image", self.path("link"))
        for command, status in (("check", 2), ("run", 1)):
            if command == "run" and not usable_kvm():
                continue
            self.file("vm.toml", BOOT + "[[disk]]\npath = 'image'\n[[disk]]\npath = 'link'\n")
            _, _, err = self.expect([command, "vm.toml"], status, "")
            self.assertIn("disk[1].path: link is disk[0] of this VM as well", err)

    def test_nothing_is_appended_to_a_file_of_the_vm(self):
        for path in ("image", "kernel", "vm.toml"):
            err = self.finds(f"[[disk]]\npath = 'image'\n[serial]\noutput = 'file:{path}'\n", 2,
                             f"6:1: serial.output: {path} is ")
            self.assertIn("text would be appended", err)

    # --- what somebody else has --------------------------------------------------------------

    def test_an_image_that_another_vm_holds(self):
        with open(self.path("image"), "r+b") as image:
            lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            fcntl.fcntl(image, 37, lock)  # F_OFD_SETLK
            err = self.finds("[[disk]]\npath = 'image'\n", 1, "4:1: disk[0].path: ")
            self.assertIn("in use by another VM", err)
            # with a fault that is the configuration's, it is the configuration's
            self.finds("[[disk]]\npath = 'image'\n[rng]\nsource = 'nosuch'\n", 2,
                       "4:1: disk[0].path: ", "6:1: rng.source: ")
        self.good("[[disk]]\npath = 'image'\n")

    def test_a_socket_on_which_somebody_listens_is_not_disturbed(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path("sock"))
            listener.listen(1)
            listener.setblocking(False)
            for text in ("[vsock]\npath = 'sock'\n", "[serial]\noutput = 'unix:sock'\n"):
                err = self.finds(text, 1, "4:1: ")
                self.assertIn("EADDRINUSE", err)
            self.assertRaises(BlockingIOError, listener.accept)
        # left behind, it is replaced by `run`
        self.good("[vsock]\npath = 'sock'\n")
        self.assertTrue(os.path.exists(self.path("sock")))

    def test_a_file_in_the_place_of_a_socket(self):
        self.finds("[vsock]\npath = 'image'\n", 1, "4:1: vsock.path: ")

    # --- what is wrong with the words --------------------------------------------------------

    def test_what_run_refuses_on_reading(self):
        long = "v" * 97
        for command in ("check", "run", "plan"):
            for text, fault in ((f"[vsock]\npath = '/{long[1:]}'\n", "4:8: vsock.path: "),
                                ("[machine]\ncc = 'snp'\n[snp]\npolicy = 0\n", "6:1: snp.policy: ")):
                self.file("vm.toml", BOOT + text)
                _, _, err = self.expect([command, "vm.toml"], 2, "")
                self.assertTrue(err.startswith("vm.toml:" + fault), err)

    # --- what is right -----------------------------------------------------------------------

    def test_every_example_passes_with_its_files_beside_it(self):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
        examples = []
        for name in sorted(os.listdir(os.path.join(source, "configs"))):
            if name.endswith(".toml"):
                with open(os.path.join(source, "configs", name)) as f:
                    examples.append(f.read())
        with open(os.path.join(source, "README.md")) as f:
            blocks = re.findall(r"(?m)((?:^    .*\n|^\n)+)", f.read())
        examples += [textwrap.dedent(b) for b in blocks if re.search(r"(?m)^    \[boot\]", b)]
        self.assertGreaterEqual(len(examples), 6)
        self.file("vmlinuz", elf_kernel())
        self.file("initrd.img", b"x" * 1000)
        self.file("rootfs.img", b"x" * 1024)
        with socket.socket(socket.AF_UNIX) as network:
            network.bind(self.path("passt.sock"))
            network.listen(9)
            for example in examples:
                self.file("vm.toml", example)
                self.expect(["check", "vm.toml"], 0, "vm.toml: ok\n", "")

    def test_a_configuration_on_standard_input(self):
        text = BOOT + "[rng]\nsource = 'nosuch'\n"
        _, _, err = self.expect(["check", "-"], 2, "", input=text)
        self.assertTrue(err.startswith("<stdin>:4:1: rng.source: "), err)


class LogFile(Case):
    def run_with(self, log):
        return self.run_program("run", "poweroff", program=FAKE, env=dict(os.environ, FAKE_LOG=log))

    def test_a_pipe_without_a_reader_is_refused_and_does_not_hang(self):
        os.mkfifo(os.path.join(self.dir, "fifo"))
        status, out, err = self.run_with("fifo")
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(err, "minivmm: unable to open the log file fifo: it is a FIFO that nobody "
                         "reads, or a socket\n")

    def test_a_pipe_with_a_reader_is_a_log(self):
        path = os.path.join(self.dir, "fifo")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.assertEqual(self.run_with("fifo"), (0, "running\n", ""))
        self.assertEqual(os.read(reader, 1000), b"minivmm: warning: a VM that is not there\n")


if __name__ == "__main__":
    unittest.main()
