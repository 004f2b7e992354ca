/* SPDX-License-Identifier: MIT */
/*
 * A guest for the tests of confidential VMs: a few KiB that need no operating system. It is built
 * twice, as an ELF kernel (snp, sw-protected and plain VMs) and as a firmware image (tdx), and does
 * what its command line says; see README.md of the rig.
 *
 * It talks to the rig's software model, not to hardware: an SNP guest on hardware would have to use
 * a GHCB, and a TD TDCALL, for every port.
 */
#ifndef TESTS_GUESTS_CC_GUEST_H
#define TESTS_GUESTS_CC_GUEST_H

#include "tests/guests/cc/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- io.c: ports, messages, the end ----------------------------------------------------------- */

void io_init(void);

/* A line on the serial port and on the debug port. Knows %s, %u (uint64_t) and %x (uint64_t). The
 * boot CPU only. */
void say(const char *format, ...);

/* "GUEST FAIL ...", then powers off. */
_Noreturn void fail(const char *format, ...);

/* A line of serial input, without its end; waits for it. */
void read_line(char *line, size_t size);

uint32_t pm_timer(void);
_Noreturn void power_off(void);
_Noreturn void triple_fault(void);

/* --- memory.c: own bytes, and the two kinds of memory ----------------------------------------- */

enum kind { /* as hypercall 0x5cc of the model takes them */
	    UNKNOWN = 0,
	    SHARED = 1,
	    PRIVATE = 2,
};

/* Answers of hypercalls. KVM's own are negative, those of the VMM positive (kvm_run.hypercall.ret).
 */
#define HC_EINVAL     22
#define HC_EAGAIN     11
#define HC_KVM_EINVAL (-22)
#define HC_KVM_ENOSYS (-1000)

/* The patterns and the zeros with which this guest was loaded. */
void check_own_bytes(void);

/* With a C-bit at position `bit` (0: none) the kind of an access is in its address: from then on
 * `at` gives addresses for accesses of either kind. */
void kinds_init(unsigned int bit);
bool kinds_in_address(void);

/* Where to access `gpa` as memory of that kind. */
volatile uint64_t *at(uint64_t gpa, enum kind kind);

/* Tells the model that accesses there are meant to be of that kind; UNKNOWN: of either. Nothing to
 * do when the address tells. */
void declare(uint64_t gpa, uint64_t npages, enum kind kind);

/* KVM_HC_MAP_GPA_RANGE, once; what the VMM or KVM answered. */
long map_gpa_range(uint64_t gpa, uint64_t npages, uint64_t attributes);

/* The same until it is not EAGAIN. */
void convert(uint64_t gpa, uint64_t npages, enum kind kind);

/* --- cpus.c: the other CPUs ------------------------------------------------------------------- */

/* Waits until `cpus` CPUs, this one counted, run `job`; each gets its number, from 1 on, and
 * returns when stopping() is true. */
void cpus_run(unsigned int cpus, void (*job)(unsigned int cpu));
bool stopping(void);
void cpus_stop(void);

/* Wakes the other CPUs, which come to ap_main(): differs between the two forms of this guest. */
void wake_other_cpus(void);
_Noreturn void ap_main(unsigned int cpu);

/* --- trap.c: exceptions, and the table of interrupts -------------------------------------------- */

struct frame;
typedef void trap_handler(struct frame *frame); /* with __attribute__((interrupt)) */

/* The boot CPU's, before all else: from then on exceptions are told by fail(). */
void traps_init(void);

/* The other CPUs': the same tables. */
void traps_load(void);

void trap_set_gate(unsigned int vector, trap_handler *handler);

/* --- irq.c: interrupts of virtio devices ------------------------------------------------------ */

/* From now on they come to this CPU, the boot CPU, and are counted. */
void irqs_init(void);

/* How many came from the device in the `window`-th window. */
uint64_t irqs_of_window(uint64_t window);

/* --- main.c ----------------------------------------------------------------------------------- */

struct options {
	const char *test;
	uint64_t cpus, n, seed, bit;
};

/* `cmdline` NULL: it is the first line of serial input. */
_Noreturn void run(const char *cmdline);

/* --- igvm.c: the guest in an IGVM file -------------------------------------------------------- */

/* Checks what the VMM has put into the pages of the file; returns the command line. */
const char *igvm_cmdline(void);

/* --- random numbers --------------------------------------------------------------------------- */

static inline uint64_t random_next(uint64_t *state)
{
	/* xorshift64*, Vigna 2016 */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d;
}

/* --- convert.c, misbehave.c, virtio_test.c: the tests ------------------------------------------- */

void test_convert(const struct options *options);
void test_implicit(const struct options *options);
void test_calls(const struct options *options);
void test_eagain(const struct options *options);
void test_hole(const struct options *options);
void test_igvm(const struct options *options);
void test_stuck(const struct options *options);
void test_triple(const struct options *options);
void test_virtio(const struct options *options);

#endif
