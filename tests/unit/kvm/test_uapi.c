// SPDX-License-Identifier: MIT
/*
 * What the project declares of KVM's interface, against the headers of a newer kernel: a program is
 * generated that prints sizes, offsets and numbers as linux-headers-6.12.*-common has them, and
 * what it prints is compared with what this file was compiled with.
 */
#include "tests/unit/suite.h"
#include "vmm/kvm/uapi.h"
#include "vmm/kvm/uapi_snp.h"
#include "vmm/kvm/uapi_tdx.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEADERS "/usr/src/linux-headers-6.12.*-common"

struct item {
	const char *theirs; /* an expression in the kernel's names */
	uint64_t ours;
};

/* clang-format off */
#define NUMBER(n)			{#n, (uint64_t)(n)}
#define NUMBER_AS(t, n)			{#t, (uint64_t)(n)}
#define SIZE_AS(t, o)			{"sizeof(" #t ")", sizeof(o)}
#define FIELD_AS(t, tf, o, of)		{"offsetof(" #t ", " #tf ") << 16 | sizeof(((" #t " *)0)->" #tf ")", \
					 (uint64_t)offsetof(o, of) << 16 | sizeof(((o *)0)->of)}
#define SIZE(t)				SIZE_AS(t, t)
#define FIELD(t, f)			FIELD_AS(t, f, t, f)
/* clang-format on */

static const struct item plain[] = {
	NUMBER(KVM_API_VERSION),
	NUMBER(KVM_X86_DEFAULT_VM),
	NUMBER(KVM_X86_SW_PROTECTED_VM),
	NUMBER(KVM_X86_SNP_VM),
	NUMBER(KVM_CAP_USER_MEMORY2),
	NUMBER(KVM_CAP_MEMORY_FAULT_INFO),
	NUMBER(KVM_CAP_MEMORY_ATTRIBUTES),
	NUMBER(KVM_CAP_GUEST_MEMFD),
	NUMBER(KVM_CAP_VM_TYPES),
	NUMBER(KVM_MEM_GUEST_MEMFD),
	NUMBER(KVM_MEMORY_ATTRIBUTE_PRIVATE),
	NUMBER(KVM_EXIT_MEMORY_FAULT),
	NUMBER_AS(KVM_MEMORY_EXIT_FLAG_PRIVATE, MEMORY_FAULT_PRIVATE),

	NUMBER(KVM_SET_USER_MEMORY_REGION2),
	NUMBER(KVM_CREATE_GUEST_MEMFD),
	NUMBER(KVM_SET_MEMORY_ATTRIBUTES),

	SIZE(struct kvm_userspace_memory_region2),
	FIELD(struct kvm_userspace_memory_region2, slot),
	FIELD(struct kvm_userspace_memory_region2, flags),
	FIELD(struct kvm_userspace_memory_region2, guest_phys_addr),
	FIELD(struct kvm_userspace_memory_region2, memory_size),
	FIELD(struct kvm_userspace_memory_region2, userspace_addr),
	FIELD(struct kvm_userspace_memory_region2, guest_memfd_offset),
	FIELD(struct kvm_userspace_memory_region2, guest_memfd),
	SIZE(struct kvm_pre_fault_memory),
	FIELD(struct kvm_pre_fault_memory, gpa),
	FIELD(struct kvm_pre_fault_memory, size),
	FIELD(struct kvm_pre_fault_memory, flags),
	SIZE(struct kvm_create_guest_memfd),
	FIELD(struct kvm_create_guest_memfd, size),
	FIELD(struct kvm_create_guest_memfd, flags),
	SIZE(struct kvm_memory_attributes),
	FIELD(struct kvm_memory_attributes, address),
	FIELD(struct kvm_memory_attributes, size),
	FIELD(struct kvm_memory_attributes, attributes),
	FIELD(struct kvm_memory_attributes, flags),
	{"offsetof(struct kvm_run, memory_fault)", KVM_RUN_EXIT},
	{"sizeof(((struct kvm_run *)0)->memory_fault)", sizeof(struct run_memory_fault)},
	{"offsetof(struct kvm_run, memory_fault.flags)",
	 KVM_RUN_EXIT + offsetof(struct run_memory_fault, flags)},
	{"offsetof(struct kvm_run, memory_fault.gpa)",
	 KVM_RUN_EXIT + offsetof(struct run_memory_fault, gpa)},
	{"offsetof(struct kvm_run, memory_fault.size)",
	 KVM_RUN_EXIT + offsetof(struct run_memory_fault, size)},
};

