// SPDX-License-Identifier: MIT
/*
 * The list of keys in the report of `minivmm measure` against the measurement itself: for each way
 * of booting, each key of the schema is given other values. Whatever changes the digest is in the
 * list, and whatever is in the list changes it.
 */
#include "tests/unit/firmware_image.h"
#include "tests/unit/suite.h"
#include "vmm/config/schema.h"
#include "vmm/machine/config_api.h"

#define IGVM	 BINARY_DIR "/tests/igvm/small.igvm"
#define SETTINGS 8
#define VALUES	 12
#define TEXT_MAX 80

struct setting {
	const char *key;
	char value[TEXT_MAX]; /* TOML */
};

/* A configuration, and the same with something else. */
static struct setting base[SETTINGS];
static size_t nbase;

static uint8_t image[IMAGE_LEN], bzimage[BZ_FILE];
static struct test_file firmware, other_firmware, kernel, other_kernel, other_igvm, some_file;

static void put_path(char out[TEXT_MAX], const char *path)
{
	snprintf(out, TEXT_MAX, "\"%s\"", path);
}

static void with(const char *key, const char *value)
{
	ck_assert_uint_lt(nbase, SETTINGS);
	base[nbase].key = key;
	snprintf(base[nbase++].value, TEXT_MAX, "%s", value);
}

static void with_path(const char *key, const char *path)
{
	char value[TEXT_MAX];

	put_path(value, path);
	with(key, value);
}

/* --- ways of booting -------------------------------------------------------------------------- */

static void snp_kernel(void)
{
	with("machine.cc", "\"snp\"");
	with("machine.memory", "\"32M\"");
	with_path("boot.kernel", kernel.path);
	with_path("boot.initrd", some_file.path);
	with("boot.cmdline", "\"quiet\"");
}

static void snp_kernel_two_vcpus(void)
{
	snp_kernel();
	with("machine.vcpus", "2");
}

static void snp_firmware(void)
{
	with("machine.cc", "\"snp\"");
	with_path("boot.firmware", firmware.path);
}

static void snp_firmware_kernel(void)
{
	snp_kernel();
	with_path("boot.firmware", firmware.path);
}

static void snp_igvm(void)
{
	with("machine.cc", "\"snp\"");
	with("machine.vcpus", "2"); /* as many as the file has registers for */
	with_path("boot.igvm", IGVM);
}

static void snp_igvm_more_vcpus(void)
{
	snp_igvm();
	with("machine.vcpus", "3");
}

static void tdx_firmware(void)
{
	with("machine.cc", "\"tdx\"");
	with_path("boot.firmware", firmware.path);
}

static void tdx_firmware_kernel(void)
{
	tdx_firmware();
	with_path("boot.kernel", kernel.path);
	with("boot.cmdline", "\"quiet\"");
}

static void tdx_igvm(void)
{
	with("machine.cc", "\"tdx\"");
	with_path("boot.igvm", IGVM);
}

/* td-shim, whose payload is measured or not. */
static void make_shim(bool measured)
{
	struct tdvf_row rows[] = {
		{0x1000, 0x1000, IMAGE_GPA + 0x1000, 0x1000, 0, 1},
		{0, 0, 0x800000, 0x2000, 2, 0},
		{0, 0, 0x860000, 0x1000, 6, 0},
		{0, 0, 0x861000, 0x20000, 5, measured},
	};

	image_tdvf(image, rows, ARRAY_SIZE(rows));
	firmware = file_make(image, sizeof(image));
	rows[2].gpa -= PAGE_SIZE;
	image_tdvf(image, rows, ARRAY_SIZE(rows));
	other_firmware = file_make(image, sizeof(image));
}

static void tdx_shim(void)
{
	make_shim(false);
	tdx_firmware_kernel();
}

static void tdx_shim_measured(void)
{
	make_shim(true);
	tdx_firmware_kernel();
}

