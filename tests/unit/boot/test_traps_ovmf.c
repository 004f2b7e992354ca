// SPDX-License-Identifier: MIT
/*
 * The traps of the SNP interface that are about a firmware image and what is loaded with it: see
 * the table in test_traps_snp.c. Digests are chained here from the firmware's manual, apart from
 * cc/, so that an order or a page type that changes is found.
 */
#include "boot/fw_kernel.h"
#include "boot/fw_metadata.h"
#include "cc/tech.h"
#include "tests/unit/firmware_image.h"
#include "tests/unit/suite.h"

#include <nettle/sha2.h>
#include <time.h>

enum page_type { NORMAL = 1, ZERO = 3, SECRETS = 5, CPUID = 6 };

static uint8_t image[IMAGE_LEN], bzimage[BZ_FILE];
static struct test_guest *g;
static struct test_file file, kernel;
static struct boot_config config;

static void setup(void)
{
	g = guest_make(MIB(64));
	image_make(image);
	bzimage_make(bzimage);
	file.fd = -1;
	kernel = file_make(bzimage, sizeof(bzimage));
	config = (struct boot_config){
		.guest = BOOT_SNP, .cmdline = "", .cbit = 51, .platform = {.vcpus = 1}};
}

static void teardown(void)
{
	guest_free(g);
	file_free(&kernel);
	if (file.fd >= 0)
		file_free(&file);
}

static int load(void)
{
	if (file.fd >= 0)
		file_free(&file);
	file = file_make(image, sizeof(image));
	config.firmware = file.path;
	return boot_once(&config, &g->mem, &g->plan, &g->err);
}

static void must_load(void)
{
	int ret = load();

	ck_assert_msg(ret == 0, "%s", g->err.text);
}

/* The digest of what was loaded, without any vCPU. */
static void measured(uint8_t digest[CC_DIGEST])
{
	const struct cc_config cc = {.tech = &cc_snp};
	struct cc_measurement m;

	ck_assert_msg(cc_measure(&cc, &g->plan, &g->mem, &m, &g->err) == 0, "%s", g->err.text);
	memcpy(digest, m.digest, CC_DIGEST);
}

/* --- the digest, by hand ---------------------------------------------------------------------- */

static void sha384(const void *bytes, size_t len, uint8_t digest[CC_DIGEST])
{
	struct sha384_ctx sha;

	sha384_init(&sha);
	sha384_update(&sha, len, bytes);
	sha384_digest(&sha, CC_DIGEST, digest);
}

/* PAGE_INFO of SNP_LAUNCH_UPDATE. `bytes` NULL: a page whose contents are not measured. */
static void chain(uint8_t digest[CC_DIGEST], enum page_type type, uint64_t gpa, uint64_t len,
		  const uint8_t *bytes)
{
	for (uint64_t at = 0; at < len; at += PAGE_SIZE) {
		uint8_t info[0x70] = {0};

		memcpy(info, digest, CC_DIGEST);
		if (bytes)
			sha384(bytes + at, PAGE_SIZE, info + 0x30);
		put_le16(info + 0x60, sizeof(info));
		info[0x62] = (uint8_t)type;
		put_le64(info + 0x68, gpa + at);
		sha384(info, sizeof(info), digest);
	}
}

/* A row of image_sev()'s table as it is launched without a kernel. */
struct section {
	uint64_t gpa, len;
	enum page_type type;
};

static const struct section table_order[] = {
	{0x800000, 0x2000, ZERO}, {0x803000, 0x1000, CPUID}, {0x802000, 0x1000, SECRETS},
	{0x804000, 0x1000, ZERO}, {0x805000, 0x1000, ZERO},  {0x806000, 0x3000, ZERO},
};

static const struct section address_order[] = {
	{0x800000, 0x2000, ZERO}, {0x802000, 0x1000, SECRETS}, {0x803000, 0x1000, CPUID},
	{0x804000, 0x1000, ZERO}, {0x805000, 0x1000, ZERO},    {0x806000, 0x3000, ZERO},
};

