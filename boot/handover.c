// SPDX-License-Identifier: MIT
#include "boot/handover.h"

#include "boot/lowmem.h"
#include "vmm/base/bytes.h"

#include <stddef.h>

/* --- boot parameters -------------------------------------------------------------------------- */
/* "The zero page" (Linux, Documentation/arch/x86/zero-page.rst). Everything that is not set here is
 * zero: no screen, no EFI, no disks known to a BIOS. */

#define LOADER_UNKNOWN 0xff /* type_of_loader: none of those with a number */

_Static_assert(sizeof(struct boot_params) == PAGE_SIZE, "boot parameters are one page");
_Static_assert(offsetof(struct boot_params, hdr) == 0x1f1, "as in the file");
_Static_assert(LOAD_PLAN_MAP <= E820_MAX_ENTRIES_ZEROPAGE, "the whole memory map fits");

static int load_params(const struct handover *handover, const struct kernel *kernel,
		       struct load_plan *plan, struct vmm_error *err)
{
	struct boot_params *params = load_plan_add(plan, "boot parameters", LOWMEM_PARAMS,
						   sizeof(*params), LOAD_DATA, err);
	struct setup_header *h;

	if (!params)
		return err->code;
	*params = (struct boot_params){
		.acpi_rsdp_addr = handover->rsdp,
		.hdr = kernel->header,
		.ext_ramdisk_image = (uint32_t)(handover->initrd >> 32),
		.ext_ramdisk_size = (uint32_t)(handover->initrd_len >> 32),
		.e820_entries = (uint8_t)plan->nmap,
	};
	h = &params->hdr;
	h->type_of_loader = LOADER_UNKNOWN;
	h->loadflags |= LOADED_HIGH;
	h->cmd_line_ptr = (uint32_t)handover->cmdline;
	h->ramdisk_image = (uint32_t)handover->initrd;
	h->ramdisk_size = (uint32_t)handover->initrd_len;
	h->setup_data = handover->setup_data;
	for (size_t i = 0; i < plan->nmap; i++)
		params->e820_table[i] = (struct boot_e820_entry){
			.addr = plan->map[i].gpa,
			.size = plan->map[i].len,
			.type = plan->map[i].type, /* enum gpa_type has the numbers of e820 */
		};
	return 0;
}

/* --- page tables ------------------------------------------------------------------------------ */
/* The identity map that the 64-bit entry asks for (boot.rst, "64-bit Boot Protocol"). */

/* Intel SDM volume 3, section 4.5, tables 4-15 to 4-18 */
#define PTE_PRESENT   0x001
#define PTE_WRITE     0x002
#define PTE_PAGE_SIZE 0x080 /* in a page directory: maps 2 MiB */

#define MAPPED_GIB 4u /* one page directory each */

struct page_tables {
	uint64_t pml4[512];
	uint64_t pdpt[512];
	uint64_t pd[MAPPED_GIB * 512];
};

_Static_assert(LOWMEM_PAGE_TABLES + sizeof(struct page_tables) <= LOWMEM_CMDLINE, "there is room");

static int load_page_tables(uint32_t cbit, struct load_plan *plan, struct vmm_error *err)
{
	uint64_t flags = PTE_PRESENT | PTE_WRITE | (cbit ? UINT64_C(1) << cbit : 0);
	uint64_t pdpt = LOWMEM_PAGE_TABLES + offsetof(struct page_tables, pdpt);
	uint64_t pd = LOWMEM_PAGE_TABLES + offsetof(struct page_tables, pd);
	struct page_tables *t =
		load_plan_add(plan, "page tables", LOWMEM_PAGE_TABLES, sizeof(*t), LOAD_DATA, err);

	if (!t)
		return err->code;
	t->pml4[0] = pdpt | flags;
	for (size_t i = 0; i < MAPPED_GIB; i++)
		t->pdpt[i] = (pd + i * PAGE_SIZE) | flags;
	for (size_t i = 0; i < ARRAY_SIZE(t->pd); i++)
		t->pd[i] = i * MIB(2) | flags | PTE_PAGE_SIZE;
	return 0;
}

/* --- PVH -------------------------------------------------------------------------------------- */
/* Start info (Xen, public/arch-x86/hvm/start_info.h, version 1): the start info itself, the list of
 * modules, of which the only one is the initrd, and the memory map, one after the other. */

#define START_INFO_MAGIC   0x336ec578u
#define START_INFO_VERSION 1

struct start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nmodules;
	uint64_t modules; /* gpa of struct module[] */
	uint64_t cmdline; /* gpa */
	uint64_t rsdp;	  /* gpa */
	uint64_t map;	  /* gpa of struct map_entry[] */
	uint32_t nmap;
	uint32_t reserved;
};

struct module {
	uint64_t gpa;
	uint64_t len;
	uint64_t cmdline; /* gpa or 0 */
	uint64_t reserved;
};

struct map_entry {
	uint64_t gpa;
	uint64_t len;
	uint32_t type; /* the numbers of e820 */
	uint32_t reserved;
};