/* What the build host's headers declare, and a newer kernel has to understand. */
static const struct item stable[] = {
	NUMBER(KVM_GET_API_VERSION),
	NUMBER(KVM_CREATE_VM),
	NUMBER(KVM_CHECK_EXTENSION),
	NUMBER(KVM_GET_VCPU_MMAP_SIZE),
	NUMBER(KVM_GET_SUPPORTED_CPUID),
	NUMBER(KVM_CREATE_VCPU),
	NUMBER(KVM_SET_USER_MEMORY_REGION),
	NUMBER(KVM_SET_TSS_ADDR),
	NUMBER(KVM_SET_IDENTITY_MAP_ADDR),
	NUMBER(KVM_CREATE_IRQCHIP),
	NUMBER(KVM_CREATE_PIT2),
	NUMBER(KVM_IRQ_LINE),
	NUMBER(KVM_IRQFD),
	NUMBER(KVM_IOEVENTFD),
	NUMBER(KVM_SIGNAL_MSI),
	NUMBER(KVM_ENABLE_CAP),
	NUMBER(KVM_RUN),
	NUMBER(KVM_SET_CPUID2),
	NUMBER(KVM_GET_REGS),
	NUMBER(KVM_SET_REGS),
	NUMBER(KVM_GET_SREGS),
	NUMBER(KVM_SET_SREGS),
	NUMBER(KVM_SET_MSRS),
	NUMBER(KVM_GET_LAPIC),
	NUMBER(KVM_SET_LAPIC),
	NUMBER(KVM_PRE_FAULT_MEMORY),
	NUMBER(KVM_SET_MP_STATE),
	NUMBER(KVM_SET_SIGNAL_MASK),
	SIZE(struct kvm_run),
	FIELD(struct kvm_run, immediate_exit),
	FIELD(struct kvm_run, exit_reason),
	FIELD(struct kvm_run, io),
	FIELD(struct kvm_run, mmio),
	FIELD(struct kvm_run, system_event),
	SIZE(struct kvm_cpuid_entry2),
	SIZE(struct kvm_lapic_state),
};

