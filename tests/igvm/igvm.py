# SPDX-License-Identifier: MIT
"""Writes IGVM files, and measures them as SNP firmware and the TDX module would.

Independent of minivmm: structures are written down here once more, from the format's published
definitions, the SNP firmware ABI and the TDX module's base specification."""

import hashlib
import struct
import zlib

PAGE = 4096
NATIVE, VSM, SNP, TDX = 0, 1, 2, 3  # platform types

UNMEASURED, SHARED, HUGE = 2, 4, 1  # page flags
NORMAL, SECRETS, CPUID, CPUID_XF = 0, 1, 2, 3  # page types

VMSA_GPA = 0xFFFFFFFFF000


class File:
    """Headers are appended in the order of the calls."""

    def __init__(self, version=1):
        self.version = version
        self.headers = []  # (type, content with file offsets relative to the data)
        self.data = bytearray()
        self.stored = {}  # content: where it is in the data
        self.events = []  # what a launch measures: (mask, what, ...)
        self.area_bytes = {}

    def header(self, kind, content, offset_at=None):
        """offset_at: where in the content a file offset stands, relative to the data so far."""
        self.headers.append((kind, bytearray(content), offset_at))

    def add_data(self, content):
        """The same bytes are stored once."""
        content += bytes(-len(content) % PAGE)
        at = self.stored.get(content)
        if at is None:
            at = self.stored[content] = len(self.data)
            self.data += content
        return at

    def with_data(self, content):
        """The offset for a header, and which of its fields has to be moved."""
        return (self.add_data(content), True) if content is not None else (0, False)

    # --- platform and initialization

    def platform(self, mask, kind, vtl=0, boundary=0):
        self.header(0x1, struct.pack("<IBBHQ", mask, vtl, kind, 1, boundary))

    def policy(self, mask, value):
        self.header(0x101, struct.pack("<QII", value, mask, 0))

    def relocatable(self, mask):
        self.header(0x102, struct.pack("<IHBBQQQQQ", mask, 0, 0, 0, PAGE, 0, PAGE, 0, PAGE))

    def page_table(self, mask):
        self.header(0x103, struct.pack("<IHBBQQQ", mask, 0, 0, 0, 0, PAGE, PAGE))

    # --- directives

    def page(self, mask, gpa, content=None, kind=NORMAL, flags=0):
        offset, move = self.with_data(content)
        size = 512 * PAGE if flags & HUGE else PAGE
        self.header(0x302, struct.pack("<QIIIHH", gpa, mask, offset, flags, kind, 0),
                    12 if move else None)
        content = (content or b"").ljust(size, b"\0")
        if not flags & SHARED:
            for at in range(0, size, PAGE):
                self.events.append((mask, "page", gpa + at, content[at:at + PAGE], kind, flags))

    def pages(self, mask, gpa, content, flags=0):
        for at in range(0, len(content), PAGE):
            part = content[at:at + PAGE]
            self.page(mask, gpa + at, part if any(part) else None, NORMAL, flags)

    def area(self, index, size, content=None):
        offset, move = self.with_data(content.ljust(size, b"\0") if content else None)
        self.header(0x301, struct.pack("<QII", size, index, offset), 12 if move else None)
        self.area_bytes[index] = size

    def insert(self, mask, gpa, index):
        self.header(0x303, struct.pack("<QII", gpa, mask, index))
        for at in range(0, self.area_bytes[index], PAGE):
            self.events.append((mask, "page", gpa + at, bytes(PAGE), NORMAL, UNMEASURED))

    def context(self, mask, index, content, gpa=0):
        offset, move = self.with_data(content)
        self.header(0x304, struct.pack("<QIIHH", gpa, mask, offset, index, 0), 12)
        self.events.append((mask, "context", index, content.ljust(PAGE, b"\0")))

    def required(self, mask, gpa, size):
        self.header(0x305, struct.pack("<QIIII", gpa, mask, size, 0, 0))

    def error_range(self, mask, gpa, size):
        self.header(0x30D, struct.pack("<QII", gpa, mask, size))

    def parameter(self, kind, index, offset):
        self.header(kind, struct.pack("<II", index, offset))

    def vp_count(self, index, offset):
        self.parameter(0x307, index, offset)

    def madt(self, index, offset):
        self.parameter(0x309, index, offset)

    def mmio_ranges(self, index, offset):
        self.parameter(0x30A, index, offset)

    def memory_map(self, index, offset):
        self.parameter(0x30C, index, offset)

    def command_line(self, index, offset):
        self.parameter(0x30E, index, offset)

    def device_tree(self, index, offset):
        self.parameter(0x312, index, offset)

    def environment(self, index, offset):
        self.parameter(0x313, index, offset)

    def id_block(self, mask, digest, author=True):
        def key(seed):
            return struct.pack("<II", 2, 0) + bytes([seed]) * 72 + bytes([seed + 1]) * 72

        def signature(seed):
            return bytes([seed]) * 72 + bytes([seed + 1]) * 72

        self.header(0x30B, struct.pack("<IB3x48s16s16sIIII", mask, author, digest, b"family",
                                       b"image", 1, 7, 1, 1 if author else 0)
                    + signature(0x11) + key(0x21)
                    + (signature(0x31) + key(0x41) if author else bytes(144 + 152)))

    def vbs_measurement(self, mask):
        self.header(0x311, struct.pack("<8I", mask, 1, 0, 0, 0, 0, 1, 1) + bytes(64 + 256 + 512))

    def optional(self):
        """Of a type that nobody knows; whoever does not may ignore it."""
        self.header(0x80000399, b"whatever")

    # --- the file

    def build(self):
        fixed_size = 24 if self.version == 1 else 32
        size = sum(8 + len(c) + -len(c) % 8 for _, c, _ in self.headers)
        start = fixed_size + size
        start += -start % PAGE
        variable = bytearray()
        for kind, content, offset_at in self.headers:
            if offset_at is not None:
                offset, = struct.unpack_from("<I", content, offset_at)
                content = bytearray(content)
                struct.pack_into("<I", content, offset_at, offset + start)
            variable += struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)
        fixed = bytearray(struct.pack("<4sIIIII", b"IGVM", self.version, fixed_size, size,
                                      start + len(self.data), 0))
        if self.version == 2:
            fixed += struct.pack("<II", 0, PAGE)
        struct.pack_into("<I", fixed, 20, zlib.crc32(fixed + variable))
        return bytes((fixed + variable).ljust(start, b"\0") + self.data)

    # --- measurements

    def snp_digest(self, mask, vcpus, default_vmsa):
        """`default_vmsa`: the page of vCPUs that the file has no context for."""
        digest = bytes(48)
        contexts = {}
        for event in self.events:
            if not event[0] & mask:
                continue
            if event[1] == "context":
                contexts[event[2]] = event[3]
                continue
            _, _, gpa, content, kind, flags = event
            if kind == SECRETS:
                digest = snp_link(digest, 5, bytes(48), gpa)
            elif kind in (CPUID, CPUID_XF):
                digest = snp_link(digest, 6, bytes(48), gpa)
            elif flags & UNMEASURED:
                digest = snp_link(digest, 4, bytes(48), gpa)
            else:
                digest = snp_link(digest, 1, hashlib.sha384(content).digest(), gpa)
        for index in range(vcpus):
            page = contexts.get(index, default_vmsa)
            digest = snp_link(digest, 2, hashlib.sha384(page).digest(), VMSA_GPA)
        return digest

    def mrtd(self, mask):
        sha = hashlib.sha384()
        for event in self.events:
            if not event[0] & mask or event[1] != "page":
                continue
            _, _, gpa, content, _, flags = event
            sha.update(struct.pack("<16sQ104x", b"MEM.PAGE.ADD", gpa))
            if flags & UNMEASURED:
                continue
            for at in range(0, PAGE, 256):
                sha.update(struct.pack("<16sQ104x", b"MR.EXTEND", gpa + at))
                sha.update(content[at:at + 256])
        return sha.digest()


