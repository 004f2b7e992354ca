/* SPDX-License-Identifier: MIT */
/*
 * Logging by callback. A `struct vmm_log` says where lines go and which of them are wanted; every
 * VM carries its own, so two VMs in one process do not share any state. A NULL log, or one without
 * a function, drops everything.
 */
#ifndef VMM_BASE_LOG_H
#define VMM_BASE_LOG_H

enum vmm_log_level {
	VMM_LOG_ERROR,
	VMM_LOG_WARN,
	VMM_LOG_INFO,
	VMM_LOG_DEBUG,
	VMM_LOG_TRACE,
};

struct vmm_log {
	/* `line` has no newline and no control characters; called from any thread */
	void (*write)(void *ctx, int level, const char *line);
	void *ctx;
	enum vmm_log_level level; /* lines above this level are not formatted */
};

void vmm_log(const struct vmm_log *log, enum vmm_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "error", "warn", …; NULL for a number that is no level */
const char *vmm_log_level_name(int level);

#endif
