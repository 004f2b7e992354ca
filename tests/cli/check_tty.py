# SPDX-License-Identifier: MIT
"""The terminal: raw while a VM has it, and given back on every way out."""
import fcntl
import os
import pty
import signal
import subprocess
import termios
import time
import unittest

from program import FAKE, Case


class Terminal(Case):
    def setUp(self):
        super().setUp()
        self.master, self.slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, self.slave)
        self.before = termios.tcgetattr(self.slave)
        self.assertTrue(self.before[3] & termios.ICANON)

    def start(self, name):
        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        vm = subprocess.Popen([FAKE, "run", name], cwd=self.dir, stdin=self.slave,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              preexec_fn=own_terminal)
        self.assertEqual(vm.stdout.readline(), "running\n")
        return vm

    def assert_raw(self):
        iflag, oflag, _, lflag = termios.tcgetattr(self.slave)[:4]
        self.assertFalse(lflag & (termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN))
        self.assertFalse(iflag & (termios.ICRNL | termios.IXON))
        self.assertTrue(oflag & termios.OPOST)

    def end(self, vm):
        _, err = vm.communicate(timeout=30)
        self.assertEqual(termios.tcgetattr(self.slave), self.before, err)
        return vm.returncode

    def test_raw_while_running_and_restored_after_power_off(self):
        vm = self.start("obedient")
        self.assert_raw()
        vm.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(vm), 0)

    def test_restored_after_each_signal_to_a_deaf_guest(self):
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            vm = self.start("deaf")
            self.assert_raw()
            vm.send_signal(sig)
            self.assertEqual(self.end(vm), 1)

    def test_restored_after_a_guest_crash_and_a_failure(self):
        self.assertEqual(self.end(self.start("crash")), 3)
        self.assertEqual(self.end(self.start("fail")), 1)

    def test_restored_after_each_crash_of_the_program(self):
        for sig in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT):
            vm = self.start("deaf")
            self.assert_raw()
            vm.send_signal(sig)
            self.assertEqual(self.end(vm), -sig)

    def test_restored_after_each_other_signal_that_ends_it(self):
        for sig in (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGUSR2,
                    signal.SIGPWR, signal.SIGIO, signal.SIGRTMIN, signal.SIGRTMAX):
            vm = self.start("deaf")
            self.assert_raw()
            vm.send_signal(sig)
            self.assertEqual(self.end(vm), -sig)

    def test_sigusr1_from_outside_leaves_it_running_and_raw(self):
        vm = self.start("obedient")
        vm.send_signal(signal.SIGUSR1)
        time.sleep(0.2)
        self.assertIsNone(vm.poll())
        self.assert_raw()
        vm.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(vm), 0)

    def pending(self):
        """What the shell would read next."""
        os.write(self.master, b"\n")
        time.sleep(0.1)
        return os.read(self.slave, 1000)

    def test_keys_that_the_guest_did_not_read_are_not_for_the_shell(self):
        vm = self.start("obedient")
        os.write(self.master, b"rm -rf precious\n\x1b[24;80R")
        vm.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(vm), 0)
        self.assertEqual(self.pending(), b"\n")

    def test_answers_of_the_terminal_that_come_late_are_not_for_the_shell(self):
        vm = self.start("poweroff")
        os.write(self.master, b"\x1b[24;80R")
        self.assertEqual(self.end(vm), 0)
        self.assertEqual(self.pending(), b"\n")

    def test_keys_are_thrown_away_after_a_crash_too(self):
        vm = self.start("deaf")
        os.write(self.master, b"rm -rf precious\n")
        vm.send_signal(signal.SIGSEGV)
        self.assertEqual(self.end(vm), -signal.SIGSEGV)
        self.assertEqual(self.pending(), b"\n")

    def test_ends_when_the_terminal_is_stopped(self):
        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        vm = subprocess.Popen([FAKE, "run", "chatty"], cwd=self.dir, stdin=self.slave,
                              stdout=subprocess.PIPE, stderr=self.slave,
                              preexec_fn=own_terminal)
        self.addCleanup(vm.kill)
        self.addCleanup(vm.stdout.close)
        termios.tcflow(self.slave, termios.TCOOFF)
        self.assertEqual(vm.stdout.readline(), b"running\n")
        vm.send_signal(signal.SIGTERM)
        self.assertEqual(vm.wait(timeout=20), 1)
        self.assertEqual(termios.tcgetattr(self.slave), self.before)

    def test_restored_after_the_crash_of_another_thread(self):
        self.assertEqual(self.end(self.start("segv-thread")), -signal.SIGSEGV)

    def test_raw_again_after_a_stop(self):
        vm = self.start("obedient")
        vm.send_signal(signal.SIGSTOP)
        os.waitpid(vm.pid, os.WUNTRACED)
        termios.tcsetattr(self.slave, termios.TCSANOW, self.before)
        vm.send_signal(signal.SIGCONT)
        for _ in range(100):
            if not termios.tcgetattr(self.slave)[3] & termios.ICANON:
                break
            time.sleep(0.05)
        self.assert_raw()
        vm.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(vm), 0)

    def test_control_c_is_a_key_for_the_guest(self):
        vm = self.start("obedient")
        os.write(self.master, b"\x03")
        time.sleep(0.3)
        self.assertIsNone(vm.poll())
        vm.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(vm), 0)

    def test_untouched_in_the_background(self):
        vm = subprocess.Popen([FAKE, "run", "obedient"], cwd=self.dir, stdin=self.slave,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(vm.stdout.readline(), "running\n")
        self.assertEqual(termios.tcgetattr(self.slave), self.before)
        vm.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(vm), 0)


if __name__ == "__main__":
    unittest.main()
