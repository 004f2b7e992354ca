/* SPDX-License-Identifier: MIT */
/*
 * libminivmm: start virtual machines on Linux KVM from your own program.
 *
 *	struct minivmm_config *config = minivmm_config_new();
 *	minivmm_config_read(config, "vm.toml", NULL, NULL, &err);
 *	minivmm_create(&vm, config, NULL, &err);
 *	minivmm_load(vm, &err);
 *	minivmm_launch(vm, &err);
 *	minivmm_run(vm, &err);
 *	minivmm_wait(vm, -1, &result);
 *	minivmm_destroy(vm);
 *
 * create opens /dev/kvm and makes the VM, its memory and its devices; load puts files into guest
 * memory; launch makes the vCPUs, and measures and seals a confidential VM; run starts the threads
 * and returns. Between launch and run is the place to drop privileges. This is all that needs them, or
 * a path, afterwards; each with the process's credentials, root and working folder of that moment, so
 * a relative path must still lead there:
 *
 *	net.socket	connected to again, each second, while passt is not there
 *	vsock.path	each connection of the guest's to a port connects to PATH_PORT
 *	snp.certs	opened and read at each request of the guest's for certificates
 *	tdx.quote-socket  connected to at each request of the guest's for a quote
 *	sockets of serial.output, console.output and vsock.path: who connects to them is accepted; their
 *			paths are removed by minivmm_destroy()
 *
 * Nothing else is opened after minivmm_launch(): no image, no tap, no device of the host's. What comes
 * into being without a path are the descriptors of connections, and threads (minivmm_run()).
 * To relaunch is to make a new VM, which opens everything anew.
 *
 * Functions return 0 (or what they say) or a negative errno; the last parameter takes a sentence
 * about the failure and may be NULL. A failed minivmm_load, _launch or _run leaves the VM to be
 * destroyed. The library never exits, never installs a signal handler, writes to no descriptor but
 * those of the configuration, and keeps no state outside of the objects below: any number of VMs
 * can live in a process. One thread at a time may use an object, except where noted.
 *
 * Each VM has threads of its own (one for each vCPU, one or more for devices, and one for an
 * rng.source whose driver may keep it waiting: that one may outlive the VM, until the driver answers).
 * They block all signals but those of a crash (SIGSEGV, SIGBUS, …). To interrupt a vCPU the library sends its
 * thread SIGUSR1 and receives it without a handler, whatever the signal's disposition is. A SIGUSR1
 * that somebody else sends to the whole process may be received there, too: use another signal for
 * your own ends.
 *
 * Descriptors 0 to 2 have to be open, on /dev/null for instance, when the library is used: one that
 * is closed would be the first that is opened here.
 */
#ifndef MINIVMM_H
#define MINIVMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VMM_ERROR_TEXT 512

/* What a function that failed has to say. The caller owns it; nothing in it is allocated, so it
 * needs no clean-up and can live on the stack. */
struct vmm_error {
	int code;	   /* negative errno, as the function returned it; 0: no error */
	uint64_t firmware; /* status of SNP firmware or TDX module, 0 if none was involved */
	char text[VMM_ERROR_TEXT]; /* one sentence, no newline: what, on what, why, what helps */
};

#define MINIVMM_API __attribute__((visibility("default")))

/* "0.1.0" */
MINIVMM_API const char *minivmm_version(void);

/* --- configuration ---------------------------------------------------------------------------- */

struct minivmm_config;

/* Called once for each fault found, with "FILE:LINE:COLUMN: message". */
typedef void minivmm_fault_fn(void *ctx, const char *fault);

/* A configuration of defaults; NULL only when memory is short. */
MINIVMM_API struct minivmm_config *minivmm_config_new(void);
MINIVMM_API void minivmm_config_free(struct minivmm_config *config);

/*
 * Reads a TOML file, or standard input if path is "-", into a new configuration. Every fault in it is reported through `fault` (may be
 * NULL); *err holds the first. -EINVAL: faults; otherwise the file could not be read.
 */
MINIVMM_API int minivmm_config_read(struct minivmm_config *config, const char *path,
				    minivmm_fault_fn *fault, void *ctx, struct vmm_error *err);

