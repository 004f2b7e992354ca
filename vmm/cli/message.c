// SPDX-License-Identifier: MIT
/* Lines for people: each is one write, so that those of several threads do not mix. */
#include "vmm/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A log that cannot be written has nobody to tell it to. */
static void put_line(int fd, char *line, size_t size, int len)
{
	ssize_t n;

	if (len < 0)
		return;
	if ((size_t)len > size - 2)
		len = (int)size - 2;
	line[len++] = '\n';
	do
		n = write(fd, line, (size_t)len);
	while (n < 0 && errno == EINTR);
}

void complain(const char *fmt, ...)
{
	char line[1200] = "minivmm: ";
	size_t used = strlen(line);
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line + used, sizeof(line) - used, fmt, ap);
	va_end(ap);
	put_line(STDERR_FILENO, line, sizeof(line), len < 0 ? len : len + (int)used);
}

enum status log_open(struct log_file *log, const char *path)
{
	log->fd = STDERR_FILENO;
	if (!path)
		return STATUS_OK;
	log->fd = log_file_open(path);
	return log->fd >= 0 ? STATUS_OK : STATUS_FAILED;
}

void log_close(struct log_file *log)
{
	if (log->fd > STDERR_FILENO)
		close(log->fd);
	log->fd = -1;
}

void log_line(void *ctx, int level, const char *text)
{
	static const char *const names[] = {
		[MINIVMM_LOG_ERROR] = "error", [MINIVMM_LOG_WARN] = "warning",
		[MINIVMM_LOG_INFO] = "info",   [MINIVMM_LOG_DEBUG] = "debug",
		[MINIVMM_LOG_TRACE] = "trace",
	};
	const struct log_file *log = ctx;
	char line[1200];
	int len;

	if (level < MINIVMM_LOG_ERROR || level > MINIVMM_LOG_TRACE)
		return;
	len = snprintf(line, sizeof(line), "minivmm: %s: %s", names[level], text);
	put_line(log->fd, line, sizeof(line), len);
}
