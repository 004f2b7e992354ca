// SPDX-License-Identifier: MIT
/*
 * A confidential launch once for each call through the seam and each plausible errno, with that
 * call failing; calls of the firmware with each of its status codes. Every time the launch ends
 * with an error that names call, errno, status, and item and address where there is one, or the
 * call was one of those listed below; and every time nothing is left open or mapped.
 */
#include "cc/snp_status.h"
#include "tests/unit/cc_fixture.h"

#include <dirent.h>

static const int errnos[] = {EINTR, EAGAIN, ENOMEM, EINVAL, EFAULT, EBUSY, EIO};

#define ERRNOS 7

static const enum cc_tech techs[] = {CC_SNP, CC_TDX, CC_SW_PROTECTED};

#define CASES	     (3 * LAUNCH_MODES)
#define CASE_TECH(i) techs[(i) / LAUNCH_MODES]
#define CASE_MODE(i) ((unsigned int)(i) % LAUNCH_MODES)

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

static bool is_optional(const char *call, int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		if (strcmp(optional[i].call, call) == 0 &&
		    (optional[i].codes == 0 || optional[i].codes & BIT(code)))
			return true;
	return false;
}

static struct launch t;

/* Is call `n` the question whether the kernel has the flag that keeps contents? EINVAL is one of
 * its answers; a kernel of revision 5 that gives it is not one. */
static bool is_probe(unsigned long n, int code)
{
	for (unsigned long k = 1; k < n; k++)
		if (strcmp(model_call_name(t.m, k), "KVM_SET_MEMORY_ATTRIBUTES2") == 0)
			return false;
	return code == EINVAL && strcmp(model_call_name(t.m, n), "KVM_SET_MEMORY_ATTRIBUTES2") == 0;
}

static size_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The item that the failing populate call was about, by counting those before it. */
static void check_populate(const char *text)
{
	char place[64];

	for (size_t i = 0; i < t.plan.nitems; i++) {
		const struct load_item *item = &t.plan.item[i];

		snprintf(place, sizeof(place), "%s at %#llx: ", item->name,
			 (unsigned long long)item->gpa);
		if (strncmp(text, place, strlen(place)) == 0)
			return;
	}
	ck_abort_msg("no item with its address in \"%s\"", text);
}

static void check_sentence(unsigned long n, const char *call, int code, uint64_t status)
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
	if (strstr(call, "LAUNCH_UPDATE") || strstr(call, "INIT_MEM_REGION"))
		check_populate(text);
	ck_assert_msg(t.err.firmware == status, "call %lu (%s): status %#llx", n, call,
		      (unsigned long long)t.err.firmware);
}

/* The launch is a good one, though a call of it has failed. */
static void check_launched(int i, unsigned long n, const char *call, int code)
{
	uint8_t digest[CC_DIGEST];

	ck_assert_msg(is_optional(call, code) || is_probe(n, code),
		      "call %lu (%s), %s: goes unnoticed", n, call, strerrorname_np(code));
	if (t.config.tech == CC_SW_PROTECTED)
		return;
	model_check_launch(t.m, 0, t.config.tech == CC_SNP);
	if (CASE_MODE(i) == REV5 && is_probe(n, code))
		return;
	model_launch_digest(t.m, 0, digest);
	ck_assert_msg(memcmp(digest, t.expected.digest, CC_DIGEST) == 0,
		      "call %lu (%s), %s: another measurement", n, call, strerrorname_np(code));
}

