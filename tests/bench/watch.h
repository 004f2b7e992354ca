/* SPDX-License-Identifier: MIT */
/*
 * bench-watch starts a VMM and watches it from outside, in the same way whichever it is. Times are
 * taken by the watcher, from just before execve() in the new process.
 */
#ifndef TESTS_BENCH_WATCH_H
#define TESTS_BENCH_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the guest's first program writes to its console (guest.c). */
#define BENCH_MARK "@user@"

/* Which of the VMM's system calls stop it until the watcher lets them go on. */
enum trap {
	TRAP_NOTHING,
	TRAP_KVM_RUN,
	TRAP_LAUNCH, /* every ioctl, pread64 and sendfile */
};

struct vmm {
	pid_t pid;	   /* 0: it has ended */
	int output;	   /* its standard output */
	int listener;	   /* seccomp notifications; -1 for TRAP_NOTHING */
	uint64_t start_ns; /* CLOCK_MONOTONIC, before execve() */
};

/* Memory of a process in KiB: what is resident of the guest's RAM, and of everything else. Guest
 * RAM are the mappings of at least `ram` bytes, and those of 2 MiB and more that children do not get. */
struct resident {
	uint64_t guest;
	uint64_t other;
	uint64_t other_private; /* of other: not shared with any other process */
};

uint64_t now_ns(void);

/* In a control group of its own where there may be one. Ends the program on failure. */
void vmm_start(struct vmm *vmm, enum trap trap, char *const argv[]);
void vmm_kill(struct vmm *vmm);

void vmm_resident(const struct vmm *vmm, uint64_t ram, struct resident *out);
bool vmm_is_guest_ram(const struct vmm *vmm, uint64_t ram, uint64_t address);
uint64_t vmm_cpu_us(const struct vmm *vmm); /* of all its threads */
/* One of KVM's counts of the VM, from debugfs; -1: not known. */
int64_t vmm_kvm_count(const struct vmm *vmm, const char *name);
int64_t vmm_peak_kib(void); /* all that the kernel charges to it, also for it; -1: not known */

/* Until the guest has loaded its disk in each way, at most `ms` milliseconds; writes what that took
 * as JSON. False: it did not come so far. */
bool disk_report(const struct vmm *vmm, int ms);

/* Until the VMM has ended by itself with status 0, at most `ms` milliseconds; writes what it took as
 * JSON. False: it did not come so far. */
bool end_report(struct vmm *vmm, int ms);

/* Installs the filter in the calling process; returns the descriptor of the listener. */
int trap_install(enum trap trap);

/* Waits until the VMM's first KVM_RUN, at most `ms` milliseconds; writes what it did until then to
 * stdout as JSON. False: it did not come so far. */
bool trap_report(const struct vmm *vmm, enum trap trap, uint64_t ram, int ms);

#endif
