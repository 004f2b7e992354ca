/* SPDX-License-Identifier: MIT */
/*
 * For the tests that make calls of a confidential launch fail: the launches, each in variants that
 * make calls that others do not, and what is expected of an error.
 */
#ifndef TESTS_UNIT_CC_FAILING_H
#define TESTS_UNIT_CC_FAILING_H

#include "tests/unit/cc_fixture.h"

#include <dirent.h>

static const int errnos[] = {EINTR, EAGAIN, ENOMEM, EINVAL, EFAULT, EBUSY, EIO};

#define ERRNOS 7

#define BIT(code) (1ULL << (code))

/* Calls whose failure need not end the launch, with which errnos, and why. */
static const struct {
	const char *call;
	uint64_t codes; /* 0: all */
	const char *reason;
} optional[] = {
	{"KVM_CHECK_EXTENSION", 0, "a capability that cannot be asked for counts as missing"},
	{"KVM_GET_DEVICE_ATTR", 0, "features that cannot be asked for count as not offered"},
	{"cloexec", 0, "the guest_memfd then stays open in a child that the caller makes"},
	{"KVM_CREATE_VM", BIT(EINTR), "tried again"},
	{"KVM_CREATE_GUEST_MEMFD", BIT(EINVAL), "the probe: no in-place conversion, then"},
	{"KVM_SET_MEMORY_ATTRIBUTES2", BIT(EAGAIN) | BIT(EINTR), "tried again"},
	{"KVM_SET_MEMORY_ATTRIBUTES", BIT(EAGAIN) | BIT(EINTR), "tried again"},
	{"fallocate", BIT(EINTR), "tried again"},
	{"fallocate", BIT(EAGAIN), "the copy that is no longer used stays: memory, not contents"},
	{"KVM_SEV_SNP_LAUNCH_UPDATE", BIT(EAGAIN) | BIT(EINTR) | BIT(EIO), "tried again"},
	{"KVM_SEV_SNP_LAUNCH_FINISH", BIT(EBUSY), "tried again"},
	{"KVM_TDX_INIT_VM", BIT(EAGAIN), "tried again"},
	{"KVM_TDX_GET_CPUID", 0, "a question that nothing depends on"},
	{"KVM_TDX_INIT_MEM_REGION", BIT(EAGAIN) | BIT(EINTR) | BIT(EBUSY), "tried again"},
	{"KVM_TDX_FINALIZE_VM", BIT(EAGAIN) | BIT(EINTR) | BIT(EBUSY), "tried again"},
};

static inline bool is_optional(const char *call, int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		if (strcmp(optional[i].call, call) == 0 &&
		    (optional[i].codes == 0 || optional[i].codes & BIT(code)))
			return true;
	return false;
}

static struct launch t;

/* --- launches --------------------------------------------------------------------------------- */

#define FAILING_VCPUS 2

enum failing_variant {
	VARIANT_USUAL,
	VARIANT_PARTIAL,  /* the kernel does two pages at a time */
	VARIANT_COPY,	  /* firmware takes pages from a buffer, in place too */
	VARIANT_ID_BLOCK, /* snp: an ID block with an author key, checked in LAUNCH_FINISH */
	VARIANT_CERTS,	  /* snp: requests for certificates come to us */
	VARIANT_CORRECTED, /* snp: the CPUID page is submitted twice, the vCPUs' tables are set twice */
};

#define VARIANTS     6
#define FIRST_OF_SNP VARIANT_ID_BLOCK /* those before it are for every technology */

static struct snp_id_block failing_id_block;
static struct snp_id_auth failing_id_auth;

/* For the launch that launch_load() makes with these settings: measures a first one. */
static inline void failing_make_id(unsigned int mode)
{
	launch_init(&t, &cc_snp, mode, FAILING_VCPUS);
	t.config.snp.features = 0x21;
	must(launch_all(&t), &t);
	memcpy(failing_id_block.launch_digest, t.expected.digest, CC_DIGEST);
	failing_id_block.version = 1;
	failing_id_block.policy = t.config.snp.policy;
	failing_id_auth.key_algorithm = failing_id_auth.author_algorithm = 1;
	failing_id_auth.signature[0] = failing_id_auth.author_signature[0] =
		1; /* signatures that the model takes */
	launch_close(&t);
}

static inline void failing_init(const struct cc_tech *tech, unsigned int mode,
				enum failing_variant variant)
{
	if (variant == VARIANT_ID_BLOCK && failing_id_block.version == 0)
		failing_make_id(mode);
	launch_init(&t, tech, mode, FAILING_VCPUS);
	t.config.snp.features = 0x21;
	switch (variant) {
	case VARIANT_USUAL:
		break;
	case VARIANT_PARTIAL:
		model_set_populate_stop(t.m, 2);
		break;
	case VARIANT_COPY:
		t.config.copy = true;
		break;
	case VARIANT_ID_BLOCK:
		t.config.have_id = true;
		t.config.id_block = failing_id_block;
		t.config.id_auth = failing_id_auth;
		break;
	case VARIANT_CERTS:
		model_snp_set_certs(t.m);
		t.config.snp.certs = (char[]){"certs"};
		break;
	case VARIANT_CORRECTED:
		model_snp_lacks(t.m, 7, 0, 1, 1u << 18);
		break;
	}
}

/* --- errors ----------------------------------------------------------------------------------- */

static inline bool is_populate(const char *call)
{
	return strstr(call, "LAUNCH_UPDATE") || strstr(call, "INIT_MEM_REGION");
}

/* The error begins with the boot item that has this page, and the page's address. */
static inline void check_place(const char *text, uint64_t gpa)
{
	char place[64];

	for (size_t i = 0; i < t.plan.nitems; i++) {
		const struct load_item *item = &t.plan.item[i];

		if (!range_inside(gpa, PAGE_SIZE, item->gpa, item->len))
			continue;
		snprintf(place, sizeof(place), "%s at %#llx: ", item->name,
			 (unsigned long long)gpa);
		ck_assert_msg(strncmp(text, place, strlen(place)) == 0,
			      "\"%s\" is not said by \"%s\"", place, text);
		return;
	}
	ck_abort_msg("no item has %#llx", (unsigned long long)gpa);
}

/* One line that names call and errno, the firmware's status in its place. */
static inline void check_sentence(unsigned long n, const char *call, int code, uint64_t status)
{
	const char *text = t.err.text, *name = strerrorname_np(code);

	ck_assert_msg(text[0] != '\0' && !strchr(text, '\n'), "call %lu (%s), %s: \"%s\"", n, call,
		      name, text);
	if (is_optional(call, code) && !status)
		return;
	ck_assert_msg(strstr(text, name) != NULL, "call %lu (%s): %s is not in \"%s\"", n, call,
		      name, text);
	if (strncmp(call, "KVM_", 4) == 0)
		ck_assert_msg(strstr(text, call) != NULL, "call %lu: %s is not in \"%s\"", n, call,
			      text);
	if (is_populate(call))
		check_place(text, model_failed_gpa(t.m));
	ck_assert_msg(t.err.firmware == status, "call %lu (%s): status %#llx", n, call,
		      (unsigned long long)t.err.firmware);
}

static inline size_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

#endif
