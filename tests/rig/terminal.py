# SPDX-License-Identifier: MIT
"""A person at a terminal: types much to a guest that does not read, and then Ctrl-A x."""
import fcntl
import os
import pty
import subprocess
import sys
import termios
import time

program, config = sys.argv[1:]
master, slave = pty.openpty()
before = termios.tcgetattr(slave)


def own_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


vm = subprocess.Popen([program, "run", config], stdin=slave, stdout=slave, stderr=slave,
                      preexec_fn=own_terminal)
said = b""
while b"GUEST hello" not in said:
    said += os.read(master, 4096)
os.set_blocking(master, False)
for key in [b"x" * 100] * 60 + [b"\x01x"]:
    try:
        os.write(master, key)
        os.read(master, 4096)
    except BlockingIOError:
        pass
    time.sleep(0.01)
status = vm.wait(timeout=20)
after = termios.tcgetattr(slave)
os.write(master, b"\n")
time.sleep(0.2)
left = os.read(slave, 4096)
print(f"status {status}, terminal as before: {after == before}, for the shell: {left!r}")
sys.exit(0 if status == 0 and after == before and left == b"\n" else 1)
