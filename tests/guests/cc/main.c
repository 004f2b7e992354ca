// SPDX-License-Identifier: MIT
/* What the command line asks for: test=NAME cpus=N n=N seed=N bit=N */
#include "tests/guests/cc/guest.h"

#define LINE 256

static const struct {
	const char *name;
	void (*run)(const struct options *options);
} tests[] = {
	{"convert", test_convert}, {"implicit", test_implicit}, {"calls", test_calls},
	{"eagain", test_eagain},   {"hole", test_hole},		{"igvm", test_igvm},
	{"stuck", test_stuck},	   {"triple", test_triple},	{"virtio", test_virtio},
};

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Cuts the value of `word` off, if it is KEY=VALUE with this key. */
static const char *value_of(const char *word, const char *key)
{
	while (*key && *word == *key)
		word++, key++;
	return *key == '\0' && *word == '=' ? word + 1 : NULL;
}

static uint64_t number(const char *digits)
{
	uint64_t value = 0;

	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9')
			fail("command line: %s is no number", digits);
		value = value * 10 + (uint64_t)(*digits - '0');
	}
	return value;
}

static void take(struct options *options, const char *word)
{
	const struct {
		const char *key;
		uint64_t *target;
	} numbers[] = {
		{"cpus", &options->cpus},
		{"n", &options->n},
		{"seed", &options->seed},
		{"bit", &options->bit},
	};
	const char *value = value_of(word, "test");

	if (value)
		options->test = value;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		value = value_of(word, numbers[i].key);
		if (value)
			*numbers[i].target = number(value);
	}
}

/* Words of `line` become strings of their own. */
static void parse(struct options *options, char *line)
{
	while (*line) {
		char *word = line;

		while (*line && *line != ' ')
			line++;
		if (*line)
			*line++ = '\0';
		take(options, word);
	}
}

void run(const char *cmdline)
{
	static char line[LINE];
	struct options options = {.test = "", .cpus = 1, .n = 1, .seed = 1};

	if (cmdline) {
		for (size_t i = 0; i < LINE - 1 && cmdline[i]; i++)
			line[i] = cmdline[i];
	} else {
		say("GUEST ready for its command line");
		read_line(line, sizeof(line));
	}
	parse(&options, line);
	if (options.cpus < 1 || options.cpus > MAX_CPUS || options.n == 0 || options.seed == 0)
		fail("command line: a number is out of range");
	say("GUEST test=%s cpus=%u timer=%x", options.test, options.cpus, (uint64_t)pm_timer());
	check_own_bytes();
	kinds_init((unsigned int)options.bit);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (same(tests[i].name, options.test)) {
			tests[i].run(&options);
			power_off();
		}
	}
	if (!same(options.test, "bytes"))
		fail("command line: no test is called %s", options.test);
	say("GUEST ok bytes");
	power_off();
}
