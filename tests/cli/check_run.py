# SPDX-License-Identifier: MIT
"""`run` over VMs that are not there: every way a VM can end, signals, log, timings."""
import os
import pty
import re
import signal
import socket
import subprocess
import termios
import time
import unittest

from program import FAKE, Case

WARNING = "minivmm: warning: a VM that is not there\n"


class Run(Case):
    def ends(self, name, status, err):
        self.expect(["run", name], status, "running\n", WARNING + err, program=FAKE)

    def test_power_off(self):
        self.ends("poweroff", 0, "")

    def test_reboot_without_relaunch(self):
        self.ends("reboot", 0, "")

    def test_crash(self):
        self.ends("crash", 3, "minivmm: the guest crashed: kernel panic\n")

    def test_failure(self):
        self.ends("fail", 1, "minivmm: the VM failed: KVM gave up\n")

    def test_relaunch_makes_a_second_vm(self):
        self.expect(["run", "relaunch"], 0, "running\nrunning\n", WARNING * 2, program=FAKE)

    def test_vm_that_cannot_be_created(self):
        self.expect(["run", "no-create"], 1, "", "minivmm: no VM today\n", program=FAKE)

    def test_vm_that_cannot_be_run(self):
        self.expect(["run", "no-run"], 1, "", WARNING + "minivmm: no running today\n",
                    program=FAKE)

    def test_faults_of_the_configuration(self):
        self.expect(["run", "faults"], 2, "", "faults:1:2: one\nfaults:3:4: two\n", program=FAKE)
        self.expect(["run", "unreadable"], 2, "", "minivmm: unable to open unreadable\n",
                    program=FAKE)

    def test_timings(self):
        _, _, err = self.expect(["run", "poweroff", "--timings"], 0, program=FAKE)
        marks = re.findall(r"(?m)^timing: (\w+) (\d+) us$", err)
        self.assertEqual([name for name, _ in marks], ["config_read", "first_run", "over"])
        times = [int(us) for _, us in marks]
        self.assertEqual(times, sorted(times))
        self.assertLess(times[-1], 30_000_000)
        self.assertTrue(err.endswith("timing: exits 42\n"), err)

    def test_log_file(self):
        env = dict(os.environ, FAKE_LOG="vm.log")
        for _ in range(2):
            self.expect(["run", "poweroff"], 0, "running\n", "", program=FAKE, env=env)
        path = os.path.join(self.dir, "vm.log")
        with open(path) as f:
            self.assertEqual(f.read(), WARNING * 2)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_log_file_that_cannot_be_opened(self):
        env = dict(os.environ, FAKE_LOG="missing/vm.log")
        self.expect(["run", "poweroff"], 1, "", "minivmm: unable to open the log file "
                    "missing/vm.log: No such file or directory\n", program=FAKE, env=env)

    def test_report_to_a_full_disk(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([FAKE, "probe"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr), (
            1, "minivmm: unable to write the report: No space left on device\n"))


class Signals(Case):
    def start(self, name, **kwargs):
        vm = subprocess.Popen([FAKE, "run", name], cwd=self.dir, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)
        self.assertEqual(vm.stdout.readline(), "running\n")
        return vm

    def end(self, vm):
        _, err = vm.communicate(timeout=30)
        self.assertTrue(err.startswith(WARNING), err)
        return vm.returncode, err[len(WARNING):]

    def test_each_signal_presses_the_power_button(self):
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            vm = self.start("obedient")
            vm.send_signal(sig)
            self.assertEqual(self.end(vm), (0, ""))

    def test_deaf_guest_is_stopped_after_the_grace_period(self):
        vm = self.start("deaf")
        began = time.monotonic()
        vm.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(vm), (
            1, "minivmm: the guest did not power off within 1 seconds\n"))
        self.assertGreaterEqual(time.monotonic() - began, 0.99)

    def test_launch_that_takes_long_can_be_ended(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            vm = subprocess.Popen([FAKE, "run", "slow-launch"], cwd=self.dir, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
            self.assertEqual(vm.stdout.readline(), "launching\n")
            vm.send_signal(sig)
            # the VM's sockets are removed with it
            self.assertEqual(vm.communicate(timeout=20)[0], "destroyed\n")
            self.assertEqual(vm.returncode, -sig)

    def test_second_signal_stops_at_once(self):
        vm = self.start("stubborn")
        vm.send_signal(signal.SIGTERM)
        time.sleep(1.2)
        vm.send_signal(signal.SIGINT)
        self.assertEqual(self.end(vm), (
            1, "minivmm: stopped by a second signal before the guest powered off\n"))

    def test_signals_within_a_second_are_one(self):
        """timeout(1) sends two; so do kernel and shell when a terminal goes away."""
        for sig in (signal.SIGTERM, signal.SIGHUP):
            vm = self.start("deaf")
            began = time.monotonic()
            for _ in range(3):
                vm.send_signal(sig)
                time.sleep(0.1)
            self.assertEqual(self.end(vm), (
                1, "minivmm: the guest did not power off within 1 seconds\n"))
            self.assertGreaterEqual(time.monotonic() - began, 0.99)

    def test_sigusr1_from_outside_is_ignored(self):
        vm = self.start("obedient")
        vm.send_signal(signal.SIGUSR1)
        time.sleep(0.2)
        self.assertIsNone(vm.poll())
        vm.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(vm), (0, ""))

    def test_quit_stops_at_once(self):
        vm = self.start("deaf")
        vm.send_signal(signal.SIGQUIT)
        self.assertEqual(self.end(vm), (
            1, "minivmm: stopped by SIGQUIT before the guest powered off\n"))

    def test_no_relaunch_after_the_power_button(self):
        vm = self.start("reboots-on-button")
        vm.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(vm), (0, ""))

    def test_ignored_signal_stays_ignored(self):
        vm = self.start("obedient", preexec_fn=lambda: signal.signal(signal.SIGHUP,
                                                                    signal.SIG_IGN))
        vm.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        self.assertIsNone(vm.poll())
        vm.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(vm), (0, ""))