static const struct section without_hashes[] = {
	{0x800000, 0x2000, ZERO}, {0x803000, 0x1000, CPUID}, {0x802000, 0x1000, SECRETS},
	{0x804000, 0x1000, ZERO}, {0x806000, 0x3000, ZERO},
};

static void launch_digest(const struct section *section, size_t n, uint8_t digest[CC_DIGEST])
{
	memset(digest, 0, CC_DIGEST);
	chain(digest, NORMAL, IMAGE_GPA, IMAGE_LEN, image);
	for (size_t i = 0; i < n; i++)
		chain(digest, section[i].type, section[i].gpa, section[i].len, NULL);
}

/* --- sections of the metadata ----------------------------------------------------------------- */

START_TEST(trap_sections_sorted_or_hashes_page_left_out)
{
	uint8_t digest[CC_DIGEST], expected[CC_DIGEST], wrong[CC_DIGEST];

	must_load();
	measured(digest);
	launch_digest(table_order, ARRAY_SIZE(table_order), expected);
	ck_assert_mem_eq(digest, expected, CC_DIGEST);
	launch_digest(address_order, ARRAY_SIZE(address_order), wrong);
	ck_assert_mem_ne(digest, wrong, CC_DIGEST);
	launch_digest(without_hashes, ARRAY_SIZE(without_hashes), wrong);
	ck_assert_mem_ne(digest, wrong, CC_DIGEST);
}
END_TEST

START_TEST(trap_sec_mem_loaded_as_normal_zeros)
{
	static const uint8_t zeros[0x3000];
	uint8_t digest[CC_DIGEST], right[CC_DIGEST], wrong[CC_DIGEST];

	/* nothing but the image and one section */
	put_le32(image + AT_SEV + 4, 16 + 12);
	put_le32(image + AT_SEV + 12, 1);
	must_load();
	measured(digest);
	launch_digest(table_order, 1, right);
	launch_digest(NULL, 0, wrong);
	chain(wrong, NORMAL, 0x800000, 0x2000, zeros);
	ck_assert_mem_eq(digest, right, CC_DIGEST);
	ck_assert_mem_ne(digest, wrong, CC_DIGEST);
	ck_assert_int_eq(guest_item(g, "firmware memory")->kind, LOAD_ZERO);
}
END_TEST

/* --- what the hashes are of ------------------------------------------------------------------- */

/* Entries of the table at 0x805c00, each a GUID, a length of 50 and a SHA-256: command line, initrd
 * and kernel. */
static const uint8_t *hash_of(unsigned int entry)
{
	return (const uint8_t *)mem_ptr(&g->mem, 0x805c00, KERNEL_HASHES_SIZE) + 18 + 50 * entry +
	       18;
}

static void sha256(const void *bytes, size_t len, uint8_t digest[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, len, bytes);
	sha256_digest(&sha, SHA256_DIGEST_SIZE, digest);
}

START_TEST(trap_command_line_hashed_without_nul)
{
	const char *const lines[] = {"", "quiet"};
	uint8_t with[SHA256_DIGEST_SIZE], without[SHA256_DIGEST_SIZE];

	config.kernel = kernel.path;
	config.cmdline = lines[_i];
	must_load();
	sha256(lines[_i], strlen(lines[_i]) + 1, with);
	sha256(lines[_i], strlen(lines[_i]), without);
	ck_assert_mem_eq(hash_of(0), with, sizeof(with));
	ck_assert_mem_ne(hash_of(0), without, sizeof(without));
}
END_TEST

/* What a loader fills in for itself, type of loader and address of the initrd among it, is hashed
 * as the file has it. What the firmware is handed: test_ovmf_machine.c, the same name. */
