/* SPDX-License-Identifier: MIT */
/*
 * Which keys there are: one list says of each its name, type, bounds, default, meaning, and the field
 * of struct vmm_config it fills. Reading files, config_set(), defaults, freeing and config_help() all
 * walk this list and know no key by name.
 */
#ifndef VMM_CONFIG_SCHEMA_H
#define VMM_CONFIG_SCHEMA_H

#include "vmm/config/config.h"

enum schema_type {
	SCHEMA_END,
	SCHEMA_TABLE, /* the rows up to the next one are its keys */
	/* field: what a value may be */
	SCHEMA_BOOL,   /* bool */
	SCHEMA_NUMBER, /* uint32_t: an integer of min..max; or 0, if or_zero */
	SCHEMA_BITS,   /* uint64_t: an integer, or "0x…" in quotes for what TOML's 63 bits lack */
	SCHEMA_SIZE,   /* uint64_t: bytes, or "512M"; min..max, a multiple of `multiple` */
	SCHEMA_CHOICE, /* int or an enum: one of the names in `choices` */
	SCHEMA_HEX,    /* uint8_t[max]: that many bytes in hexadecimal */
	SCHEMA_MAC,    /* uint8_t[6]: a unicast Ethernet address that is not all zeros */
	SCHEMA_STRING, /* char *: not empty unless min is 0; at most max bytes unless that is 0 */
	SCHEMA_PATH,   /* char *: relative to the file's directory */
	SCHEMA_SOCKET, /* char *: a path that fits into struct sockaddr_un; at most max bytes unless
			* that is 0 */
	SCHEMA_OUTPUT, /* struct endpoint: stdio, null, file:PATH or unix:PATH */
	SCHEMA_ENDPOINT, /* struct endpoint: vsock:CID:PORT or the path of a Unix socket */
};

struct schema_choice {
	const char *name; /* NULL ends the list */
	uint32_t value;
	uint32_t versions; /* NAME-v1 to NAME-v<versions> are good, too */
};

struct schema {
	enum schema_type type;
	const char *name;
	const char *help; /* a line: what it means */

	/* in struct vmm_config; in an array of tables of the first element */
	size_t offset; /* of the field; of an array of tables the size_t that counts it */
	size_t given;  /* of the bool that says that it is there; 0: none */

	/* of a table */
	size_t max_elements; /* 0: it is no array of tables, [[name]] */
	size_t element_size;

	/* of a key */
	bool required; /* in every table of its kind that is there */
	bool hex;      /* it is shown in hexadecimal */
	bool or_zero;  /* 0 is good, too, though it is less than min */
	uint64_t min, max, multiple;
	uint64_t number; /* default of all but strings and paths; of an output, its kind */
	char *text;	 /* default of those; not allocated: the field points here. May be NULL */
	/* of a choice one of these: all, or the names of the values 0, 1, … up to NULL */
	const struct schema_choice *choices;
	const char *const *names;
	const char *(*name_of)(size_t value);
	bool was_bool; /* true and false are good, too: 1 and 0 */
};

extern const struct schema schema[];

/* Row by row: the tables if `table` is NULL, else its keys. The first for `row` NULL; NULL behind the
 * last. */
const struct schema *schema_next(const struct schema *table, const struct schema *row);

/* By name, and by the name most like it, if half of it agrees; NULL if there is none. */
const struct schema *schema_find(const struct schema *table, const char *name, size_t len);
const struct schema *schema_nearest(const struct schema *table, const char *name, size_t len);

/* The i-th choice of a key; behind the last one without a name. */
struct schema_choice schema_choice(const struct schema *key, size_t i);

/* The field of a key (in element `index` of an array of tables), and how many elements there are. */
void *schema_field(const struct schema *table, const struct schema *key, struct vmm_config *config,
		   size_t index);
size_t schema_count(const struct schema *table, const struct vmm_config *config);

/* Adds an element of defaults, false if there are as many as may be; takes it away again. */
bool schema_add_element(const struct schema *table, struct vmm_config *config);
void schema_drop_element(const struct schema *table, struct vmm_config *config);

void schema_set_defaults(const struct schema *table, struct vmm_config *config, size_t index);

/* Notes that the table or the key is there, where somebody asks for it. */
void schema_set_given(const struct schema *table, const struct schema *row,
		      struct vmm_config *config, size_t index);

/* Where a field keeps the text that it owns; NULL if its type has none. */
char **schema_text(const struct schema *key, void *field);

#endif