/* What is looked at: a digest, and the list of what it depends on, inside an object or not. */
static const struct view {
	const char *name;
	void (*make)(void);
	const char *object, *digest, *list;
} views[] = {
	{"snp, kernel", snp_kernel, NULL, "measurement", "measurement_depends_on"},
	{"snp, kernel, 2 vCPUs", snp_kernel_two_vcpus, NULL, "measurement",
	 "measurement_depends_on"},
	{"snp, firmware", snp_firmware, NULL, "measurement", "measurement_depends_on"},
	{"snp, firmware, kernel", snp_firmware_kernel, NULL, "measurement",
	 "measurement_depends_on"},
	{"snp, igvm", snp_igvm, NULL, "measurement", "measurement_depends_on"},
	{"snp, igvm, 3 vCPUs", snp_igvm_more_vcpus, NULL, "measurement", "measurement_depends_on"},
	{"tdx, firmware", tdx_firmware, NULL, "measurement", "measurement_depends_on"},
	{"tdx, firmware, kernel", tdx_firmware_kernel, NULL, "measurement",
	 "measurement_depends_on"},
	{"tdx, igvm", tdx_igvm, NULL, "measurement", "measurement_depends_on"},
	{"tdx, td-shim", tdx_shim, NULL, "measurement", "measurement_depends_on"},
	{"tdx, td-shim, measured", tdx_shim_measured, NULL, "measurement",
	 "measurement_depends_on"},
	{"list of memory", tdx_firmware_kernel, "td_hob", "sha384_ovmf", "depends_on"},
	{"list of memory for td-shim", tdx_shim, "td_hob", "sha384_td_shim", "depends_on"},
};

static const struct view *view;

/* The same with other bytes in a page, which no checksum covers. */
static struct test_file change_igvm(const char *path)
{
	static uint8_t bytes[KIB(64)];
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	size_t len;

	ck_assert_msg(f, "%s is missing", path);
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	data = memmem(bytes, len, "reset vector", 12);
	ck_assert_ptr_nonnull(data);
	*data ^= 1;
	data = memmem(bytes, len, "first", 5);
	ck_assert_ptr_nonnull(data);
	*data ^= 1;
	return file_make(bytes, len);
}

static void setup(void)
{
	nbase = 0;
	image_make(image);
	bzimage_make(bzimage);
	firmware = file_make(image, sizeof(image));
	kernel = file_make(bzimage, sizeof(bzimage));
	some_file = file_make("some file", 9);
	other_igvm = change_igvm(IGVM);
	bzimage[BZ_SETUP] ^= 1;
	other_kernel = file_make(bzimage, sizeof(bzimage));
	image[0x1000 - 1] ^= 1;				      /* outside of what is parsed */
	put_le32(image + AT_TDVF + 16 + 32 * 3 + 16, 0x7000); /* and a longer TempMem */
	other_firmware = file_make(image, sizeof(image));
}

/* --- measuring -------------------------------------------------------------------------------- */

/* Of the member `name` behind `from`: what stands between `open` and `close`. */
static void member(const char *from, const char *name, char open, char close, char *out,
		   size_t size)
{
	char quoted[64];
	const char *at, *end;

	snprintf(quoted, sizeof(quoted), "\"%s\"", name);
	at = strstr(from, quoted);
	ck_assert_msg(at != NULL, "no %s in %s", name, from);
	at = strchr(at + strlen(quoted), open) + 1;
	end = strchr(at, close);
	ck_assert_uint_lt(end - at, size);
	memcpy(out, at, (size_t)(end - at));
	out[end - at] = '\0';
}

struct result {
	char digest[128];
	char list[1024];
};

/* False: such a VM cannot be, or has nothing of the kind that is looked at. */
static bool measure(const struct setting *more, size_t nmore, struct result *out)
{
	struct minivmm_config config;
	struct vmm_error err;
	bool found = false;
	char *text = NULL;
	int ret = 0;

	config_init(&config.config);
	for (size_t i = 0; i < nbase; i++)
		ck_assert_msg(config_set(&config.config, base[i].key, base[i].value, &err) == 0,
			      "%s", err.text);
	for (size_t i = 0; i < nmore && ret == 0; i++)
		ret = config_set(&config.config, more[i].key, more[i].value, &err);
	if (ret == 0)
		ret = minivmm_measure(&config, true, &text, &err);
	if (ret == 0) {
		const char *from = view->object ? strstr(text, view->object) : text;

		found = from != NULL;
		if (found) {
			member(from, view->digest, '"', '"', out->digest, sizeof(out->digest));
			member(from, view->list, '[', ']', out->list, sizeof(out->list));
		}
	}
	free(text);
	config_clear(&config.config);
	return found;
}