START_TEST(trap_setup_header_patched_before_hashing)
{
	uint8_t expected[SHA256_DIGEST_SIZE];

	config.kernel = config.initrd = kernel.path;
	config.cmdline = "quiet";
	must_load();
	sha256(bzimage, sizeof(bzimage), expected);
	ck_assert_mem_eq(hash_of(1), expected, sizeof(expected));
	ck_assert_mem_eq(hash_of(2), expected, sizeof(expected));
}
END_TEST

/* --- images ----------------------------------------------------------------------------------- */

/* Parses a copy that ends where the image ends: sanitizers see a byte that is read behind it. */
static int parse(size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct fuzz_file buffer;
	struct mem_file opened;
	struct fw_metadata ovmf;
	struct sys sys;
	int ret;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, image + IMAGE_LEN - len, len);
	opened = image_open_buffer(&sys, &buffer, copy, len);
	ret = ovmf_parse(&opened, &ovmf, &g->err);
	free(copy);
	return ret;
}

static uint64_t cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Lengths of table and entries are the file's: no value of any of them reads elsewhere or goes on
 * for ever, and 0, at which a walk would stand still, is an error. */
START_TEST(trap_footer_without_bounds_or_size_0)
{
	static const uint32_t lengths[] = {AT_FOOTER, AT_TDX_OFFSET + 4, AT_RESET_BLOCK + 4,
					   AT_HASH_AREA + 8, AT_SEV_OFFSET + 4};
	const uint32_t at = lengths[_i];
	uint16_t right = get_le16(image + at);
	uint64_t start = cpu_ms();

	for (uint32_t value = 0; value <= 0xffff; value++) {
		put_le16(image + at, (uint16_t)value);
		if (value != right)
			image_require(parse(IMAGE_LEN) == -EINVAL);
	}
	put_le16(image + at, right);
	image_require(parse(IMAGE_LEN) == 0);
	/* the table alone, cut at each of its bytes */
	for (size_t len = 0; len <= IMAGE_LEN - AT_TABLE; len++)
		image_require(parse(len) == -EINVAL);
	ck_assert_uint_lt(cpu_ms() - start, 30000);
}
END_TEST

/* Builds without SEV metadata are refused by name, before anything of them is loaded. */
START_TEST(trap_code_4m_accepted)
{
	image[AT_SEV_OFFSET + 6] ^= 1; /* the GUID of the metadata is not in the table */
	ck_assert_refused(load(), g, "an SNP guest needs an OVMF that was built for it");
	ck_assert_refused(-EINVAL, g, "4 MiB build (_4M)");
	ck_assert_uint_eq(g->plan.nitems, 0);
	/* nor is there a table at all */
	memset(image + AT_TABLE, 0xff, AT_END - AT_TABLE);
	ck_assert_refused(load(), g, "no SEV metadata");
	ck_assert_uint_eq(g->plan.nitems, 0);
}
END_TEST

/* The real one, where it is installed. */
START_TEST(trap_code_4m_of_debian_accepted)
{
	config.firmware = "/usr/share/OVMF/OVMF_CODE_4M.fd";
	if (access(config.firmware, R_OK) < 0)
		return;
	ck_assert_refused(boot_once(&config, &g->mem, &g->plan, &g->err), g, "has no SEV metadata");
	ck_assert_uint_eq(g->plan.nitems, 0);
}
END_TEST

SUITE(test_traps_ovmf)
{
	Suite *suite = suite_create("traps_ovmf");
	TCase *tc = tcase_create("traps");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, trap_sections_sorted_or_hashes_page_left_out);
	tcase_add_test(tc, trap_sec_mem_loaded_as_normal_zeros);
	tcase_add_loop_test(tc, trap_command_line_hashed_without_nul, 0, 2);
	tcase_add_test(tc, trap_setup_header_patched_before_hashing);
	tcase_add_loop_test(tc, trap_footer_without_bounds_or_size_0, 0, 5);
	tcase_add_test(tc, trap_code_4m_accepted);
	tcase_add_test(tc, trap_code_4m_of_debian_accepted);
	suite_add_tcase(suite, tc);
	return suite;
}