def snp_link(digest, kind, contents, gpa):
    info = digest + contents + struct.pack("<HBBIQ", 0x70, kind, 0, 0, gpa)
    return hashlib.sha384(info).digest()


# --- registers ------------------------------------------------------------------------------------

def segment(selector, attributes, limit, base=0):
    return struct.pack("<HHIQ", selector, attributes, limit, base)


def vmsa(**registers):
    """A VMSA page (AMD64 APM volume 2, table B-4) with KVM's values where nothing is given."""
    page = bytearray(PAGE)
    data = segment(0x18, 0xC93, 0xFFFFFFFF)
    values = {
        "es": (0x00, data), "cs": (0x10, segment(0x10, 0xA9B, 0xFFFFFFFF)), "ss": (0x20, data),
        "ds": (0x30, data), "fs": (0x40, data), "gs": (0x50, data),
        "gdtr": (0x60, segment(0, 0, 0)), "ldtr": (0x70, segment(0, 0x82, 0xFFFF)),
        "idtr": (0x80, segment(0, 0, 0)), "tr": (0x90, segment(0, 0x8B, 0xFFFF)),
        "efer": (0xD0, 0x1500), "cr4": (0x148, 0x60), "cr3": (0x150, 0),
        "cr0": (0x158, 0x80000011), "dr7": (0x160, 0x400), "dr6": (0x168, 0xFFFF0FF0),
        "rflags": (0x170, 2), "rip": (0x178, 0), "rsp": (0x1D8, 0), "rax": (0x1F8, 0),
        "pat": (0x268, 0x0007040600070406), "rdx": (0x310, 0), "rsi": (0x330, 0),
        "sev_features": (0x3B0, 1), "xcr0": (0x3E8, 1),
    }
    for name, (offset, value) in values.items():
        value = registers.get(name, value)
        if isinstance(value, int):
            value = struct.pack("<Q", value)
        page[offset:offset + len(value)] = value
    struct.pack_into("<I", page, 0x408, 0x1F80)
    struct.pack_into("<H", page, 0x410, 0x37F)
    return bytes(page)


def reset_vmsa(signature, features=1):
    """What KVM seals for a vCPU that was left in its reset state, at the usual reset vector."""
    data = segment(0, 0x93, 0xFFFF)
    table = segment(0, 0, 0xFFFF)
    return vmsa(es=data, ss=data, ds=data, fs=data, gs=data,
                cs=segment(0xF000, 0x9B, 0xFFFF, 0xFFFF0000), gdtr=table, idtr=table,
                efer=0x1000, cr4=0x40, cr0=0x10, rip=0xFFF0, rdx=signature, sev_features=features)


def native_context(rip=0, rsi=0, cr3=0):
    """64-bit mode, paging on."""
    general = [0] * 16
    general[6] = rsi
    return struct.pack("<16QQQQHHHHQHHIIHHIIQQQQQ", *general, rip, 2, 0, 0, 0, 0, 0, 0,
                       0x10, 0xA09B, 0, 0xFFFFFFFF, 0x18, 0xC093, 0, 0xFFFFFFFF, 0,
                       0x80000011, cr3, 0x20, 0x100)
