#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs of the host for the vsock tests; tests/guests/init/vsock.c is the guest's end.

    vsock_peer.py answer SOCKET        give each stream back inverted, once it has ended
    vsock_peer.py silent SOCKET        accept, and never read
    vsock_peer.py call SOCKET PORT N   N connections to the guest, 100 at a time, data verified
"""
import random
import selectors
import socket
import sys

INVERT = bytes(255 - i for i in range(256))
TOGETHER = 100


def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)  # fewer than come at once
    return listener


def answer(path):
    listener = listen(path)
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ, None)
    while True:
        for key, _ in ready.select():
            if key.data is None:
                stream, _ = listener.accept()
                ready.register(stream, selectors.EVENT_READ, bytearray())
                continue
            got = key.fileobj.recv(1 << 16)
            key.data.extend(got)
            if not got:
                ready.unregister(key.fileobj)
                key.fileobj.sendall(key.data.translate(INVERT))
                key.fileobj.close()


def silent(path):
    listener = listen(path)
    streams = []
    while True:
        streams.append(listener.accept()[0])


def begin(path, port):
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(path)
    stream.sendall(b"CONNECT %d\n" % port)
    return stream


def read_line(stream):
    line = b""
    while not line.endswith(b"\n"):
        byte = stream.recv(1)
        if not byte:
            return "closed"
        line += byte
    return line.decode()


def call(path, port, total):
    good, ports = 0, set()
    for first in range(0, total, TOGETHER):
        streams = [begin(path, port) for _ in range(min(TOGETHER, total - first))]
        for number, stream in enumerate(streams, first):
            word, host_port = (read_line(stream).split() + ["", ""])[:2]
            if word != "OK":
                print(f"connection {number}: {word}")
                continue
            ports.add(host_port)
            stream.sendall(random.Random(number).randbytes(1 + number * 6007 % 20000))
            stream.shutdown(socket.SHUT_WR)
        for number, stream in enumerate(streams, first):
            got = b"".join(iter(lambda s=stream: s.recv(1 << 16), b""))
            want = random.Random(number).randbytes(1 + number * 6007 % 20000)
            good += got == want.translate(INVERT)
            stream.close()
    print(f"called={total} good={good} ports={len(ports)}")


def main(what, path, *rest):
    if what == "answer":
        answer(path)
    elif what == "silent":
        silent(path)
    else:
        call(path, *map(int, rest))


main(*sys.argv[1:])
