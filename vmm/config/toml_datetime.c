// SPDX-License-Identifier: MIT
/* Dates and times (RFC 3339, section 5.6, and its parts without offset, date or time). */
#include "vmm/config/toml_parser.h"

struct clock_text {
	const char *in;
	const char *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool accept(struct clock_text *t, char c)
{
	if (t->in == t->end || *t->in != c)
		return false;
	t->in++;
	return true;
}

static bool digits(struct clock_text *t, int n, unsigned int *out)
{
	*out = 0;
	while (n--) {
		if (t->in == t->end || !is_digit(*t->in))
			return false;
		*out = *out * 10 + (unsigned int)(*t->in++ - '0');
	}
	return true;
}

bool toml_looks_like_time(struct toml_text token)
{
	const char *s = token.data;

	if (token.len >= 3 && is_digit(s[0]) && is_digit(s[1]) && s[2] == ':')
		return true;
	return token.len >= 5 && is_digit(s[0]) && is_digit(s[1]) && is_digit(s[2]) &&
	       is_digit(s[3]) && s[4] == '-';
}

static unsigned int days_in(unsigned int year, unsigned int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

/* Each part returns NULL, or what is wrong with it. */
static const char *read_date(struct clock_text *t, struct toml_time *time)
{
	unsigned int year, month, day;

	if (!digits(t, 4, &year) || !accept(t, '-') || !digits(t, 2, &month) || !accept(t, '-') ||
	    !digits(t, 2, &day))
		return "a date is written YYYY-MM-DD";
	if (month < 1 || month > 12)
		return "the month must be 01 to 12";
	if (day < 1 || day > days_in(year, month))
		return "that month does not have such a day";
	time->year = (uint16_t)year;
	time->month = (uint8_t)month;
	time->day = (uint8_t)day;
	return NULL;
}

/* Behind the point: any number of digits, of which nine are kept. */
static bool read_fraction(struct clock_text *t, struct toml_time *time)
{
	uint32_t unit = 100000000;

	if (t->in == t->end || !is_digit(*t->in))
		return false;
	for (; t->in < t->end && is_digit(*t->in); t->in++) {
		time->nanosecond += (uint32_t)(*t->in - '0') * unit;
		unit /= 10;
	}
	return true;
}

static const char *read_time(struct clock_text *t, struct toml_time *time)
{
	unsigned int hour, minute, second;

	if (!digits(t, 2, &hour) || !accept(t, ':') || !digits(t, 2, &minute) || !accept(t, ':') ||
	    !digits(t, 2, &second))
		return "a time is written HH:MM:SS";
	if (hour > 23)
		return "the hour must be 00 to 23";
	if (minute > 59)
		return "the minute must be 00 to 59";
	if (second > 60)
		return "the second must be 00 to 60";
	time->hour = (uint8_t)hour;
	time->minute = (uint8_t)minute;
	time->second = (uint8_t)second;
	if (accept(t, '.') && !read_fraction(t, time))
		return "digits must follow the point";
	return NULL;
}

static const char *read_offset(struct clock_text *t, struct toml_time *time)
{
	unsigned int hour, minute;
	bool west;

	if (accept(t, 'Z') || accept(t, 'z'))
		return NULL;
	west = accept(t, '-');
	if (!west && !accept(t, '+'))
		return "an offset is written Z, +HH:MM or -HH:MM";
	if (!digits(t, 2, &hour) || !accept(t, ':') || !digits(t, 2, &minute))
		return "an offset is written Z, +HH:MM or -HH:MM";
	if (hour > 23 || minute > 59)
		return "the offset must be within 23:59";
	time->offset = (int16_t)(hour * 60 + minute);
	if (west)
		time->offset = (int16_t)-time->offset;
	return NULL;
}

static const char *read_all(struct clock_text *t, struct toml_node *node)
{
	const char *wrong;

	if (t->end - t->in >= 3 && t->in[2] == ':') {
		node->type = TOML_TIME_LOCAL;
		return read_time(t, &node->time);
	}
	node->type = TOML_DATE_LOCAL;
	wrong = read_date(t, &node->time);
	if (wrong || t->in == t->end)
		return wrong;
	if (!accept(t, 'T') && !accept(t, 't') && !accept(t, ' '))
		return "a time after a date begins with T";
	node->type = TOML_DATETIME_LOCAL;
	wrong = read_time(t, &node->time);
	if (wrong || t->in == t->end)
		return wrong;
	node->type = TOML_DATETIME;
	return read_offset(t, &node->time);
}

int toml_datetime(struct toml_parser *p, struct toml_pos pos, struct toml_text token,
		  struct toml_node *node)
{
	struct clock_text t = {token.data, token.data + token.len};
	const char *wrong = read_all(&t, node);

	if (!wrong && t.in != t.end)
		wrong = "there is something behind it";
	if (wrong)
		return toml_fault(p, pos, "'%.*s' is not a date or time: %s",
				  toml_clip(token.len, token.data), token.data, wrong);
	return 0;
}
