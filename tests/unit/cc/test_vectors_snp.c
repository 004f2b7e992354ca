// SPDX-License-Identifier: MIT
/* SNP launch digests that others computed: of whole VMs, step by step; of lists of pages; of a
 * vCPU's state; and the CPUID page. */
#include "boot/fw_kernel.h"
#include "cc/measure_snp.h"
#include "cc/snp_cpuid.h"
#include "cc/tech.h"
#include "cc/vmsa.h"
#include "snp-published.h"
#include "snp-vectors.h"
#include "tests/unit/boot_files.h"
#include "tests/unit/suite.h"
#include "tests/unit/vector_image.h"

#include <nettle/sha2.h>

static struct test_guest *g;
static struct test_file kernel, initrd;
static struct boot_config config;

static void setup(void)
{
	g = guest_make(MIB(64));
	kernel.fd = initrd.fd = -1;
	config = (struct boot_config){.guest = BOOT_SNP, .cmdline = "", .platform = {.vcpus = 1}};
}

static void teardown(void)
{
	if (kernel.fd >= 0)
		file_free(&kernel);
	if (initrd.fd >= 0)
		file_free(&initrd);
	guest_free(g);
}

static struct test_file blob_file(const struct vector *v)
{
	size_t len;
	uint8_t *blob = vector_blob(v, &len);
	struct test_file f = file_make(blob, len);

	free(blob);
	return f;
}

/* What a launch of the first `nitems` boot items and of `vcpus` CPUs would measure. */
static struct cc_measurement measure(size_t nitems, uint32_t vcpus, const struct vector *v)
{
	const struct cc_config cc = {
		.tech = &cc_snp,
		.vcpus = vcpus,
		.snp = {.vcpu_sig = (uint32_t)vector_number(v, "vcpu_sig"),
			.features = vector_number(v, "guest_features")},
	};
	size_t all = g->plan.nitems;
	struct cc_measurement out;

	g->plan.nitems = nitems;
	ck_assert_msg(cc_measure(&cc, &g->plan, &g->mem, &out, &g->err) == 0, "%s", g->err.text);
	g->plan.nitems = all;
	return out;
}

/* --- whole VMs -------------------------------------------------------------------------------- */

static bool load_vm(const struct vector *v)
{
	const struct vector *images = vector_get(snp_vectors, "firmware");
	const struct vector *image = vector_get(images, vector_text(v, "firmware"));
	static char path[VECTOR_PATH];

	if (!image_path(vector_text(image, "file"), vector_text(image, "sha256"), path))
		return false;
	config.firmware = path;
	if (vector_get(v, "kernel")->child) {
		kernel = blob_file(vector_get(v, "kernel"));
		config.kernel = kernel.path;
	}
	if (vector_get(v, "initrd")->child) {
		initrd = blob_file(vector_get(v, "initrd"));
		config.initrd = initrd.path;
	}
	if (vector_text(v, "append"))
		config.cmdline = vector_text(v, "append");
	ck_assert_msg(boot_once(&config, &g->mem, &g->plan, &g->err) == 0, "%s", g->err.text);
	ck_assert_int_eq(g->plan.entry.mode, ENTRY_RESET);
	return true;
}

static void check_hash_table(const struct vector *v)
{
	static const uint8_t zeros[PAGE_SIZE];
	const struct vector *table = vector_find(v, "hash_table_hex");
	const struct load_item *item;
	const uint8_t *page, *at;
	uint8_t expected[KERNEL_HASHES_SIZE];

	if (!table)
		return;
	ck_assert_uint_eq(vector_bytes(table->text, expected, sizeof(expected)), sizeof(expected));
	item = guest_item(g, "kernel hashes");
	ck_assert_int_eq(item->kind, LOAD_DATA);
	page = mem_ptr(&g->mem, item->gpa, item->len);
	at = memmem(page, item->len, expected, sizeof(expected));
	ck_assert_msg(at != NULL, "the table of hashes is not in its page");
	ck_assert_int_eq(memcmp(page, zeros, (size_t)(at - page)), 0);
	at += sizeof(expected);
	ck_assert_int_eq(memcmp(at, zeros, (size_t)(page + item->len - at)), 0);
}