class NobodyReads(Case):
    """The log's reader hangs: the VM runs, and every way to end it works."""

    def run_and_stop(self, sig, err, name="chatty", fds=()):
        vm = subprocess.Popen([FAKE, "run", name], cwd=self.dir, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=err, pass_fds=fds)
        self.addCleanup(vm.kill)
        self.addCleanup(vm.stdout.close)
        self.assertEqual(vm.stdout.readline(), b"running\n")
        for s in sig:
            vm.send_signal(s)
        self.assertEqual(vm.wait(timeout=20), 1)

    def test_pipe_that_nobody_reads(self):
        for sig in ((signal.SIGTERM,), (signal.SIGTERM, signal.SIGQUIT), (signal.SIGQUIT,)):
            r, w = os.pipe()
            self.run_and_stop(sig, w)
            os.close(r)
            os.close(w)

    def test_socket_that_nobody_reads(self):
        a, b = socket.socketpair()
        with a, b:
            self.run_and_stop((signal.SIGQUIT,), b.fileno())

    def test_terminal_that_is_stopped(self):
        master, slave = pty.openpty()
        termios.tcflow(slave, termios.TCOOFF)
        self.run_and_stop((signal.SIGTERM,), slave)
        os.close(slave)
        os.close(master)

    def test_log_file_that_nobody_reads(self):
        os.mkfifo(os.path.join(self.dir, "fifo"))
        fd = os.open(os.path.join(self.dir, "fifo"), os.O_RDWR)
        os.environ["FAKE_LOG"] = "fifo"
        try:
            self.run_and_stop((signal.SIGQUIT,), subprocess.DEVNULL)
        finally:
            del os.environ["FAKE_LOG"]
            os.close(fd)

    def test_descriptor_that_is_non_blocking(self):
        r, w = os.pipe()
        os.set_blocking(w, False)
        self.run_and_stop((signal.SIGQUIT,), w)
        os.close(r)
        os.close(w)

    def test_lost_lines_are_counted_and_told_later(self):
        r, w = os.pipe()
        vm = subprocess.Popen([FAKE, "run", "chatty"], cwd=self.dir, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=w, text=True)
        os.close(w)
        self.assertEqual(vm.stdout.readline(), "running\n")
        with os.fdopen(r) as log:
            first = log.readline()
            vm.send_signal(signal.SIGQUIT)
            lines = [first] + log.readlines()
        vm.communicate()
        told = [re.fullmatch(r"minivmm: warning: (\d+) lines are missing here: they could not be "
                             r"written\n", line) for line in lines]
        lost = sum(int(m.group(1)) for m in told if m)
        chat = [line for line in lines if "what a guest has caused" in line]
        self.assertGreater(lost, 0)
        self.assertEqual(len(chat) + lost, 10000)
        self.assertEqual(len(lines), 1 + len(chat) + sum(1 for m in told if m) + 1)
        self.assertIn("stopped by SIGQUIT", lines[-1])

    def test_full_disk_does_not_end_the_vm(self):
        with open("/dev/full", "w") as full:
            self.run_and_stop((signal.SIGQUIT,), full)


class StandardDescriptors(Case):
    """One that is closed at the start is not the next that is opened."""

    def test_closed_standard_descriptors(self):
        for closed in ((0,), (1,), (2,), (0, 1, 2)):
            env = dict(os.environ, FAKE_LOG="vm.log")

            def close():
                for fd in closed:
                    os.close(fd)

            done = subprocess.run([FAKE, "run", "poweroff"], cwd=self.dir, env=env, timeout=60,
                                  preexec_fn=close)
            self.assertEqual(done.returncode, 0)
            with open(os.path.join(self.dir, "vm.log")) as f:
                self.assertEqual(f.read(), WARNING)
            os.unlink(os.path.join(self.dir, "vm.log"))


if __name__ == "__main__":
    unittest.main()