static bool listed(const char *list, const char *name, size_t len)
{
	char quoted[64];

	snprintf(quoted, sizeof(quoted), "\"%.*s\"", (int)len, name);
	return strstr(list, quoted) != NULL;
}

/* --- other values ----------------------------------------------------------------------------- */

static size_t paths(const char *name, char value[VALUES][TEXT_MAX])
{
	const struct {
		const char *name, *path;
	} special[] = {
		{"kernel", other_kernel.path},
		{"firmware", other_firmware.path},
		{"igvm", other_igvm.path},
	};

	put_path(value[0], kernel.path);
	put_path(value[1], some_file.path);
	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		if (strcmp(name, special[i].name) == 0)
			put_path(value[0], special[i].path);
	return 2;
}

static size_t numbers(const struct schema *key, char value[VALUES][TEXT_MAX])
{
	/* in units of what the key is a multiple of; and what snp.vcpu-sig and policies may be */
	static const uint64_t some[] = {0, 1, 2, 3, 17, 50, 0x800f12, 0x30000};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
		uint64_t number = key->multiple ? some[i] * key->multiple : some[i];

		/* each page of a guest's memory costs time here */
		if (number < key->min || (key->max && number > key->max) ||
		    (key->multiple && some[i] > 17))
			continue;
		snprintf(value[n++], TEXT_MAX, "%" PRIu64, number);
	}
	return n;
}

/* Values as they stand in a file; some may not be good together with the rest. */
static size_t other_values(const struct schema *key, char value[VALUES][TEXT_MAX])
{
	size_t n = 0;

	switch (key->type) {
	case SCHEMA_BOOL:
		snprintf(value[0], TEXT_MAX, "false");
		snprintf(value[1], TEXT_MAX, "true");
		return 2;
	case SCHEMA_NUMBER:
	case SCHEMA_BITS:
	case SCHEMA_SIZE:
		return numbers(key, value);
	case SCHEMA_CHOICE:
		for (; schema_choice(key, n).name && n < VALUES; n++)
			put_path(value[n], schema_choice(key, n).name);
		return n;
	case SCHEMA_HEX:
		/* room in a line is for 32 bytes: longer ones are set by their files */
		if (2 * key->max + 3 > TEXT_MAX)
			return 0;
		memset(value[0], '1', 2 * key->max + 2);
		value[0][0] = value[0][2 * key->max + 1] = '"';
		value[0][2 * key->max + 2] = '\0';
		return 1;
	case SCHEMA_PATH:
		return paths(key->name, value);
	case SCHEMA_STRING:
		put_path(value[0], "other");
		return 1;
	case SCHEMA_SOCKET:
		put_path(value[0], "other.sock");
		return 1;
	case SCHEMA_OUTPUT:
		put_path(value[0], "null");
		put_path(value[1], "file:other");
		return 2;
	case SCHEMA_ENDPOINT:
		put_path(value[0], "vsock:2:4050");
		return 1;
	case SCHEMA_MAC:
		put_path(value[0], "52:54:00:12:34:56");
		return 1;
	case SCHEMA_END:
	case SCHEMA_TABLE:
		break;
	}
	return 0;
}

/* What makes the first device of a table, which is then varied; NULL: the table is always there. */
static const struct setting *device(const char *table)
{
	static struct setting first[] = {
		{"disk[0].path", ""},		{"net[0].socket", "\"n.sock\""},
		{"vsock.path", "\"v.sock\""},	{"rng.source", "\"/dev/urandom\""},
		{"console.output", "\"null\""}, {"balloon.size", "\"1M\""},
	};

	put_path(first[0].value, some_file.path);
	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		if (strncmp(first[i].key, table, strlen(table)) == 0)
			return &first[i];
	return NULL;
}

