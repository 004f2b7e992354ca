// SPDX-License-Identifier: MIT
/* Lines for people: each is one write, so that those of several threads do not mix. */
#include "vmm/cli/cli.h"
#include "vmm/cli/lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* While a VM exists nobody waits for who reads stderr. NULL: nobody is in a hurry. */
static struct lines *stderr_lines;

/* What the program itself has to say is worth waiting for a slow reader, up to a second. */
#define PATIENCE_MS 1000

/* `line` has room for a newline behind its `len` bytes. */
static void put_line(struct lines *lines, char *line, size_t len, unsigned int patience_ms)
{
	ssize_t n;

	line[len++] = '\n';
	if (lines) {
		lines_put(lines, line, len, patience_ms);
		return;
	}
	do
		n = write(STDERR_FILENO, line, len);
	while (n < 0 && errno == EINTR);
}

static void __attribute__((format(printf, 3, 0)))
put_text(struct lines *lines, const char *prefix, const char *fmt, va_list ap)
{
	char line[1200];
	size_t used = (size_t)snprintf(line, sizeof(line), "%s", prefix);
	int len = vsnprintf(line + used, sizeof(line) - used, fmt, ap);

	if (len < 0)
		return;
	minivmm_make_printable(line);
	used += (size_t)len;
	put_line(lines, line, used < sizeof(line) - 1 ? used : sizeof(line) - 2, PATIENCE_MS);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_text(stderr_lines, "minivmm: ", fmt, ap);
	va_end(ap);
}

void tell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_text(stderr_lines, "", fmt, ap);
	va_end(ap);
}

static enum status open_file(struct log_file *log, const char *path)
{
	log->fd = log_file_open(path);
	if (log->fd < 0)
		return STATUS_FAILED;
	log->lines = lines_start(log->fd);
	if (log->lines)
		return STATUS_OK;
	complain("unable to start the thread of the log: %s", strerror(errno));
	close(log->fd);
	log->fd = -1;
	return STATUS_FAILED;
}

enum status log_open(struct log_file *log, const char *path)
{
	enum status status = STATUS_OK;

	*log = (struct log_file){.fd = -1};
	if (path)
		status = open_file(log, path);
	if (status != STATUS_OK)
		return status;
	stderr_lines = lines_start(STDERR_FILENO);
	if (stderr_lines)
		return STATUS_OK;
	complain("unable to start the thread of the log: %s", strerror(errno));
	log_close(log);
	return STATUS_FAILED;
}

void log_close(struct log_file *log)
{
	struct lines *lines = stderr_lines;

	if (lines_end(log->lines) && log->fd >= 0)
		close(log->fd);
	*log = (struct log_file){.fd = -1};
	stderr_lines = NULL;
	lines_end(lines);
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
	len = snprintf(line, sizeof(line) - 1, "minivmm: %s: %s", names[level], text);
	if (len < 0)
		return;
	put_line(log->lines ? log->lines : stderr_lines, line,
		 (size_t)len < sizeof(line) - 1 ? (size_t)len : sizeof(line) - 2, 0);
}