/* The digest after each boot item and after each vCPU. */
static void check_trace(const struct vector *v)
{
	const struct vector *trace = vector_get(v, "trace");
	uint32_t vcpus = (uint32_t)vector_number(v, "vcpus");

	ck_assert_uint_eq(trace->n, g->plan.nitems + vcpus);
	for (size_t i = 0; i < trace->n; i++) {
		size_t nitems = i < g->plan.nitems ? i + 1 : g->plan.nitems;
		struct cc_measurement m = measure(nitems, (uint32_t)(i + 1 - nitems), v);

		vector_assert(vector_text(&trace->child[i], "digest"), m.digest, CC_DIGEST,
			      vector_text(&trace->child[i], "after"));
	}
}

START_TEST(whole_vms_have_the_digests_of_the_vectors)
{
	const struct vector *v = &vector_get(snp_vectors, "vectors")->child[_i];
	struct cc_measurement m;

	if (!load_vm(v))
		return;
	check_trace(v);
	check_hash_table(v);
	m = measure(g->plan.nitems, (uint32_t)vector_number(v, "vcpus"), v);
	vector_assert(vector_text(v, "launch_digest"), m.digest, CC_DIGEST, "launch digest");
	vector_assert(vector_text(v, "bsp_vmsa_sha384"), m.boot_vmsa, CC_DIGEST, "boot VMSA");
	if (vector_find(v, "ap_vmsa_sha384"))
		vector_assert(vector_text(v, "ap_vmsa_sha384"), m.other_vmsa, CC_DIGEST,
			      "other VMSA");
}
END_TEST

START_TEST(published_digests)
{
	const struct vector *v = &vector_get(snp_published, "digests")->child[_i];
	const struct vector *images = vector_get(snp_vectors, "firmware");
	const struct vector *image = vector_get(images, vector_text(v, "firmware"));
	uint32_t vcpus = (uint32_t)vector_number(v, "vcpus");
	char path[VECTOR_PATH];
	struct cc_config cc = {
		.tech = &cc_snp,
		.vcpus = vcpus,
		.snp = {.vcpu_sig = (uint32_t)vector_number(snp_published, "vcpu_sig"),
			.features = vector_number(v, "guest_features")},
	};
	struct cc_measurement m;
	int ret;

	ck_assert(image_path(vector_text(image, "file"), vector_text(image, "sha256"), path));
	config.firmware = path;
	if (vector_text(v, "kernel")) {
		kernel = file_make("", 0);
		config.kernel = config.initrd = kernel.path;
		config.cmdline = vector_text(v, "append");
	}
	ret = boot_once(&config, &g->mem, &g->plan, &g->err);
	if (!vector_text(v, "digest")) {
		ck_assert_int_eq(ret, -EINVAL);
		ck_assert_refused(ret, g, "no place for a kernel's hashes");
		return;
	}
	ck_assert_msg(ret == 0, "%s", g->err.text);
	if (vcpus == 0)
		g->plan.nitems = 1; /* the digest of the firmware's own pages */
	ck_assert_int_eq(cc_measure(&cc, &g->plan, &g->mem, &m, &g->err), 0);
	vector_assert(vector_text(v, "digest"), m.digest, CC_DIGEST, "launch digest");
}
END_TEST

/* --- lists of pages --------------------------------------------------------------------------- */

static enum load_kind kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum load_kind kind;
	} kinds[] = {
		{"normal", LOAD_DATA},	   {"zero", LOAD_ZERO},	  {"unmeasured", LOAD_UNMEASURED},
		{"secrets", LOAD_SECRETS}, {"cpuid", LOAD_CPUID},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	ck_abort_msg("no page type %s", name);
	return LOAD_DATA;
}

