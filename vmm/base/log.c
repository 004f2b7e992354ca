// SPDX-License-Identifier: MIT
#include "vmm/base/log.h"

#include "vmm/base/timer.h"
#include "vmm/base/words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define LINE 1024

static bool wanted(const struct vmm_log *log, enum vmm_log_level level)
{
	return log && log->write && level <= log->level;
}

void vmm_log(const struct vmm_log *log, enum vmm_log_level level, const char *fmt, ...)
{
	char line[LINE];
	va_list ap;

	if (!wanted(log, level))
		return;
	va_start(ap, fmt);
	text_vprint(line, sizeof(line), fmt, ap); /* guests choose some of it */
	va_end(ap);
	log->write(log->ctx, (int)level, line);
}

/* --- limits ----------------------------------------------------------------------------------- */

/* Never 0. */
static uint64_t now_ms(void)
{
	return timer_now_ms() + 1;
}

/* Begins a period if the last one is over; returns how many lines were left out before it. Of
 * several threads one does so. */
static uint64_t begin_period(struct vmm_log_limit *limit)
{
	uint64_t now = now_ms(), began = atomic_load(&limit->began_ms);

	if (began && now - began < VMM_LOG_PERIOD_MS)
		return 0;
	if (!atomic_compare_exchange_strong(&limit->began_ms, &began, now))
		return 0;
	atomic_store(&limit->count, 0);
	return atomic_exchange(&limit->left_out, 0);
}

/* Keeps what is told at the end of the VM. */
static void remember(const struct vmm_log *log, struct vmm_log_limit *limit,
		     enum vmm_log_level level, const char *line)
{
	struct vmm_log_limits *limits = log->limits;

	if (!limits)
		return;
	pthread_mutex_lock(&limits->lock);
	if (!limit->linked) {
		limit->linked = 1;
		limit->next = limits->first;
		limits->first = limit;
		limit->level = level;
		snprintf(limit->sample, sizeof(limit->sample), "%.*s",
			 (int)sizeof(limit->sample) - 1, line);
		text_make_printable(limit->sample); /* the cut may go through a character */
	}
	pthread_mutex_unlock(&limits->lock);
}

void vmm_log_limited(const struct vmm_log *log, struct vmm_log_limit *limit,
		     enum vmm_log_level level, const char *fmt, ...)
{
	uint64_t max = limit->lines ? limit->lines : VMM_LOG_LINES, before, n;
	char line[LINE];
	va_list ap;

	if (!wanted(log, level))
		return;
	before = begin_period(limit);
	if (before)
		vmm_log(log, level, "%" PRIu64 " lines like the next one were left out", before);
	n = atomic_fetch_add(&limit->count, 1);
	if (n >= max)
		atomic_fetch_add(&limit->left_out, 1);
	if (n > max)
		return;
	va_start(ap, fmt);
	text_vprint(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < max) {
		log->write(log->ctx, (int)level, line);
		return;
	}
	remember(log, limit, level, line);
	vmm_log(log, level,
		"more lines like the last one are counted, and left out for the next hour");
}

void vmm_log_tell_left_out(const struct vmm_log *log)
{
	struct vmm_log_limits *limits = log->limits;
	struct vmm_log_limit *limit;

	if (!limits)
		return;
	pthread_mutex_lock(&limits->lock);
	while ((limit = limits->first)) {
		uint64_t left_out = atomic_exchange(&limit->left_out, 0);

		limits->first = limit->next;
		limit->linked = 0;
		if (left_out)
			vmm_log(log, limit->level, "%" PRIu64 " lines like this were left out: %s",
				left_out, limit->sample);
	}
	pthread_mutex_unlock(&limits->lock);
}

const char *vmm_log_level_name(int level)
{
	static const char *const names[] = {"error", "warn", "info", "debug", "trace"};

	return level >= 0 && level <= VMM_LOG_TRACE ? names[level] : NULL;
}