/*
 * Sets one key, for configurations built in code: key as in "machine.vcpus" or "disk[0].path",
 * value as it would stand in the file: "2", "\"512M\"", "true". Paths are relative to the process.
 */
MINIVMM_API int minivmm_config_set(struct minivmm_config *config, const char *key,
				   const char *value, struct vmm_error *err);

/* What the configuration says about the program around the VM. */
MINIVMM_API bool minivmm_config_uses_terminal(const struct minivmm_config *config);
MINIVMM_API unsigned int minivmm_config_grace(const struct minivmm_config *config); /* seconds */
MINIVMM_API int minivmm_config_log_level(const struct minivmm_config *config);
MINIVMM_API const char *minivmm_config_log_file(const struct minivmm_config *config); /* or NULL */

/*
 * For whoever shows text of a configuration, such as that path, on a terminal: what the terminal
 * would act on becomes question marks. What the functions here say about errors, faults and the end
 * of a VM, and the lines of the log, is printable already.
 */
MINIVMM_API void minivmm_make_printable(char *text);

/* The policy of an SNP guest; false if machine.cc is not "snp". */
MINIVMM_API bool minivmm_config_snp_policy(const struct minivmm_config *config, uint64_t *policy);

/* Every configuration key with type, default and meaning, a line per call. */
MINIVMM_API void minivmm_config_help(void (*line)(void *ctx, const char *text), void *ctx);

/* --- a VM ------------------------------------------------------------------------------------- */

struct minivmm;

enum minivmm_log_level {
	MINIVMM_LOG_ERROR,
	MINIVMM_LOG_WARN,
	MINIVMM_LOG_INFO,
	MINIVMM_LOG_DEBUG,
	MINIVMM_LOG_TRACE,
};

/* What the embedding program provides; zero-initialise what is not wanted. */
struct minivmm_host {
	/*
	 * A line without newline or control characters. Called from any thread of the VM, vCPUs
	 * among them, and by several at once: it must not wait, for a reader of the log least of
	 * all, or the guest stands still and the VM does not end. What cannot be written at once is
	 * to be kept or dropped. It must call no function of this header but minivmm_stop().
	 */
	void (*log)(void *ctx, int level, const char *line);
	void *log_ctx;
	int log_level; /* enum minivmm_log_level; lines above it are not made */
};

/* The configuration must outlive the VM. On failure *vm is NULL and nothing is left behind. */
MINIVMM_API int minivmm_create(struct minivmm **vm, const struct minivmm_config *config,
			       const struct minivmm_host *host, struct vmm_error *err);
MINIVMM_API int minivmm_load(struct minivmm *vm, struct vmm_error *err);
MINIVMM_API int minivmm_launch(struct minivmm *vm, struct vmm_error *err);
MINIVMM_API int minivmm_run(struct minivmm *vm, struct vmm_error *err);

enum minivmm_stop {
	MINIVMM_STOP_POWER_BUTTON, /* ask the guest; it may take its time or not listen */
	MINIVMM_STOP_NOW,	   /* as if the plug were pulled */
};

/*
 * Any thread, any time after minivmm_create(); also from a signal handler. Returns at once. Before
 * minivmm_run() only MINIVMM_STOP_NOW means something then: load and launch look for it between two
 * steps, and fail with -ECANCELED. A step can be long where the kernel is asked for all of an SNP
 * guest's pages at once: a signal to that thread whose handler returns ends it, too.
 */
MINIVMM_API void minivmm_stop(struct minivmm *vm, enum minivmm_stop how);

/* The terminal that is standard output has another size (SIGWINCH): tells a guest whose virtio
 * console it is. Any thread, after minivmm_run(), not from a signal handler. */
MINIVMM_API void minivmm_terminal_resized(struct minivmm *vm);

