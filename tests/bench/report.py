# SPDX-License-Identifier: MIT
"""What bench/run has measured, as tables."""

VMMS = ("minivmm", "QEMU")


def table(title, rows):
    print(f"\n{title}\n")
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join(cells).rstrip())


def goal(text, reached):
    return f"{text}: {'reached' if reached else 'missed'}"


def compare(name, results, key, unit, most=None, limit=None):
    """A row of minivmm against QEMU; `most` is the goal for the ratio, `limit` for our value."""
    scale = 1000 if unit == "ms" else 1
    ours, theirs = (results[vmm][key] for vmm in VMMS)
    ratio = ours["median"] / theirs["median"] if theirs["median"] > 0 else None
    row = [name]
    for it in (ours, theirs):
        values = [it[part] / scale for part in ("median", "min", "max")]
        digits = 0 if scale == 1 else 1
        row.append("{:.{d}f} ({:.{d}f}-{:.{d}f}) {}".format(*values, unit, d=digits))
    row.append(f"{ratio:.3f}" if ratio is not None else "")
    if most:
        row.append(goal(f"<= {most}", ratio <= most))
    elif limit:
        row.append(goal(f"<= {limit} {unit}", ours["median"] <= limit))
    else:
        row.append("")
    return row


def print_rates(title, results, loads):
    """`loads` has (key, text, unit) of each thing that was measured."""
    rows = [["", "minivmm", "QEMU microvm", "ratio", "goal"]]
    for load, text, unit in loads:
        for key, per in (("per_s", "s"), ("per_cpu_s", "CPU s")):
            ours, theirs = (results[vmm][load][key] for vmm in VMMS)
            ratio = ours["median"] / theirs["median"]
            row = [f"{text}, {unit} per {per}"]
            row += ["{median:.1f} ({min:.1f}-{max:.1f})".format(**it) for it in (ours, theirs)]
            rows.append(row + [f"{ratio:.2f}",
                               goal(">= 1.2", ratio >= 1.2) if key == "per_cpu_s" else ""])
    table(f"{title}, 1 vCPU: median (least-most) of {ours['runs']}", rows)


def print_boot(part):
    for kernel, results in part["kernels"].items():
        rows = [["", "minivmm", "QEMU microvm", "ratio", "goal"],
                compare("to the guest's user space", results, "user_us", "ms", most=0.333),
                compare("to the first KVM_RUN", results, "entry_us", "ms", most=0.1),
                compare("CPU time to the first KVM_RUN", results, "entry_cpu_us", "ms"),
                compare("resident over guest RAM", results, "over_kib", "KiB", limit=2048),
                compare("  of that not shared", results, "over_private_kib", "KiB"),
                compare("guest RAM resident", results, "guest_kib", "KiB"),
                compare("exits until user space", results, "exits", "")]
        runs = results["minivmm"]["user_us"]["runs"]
        table(f"Boot, {kernel}, 1 vCPU, {part['ram_mib']} MiB: median (least-most) of {runs}", rows)


def print_memory(part):
    goals = {"exits": 3990, "peak_kib": 45000}
    rows = [["", *part, "of QEMU", "goal"]]
    for key, text, scale, unit in (("us", "to the end of the process", 1000, " ms"),
                                   ("user_us", "to the guest's user space", 1000, " ms"),
                                   ("entry_us", "to the first KVM_RUN", 1000, " ms"),
                                   ("write_us", "128 MiB written", 1000, " ms"),
                                   ("exits", "exits", 1, ""),
                                   ("faults", "stage-2 faults", 1, ""),
                                   ("peak_kib", "resident peak", 1, " KiB")):
        row = [text] + ["{:.0f} ({:.0f}-{:.0f}){}".format(
            *(of[key][it] / scale for it in ("median", "min", "max")), unit)
            for of in part.values()]
        ours, theirs = (part[vmm][key]["median"] for vmm in VMMS)
        row.append(f"{ours / theirs:.2f}" if theirs > 0 else "")
        if key == "us":
            row.append(goal("<= 0.33", ours <= 0.33 * theirs))
        else:
            row.append(goal(f"<= {goals[key]}{unit}", ours <= goals[key]) if key in goals else "")
        rows.append(row)
    runs = part["minivmm"]["us"]["runs"]
    table(f"Guest memory, bzImage, 1 vCPU, 256 MiB: median (least-most) of {runs}", rows)


