#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the IGVM files of the tests.

    make.py OUTPUT_FOLDER [CCGUEST_ELF CCGUEST_FD]
    make.py --corpus tests/fuzz/corpus/igvm

small.igvm, small-v2.igvm: every directive once, for parsers; need no guest.
guest.igvm: the guest of tests/guests/cc for plain, SNP and TDX VMs; addresses as in its layout.h.
guest-2.igvm: the same for SNP VMs of two vCPUs, with registers for both and an ID block.
expected.json: what each of them is measured as."""

import json
import pathlib
import struct
import sys

import igvm
from igvm import File, NATIVE, PAGE, SNP, TDX, VSM

PLAIN_BIT, SNP_BIT, TDX_BIT, VSM_BIT = 1, 2, 4, 8
ALL = PLAIN_BIT | SNP_BIT | TDX_BIT

SIGNATURE = 0x800F12  # of snp.vcpu-type's default, EPYC

# tests/guests/cc/layout.h
LOW_BASE, LOW_SIZE = 0x200000, 0x20000
EXTRA_BASE, EXTRA_SIZE = 0x280000, 0x1000
BSS_BASE, BSS_SIZE = 0x300000, 0x20000
AREA, AREA_SIZE = 0x810000, 0x4000
SHARED_PAGE = 0x820000
ERROR_RANGE, ERROR_SIZE = 0x822000, 0x2000
TABLES = 0x830000
SNP_PAGES = 0x840000
ARENA, ARENA_SIZE = 0x1000000, 0x800000
HUGE_PAGE = 0x1A00000


def platforms(file):
    file.platform(PLAIN_BIT, NATIVE)
    file.platform(SNP_BIT, SNP, vtl=2)
    file.platform(TDX_BIT, TDX, boundary=1 << 47)
    file.platform(VSM_BIT, VSM, vtl=2)
    file.policy(SNP_BIT, 0x30000)
    file.policy(TDX_BIT, 2)  # SEPT_VE_DISABLE
    file.relocatable(VSM_BIT)
    file.page_table(VSM_BIT)


def parameters(file, index):
    """As the guest finds them."""
    file.area(index, AREA_SIZE, b"IGVMAREA")
    file.vp_count(index, 0x10)
    file.environment(index, 0x14)
    file.mmio_ranges(index, 0x20)
    file.memory_map(index, 0x40)
    file.command_line(index, 0x100)
    file.madt(index, 0x200)
    file.device_tree(index, 0x1000)


def page_tables(base):
    """The first 4 GiB, mapped to themselves by 2 MiB pages."""
    pages = [[base + PAGE | 3] + [0] * 511,
             [base + (2 + i) * PAGE | 3 for i in range(4)] + [0] * 508]
    for i in range(4):
        pages.append([(i * 512 + j) << 21 | 0x83 for j in range(512)])
    return b"".join(struct.pack("<512Q", *page) for page in pages)


def elf_segments(path):
    """Entry, and (address, bytes, size in memory) of what is loaded (ELF-64)."""
    elf = pathlib.Path(path).read_bytes()
    entry, table = struct.unpack_from("<QQ", elf, 24)
    size, count = struct.unpack_from("<HH", elf, 54)
    segments = []
    for i in range(count):
        kind, _, offset, _, gpa, in_file, in_memory, _ = struct.unpack_from(
            "<IIQQQQQQ", elf, table + i * size)
        if kind == 1:
            segments.append((gpa, elf[offset:offset + in_file], in_memory))
    return entry, segments


def shared_parts(file, mask):
    parameters(file, 0)
    file.insert(mask, AREA, 0)
    file.page(mask, SHARED_PAGE, b"shared with the host", flags=igvm.SHARED)
    file.error_range(mask, ERROR_RANGE, ERROR_SIZE)
    file.required(mask, ARENA, ARENA_SIZE)
    file.page(mask, HUGE_PAGE, None, flags=igvm.HUGE)


def elf_guest(file, mask, elf):
    entry, segments = elf_segments(elf)
    for gpa, content, in_memory in segments:
        content = content.ljust(in_memory + -in_memory % PAGE, b"\0")
        flags = igvm.UNMEASURED if gpa == EXTRA_BASE else 0
        file.pages(mask, gpa, content, flags)
    file.pages(mask, TABLES, page_tables(TABLES))
    return entry


def snp_pages(file):
    file.page(SNP_BIT, SNP_PAGES, kind=igvm.SECRETS)
    file.page(SNP_BIT, SNP_PAGES + PAGE, kind=igvm.CPUID)
    file.page(SNP_BIT, SNP_PAGES + 2 * PAGE, kind=igvm.CPUID_XF)


def td_guest(file, image):
    image = pathlib.Path(image).read_bytes()
    file.pages(TDX_BIT, LOW_BASE, image[:LOW_SIZE])
    file.pages(TDX_BIT, EXTRA_BASE, image[LOW_SIZE:LOW_SIZE + EXTRA_SIZE], igvm.UNMEASURED)
    file.pages(TDX_BIT, BSS_BASE, bytes(BSS_SIZE))
    file.pages(TDX_BIT, 0x100000000 - PAGE, image[-PAGE:])


def guest(elf, image):
    file = File()
    platforms(file)
    shared_parts(file, ALL)
    entry = elf_guest(file, PLAIN_BIT | SNP_BIT, elf)
    snp_pages(file)
    td_guest(file, image)
    file.vbs_measurement(VSM_BIT)
    file.optional()
    file.context(PLAIN_BIT, 0, igvm.native_context(rip=entry, rsi=AREA, cr3=TABLES))
    file.context(SNP_BIT, 0, igvm.vmsa(rip=entry, rsi=AREA, cr3=TABLES), igvm.VMSA_GPA)
    return file


def guest_2(elf):
    file = File(version=2)
    file.platform(SNP_BIT, SNP)
    file.policy(SNP_BIT, 0x30000)
    shared_parts(file, SNP_BIT)
    entry = elf_guest(file, SNP_BIT, elf)
    snp_pages(file)
    file.context(SNP_BIT, 0, igvm.vmsa(rip=entry, rsi=AREA, cr3=TABLES), igvm.VMSA_GPA)
    file.context(SNP_BIT, 1, igvm.vmsa(rip=entry, rsi=AREA, cr3=TABLES, rax=1), igvm.VMSA_GPA)
    file.id_block(SNP_BIT, file.snp_digest(SNP_BIT, 2, None))
    return file


def small(version):
    file = File(version)
    platforms(file)
    parameters(file, 7)
    file.insert(ALL, AREA, 7)
    file.pages(ALL, LOW_BASE, b"first".ljust(PAGE, b"\1") + b"second".ljust(PAGE, b"\2"))
    file.page(ALL, LOW_BASE + 2 * PAGE)
    file.page(ALL, EXTRA_BASE, b"not measured", flags=igvm.UNMEASURED)
    file.page(ALL, SHARED_PAGE, b"shared", flags=igvm.SHARED)
    file.page(TDX_BIT, 0x100000000 - PAGE, b"reset vector")
    snp_pages(file)
    file.error_range(ALL, ERROR_RANGE, ERROR_SIZE)
    file.required(ALL, ARENA, ARENA_SIZE)
    file.page(ALL, HUGE_PAGE, flags=igvm.HUGE)
    file.vbs_measurement(VSM_BIT)
    file.optional()
    file.context(PLAIN_BIT, 0, igvm.native_context(rip=LOW_BASE, rsi=AREA, cr3=TABLES))
    file.context(SNP_BIT, 0, igvm.vmsa(rip=LOW_BASE, rsi=AREA), igvm.VMSA_GPA)
    file.context(SNP_BIT, 1, igvm.vmsa(rip=LOW_BASE, rsi=AREA, rax=1), igvm.VMSA_GPA)
    file.id_block(SNP_BIT, file.snp_digest(SNP_BIT, 2, None))
    return file


def corpus(folder):
    """Small files for the fuzzer to start from: one with everything, and one for each platform."""
    everything = small(1)
    (folder / "everything").write_bytes(everything.build())
    for name, kind in (("native", NATIVE), ("snp", SNP), ("tdx", TDX)):
        file = File(version=2)
        file.platform(1, kind)
        parameters(file, 0)
        file.insert(1, AREA, 0)
        file.page(1, LOW_BASE, b"IGVMAREA")
        file.page(1, LOW_BASE + PAGE)
        file.page(1, SHARED_PAGE, b"IGVMAREA", flags=igvm.SHARED)
        file.error_range(1, ERROR_RANGE, ERROR_SIZE)
        if kind == NATIVE:
            file.context(1, 0, igvm.native_context(rip=LOW_BASE))
        if kind == SNP:
            file.context(1, 0, igvm.vmsa(rip=LOW_BASE), igvm.VMSA_GPA)
        (folder / name).write_bytes(file.build())
    # what others have tripped over: contents that are not there, and work without end
    file = File()
    file.platform(1, NATIVE)
    file.header(0x302, b"")
    (folder / "last-header-empty").write_bytes(file.build())
    file = File()
    file.platform(1, NATIVE)
    file.area(0, AREA_SIZE)
    for _ in range(2000):
        file.device_tree(0, 0)
    file.insert(1, AREA, 0)
    (folder / "device-trees").write_bytes(file.build())


def main():
    if sys.argv[1] == "--corpus":
        corpus(pathlib.Path(sys.argv[2]))
        return
    folder = pathlib.Path(sys.argv[1])
    files = {"small": small(1), "small-v2": small(2)}
    if len(sys.argv) > 2:
        files["guest"] = guest(sys.argv[2], sys.argv[3])
        files["guest-2"] = guest_2(sys.argv[2])
    expected = {}
    for name, file in files.items():
        (folder / f"{name}.igvm").write_bytes(file.build())
        reset = igvm.reset_vmsa(SIGNATURE)
        expected[name] = {f"snp-{n}": file.snp_digest(SNP_BIT, n, reset).hex()
                          for n in range(1, 5)}
        expected[name]["tdx"] = file.mrtd(TDX_BIT).hex()
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


main()