enum minivmm_end {
	MINIVMM_RUNNING,  /* not over yet */
	MINIVMM_POWEROFF, /* the guest switched itself off */
	MINIVMM_REBOOT,	  /* the guest asked for a reset: make a new VM to go on */
	MINIVMM_STOPPED,  /* minivmm_stop(…_NOW), or the escape keys on the console */
	MINIVMM_CRASH,	  /* guest panic (also one that was waiting to be stopped), triple fault,
			   * termination of a confidential guest */
	MINIVMM_FAILED,	  /* the VM could not go on, for a reason on our or the host's side */
};

struct minivmm_result {
	enum minivmm_end end;
	bool relaunch;		   /* end is REBOOT and machine.on-reboot is "relaunch" */
	char text[VMM_ERROR_TEXT]; /* for CRASH and FAILED: one sentence why */
};

/*
 * Waits until the VM is over and its threads have ended, at most timeout_ms (-1: for ever).
 * Returns 0, or -ETIMEDOUT with result->end RUNNING, also when the VM is over and a thread of it is
 * not: one that waits for the host, for a disk that does not answer for example, cannot be ended by
 * anybody. minivmm_end_fd() tells that the VM is over.
 */
MINIVMM_API int minivmm_wait(struct minivmm *vm, int timeout_ms, struct minivmm_result *result);

/* A descriptor that becomes readable when the VM is over, for poll(); the VM's, never read it. */
MINIVMM_API int minivmm_end_fd(const struct minivmm *vm);

/* Stops the VM if it still runs, waits for its threads without a limit, and frees it. NULL is fine. */
MINIVMM_API void minivmm_destroy(struct minivmm *vm);

/* --- timings ---------------------------------------------------------------------------------- */

enum minivmm_mark {
	MINIVMM_MARK_VM_CREATED,
	MINIVMM_MARK_MEMORY_READY,
	MINIVMM_MARK_IMAGE_LOADED,
	MINIVMM_MARK_LAUNCHED,
	MINIVMM_MARK_FIRST_RUN, /* the boot CPU is about to enter the guest */
	MINIVMM_MARK_BOOT_DONE, /* the guest's own mark: a write to I/O port 0xf4 */
	MINIVMM_MARKS,
};

/* CLOCK_MONOTONIC in nanoseconds when the VM passed the mark, 0 if it has not. Any thread. */
MINIVMM_API uint64_t minivmm_mark_ns(const struct minivmm *vm, enum minivmm_mark mark);

/* Number of exits from the guest so far, over all vCPUs. */
MINIVMM_API uint64_t minivmm_exits(const struct minivmm *vm);

/* --- reports ---------------------------------------------------------------------------------- */
/* Each returns text for people, or JSON, in *text (free() it). None of them starts anything. */

/* What this host offers, what is missing, and the remedy. Needs no VM. 0 even without KVM. */
MINIVMM_API int minivmm_probe(bool json, char **text, struct vmm_error *err);

/* The guest memory map and the launch, step by step; builds all boot items. No KVM needed. */
MINIVMM_API int minivmm_plan(const struct minivmm_config *config, bool json, char **text,
			     struct vmm_error *err);

/*
 * Reads everything and builds the boot items, like minivmm_plan(), and looks at everything else that
 * the configuration names, as far as that can be done without making a VM. Every fault is reported
 * through `fault` (may be NULL), in the order of their lines; *err holds the first. Returns 0, -EINVAL
 * when the configuration is at fault, and another errno when only the host is, which does not let
 * something be used now: an image that a VM has, a file without permission, an interface that is not
 * there.
 */
MINIVMM_API int minivmm_check(const struct minivmm_config *config, minivmm_fault_fn *fault,
			      void *ctx, struct vmm_error *err);

/*
 * Another function has failed with *err, and its VM was destroyed: was it for something that the
 * configuration's file names? Then reports that, and what else of the kind minivmm_check() would find
 * on this host, through `fault` as that does, and returns true; else reports nothing.
 */
MINIVMM_API bool minivmm_explain(const struct minivmm_config *config, const struct vmm_error *err,
				 minivmm_fault_fn *fault, void *ctx);

/* The launch measurement that the hardware will report: 96 hex digits, or JSON with all details. */
MINIVMM_API int minivmm_measure(const struct minivmm_config *config, bool json, char **text,
				struct vmm_error *err);

#ifdef __cplusplus
}
#endif

#endif