static const struct item snp[] = {
	NUMBER_AS(KVM_SEV_INIT2, SNP_CMD_INIT2),
	NUMBER_AS(KVM_SEV_SNP_LAUNCH_START, SNP_CMD_LAUNCH_START),
	NUMBER_AS(KVM_SEV_SNP_LAUNCH_UPDATE, SNP_CMD_LAUNCH_UPDATE),
	NUMBER_AS(KVM_SEV_SNP_LAUNCH_FINISH, SNP_CMD_LAUNCH_FINISH),
	NUMBER_AS(KVM_SEV_SNP_PAGE_TYPE_NORMAL, SNP_PAGE_NORMAL),
	NUMBER_AS(KVM_SEV_SNP_PAGE_TYPE_ZERO, SNP_PAGE_ZERO),
	NUMBER_AS(KVM_SEV_SNP_PAGE_TYPE_UNMEASURED, SNP_PAGE_UNMEASURED),
	NUMBER_AS(KVM_SEV_SNP_PAGE_TYPE_SECRETS, SNP_PAGE_SECRETS),
	NUMBER_AS(KVM_SEV_SNP_PAGE_TYPE_CPUID, SNP_PAGE_CPUID),
	NUMBER_AS(KVM_X86_GRP_SEV, SNP_ATTR_GROUP),
	NUMBER_AS(KVM_X86_SEV_VMSA_FEATURES, SNP_ATTR_VMSA_FEATURES),

	SIZE_AS(struct kvm_sev_cmd, struct snp_cmd),
	FIELD_AS(struct kvm_sev_cmd, id, struct snp_cmd, id),
	FIELD_AS(struct kvm_sev_cmd, data, struct snp_cmd, data),
	FIELD_AS(struct kvm_sev_cmd, error, struct snp_cmd, error),
	FIELD_AS(struct kvm_sev_cmd, sev_fd, struct snp_cmd, sev_fd),
	SIZE_AS(struct kvm_sev_init, struct snp_init),
	FIELD_AS(struct kvm_sev_init, vmsa_features, struct snp_init, vmsa_features),
	FIELD_AS(struct kvm_sev_init, flags, struct snp_init, flags),
	FIELD_AS(struct kvm_sev_init, ghcb_version, struct snp_init, ghcb_version),
	SIZE_AS(struct kvm_sev_snp_launch_start, struct snp_launch_start),
	FIELD_AS(struct kvm_sev_snp_launch_start, policy, struct snp_launch_start, policy),
	FIELD_AS(struct kvm_sev_snp_launch_start, gosvw, struct snp_launch_start, gosvw),
	FIELD_AS(struct kvm_sev_snp_launch_start, flags, struct snp_launch_start, flags),
	SIZE_AS(struct kvm_sev_snp_launch_update, struct snp_launch_update),
	FIELD_AS(struct kvm_sev_snp_launch_update, gfn_start, struct snp_launch_update, gfn_start),
	FIELD_AS(struct kvm_sev_snp_launch_update, uaddr, struct snp_launch_update, uaddr),
	FIELD_AS(struct kvm_sev_snp_launch_update, len, struct snp_launch_update, len),
	FIELD_AS(struct kvm_sev_snp_launch_update, type, struct snp_launch_update, type),
	FIELD_AS(struct kvm_sev_snp_launch_update, flags, struct snp_launch_update, flags),
	SIZE_AS(struct kvm_sev_snp_launch_finish, struct snp_launch_finish),
	FIELD_AS(struct kvm_sev_snp_launch_finish, id_block_uaddr, struct snp_launch_finish,
		 id_block_uaddr),
	FIELD_AS(struct kvm_sev_snp_launch_finish, id_auth_uaddr, struct snp_launch_finish,
		 id_auth_uaddr),
	FIELD_AS(struct kvm_sev_snp_launch_finish, id_block_en, struct snp_launch_finish,
		 id_block_en),
	FIELD_AS(struct kvm_sev_snp_launch_finish, auth_key_en, struct snp_launch_finish,
		 auth_key_en),
	FIELD_AS(struct kvm_sev_snp_launch_finish, vcek_disabled, struct snp_launch_finish,
		 vcek_disabled),
	FIELD_AS(struct kvm_sev_snp_launch_finish, host_data, struct snp_launch_finish, host_data),
	FIELD_AS(struct kvm_sev_snp_launch_finish, flags, struct snp_launch_finish, flags),
};

static const struct {
	const char *name;
	const struct item *item;
	size_t n;
} tables[] = {
	{"guest memory", plain, ARRAY_SIZE(plain)},
	{"plain KVM", stable, ARRAY_SIZE(stable)},
	{"SNP", snp, ARRAY_SIZE(snp)},
};

static char *headers; /* the newest tree that HEADERS names */

static void must_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void must_run(const char *fmt, ...)
{
	char command[1024];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	status = system(command);
	ck_assert_msg(status == 0, "%s: status %#x", command, (unsigned int)status);
}

/*
 * Only KVM's own headers come from the kernel's tree; what they include comes from the build host,
 * since those of the tree are not made for user space. One header and one macro that the
 * kernel's installation of headers removes get empty stand-ins.
 */
static void make_include_dir(const char *dir)
{
	must_run("mkdir -p %s/linux %s/asm && : > %s/linux/compiler.h", dir, dir, dir);
	must_run("cp %s/include/uapi/linux/kvm.h %s/linux/", headers, dir);
	must_run("cp %s/include/uapi/linux/bits.h %s/linux/", headers, dir);
	must_run("cp %s/arch/x86/include/uapi/asm/kvm.h %s/asm/", headers, dir);
}