/* Returns whether call `n` was made at all. */
static bool fail_call(int i, unsigned long n, int code, uint64_t status)
{
	size_t fds = open_files();
	const char *call;
	bool made;
	int ret;

	launch_init(&t, CASE_TECH(i), CASE_MODE(i), 2);
	t.config.snp.features = 0x21;
	model_set_fail_status(t.m, status);
	model_fail_at(t.m, n, code);
	ret = launch_all(&t);
	made = model_calls(t.m) >= n;
	call = model_call_name(t.m, n);
	if (!made)
		ck_assert_msg(ret == 0, "without a failure: %s", t.err.text);
	else if (ret == 0)
		check_launched(i, n, call, code);
	else
		check_sentence(n, call, code, status);
	if (ret < 0)
		ck_assert_int_eq(t.err.code, ret);
	if (ret < 0 && !is_optional(call, code))
		ck_assert_msg(ret == -code, "call %lu (%s): %s becomes %s", n, call,
			      strerrorname_np(code), strerrorname_np(-ret));
	launch_close(&t);
	ck_assert_msg(open_files() == fds, "call %lu (%s): descriptors leak", n, call);
	return made;
}

START_TEST(each_call_of_a_launch_may_fail)
{
	for (size_t e = 0; e < ERRNOS; e++) {
		unsigned long n = 1;

		while (fail_call(_i, n, errnos[e], 0))
			n++;
		ck_assert_uint_gt(n, 30);
	}
}
END_TEST

/* --- firmware --- */

/* The numbers of the calls of the firmware in an undisturbed launch. */
static size_t firmware_calls(int i, unsigned long call[64])
{
	size_t n = 0;

	launch_init(&t, CASE_TECH(i), CASE_MODE(i), 2);
	must(launch_all(&t), &t);
	for (unsigned long k = 1; k <= model_calls(t.m); k++) {
		const char *name = model_call_name(t.m, k);

		if (strncmp(name, "KVM_SEV_", 8) != 0 && strncmp(name, "KVM_TDX_", 8) != 0)
			continue;
		if (is_optional(name, EIO) && strcmp(name, "KVM_TDX_GET_CPUID") == 0)
			continue;
		ck_assert_uint_lt(n, 64);
		call[n++] = k;
	}
	launch_close(&t);
	return n;
}

START_TEST(each_call_of_the_firmware_may_fail_with_each_status)
{
	static const uint64_t odd[] = {0x99, 0xffffffff};
	unsigned long call[64];
	size_t n = firmware_calls(_i, call);

	ck_assert_uint_gt(n, 8);
	for (uint32_t status = 1; status <= 0x29; status++) {
		uint64_t s = status <= 0x27 ? status : odd[status - 0x28];

		for (size_t k = 0; k < n; k++) {
			launch_init(&t, CC_SNP, CASE_MODE(_i), 2);
			model_set_fail_status(t.m, s);
			model_fail_at(t.m, call[k], EIO);
			ck_assert_int_eq(launch_all(&t), -EIO);
			check_sentence(call[k], model_call_name(t.m, call[k]), EIO, s);
			launch_says(&t, snp_status_name((uint32_t)s));
			launch_close(&t);
		}
	}
}
END_TEST

START_TEST(each_call_of_the_module_may_fail_with_a_status)
{
	static const uint64_t status[] = {0xc000010000000008, 0x8000020300000000,
					  0xc0000b0a00000001};
	unsigned long call[64];
	size_t n = firmware_calls(LAUNCH_MODES + _i, call);

	for (size_t s = 0; s < ARRAY_SIZE(status); s++) {
		for (size_t k = 0; k < n; k++) {
			char number[32];

			launch_init(&t, CC_TDX, CASE_MODE(_i), 2);
			model_set_fail_status(t.m, status[s]);
			model_fail_at(t.m, call[k], EIO);
			ck_assert_int_eq(launch_all(&t), -EIO);
			check_sentence(call[k], model_call_name(t.m, call[k]), EIO, status[s]);
			snprintf(number, sizeof(number), "%#llx", (unsigned long long)status[s]);
			launch_says(&t, number);
			launch_close(&t);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fail_nth_cc");
	TCase *tc = tcase_create("fail_nth_cc");

	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, each_call_of_a_launch_may_fail, 0, CASES);
	tcase_add_loop_test(tc, each_call_of_the_firmware_may_fail_with_each_status, 0,
			    LAUNCH_MODES);
	tcase_add_loop_test(tc, each_call_of_the_module_may_fail_with_a_status, 0, LAUNCH_MODES);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
