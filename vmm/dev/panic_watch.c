// SPDX-License-Identifier: MIT
#include "vmm/dev/panic_watch.h"

#include <string.h>

#define ANNOUNCEMENT "Kernel panic - not syncing: "

/*
 * Skips what printk puts in front of a line: "[    1.234567] " (CONFIG_PRINTK_TIME), after which
 * CONFIG_PRINTK_CALLER writes the caller: "[    1.234567][    T1] ".
 */
static const char *skip_stamps(const char *line)
{
	const char *at = line;

	while (*at == '[') {
		at += 1 + strspn(at + 1, " .0123456789CT");
		if (*at != ']')
			return line;
		at++;
	}
	return *at == ' ' && at != line ? at + 1 : at;
}

static void end_line(struct panic_watch *watch)
{
	const char *text;

	watch->line[watch->len] = '\0';
	text = skip_stamps(watch->line);
	if (strncmp(text, ANNOUNCEMENT, strlen(ANNOUNCEMENT)) == 0) {
		memcpy(watch->text, text, strlen(text) + 1);
		watch->after = 0;
	}
	watch->len = 0;
}

void panic_watch_feed(struct panic_watch *watch, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t c = buf[i];

		watch->after++;
		if (c == '\n' || c == '\r')
			end_line(watch);
		else if (c >= 0x20 && c != 0x7f && watch->len < sizeof(watch->line) - 1)
			watch->line[watch->len++] = (char)c;
	}
}

bool panic_watch_recent(const struct panic_watch *watch)
{
	return watch->text[0] && watch->after <= PANIC_WATCH_RECENT;
}
