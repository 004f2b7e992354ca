// SPDX-License-Identifier: MIT
#include "vmm/base/log.h"

#include "vmm/base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void vmm_log(const struct vmm_log *log, enum vmm_log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!log || !log->write || level > log->level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	text_make_printable(line); /* guests choose some of it */
	log->write(log->ctx, (int)level, line);
}

const char *vmm_log_level_name(int level)
{
	static const char *const names[] = {"error", "warn", "info", "debug", "trace"};

	return level >= 0 && level <= VMM_LOG_TRACE ? names[level] : NULL;
}