START_TEST(page_lists_have_the_digests_of_the_vectors)
{
	const struct vector *v = &vector_get(snp_vectors, "page_lists")->child[_i];
	const struct vector *regions = vector_get(v, "regions");
	const struct vector *after = vector_get(v, "digest_after_each_region");
	const struct cc_config cc = {.tech = &cc_snp};
	struct cc_measurement m;

	ck_assert_uint_eq(after->n, regions->n);
	for (size_t i = 0; i < regions->n; i++) {
		const struct vector *r = &regions->child[i];
		uint64_t gpa = vector_number(r, "gpa");

		ck_assert_ptr_nonnull(load_plan_add(&g->plan, "region", gpa,
						    vector_number(r, "bytes"),
						    kind_of(vector_text(r, "type")), &g->err));
		if (vector_find(r, "content")) {
			size_t len;
			uint8_t *blob = vector_blob(vector_get(r, "content"), &len);

			ck_assert_int_eq(mem_write(&g->mem, gpa, blob, len), 0);
			free(blob);
		}
		ck_assert_int_eq(cc_measure(&cc, &g->plan, &g->mem, &m, &g->err), 0);
		vector_assert(after->child[i].text, m.digest, CC_DIGEST, "after a region");
	}
	vector_assert(vector_text(v, "launch_digest"), m.digest, CC_DIGEST, "launch digest");
}
END_TEST

/* --- vCPU state ------------------------------------------------------------------------------- */

static struct kvm_segment segment(const struct vector *all, const char *name)
{
	const struct vector *v = vector_get(all, name);

	return (struct kvm_segment){
		.selector = (uint16_t)vector_number(v, "selector"),
		.base = vector_number(v, "base"),
		.limit = (uint32_t)vector_number(v, "limit"),
		.type = (uint8_t)vector_number(v, "type"),
		.s = (uint8_t)vector_number(v, "s"),
		.dpl = (uint8_t)vector_number(v, "dpl"),
		.present = (uint8_t)vector_number(v, "present"),
		.avl = (uint8_t)vector_number(v, "avl"),
		.l = (uint8_t)vector_number(v, "l"),
		.db = (uint8_t)vector_number(v, "db"),
		.g = (uint8_t)vector_number(v, "g"),
		.unusable = (uint8_t)vector_number(v, "unusable"),
	};
}

static struct kvm_dtable table(const struct vector *v, const char *name)
{
	return (struct kvm_dtable){.base = vector_number(vector_get(v, name), "base"),
				   .limit = (uint16_t)vector_number(vector_get(v, name), "limit")};
}

static struct cc_vcpu_state vcpu_state(const struct vector *v)
{
	const struct vector *s = vector_get(v, "kvm_sregs_segments");
	const struct vector *c = vector_get(v, "control");
	const struct vector *r = vector_get(v, "regs");

	return (struct cc_vcpu_state){
		.sregs =
			{
				.cs = segment(s, "cs"),
				.ds = segment(s, "ds"),
				.es = segment(s, "es"),
				.fs = segment(s, "fs"),
				.gs = segment(s, "gs"),
				.ss = segment(s, "ss"),
				.tr = segment(s, "tr"),
				.ldt = segment(s, "ldt"),
				.gdt = table(v, "gdt"),
				.idt = table(v, "idt"),
				.cr0 = vector_number(c, "cr0"),
				.cr3 = vector_number(c, "cr3"),
				.cr4 = vector_number(c, "cr4"),
				.efer = vector_number(c, "efer"),
			},
		.regs =
			{
				.rip = vector_number(r, "rip"),
				.rsi = vector_number(r, "rsi"),
				.rsp = vector_number(r, "rsp"),
				.rflags = vector_number(r, "rflags"),
			},
	};
}

static void sha384(const void *bytes, size_t len, uint8_t digest[CC_DIGEST])
{
	struct sha384_ctx sha;

	sha384_init(&sha);
	sha384_update(&sha, len, bytes);
	sha384_digest(&sha, CC_DIGEST, digest);
}

