/* SPDX-License-Identifier: MIT */
/*
 * Logging by callback. A `struct vmm_log` says where lines go and which of them are wanted; every
 * VM carries its own, so two VMs in one process do not share any state. A NULL log, or one without
 * a function, drops everything.
 *
 * What a guest, or a peer of its devices, can cause again and again is logged by vmm_log_limited(),
 * so that nobody can fill the log.
 */
#ifndef VMM_BASE_LOG_H
#define VMM_BASE_LOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum vmm_log_level {
	VMM_LOG_ERROR,
	VMM_LOG_WARN,
	VMM_LOG_INFO,
	VMM_LOG_DEBUG,
	VMM_LOG_TRACE,
};

struct vmm_log_limit;

/* The limits of a log that have left lines out. */
struct vmm_log_limits {
	pthread_mutex_t lock;
	struct vmm_log_limit *first;
};

struct vmm_log {
	/* `line` has no newline and no control characters; called from any thread, also vCPUs: it
	 * must not wait */
	void (*write)(void *ctx, int level, const char *line);
	void *ctx;
	enum vmm_log_level level;      /* lines above this level are not formatted */
	struct vmm_log_limits *limits; /* for vmm_log_tell_left_out(); may be NULL */
};

void vmm_log(const struct vmm_log *log, enum vmm_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Lines of one kind in a period: enough to see what happens, and no more than some hundred a day. */
#define VMM_LOG_LINES	  10
#define VMM_LOG_PERIOD_MS 3600000u /* an hour */

/*
 * What has been logged of one kind of line. Whatever can cause such lines has one of its own (a
 * device, a VM), all zeros but for `lines`, so that one that floods does not hide another.
 */
struct vmm_log_limit {
	unsigned int lines;	   /* in a period, then no more; 0: VMM_LOG_LINES */
	_Atomic uint64_t began_ms; /* the period: CLOCK_MONOTONIC; 0: none yet */
	_Atomic uint64_t count;	   /* lines in it */
	_Atomic uint64_t left_out; /* of them, and not told */

	/* under the lock of the log's limits */
	struct vmm_log_limit *next;
	int linked;
	enum vmm_log_level level;
	char sample[160]; /* what the lines are like */
};

/*
 * Logs the line while its kind is within the limit. One more line then says that what follows is
 * left out. How much that was is told with the first line of the next period, and by
 * vmm_log_tell_left_out().
 */
void vmm_log_limited(const struct vmm_log *log, struct vmm_log_limit *limit,
		     enum vmm_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* At the end of a VM, before what has limits is freed: tells how many lines each of them has left
 * out. Nobody logs at the same time. */
void vmm_log_tell_left_out(const struct vmm_log *log);

/* "error", "warn", …; NULL for a number that is no level */
const char *vmm_log_level_name(int level);

#endif
