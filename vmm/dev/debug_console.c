// SPDX-License-Identifier: MIT
#include "vmm/dev/debug_console.h"

#define MAGIC 0xe9

static uint64_t debug_console_read(struct device *dev, uint64_t offset, unsigned int len)
{
	(void)dev, (void)offset, (void)len;
	return MAGIC;
}

static void end_line(struct debug_console *console)
{
	console->buf[console->len] = '\0';
	console->len = 0;
	console->line(console->ctx, console->buf);
}

/* A string instruction (rep outsb) arrives here byte by byte. */
static void debug_console_write(struct device *dev, uint64_t offset, unsigned int len,
				uint64_t value)
{
	struct debug_console *console = (struct debug_console *)dev;
	char c = (char)value;

	(void)offset, (void)len;
	pthread_mutex_lock(&console->lock);
	if (c == '\n' || console->len == DEBUG_LINE)
		end_line(console);
	if (c != '\n' && c != '\r' && c != '\0')
		console->buf[console->len++] = c;
	pthread_mutex_unlock(&console->lock);
}

static const struct device_ops debug_console_ops = {
	.name = "debug console",
	.max_len = 1,
	.read = debug_console_read,
	.write = debug_console_write,
};

void debug_console_init(struct debug_console *console, void (*line)(void *ctx, const char *text),
			void *ctx)
{
	*console = (struct debug_console){.dev.ops = &debug_console_ops, .line = line, .ctx = ctx};
	pthread_mutex_init(&console->lock, NULL);
}

void debug_console_destroy(struct debug_console *console)
{
	if (console->len)
		end_line(console);
	pthread_mutex_destroy(&console->lock);
}
