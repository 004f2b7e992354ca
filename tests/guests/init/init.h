/* SPDX-License-Identifier: MIT */
/* Parts of the test guests' init; see tests/rig/README.md for what it prints and does. */
#ifndef MINIVMM_TESTS_GUESTS_INIT_H
#define MINIVMM_TESTS_GUESTS_INIT_H

/* Loads the modules of that folder, in lexical order: those named PREFIX*.ko, or with "" those
 * whose name starts with a digit. Failures are printed; no folder is fine. */
void load_modules(const char *folder, const char *prefix);

/* Prints "GUEST hello from Linux RELEASE" and "GUEST cpus=N online=LIST ramkb=N memkb=N". */
void print_machine(void);

/* Configures the network and does what a program on the host asks for, until that wants the end.
 * Returns early when something does not work, and has said what. */
void serve_network(void);

/* Writes /dev/vda at random, or verifies what that wrote, with the seed=N of the command line; says
 * "GUEST disk written bad=N" or "GUEST disk verified bad=N". */
void disk_test(int write);

/* Says "GUEST disk discard=ERRNO zero=ERRNO bad=N". */
void disk_discard_test(void);

/* Loads /dev/vda in several ways, for the benchmark (tests/bench/watch_disk.c). */
void disk_bench(void);

/* Writes $mib MiB of memory once, for the benchmark; says "GUEST memory us=N". */
void memory_bench(void);

/* Runs /sbin/init of the ext4 file system on /dev/vda; returns only if that fails. */
void run_from_disk(void);

/* Returns 0 when the power button was pressed, or a negative errno. Needs evdev. */
int wait_for_power_button(void);

/* Connections to and from the host, $vsock of them in each direction; prints how they went. */
void test_vsock(void);

/* $mib MiB to the host and as much from it. */
void bench_vsock(void);

#endif
