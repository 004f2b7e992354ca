/* SPDX-License-Identifier: MIT */
/*
 * Which keys there are: one table says of each its name, type, bounds, default, meaning, and the
 * field of struct vmm_config it fills. Reading files, config_set(), defaults, freeing and
 * config_help() all walk this table and know no key by name.
 */
#ifndef VMM_CONFIG_SCHEMA_H
#define VMM_CONFIG_SCHEMA_H

#include "vmm/config/config.h"

enum schema_type {
	/* field: what a value may be */
	SCHEMA_BOOL,   /* bool */
	SCHEMA_NUMBER, /* uint32_t: an integer of min..max; or 0, if or_zero */
	SCHEMA_BITS,   /* uint64_t: an integer, or "0x…" in quotes for what TOML's 63 bits lack */
	SCHEMA_SIZE,   /* uint64_t: bytes, or "512M"; min..max, a multiple of `multiple` */
	SCHEMA_CHOICE, /* int or an enum: one of the names in `choices` */
	SCHEMA_HEX,    /* uint8_t[max]: that many bytes in hexadecimal */
	SCHEMA_STRING, /* char *: not empty unless min is 0; at most max bytes unless that is 0 */
	SCHEMA_PATH,   /* char *: relative to the file's directory */
	SCHEMA_SOCKET, /* char *: a path that fits into struct sockaddr_un; at most max bytes unless
			* that is 0 */
	SCHEMA_OUTPUT, /* char *: stdio, null, file:PATH or unix:PATH */
	SCHEMA_ENDPOINT, /* char *: vsock:CID:PORT or the path of a Unix socket */
	SCHEMA_MAC,	 /* char *: a unicast Ethernet address that is not all zeros */
};

struct schema_choice {
	const char *name; /* NULL ends the list */
	uint32_t value;
	uint32_t versions; /* NAME-v1 to NAME-v<versions> are good, too */
};

struct schema_key {
	const char *name;
	const char *help; /* a line: what it means */
	enum schema_type type;
	bool required; /* in every table of its kind that is there */
	bool hex;      /* numbers of this key are shown in hexadecimal */
	bool or_zero;  /* 0 is good, too, though it is less than min */
	size_t offset; /* of the field in the table's struct */
	size_t given;  /* of the bool in the table's struct that says the key was given; 0: none */
	uint64_t min;
	uint64_t max;
	uint64_t multiple;
	uint64_t number; /* default of everything that is not char * */
	char *text;	 /* default of char *; not allocated: the field points here. May be NULL */
	const struct schema_choice *choices;
	/* a choice that used to be a bool, and still may be one */
	bool was_bool;
	uint32_t when_true, when_false;
};

struct schema_table {
	const char *name;
	const char *help;
	const struct schema_key *keys;
	size_t nkeys;
	size_t offset;	/* of the table's struct in struct vmm_config; of the first for an array */
	size_t present; /* of a bool in struct vmm_config that says the table was there; 0: none */

	/* an array of tables, [[name]]: max_elements is not 0 */
	size_t max_elements;
	size_t element_size;
	size_t count; /* of the size_t in struct vmm_config with the number of elements */
};

extern const struct schema_table schema_tables[];
extern const size_t schema_ntables;

/* By name; NULL if there is none. */
const struct schema_table *schema_find_table(const char *name, size_t len);
const struct schema_key *schema_find_key(const struct schema_table *table, const char *name,
					 size_t len);

/* The table's struct in a configuration (element `index` of an array), and how many there are. */
void *schema_base(const struct schema_table *table, struct vmm_config *config, size_t index);
const void *schema_base_const(const struct schema_table *table, const struct vmm_config *config,
			      size_t index);
size_t schema_count(const struct schema_table *table, const struct vmm_config *config);

/* Is the field a char *? */
bool schema_is_text(const struct schema_key *key);

/* Adds a new element of defaults to an array of tables and returns it; NULL if it is full. */
void *schema_add_element(const struct schema_table *table, struct vmm_config *config);

#endif