START_TEST(vmsa_pages_are_those_of_the_vectors)
{
	const struct vector *v = &vector_get(snp_vectors, "kvm_vmsa")->child[_i];
	const struct vector *words = vector_get(v, "vmsa_nonzero_qwords");
	const struct cc_vcpu_state state = vcpu_state(v);
	uint8_t page[sizeof(struct vmsa)], digest[CC_DIGEST], launch[CC_DIGEST] = {0};

	vmsa_build(&state, vector_number(v, "sev_features"), (struct vmsa *)page);
	for (size_t at = 0; at < sizeof(page); at += 8) {
		const char *hex = "0000000000000000";
		char offset[16];

		snprintf(offset, sizeof(offset), "%#zx", at ? at : 0);
		if (vector_find(words, at ? offset : "0x0"))
			hex = vector_text(words, at ? offset : "0x0");
		vector_assert(hex, page + at, 8, offset);
	}
	sha384(page, sizeof(page), digest);
	vector_assert(vector_text(v, "vmsa_sha384"), digest, CC_DIGEST, "VMSA");
	snp_digest_extend(launch, 2, digest, 0xfffffffff000);
	vector_assert(vector_text(v, "launch_digest_of_only_this_vmsa"), launch, CC_DIGEST,
		      "launch digest");
}
END_TEST

/* --- CPUID page ------------------------------------------------------------------------------- */

START_TEST(cpuid_pages_are_those_of_the_vectors)
{
	const struct vector *v = &vector_get(snp_vectors, "cpuid_pages")->child[_i];
	const struct vector *entries = vector_get(v, "kvm_cpuid_entries");
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + entries->n * sizeof(cpuid->entries[0]));
	uint8_t page[sizeof(struct snp_cpuid_page)], digest[SHA256_DIGEST_SIZE];
	const char *hex = vector_text(v, "page_hex_without_trailing_zeros");
	struct sha256_ctx sha;

	ck_assert_ptr_nonnull(cpuid);
	for (size_t i = 0; i < entries->n; i++) {
		const struct vector *e = &entries->child[i];

		cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
			.function = (uint32_t)vector_number(e, "function"),
			.index = (uint32_t)vector_number(e, "index"),
			.flags = (uint32_t)vector_number(e, "flags"),
			.eax = (uint32_t)vector_number(e, "eax"),
			.ebx = (uint32_t)vector_number(e, "ebx"),
			.ecx = (uint32_t)vector_number(e, "ecx"),
			.edx = (uint32_t)vector_number(e, "edx"),
		};
	}
	ck_assert_int_eq(snp_cpuid_build(cpuid, (struct snp_cpuid_page *)page, &g->err), 0);
	vector_assert(hex, page, strlen(hex) / 2, "CPUID page");
	sha256_init(&sha);
	sha256_update(&sha, sizeof(page), page);
	sha256_digest(&sha, sizeof(digest), digest);
	vector_assert(vector_text(v, "page_sha256"), digest, sizeof(digest), "CPUID page");
	free(cpuid);
}
END_TEST

static int count(const struct vector *all, const char *key)
{
	return (int)vector_get(all, key)->n;
}

SUITE(test_vectors_snp)
{
	Suite *suite = suite_create("SNP vectors");
	TCase *tc = tcase_create("vectors");
	const struct vector *debian =
		vector_get(vector_get(snp_vectors, "firmware"), "debian-OVMF.fd");
	char path[VECTOR_PATH];

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, whole_vms_have_the_digests_of_the_vectors, 0,
			    count(snp_vectors, "vectors"));
	tcase_add_loop_test(tc, published_digests, 0, count(snp_published, "digests"));
	tcase_add_loop_test(tc, page_lists_have_the_digests_of_the_vectors, 0,
			    count(snp_vectors, "page_lists"));
	tcase_add_loop_test(tc, vmsa_pages_are_those_of_the_vectors, 0,
			    count(snp_vectors, "kvm_vmsa"));
	tcase_add_loop_test(tc, cpuid_pages_are_those_of_the_vectors, 0,
			    count(snp_vectors, "cpuid_pages"));
	suite_add_tcase(suite, tc);
	if (!image_path(vector_text(debian, "file"), vector_text(debian, "sha256"), path))
		suite_skips("vectors of an image that is missing");
	return suite;
}