/* --- both directions -------------------------------------------------------------------------- */

static struct result usual;
static char changing[2048]; /* names that were seen to change the digest, quoted */
static size_t tried;	    /* other values */

static void note(const char *name)
{
	char quoted[64];

	snprintf(quoted, sizeof(quoted), "\"%s\"", name);
	if (!strstr(changing, quoted))
		strncat(changing, quoted, sizeof(changing) - strlen(changing) - 1);
}

/* Another technology or another way of booting has another list, and the keys that choose it are
 * only in their own. */
static bool chooses(const char *name)
{
	if (strcmp(name, "machine.cc") == 0)
		return true;
	if (strcmp(name, "boot.kernel") != 0 && strcmp(name, "boot.firmware") != 0 &&
	    strcmp(name, "boot.igvm") != 0)
		return false;
	for (size_t i = 0; i < nbase; i++)
		if (strcmp(base[i].key, name) == 0)
			return false;
	return true;
}

/* `more`: what makes the table, if that has to be, and room for the key behind. */
static void vary(const char *table, const struct schema *key, struct setting *more, size_t nmore,
		 const struct result *before)
{
	static char value[VALUES][TEXT_MAX];
	bool array = nmore && strchr(more[0].key, '[');
	size_t n = other_values(key, value);
	static char set[64]; /* which more[] points to */
	char name[64];
	struct result result;

	snprintf(name, sizeof(name), "%s.%s", table, key->name);
	snprintf(set, sizeof(set), "%s%s.%s", table, array ? "[0]" : "", key->name);
	more[nmore].key = set;
	for (size_t i = 0; i < n; i++) {
		memcpy(more[nmore].value, value[i], TEXT_MAX);
		if (!measure(more, nmore + 1, &result))
			continue;
		tried++;
		if (strcmp(result.digest, before->digest) == 0)
			continue;
		note(name);
		ck_assert_msg(chooses(name) || listed(usual.list, name, strlen(name)) ||
				      listed(usual.list, table, strlen(table)),
			      "%s: %s = %s changes the digest and is not listed", view->name, name,
			      value[i]);
	}
}

static void vary_table(const struct schema *table)
{
	const struct setting *first = device(table->name);
	struct setting more[2];
	struct result before = usual;
	size_t nmore = 0;

	if (first) {
		more[nmore++] = *first;
		/* not for this technology? */
		if (!measure(more, nmore, &before))
			return;
		if (strcmp(before.digest, usual.digest) != 0)
			note(table->name);
		ck_assert_msg(strcmp(before.digest, usual.digest) == 0 ||
				      listed(usual.list, table->name, strlen(table->name)),
			      "%s: a %s changes the digest and is not listed", view->name,
			      table->name);
	}
	for (const struct schema *key = NULL; (key = schema_next(table, key));)
		vary(table->name, key, more, nmore, &before);
}

START_TEST(listed_keys_and_no_others_change_the_digest)
{
	view = &views[_i];
	view->make();
	ck_assert_msg(measure(NULL, 0, &usual), "%s cannot be measured", view->name);
	for (const struct schema *table = NULL; (table = schema_next(NULL, table));)
		vary_table(table);
	ck_assert_uint_gt(tried, 60);
	/* and the other way round: each name in the list */
	for (const char *at = usual.list; (at = strchr(at, '"'));) {
		size_t len = strcspn(at + 1, "\"");

		ck_assert_msg(listed(changing, at + 1, len),
			      "%s: %.*s is listed and no value of it changes the digest",
			      view->name, (int)len, at + 1);
		at += len + 2;
	}
}
END_TEST

SUITE(test_report_depends)
{
	Suite *suite = suite_create("report_depends");
	TCase *tc = tcase_create("measurement_depends_on");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, listed_keys_and_no_others_change_the_digest, 0,
			    (int)ARRAY_SIZE(views));
	suite_add_tcase(suite, tc);
	return suite;
}
