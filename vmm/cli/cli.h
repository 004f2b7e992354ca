/* SPDX-License-Identifier: MIT */
/*
 * The program `minivmm`: a user of the library like any other. Only here are there messages on
 * stderr, exit statuses, signals and a terminal.
 */
#ifndef VMM_CLI_CLI_H
#define VMM_CLI_CLI_H

#include "vmm/minivmm.h"

#include <stdbool.h>
#include <stdint.h>

enum status {
	STATUS_OK = 0,	    /* the guest powered off; the report was written */
	STATUS_FAILED = 1,  /* could not be started, or failed */
	STATUS_USAGE = 2,   /* wrong command line or configuration */
	STATUS_CRASHED = 3, /* the guest crashed */
};

struct options {
	const char *config; /* path, NULL for commands without */
	bool json;
	bool timings;
	uint64_t start_ns; /* CLOCK_MONOTONIC when the process began */
};

/* --- the commands: each returns an exit status ------------------------------------------------ */

enum status cmd_run(const struct options *options);
enum status cmd_check(const struct options *options);
enum status cmd_plan(const struct options *options);
enum status cmd_measure(const struct options *options);
enum status cmd_probe(const struct options *options);

/* Writes every fault to stderr; on STATUS_OK *config is to be freed with minivmm_config_free(). */
enum status config_open(struct minivmm_config **config, const char *path);

/* Something that the configuration names was no good, or else it was something else: says which, with
 * FILE:LINE:COLUMN and all of its kind if it can. No VM must hold any of it. */
void complain_of(const struct minivmm_config *config, const struct vmm_error *err);

/* --- message.c -------------------------------------------------------------------------------- */

/* "minivmm: …" and a newline on stderr, in one piece, as are log lines. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A line without that on stderr. */
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct lines;

/*
 * Where the configuration's log lines go: stderr, or the file `path` (or NULL), which is appended to.
 * From now on nobody waits for whoever reads the log or stderr: a thread writes them
 * (vmm/cli/lines.h). log_close() waits a little for the rest. *log is NULL for stderr.
 */
enum status log_open(struct lines **log, const char *path);
void log_close(struct lines *log);
/* For struct minivmm_host; ctx is a struct lines **. "minivmm: warning: …" */
void log_line(void *ctx, int level, const char *text);

/* --- timings.c -------------------------------------------------------------------------------- */

/* When the process began; to be called first thing in main(). */
uint64_t timings_start(void);
uint64_t timings_now(void);
void timings_print(const struct minivmm *vm, uint64_t start_ns, uint64_t config_ns,
		   uint64_t over_ns);

#endif
