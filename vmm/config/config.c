// SPDX-License-Identifier: MIT
/* Defaults, and giving back what a configuration owns. */
#include "vmm/config/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *config_file_name(const struct vmm_config *config)
{
	return config_places_file(config->places);
}

static_assert(sizeof(enum config_cc) == sizeof(uint32_t), "choices are stored as 32 bits");

const struct schema_table *schema_find_table(const char *name, size_t len)
{
	for (size_t i = 0; i < schema_ntables; i++) {
		if (strlen(schema_tables[i].name) == len &&
		    memcmp(schema_tables[i].name, name, len) == 0)
			return &schema_tables[i];
	}
	return NULL;
}

const struct schema_key *schema_find_key(const struct schema_table *table, const char *name,
					 size_t len)
{
	for (size_t i = 0; i < table->nkeys; i++) {
		if (strlen(table->keys[i].name) == len &&
		    memcmp(table->keys[i].name, name, len) == 0)
			return &table->keys[i];
	}
	return NULL;
}

const void *schema_base_const(const struct schema_table *table, const struct vmm_config *config,
			      size_t index)
{
	return (const char *)config + table->offset + index * table->element_size;
}

void *schema_base(const struct schema_table *table, struct vmm_config *config, size_t index)
{
	return (char *)config + table->offset + index * table->element_size;
}

size_t schema_count(const struct schema_table *table, const struct vmm_config *config)
{
	size_t count = 1;

	if (table->max_elements)
		memcpy(&count, (const char *)config + table->count, sizeof(count));
	return count;
}

bool schema_is_text(const struct schema_key *key)
{
	switch (key->type) {
	case SCHEMA_STRING:
	case SCHEMA_PATH:
	case SCHEMA_SOCKET:
	case SCHEMA_OUTPUT:
	case SCHEMA_ENDPOINT:
	case SCHEMA_MAC:
		return true;
	default:
		return false;
	}
}

static void set_default(const struct schema_key *key, void *base)
{
	char *field = (char *)base + key->offset;
	uint32_t number = (uint32_t)key->number;
	bool boolean = key->number;

	if (schema_is_text(key))
		memcpy(field, &key->text, sizeof(key->text));
	else if (key->type == SCHEMA_BOOL)
		memcpy(field, &boolean, sizeof(boolean));
	else if (key->type == SCHEMA_NUMBER || key->type == SCHEMA_CHOICE)
		memcpy(field, &number, sizeof(number));
	else if (key->type != SCHEMA_HEX) /* whose default is zeros */
		memcpy(field, &key->number, sizeof(key->number));
}

static void set_defaults(const struct schema_table *table, void *base)
{
	for (size_t i = 0; i < table->nkeys; i++)
		set_default(&table->keys[i], base);
}

void *schema_add_element(const struct schema_table *table, struct vmm_config *config)
{
	size_t count = schema_count(table, config);
	void *base;

	if (count == table->max_elements)
		return NULL;
	base = schema_base(table, config, count);
	set_defaults(table, base);
	count++;
	memcpy((char *)config + table->count, &count, sizeof(count));
	return base;
}

void config_init(struct vmm_config *config)
{
	memset(config, 0, sizeof(*config));
	for (size_t i = 0; i < schema_ntables; i++) {
		if (!schema_tables[i].max_elements)
			set_defaults(&schema_tables[i], schema_base(&schema_tables[i], config, 0));
	}
}

static void free_texts(const struct schema_table *table, void *base)
{
	for (size_t i = 0; i < table->nkeys; i++) {
		const struct schema_key *key = &table->keys[i];
		char *text;

		if (!schema_is_text(key))
			continue;
		memcpy(&text, (char *)base + key->offset, sizeof(text));
		if (text != key->text)
			free(text);
	}
}

void config_clear(struct vmm_config *config)
{
	for (size_t i = 0; i < schema_ntables; i++) {
		const struct schema_table *table = &schema_tables[i];
		size_t count = schema_count(table, config);

		for (size_t j = 0; j < count; j++)
			free_texts(table, schema_base(table, config, j));
	}
	config_places_free(config->places);
	config_init(config);
}
