/* SPDX-License-Identifier: MIT */
/* What the configuration's tests share: reading a text and keeping the faults it has. */
#ifndef TESTS_UNIT_CONFIG_HELPERS_H
#define TESTS_UNIT_CONFIG_HELPERS_H

#include "vmm/config/config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BOOT "[boot]\nkernel = \"k\"\n" /* what every configuration needs; two lines */

struct reading {
	struct vmm_config config;
	struct vmm_error err;
	int ret;
	size_t nfaults;
	char faults[128][VMM_ERROR_TEXT];
};

static inline void keep_fault(void *ctx, const char *fault)
{
	struct reading *r = ctx;

	ck_assert_ptr_null(strchr(fault, '\n'));
	ck_assert_uint_lt(r->nfaults, 128);
	snprintf(r->faults[r->nfaults++], VMM_ERROR_TEXT, "%s", fault);
}

/* The file is called "f" and lives in /dir. config_clear() the configuration afterwards. */
static inline void read_text(struct reading *r, const char *text)
{
	*r = (struct reading){0};
	config_init(&r->config);
	r->ret = config_read_text(&r->config, text, strlen(text), "f", "/dir", keep_fault, r,
				  &r->err);
	ck_assert_int_eq(r->ret, r->nfaults ? -EINVAL : 0);
	ck_assert_int_eq(r->err.code, r->ret);
	if (r->nfaults) /* err holds the first */
		ck_assert_str_eq(r->err.text, r->faults[0]);
}

static inline void read_good(struct reading *r, const char *text)
{
	read_text(r, text);
	ck_assert_msg(r->ret == 0, "%s", r->err.text);
}

#endif