def print_start(part):
    if "missing" in part:
        print(f"\nStart, on the model of KVM: not measured: {part['missing']}")
        return
    rows = [["", "CPU time to KVM_RUN", "before main()", "calls", "goal"]]
    ms = {key: part["cpu_us"][key] / 1000 for key in ("median", "min", "max")}
    rows.append(["", "{median:.2f} ({min:.2f}-{max:.2f}) ms".format(**ms),
                 f"{part['before_main_us']['median'] / 1000:.2f} ms", str(part["calls"]),
                 goal("<= 5 ms", ms["median"] <= 5)])
    table(f"Start, on the model of KVM: median (least-most) of {part['cpu_us']['runs']}", rows)


def print_launch(part):
    rows = [["", "time", "ioctls", "conversions", "updates", "pages", "firmware", "copied/byte",
             "peak over RAM", "charged"]]
    for run in part:
        charged = run.get("charged_peak_over_kib")
        rows.append([f"{run['mode']}, {run['mib']} MiB", f"{run['us'] / 1000:.0f} ms",
                     str(run["ioctls"]), str(run["conversions"]), str(run["updates"]),
                     str(run["pages"]), f"{run['firmware_s']:.1f} s",
                     f"{run['copied_per_byte']:.3f}", f"{run['peak_over_kib']} KiB",
                     f"{charged} KiB" if charged is not None else "?"])
    table("SNP launch, 1 vCPU, bzImage: until the first KVM_RUN, under the watcher's eyes", rows)
    for what, key in (("resident", "peak_over_kib"), ("charged", "charged_peak_over_kib")):
        peaks = [run[key] for run in part if run["mode"] == "in-place" and key in run]
        if peaks:
            print(f"\n  peak in place, {what}: goal " + goal("<= 2048 KiB", max(peaks) <= 2048))


def print_vsock(part):
    print_rates("vsock", part, (("from", "from the guest", "MiB"), ("to", "to the guest", "MiB")))


def print_net(part):
    for link, results in part.items():
        print_rates(f"TCP over {link}", results,
                    (("fast-from", "from the guest", "MiB"), ("fast-to", "to the guest", "MiB"),
                     ("bounce", "one byte there and back", "times")))


def print_disk(part):
    print_rates("Disk, 128 KiB in sequence or 4 KiB at random", part,
                [(load, load, "MiB") for load in part["minivmm"]])


def print_hash(part):
    if "missing" in part:
        print(f"\nHashing: not measured: {part['missing']}")
        return
    rows = [["", "minivmm", "openssl", "ratio", "goal"]]
    for name, rates in part.items():
        ratio = rates["minivmm"] / rates["openssl"]
        rows.append([name] + [f"{rates[who] / 1e6:.0f} MB/s" for who in ("minivmm", "openssl")] +
                    [f"{ratio:.2f}", goal(">= 0.9", ratio >= 0.9)])
    table("Measurement: SHA-384 per CPU", rows)


def print_repeats(part):
    print("\nVMs that were started again because they hung: " +
          (", ".join(f"{label} {n} times" for label, n in part.items()) or "none"))


def print_size(part):
    kib = part["minivmm_bytes"] / 1024
    print(f"\nSize\n\n  stripped program: {kib:.0f} KiB, goal {goal('<= 256 KiB', kib <= 256)}")
    if "qemu_bytes" in part:
        print(f"  qemu-system-x86_64: {part['qemu_bytes'] / 1024:.0f} KiB")
    print("  lines of code: " + ", ".join(f"{room} {n}" for room, n in part["lines"].items()))


# in the order of the report
PARTS = {"size": print_size, "start": print_start, "hash": print_hash, "boot": print_boot,
         "memory": print_memory,
         "launch": print_launch, "vsock": print_vsock, "net": print_net, "disk": print_disk}