static void write_program(const char *dir, const struct item *item, size_t n)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/print.c", dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "#include <stddef.h>\n#include <stdio.h>\n#include <linux/kvm.h>\n"
		   "int main(void)\n{\n");
	for (size_t i = 0; i < n; i++)
		fprintf(f, "\tprintf(\"%%llu\\n\", (unsigned long long)(%s));\n", item[i].theirs);
	fprintf(f, "\treturn 0;\n}\n");
	ck_assert_int_eq(fclose(f), 0);
}

static void compare(const char *program, const struct item *item, size_t n)
{
	FILE *f = popen(program, "r");
	unsigned int wrong = 0;

	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < n; i++) {
		uint64_t theirs = 0;

		ck_assert_int_eq(fscanf(f, "%" SCNu64, &theirs), 1);
		if (theirs == item[i].ours)
			continue;
		wrong++;
		fprintf(stderr, "%s is %#" PRIx64 " in %s, %#" PRIx64 " here\n", item[i].theirs,
			theirs, headers, item[i].ours);
	}
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_uint_eq(wrong, 0);
}

START_TEST(declarations_agree_with_the_kernels)
{
	char dir[] = "/tmp/minivmm-uapi-XXXXXX";
	const char *cc = getenv("CC");
	char program[64];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	make_include_dir(dir);
	write_program(dir, tables[_i].item, tables[_i].n);
	must_run("%s -w -D__user= -I%s -o %s/print %s/print.c", cc ? cc : "cc", dir, dir, dir);
	snprintf(program, sizeof(program), "%s/print", dir);
	compare(program, tables[_i].item, tables[_i].n);
	must_run("rm -r %s", dir);
}
END_TEST

/* Sizes and numbers of what no released header has: from the series' documentation. */
START_TEST(in_place_conversion_is_as_documented)
{
	ck_assert_uint_eq(GMEM_SET_ATTRIBUTES, 0xc080aed2);
	ck_assert_uint_eq(sizeof(struct gmem_attributes), 128);
	ck_assert_uint_eq(offsetof(struct gmem_attributes, offset), 0);
	ck_assert_uint_eq(offsetof(struct gmem_attributes, size), 8);
	ck_assert_uint_eq(offsetof(struct gmem_attributes, attributes), 16);
	ck_assert_uint_eq(offsetof(struct gmem_attributes, flags), 24);
	ck_assert_uint_eq(offsetof(struct gmem_attributes, error_offset), 32);
	ck_assert_uint_eq(offsetof(struct gmem_attributes, reserved), 40);
	ck_assert_uint_eq(GUEST_MEMFD_FLAG_MMAP, 1);
	ck_assert_uint_eq(GUEST_MEMFD_FLAG_INIT_SHARED, 2);
	ck_assert_uint_eq(KVM_CAP_GUEST_MEMFD_FLAGS, 244);
	ck_assert_uint_eq(KVM_X86_TDX_VM, 5);
}
END_TEST

/* The newest tree of headers, or NULL. */
static char *find_headers(void)
{
	char *found = NULL;
	glob_t g;

	if (glob(HEADERS, 0, NULL, &g) == 0)
		found = strdup(g.gl_pathv[g.gl_pathc - 1]);
	globfree(&g);
	return found;
}

SUITE(test_uapi)
{
	Suite *s = suite_create("uapi");
	TCase *documented = tcase_create("documented"), *kernel;
	bool compiler = system("${CC:-cc} --version > /dev/null 2>&1") == 0;

	headers = find_headers();
	tcase_add_test(documented, in_place_conversion_is_as_documented);
	suite_add_tcase(s, documented);
	if (headers && compiler) {
		kernel = tcase_create("kernel headers");
		tcase_set_timeout(kernel, 100);
		tcase_add_loop_test(kernel, declarations_agree_with_the_kernels, 0,
				    ARRAY_SIZE(tables));
		suite_add_tcase(s, kernel);
	} else {
		suite_skips("no %s to compare with", headers ? "compiler" : HEADERS);
	}
	return s;
}