struct pvh_page {
	struct start_info info;
	struct module initrd;
	struct map_entry map[LOAD_PLAN_MAP];
};

_Static_assert(sizeof(struct start_info) == 56 && sizeof(struct module) == 32 &&
		       sizeof(struct map_entry) == 24,
	       "as in start_info.h");
_Static_assert(sizeof(struct pvh_page) <= PAGE_SIZE, "all of it is in one page");

static int load_pvh(const struct handover *handover, struct load_plan *plan, struct vmm_error *err)
{
	struct pvh_page *page =
		load_plan_add(plan, "PVH start info", LOWMEM_PARAMS, sizeof(*page), LOAD_DATA, err);
	bool initrd = handover->initrd_len > 0;

	if (!page)
		return err->code;
	*page = (struct pvh_page){
		.info =
			{
				.magic = START_INFO_MAGIC,
				.version = START_INFO_VERSION,
				.nmodules = initrd,
				.modules =
					initrd ? LOWMEM_PARAMS + offsetof(struct pvh_page, initrd)
					       : 0,
				.cmdline = handover->cmdline,
				.rsdp = handover->rsdp,
				.map = LOWMEM_PARAMS + offsetof(struct pvh_page, map),
				.nmap = (uint32_t)plan->nmap,
			},
		.initrd = {.gpa = handover->initrd, .len = handover->initrd_len},
	};
	for (size_t i = 0; i < plan->nmap; i++)
		page->map[i] = (struct map_entry){
			.gpa = plan->map[i].gpa,
			.len = plan->map[i].len,
			.type = plan->map[i].type,
		};
	return 0;
}

/* --- SNP -------------------------------------------------------------------------------------- */
/*
 * What Linux needs to find out that it runs in an SNP guest when no firmware tells it: a
 * "confidential computing blob" with the addresses of secrets and CPUID page, found through an
 * entry of the boot parameters' setup_data list (Linux, arch/x86/include/asm/sev.h, struct
 * cc_blob_sev_info; arch/x86/boot/compressed/sev.c).
 */

#define SETUP_CC_BLOB 7
#define CC_BLOB_MAGIC 0x45444d41 /* "AMDE" */

struct cc_blob {
	uint32_t magic;
	uint16_t version;
	uint16_t reserved;
	uint64_t secrets;
	uint32_t secrets_len;
	uint32_t reserved1;
	uint64_t cpuid;
	uint32_t cpuid_len;
	uint32_t reserved2;
};

_Static_assert(sizeof(struct cc_blob) == 40, "struct cc_blob_sev_info");

/* Blob and list entry share a page, which the guest finds reserved: it reads the blob late. */
struct cc_page {
	struct cc_blob blob;
	struct {
		uint64_t next;
		uint32_t type;
		uint32_t len; /* bytes that follow */
		uint32_t blob_gpa;
		uint32_t pad;
	} node; /* struct setup_data */
};

static int load_snp_pages(uint32_t cbit, struct handover *handover, struct load_plan *plan,
			  struct vmm_error *err)
{
	struct cc_page *page;

	if (!load_plan_add(plan, "SNP secrets", LOWMEM_SNP_SECRETS, PAGE_SIZE, LOAD_SECRETS, err) ||
	    !load_plan_add(plan, "SNP CPUID", LOWMEM_SNP_CPUID, PAGE_SIZE, LOAD_CPUID, err))
		return err->code;
	/* Linux stops when it finds the blob but no C-bit */
	if (cbit == 0)
		return 0;
	page = load_plan_add(plan, "SNP blob", LOWMEM_SNP_BLOB, sizeof(*page), LOAD_DATA, err);
	if (!page)
		return err->code;
	*page = (struct cc_page){
		.blob =
			{
				.magic = CC_BLOB_MAGIC,
				.secrets = LOWMEM_SNP_SECRETS,
				.secrets_len = PAGE_SIZE,
				.cpuid = LOWMEM_SNP_CPUID,
				.cpuid_len = PAGE_SIZE,
			},
		.node =
			{
				.next = handover->setup_data,
				.type = SETUP_CC_BLOB,
				.len = sizeof(page->node.blob_gpa) + sizeof(page->node.pad),
				.blob_gpa = LOWMEM_SNP_BLOB,
			},
	};
	handover->setup_data = LOWMEM_SNP_BLOB + offsetof(struct cc_page, node);
	return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

int handover_load(struct handover *handover, const struct kernel *kernel, bool snp, uint32_t cbit,
		  struct load_plan *plan, struct vmm_error *err)
{
	bool pvh = kernel->mode == ENTRY_PVH;
	int ret = snp ? load_snp_pages(cbit, handover, plan, err) : 0;

	if (ret < 0)
		return ret;
	plan->entry = (struct load_entry){
		.mode = kernel->mode,
		.rip = kernel->entry,
		.arg = LOWMEM_PARAMS,
		.cr3 = pvh ? 0 : LOWMEM_PAGE_TABLES,
	};
	if (pvh)
		return load_pvh(handover, plan, err);
	ret = load_params(handover, kernel, plan, err);
	return ret < 0 ? ret : load_page_tables(cbit, plan, err);
}
