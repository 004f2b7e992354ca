// SPDX-License-Identifier: MIT
/* Lines for people: each is one write, so that those of several threads do not mix. */
#include "vmm/cli/cli.h"
#include "vmm/cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* While a VM exists nobody waits for who reads stderr. NULL: nobody is in a hurry. */
static struct lines *stderr_lines;

/* What the program itself has to say is worth waiting for a slow reader, up to a second. */
#define PATIENCE_MS 1000

/* One line, printable and with its newline; what is too long is cut. */
static void __attribute__((format(printf, 4, 0)))
put_text(struct lines *lines, unsigned int patience_ms, const char *prefix, const char *fmt,
	 va_list ap)
{
	char line[1200];
	size_t len = (size_t)snprintf(line, sizeof(line), "%s", prefix);
	ssize_t n = vsnprintf(line + len, sizeof(line) - 1 - len, fmt, ap);

	if (n < 0)
		return;
	minivmm_make_printable(line);
	len = strlen(line);
	line[len++] = '\n';
	if (lines) {
		lines_put(lines, line, len, patience_ms);
		return;
	}
	do
		n = write(STDERR_FILENO, line, len);
	while (n < 0 && errno == EINTR);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_text(stderr_lines, PATIENCE_MS, "minivmm: ", fmt, ap);
	va_end(ap);
}

void tell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_text(stderr_lines, PATIENCE_MS, "", fmt, ap);
	va_end(ap);
}

/* O_NONBLOCK: a named pipe that nobody reads must not hang us. */
static int open_file(const char *path)
{
	int fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0 && errno == ENXIO)
		complain(
			"unable to open the log file %s: it is a FIFO that nobody reads, or a socket",
			path);
	else if (fd < 0)
		complain("unable to open the log file %s: %s", path, strerror(errno));
	return fd;
}

enum status log_open(struct lines **log, const char *path)
{
	int fd = path ? open_file(path) : -1;

	if (path && fd < 0)
		return STATUS_FAILED;
	*log = path ? lines_start(fd) : NULL;
	if (*log || !path)
		stderr_lines = lines_start(STDERR_FILENO);
	if (stderr_lines)
		return STATUS_OK;
	complain("unable to start the thread of the log: %s", strerror(errno));
	log_close(*log);
	return STATUS_FAILED;
}

void log_close(struct lines *log)
{
	struct lines *lines = stderr_lines;

	lines_end(log);
	stderr_lines = NULL;
	lines_end(lines);
}

static void __attribute__((format(printf, 3, 4)))
put_log(struct lines *lines, const char *prefix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_text(lines, 0, prefix, fmt, ap);
	va_end(ap);
}

void log_line(void *ctx, int level, const char *text)
{
	static const char *const prefixes[] = {
		[MINIVMM_LOG_ERROR] = "minivmm: error: ", [MINIVMM_LOG_WARN] = "minivmm: warning: ",
		[MINIVMM_LOG_INFO] = "minivmm: info: ",	  [MINIVMM_LOG_DEBUG] = "minivmm: debug: ",
		[MINIVMM_LOG_TRACE] = "minivmm: trace: ",
	};
	struct lines *const *log = ctx;

	if (level >= MINIVMM_LOG_ERROR && level <= MINIVMM_LOG_TRACE)
		put_log(*log ? *log : stderr_lines, prefixes[level], "%s", text);
}
