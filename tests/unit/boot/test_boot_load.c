// SPDX-License-Identifier: MIT
/* Everything together: what a kernel finds when it starts. */
#include "tests/unit/boot_files.h"
#include "tests/unit/suite.h"

#include <libfdt.h>

static uint8_t bzimage[BZ_FILE], elf[ELF_FILE], initrd[0x12345];
static struct test_file bzimage_file, elf_file, initrd_file;
static struct test_guest *g;
static struct boot_config config;

static void setup(void)
{
	g = guest_make(MIB(64));
	bzimage_make(bzimage);
	elf_make(elf);
	fill(initrd, sizeof(initrd), 5);
	bzimage_file = file_make(bzimage, sizeof(bzimage));
	elf_file = file_make(elf, sizeof(elf));
	initrd_file = file_make(initrd, sizeof(initrd));
	config = (struct boot_config){
		.kernel = bzimage_file.path,
		.initrd = initrd_file.path,
		.cmdline = "console=ttyS0 panic=-1",
		.platform = {.vcpus = 2, .serial_irq = PLATFORM_SERIAL_IRQ},
	};
}

static void teardown(void)
{
	guest_free(g);
	file_free(&bzimage_file);
	file_free(&elf_file);
	file_free(&initrd_file);
}

static int load(void)
{
	load_plan_init(&g->plan, &g->mem);
	return boot_once(&config, &g->mem, &g->plan, &g->err);
}

static const struct boot_params *params(void)
{
	return mem_ptr(&g->mem, g->plan.entry.arg, sizeof(struct boot_params));
}

START_TEST(items_come_in_one_order)
{
	static const char *const names[] = {
		"kernel",      "kernel work space", "initrd",	   "command line",
		"ACPI tables", "boot parameters",   "page tables",
	};

	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(g->plan.nitems, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_str_eq(g->plan.item[i].name, names[i]);
}
END_TEST

START_TEST(the_initrd_is_as_high_as_ram_goes)
{
	const struct load_item *item;

	ck_assert_int_eq(load(), 0);
	item = guest_item(g, "initrd");
	ck_assert_uint_eq(item->gpa + item->len, MIB(64));
	ck_assert_uint_eq(item->used, sizeof(initrd));
	ck_assert(guest_has(g, item->gpa, initrd, sizeof(initrd)));
	ck_assert_uint_eq(params()->hdr.ramdisk_image, item->gpa);
	ck_assert_uint_eq(params()->hdr.ramdisk_size, sizeof(initrd));
}
END_TEST

START_TEST(the_initrd_stays_below_the_kernels_limit)
{
	const struct load_item *item;

	put_le32(bzimage + 0x22c, 0x2ffffff);
	config.kernel = (bzimage_file = file_make(bzimage, sizeof(bzimage))).path;
	ck_assert_int_eq(load(), 0);
	item = guest_item(g, "initrd");
	ck_assert_uint_eq(item->gpa + item->len, 0x3000000);
}
END_TEST

START_TEST(the_initrd_goes_below_the_hole_of_a_large_guest)
{
	const struct load_item *item;

	guest_free(g);
	g = guest_make(GIB(5));
	ck_assert_int_eq(load(), 0);
	item = guest_item(g, "initrd");
	ck_assert_uint_eq(item->gpa + item->len, GIB(2));
}
END_TEST

/* --- initrds that do not fit below 4 GiB ------------------------------------------------------ */

#define HUGE_INITRD 2500000000u

/* The initrd is said to be huge; what is behind its end is left as it is in memory. */
static int huge_size(void *ctx, int fd, uint64_t *size)
{
	int ret = sys_host()->ops->file_size(ctx, fd, size);

	if (ret == 0 && *size == sizeof(initrd))
		*size = HUGE_INITRD;
	return ret;
}

static ssize_t huge_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	ssize_t n = sys_host()->ops->pread(ctx, fd, buf, len, offset);

	return n == 0 && offset >= sizeof(initrd) ? (ssize_t)len : n;
}

static int load_huge(uint64_t ram)
{
	static struct sys_ops ops;
	static struct sys sys;

	ops = *sys_host()->ops;
	ops.file_size = huge_size;
	ops.pread = huge_pread;
	sys = (struct sys){&ops, sys_host()->ctx};
	guest_free(g);
	g = guest_make(ram);
	g->mem.sys = &sys;
	return load();
}

static void use_kernel(uint16_t xloadflags)
{
	put_le16(bzimage + 0x236, xloadflags);
	file_free(&bzimage_file);
	bzimage_file = file_make(bzimage, sizeof(bzimage));
	config.kernel = bzimage_file.path;
}

START_TEST(an_initrd_of_more_than_2_gib_goes_above_4_gib)
{
	const struct load_item *item;
	uint64_t gpa;

	use_kernel(XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G);
	if (_i == 1) { /* an ELF kernel is started in long mode for it */
		config.kernel = elf_file.path;
		ck_assert_int_eq(load(), 0);
		ck_assert_int_eq(g->plan.entry.mode, ENTRY_PVH);
	}
	ck_assert_msg(load_huge(GIB(8)) == 0, "%s", g->err.text);
	ck_assert_int_eq(g->plan.entry.mode, ENTRY_LONG_MODE);
	item = guest_item(g, "initrd");
	ck_assert_uint_eq(item->gpa + item->len, layout_end(GIB(8)));
	ck_assert_uint_eq(item->used, HUGE_INITRD);
	ck_assert(guest_has(g, item->gpa, initrd, sizeof(initrd)));
	gpa = params()->hdr.ramdisk_image | (uint64_t)params()->ext_ramdisk_image << 32;
	ck_assert_uint_eq(gpa, item->gpa);
	ck_assert_uint_eq(params()->hdr.ramdisk_size, HUGE_INITRD);
	ck_assert_uint_eq(params()->ext_ramdisk_size, 0);
}
END_TEST

/* More memory is said to help where it does, and nowhere else. */
START_TEST(an_initrd_without_room_names_what_helps)
{
	use_kernel(XLF_KERNEL_64);
	for (unsigned int gib = 1; gib <= 64; gib *= 2) {
		ck_assert_refused(load_huge(GIB(gib)), g, "takes no initrd above that address");
		ck_assert_ptr_null(strstr(g->err.text, "more memory"));
	}
	use_kernel(XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G);
	ck_assert_refused(load_huge(GIB(2)), g, "give the guest more memory");
	ck_assert_refused(load_huge(GIB(4)), g, "give the guest more memory");
	ck_assert_int_eq(load_huge(GIB(5)), 0);
}
END_TEST

/* With room below the kernel's limit it goes there, as ever. */
START_TEST(an_initrd_that_fits_stays_below_4_gib)
{
	use_kernel(XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G);
	guest_free(g);
	g = guest_make(GIB(8));
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_lt(guest_item(g, "initrd")->gpa, GIB(2));
	ck_assert_uint_eq(params()->ext_ramdisk_image, 0);
}
END_TEST

/* Loading goes on with the files that were opened. */
START_TEST(files_that_are_replaced_before_they_are_loaded)
{
	struct test_file other = file_make("another file", 12);
	struct boot_demand demand;
	struct boot *boot;

	ck_assert_int_eq(boot_open(&boot, &config, g->mem.sys, &demand, &g->err), 0);
	ck_assert_int_eq(dup2(other.fd, bzimage_file.fd), bzimage_file.fd);
	ck_assert_int_eq(dup2(other.fd, initrd_file.fd), initrd_file.fd);
	ck_assert_msg(boot_load(boot, &g->plan, &g->err) == 0, "%s", g->err.text);
	ck_assert(guest_has(g, guest_item(g, "initrd")->gpa, initrd, sizeof(initrd)));
	ck_assert(guest_has(g, BZ_PREF, bzimage + BZ_SETUP, BZ_LEN));
	boot_close(boot);
	file_free(&other);
}
END_TEST

START_TEST(the_command_line_ends_with_zero)
{
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(params()->hdr.cmd_line_ptr, LOWMEM_CMDLINE);
	ck_assert_str_eq(mem_ptr(&g->mem, LOWMEM_CMDLINE, 64), config.cmdline);
	ck_assert_uint_eq(guest_item(g, "command line")->used, strlen(config.cmdline) + 1);
}
END_TEST

START_TEST(an_empty_command_line_is_one_too)
{
	config.cmdline = "";
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(guest_item(g, "command line")->used, 1);
}
END_TEST

START_TEST(the_boot_parameters_are_clean_but_for_what_is_meant)
{
	static const uint8_t zero[0x1f1];
	const struct boot_params *p;
	const uint8_t *bytes;

	ck_assert_int_eq(load(), 0);
	p = params();
	bytes = (const uint8_t *)p;
	ck_assert_uint_eq(g->plan.entry.arg, LOWMEM_PARAMS);
	ck_assert_uint_eq(p->acpi_rsdp_addr, LOWMEM_ACPI);
	ck_assert_mem_eq(bytes, zero, 0x70);		      /* screen_info and others */
	ck_assert_mem_eq(bytes + 0x78, zero, 0x170);	      /* ext_*, cc blob, EDID, EFI */
	ck_assert_mem_eq(bytes + 0x1e9, zero, 0x1f1 - 0x1e9); /* with the sentinel */
	ck_assert_uint_eq(p->hdr.setup_sects, 4);
	ck_assert_uint_eq(p->hdr.header, LINUX_HEADER_MAGIC);
	ck_assert_uint_eq(p->hdr.version, 0x20f);
	ck_assert_uint_eq(p->hdr.type_of_loader, 0xff);
	ck_assert_uint_eq(p->hdr.loadflags, LOADED_HIGH);
	ck_assert_uint_eq(p->hdr.kernel_alignment, 0x200000);
	ck_assert_uint_eq(p->hdr.init_size, BZ_INIT);
	ck_assert_uint_eq(p->hdr.setup_data, 0);
	ck_assert_mem_eq(bytes + 0x26c, zero, 0x290 - 0x26c);
}
END_TEST

static void check_map(const struct gpa_map_entry *expect, size_t n)
{
	ck_assert_uint_eq(g->plan.nmap, n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(g->plan.map[i].gpa, expect[i].gpa);
		ck_assert_uint_eq(g->plan.map[i].len, expect[i].len);
		ck_assert_int_eq(g->plan.map[i].type, expect[i].type);
	}
}

START_TEST(the_memory_map_of_a_small_guest)
{
	uint64_t acpi;

	ck_assert_int_eq(load(), 0);
	acpi = guest_item(g, "ACPI tables")->len;
	check_map((struct gpa_map_entry[]){{0, 0xa0000, GPA_RAM},
					   {0xa0000, 0x40000, GPA_RESERVED},
					   {0xe0000, acpi, GPA_ACPI},
					   {0xe0000 + acpi, 0x20000 - acpi, GPA_RESERVED},
					   {MIB(1), MIB(63), GPA_RAM},
					   {0xfeffc000, 0x4000, GPA_RESERVED}},
		  6);
	ck_assert_uint_eq(params()->e820_entries, 6);
	for (size_t i = 0; i < 6; i++) {
		ck_assert_uint_eq(params()->e820_table[i].addr, g->plan.map[i].gpa);
		ck_assert_uint_eq(params()->e820_table[i].size, g->plan.map[i].len);
		ck_assert_uint_eq(params()->e820_table[i].type, g->plan.map[i].type);
	}
}
END_TEST

/* Sizes around the hole, and very large ones: the map accounts for every byte of RAM. */
static const uint64_t sizes[] = {MIB(32),    MIB(128), GIB(1), 0xafe00000,
				 0xb0000000, GIB(3),   GIB(5), GIB(600)};

START_TEST(the_memory_map_has_all_of_ram)
{
	uint64_t total = 0, end = 0;

	guest_free(g);
	g = guest_make(sizes[_i]);
	ck_assert_int_eq(load(), 0);
	for (size_t i = 0; i < g->plan.nmap; i++) {
		const struct gpa_map_entry *e = &g->plan.map[i];

		ck_assert_uint_ge(e->gpa, end);
		end = e->gpa + e->len;
		if (e->gpa != LAYOUT_IDENTITY)
			total += e->len;
	}
	ck_assert_uint_eq(total, sizes[_i]);
	ck_assert_uint_eq(end, sizes[_i] < 0xb0000000 ? 0xff000000 : layout_end(sizes[_i]));
}
END_TEST

START_TEST(the_acpi_tables_are_where_the_kernel_is_told)
{
	const struct load_item *item;

	ck_assert_int_eq(load(), 0);
	item = guest_item(g, "ACPI tables");
	ck_assert_uint_eq(item->gpa, LOWMEM_ACPI);
	ck_assert(guest_has(g, params()->acpi_rsdp_addr, "RSD PTR ", 8));
	ck_assert_uint_le(item->len, LOWMEM_ACPI_SIZE);
}
END_TEST

START_TEST(the_acpi_tables_of_the_largest_guest_fit)
{
	config.platform.vcpus = 1024;
	config.platform.nvirtio = ACPI_MAX_VIRTIO;
	for (size_t i = 0; i < ACPI_MAX_VIRTIO; i++)
		config.platform.virtio[i] =
			(struct acpi_virtio){.gpa = LAYOUT_VIRTIO_BASE + i * PAGE_SIZE, .gsi = 16};
	ck_assert_int_eq(load(), 0);
	config.platform.vcpus = 100000;
	ck_assert_int_lt(load(), 0);
}
END_TEST

/* Without ACPI, and without a device tree, the command line is all that names the devices. */
START_TEST(the_command_line_names_the_devices_where_nothing_else_does)
{
	static const struct {
		const char *cmdline;
		bool device_tree;
		const char *expected;
	} cases[] = {
		{"acpi=off quiet", false,
		 "acpi=off quiet virtio_mmio.device=4K@0xd0000000:5 "
		 "virtio_mmio.device=4K@0xd0001000:23"},
		{"acpi=off quiet", true, "acpi=off quiet"},
		{"quiet", false, "quiet"},
		{"", false, ""},
	};

	config.platform.nvirtio = 2;
	config.platform.virtio[0] = (struct acpi_virtio){.gpa = 0xd0000000, .gsi = 5};
	config.platform.virtio[1] = (struct acpi_virtio){.gpa = 0xd0001000, .gsi = 23};
	config.cmdline = cases[_i].cmdline;
	config.device_tree = cases[_i].device_tree;
	ck_assert_int_eq(load(), 0);
	ck_assert_str_eq(mem_ptr(&g->mem, LOWMEM_CMDLINE, 128), cases[_i].expected);
	ck_assert_uint_eq(guest_item(g, "command line")->used, strlen(cases[_i].expected) + 1);
}
END_TEST

START_TEST(the_page_tables_map_four_gigabytes_to_themselves)
{
	ck_assert_int_eq(load(), 0);
	ck_assert_int_eq(g->plan.entry.mode, ENTRY_LONG_MODE);
	ck_assert_uint_eq(g->plan.entry.cr3, LOWMEM_PAGE_TABLES);
	ck_assert_uint_eq(guest_item(g, "page tables")->len, 6 * PAGE_SIZE);
	for (uint64_t va = 0; va < GIB(4); va += MIB(2)) {
		uint64_t table = g->plan.entry.cr3, entry = 0;

		for (unsigned int shift = 39; shift >= 21; shift -= 9) {
			const uint64_t *t = mem_ptr(&g->mem, table, PAGE_SIZE);

			ck_assert_ptr_nonnull(t);
			entry = t[va >> shift & 511];
			ck_assert_uint_eq(entry & 3, 3);
			ck_assert_uint_eq(entry & 0x80, shift == 21 ? 0x80 : 0);
			table = entry & ~0xfffull;
		}
		ck_assert_uint_eq(table, va);
	}
}
END_TEST

START_TEST(pvh_start_info_has_it_all)
{
	const uint8_t *info, *module, *map;

	config.kernel = elf_file.path;
	ck_assert_int_eq(load(), 0);
	ck_assert_int_eq(g->plan.entry.mode, ENTRY_PVH);
	ck_assert_uint_eq(g->plan.entry.rip, ELF_PVH_ENTRY);
	/* offsets are those of Xen's start_info.h */
	info = mem_ptr(&g->mem, g->plan.entry.arg, PAGE_SIZE);
	ck_assert_uint_eq(get_le32(info), 0x336ec578);
	ck_assert_uint_eq(get_le32(info + 4), 1);
	ck_assert_uint_eq(get_le32(info + 8), 0);
	ck_assert_uint_eq(get_le32(info + 12), 1);
	ck_assert_uint_eq(get_le64(info + 24), LOWMEM_CMDLINE);
	ck_assert_uint_eq(get_le64(info + 32), LOWMEM_ACPI);
	ck_assert_uint_eq(get_le32(info + 48), g->plan.nmap);
	module = mem_ptr(&g->mem, get_le64(info + 16), 32);
	ck_assert_uint_eq(get_le64(module), guest_item(g, "initrd")->gpa);
	ck_assert_uint_eq(get_le64(module + 8), sizeof(initrd));
	map = mem_ptr(&g->mem, get_le64(info + 40), g->plan.nmap * 24);
	for (size_t i = 0; i < g->plan.nmap; i++) {
		ck_assert_uint_eq(get_le64(map + i * 24), g->plan.map[i].gpa);
		ck_assert_uint_eq(get_le64(map + i * 24 + 8), g->plan.map[i].len);
		ck_assert_uint_eq(get_le32(map + i * 24 + 16), g->plan.map[i].type);
	}
}
END_TEST

START_TEST(pvh_without_initrd_has_no_module)
{
	const uint8_t *info;

	config.kernel = elf_file.path;
	config.initrd = NULL;
	ck_assert_int_eq(load(), 0);
	info = mem_ptr(&g->mem, g->plan.entry.arg, PAGE_SIZE);
	ck_assert_uint_eq(get_le32(info + 12), 0);
	ck_assert_uint_eq(get_le64(info + 16), 0);
}
END_TEST

START_TEST(an_elf_kernel_in_long_mode_gets_boot_parameters)
{
	config.kernel = elf_file.path;
	config.long_mode = true;
	ck_assert_int_eq(load(), 0);
	ck_assert_int_eq(g->plan.entry.mode, ENTRY_LONG_MODE);
	ck_assert_uint_eq(g->plan.entry.rip, ELF_ENTRY);
	ck_assert_uint_eq(params()->hdr.boot_flag, 0xaa55);
	ck_assert_uint_eq(params()->hdr.header, LINUX_HEADER_MAGIC);
	ck_assert_uint_eq(params()->hdr.version, 0x20c);
	ck_assert_uint_eq(params()->hdr.type_of_loader, 0xff);
	ck_assert_uint_eq(params()->hdr.ramdisk_size, sizeof(initrd));
	ck_assert_uint_eq(params()->hdr.cmd_line_ptr, LOWMEM_CMDLINE);
	ck_assert_uint_eq(params()->e820_entries, 6);
}
END_TEST

/* bzImage and ELF: a kernel that has a PVH entry is started in long mode for it. */
START_TEST(the_device_tree_is_in_the_setup_data)
{
	const struct setup_data *data;
	const struct load_item *item;

	config.kernel = _i ? elf_file.path : bzimage_file.path;
	config.device_tree = true;
	ck_assert_int_eq(load(), 0);
	ck_assert_int_eq(g->plan.entry.mode, ENTRY_LONG_MODE);
	item = guest_item(g, "device tree");
	ck_assert_uint_eq(params()->hdr.setup_data, item->gpa);
	data = mem_ptr(&g->mem, item->gpa, item->len);
	ck_assert_uint_eq(data->next, 0);
	ck_assert_uint_eq(data->type, SETUP_DTB);
	ck_assert_uint_eq(sizeof(*data) + data->len, item->used);
	ck_assert_int_eq(fdt_check_full(data->data, data->len), 0);
	ck_assert_str_eq(
		fdt_getprop(data->data, fdt_path_offset(data->data, "/chosen"), "bootargs", NULL),
		config.cmdline);
}
END_TEST

/* --- what can't be done ----------------------------------------------------------------------- */

START_TEST(a_command_line_that_is_too_long_is_refused)
{
	char *line = malloc(LOWMEM_CMDLINE_SIZE + 1);

	memset(line, 'a', LOWMEM_CMDLINE_SIZE);
	line[LOWMEM_CMDLINE_SIZE] = 0;
	config.cmdline = line;
	line[BZ_CMDLINE] = 0;
	ck_assert_int_eq(load(), 0);
	line[BZ_CMDLINE] = 'a';
	line[BZ_CMDLINE + 1] = 0;
	ck_assert_int_eq(load(), -E2BIG);
	ck_assert_refused(-1, g, "command line: 2048 bytes, this kernel takes at most 2047");

	/* the kernel's word for it is not trusted */
	put_le32(bzimage + 0x238, UINT32_MAX);
	config.kernel = (bzimage_file = file_make(bzimage, sizeof(bzimage))).path;
	line[BZ_CMDLINE + 1] = 'a';
	ck_assert_int_eq(load(), -E2BIG);
	ck_assert_refused(-1, g, "65536 bytes, this kernel takes at most 65535");
	line[LOWMEM_CMDLINE_SIZE - 1] = 0;
	ck_assert_int_eq(load(), 0);
	free(line);
}
END_TEST

START_TEST(an_initrd_that_does_not_fit_is_refused)
{
	struct test_file big = file_make("x", 1);

	ck_assert_int_eq(ftruncate(big.fd, MIB(64)), 0);
	config.initrd = big.path;
	ck_assert_int_eq(load(), -ENOMEM);
	ck_assert_refused(-1, g, "initrd: /proc/self/fd/");
	ck_assert_refused(-1, g, "no room for its 67108864 bytes");

	ck_assert_int_eq(ftruncate(big.fd, (off_t)MIB(48)), 0);
	ck_assert_int_eq(load(), -ENOMEM); /* the kernel is in the way */
	ck_assert_int_eq(ftruncate(big.fd, (off_t)(MIB(48) - BZ_INIT)), 0);
	ck_assert_int_eq(load(), 0);
	file_free(&big);
}
END_TEST

START_TEST(an_initrd_limit_below_the_kernel_is_respected)
{
	put_le32(bzimage + 0x22c, 0);
	config.kernel = (bzimage_file = file_make(bzimage, sizeof(bzimage))).path;
	ck_assert_int_eq(load(), -ENOMEM);
	ck_assert_refused(-1, g, "initrd");
}
END_TEST

START_TEST(an_empty_or_missing_initrd_is_refused)
{
	struct test_file empty = file_make("", 0);

	config.initrd = empty.path;
	ck_assert_int_eq(load(), -ENODATA);
	ck_assert_refused(-1, g, "initrd: /proc/self/fd/");
	ck_assert_refused(-1, g, "the file is empty");
	config.initrd = "/nonexistent/initrd";
	ck_assert_int_eq(load(), -ENOENT);
	ck_assert_refused(-1, g, "initrd: unable to open /nonexistent/initrd");
	file_free(&empty);
}
END_TEST

START_TEST(a_device_tree_without_room_is_refused)
{
	struct test_file big = file_make("x", 1);

	/* the kernel takes everything from 2 MiB on, the initrd the 1 MiB below */
	put_le64(bzimage + 0x258, MIB(2));
	put_le32(bzimage + 0x260, (uint32_t)MIB(62));
	config.kernel = (bzimage_file = file_make(bzimage, sizeof(bzimage))).path;
	ck_assert_int_eq(ftruncate(big.fd, (off_t)MIB(1)), 0);
	config.initrd = big.path;
	config.device_tree = true;
	ck_assert_int_eq(load(), -ENOMEM);
	ck_assert_refused(-1, g, "device tree: no room");
	file_free(&big);
}
END_TEST

/* --- files that fail half-way ----------------------------------------------------------------- */

struct failing {
	int countdown; /* calls until one fails */
	int open_files;
};

static bool fails(struct failing *f)
{
	return f->countdown-- == 0;
}

static int failing_open(void *ctx, const char *path, int flags)
{
	struct failing *f = ctx;
	int fd;

	if (fails(f))
		return -EMFILE;
	fd = sys_host()->ops->open(NULL, path, flags);
	f->open_files += fd >= 0;
	return fd;
}

static int failing_close(void *ctx, int fd)
{
	((struct failing *)ctx)->open_files--;
	return sys_host()->ops->close(NULL, fd);
}

static int failing_size(void *ctx, int fd, uint64_t *size)
{
	return fails(ctx) ? -EIO : sys_host()->ops->file_size(NULL, fd, size);
}

static ssize_t failing_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	return fails(ctx) ? -EIO : sys_host()->ops->pread(NULL, fd, buf, len, offset);
}

START_TEST(every_call_that_fails_is_reported_and_nothing_stays_open)
{
	static const struct sys_ops ops = {.open = failing_open,
					   .close = failing_close,
					   .file_size = failing_size,
					   .pread = failing_pread};
	struct failing f = {0};
	const struct sys sys = {&ops, &f};
	const struct sys *host = g->mem.sys;
	int n = 0, ret;

	do {
		f.countdown = n++;
		g->mem.sys = &sys;
		memset(&g->err, 0, sizeof(g->err));
		ret = load();
		g->mem.sys = host;
		ck_assert_int_eq(f.open_files, 0);
		if (ret < 0) {
			ck_assert_int_eq(g->err.code, ret);
			ck_assert_msg(strstr(g->err.text, "/proc/self/fd/"), "%s", g->err.text);
		}
	} while (ret < 0);
	ck_assert_int_eq(ret, 0);
	ck_assert_int_gt(n, 6); /* two files: open, size, read of each, and the head of one */
}
END_TEST

SUITE(test_boot_load)
{
	Suite *suite = suite_create("boot");
	TCase *tc = tcase_create("load");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, items_come_in_one_order);
	tcase_add_test(tc, the_initrd_is_as_high_as_ram_goes);
	tcase_add_test(tc, the_initrd_stays_below_the_kernels_limit);
	tcase_add_test(tc, the_initrd_goes_below_the_hole_of_a_large_guest);
	tcase_add_loop_test(tc, an_initrd_of_more_than_2_gib_goes_above_4_gib, 0, 2);
	tcase_add_test(tc, an_initrd_without_room_names_what_helps);
	tcase_add_test(tc, an_initrd_that_fits_stays_below_4_gib);
	tcase_add_test(tc, files_that_are_replaced_before_they_are_loaded);
	tcase_add_test(tc, the_command_line_ends_with_zero);
	tcase_add_test(tc, an_empty_command_line_is_one_too);
	tcase_add_test(tc, the_boot_parameters_are_clean_but_for_what_is_meant);
	tcase_add_test(tc, the_memory_map_of_a_small_guest);
	tcase_add_loop_test(tc, the_memory_map_has_all_of_ram, 0, ARRAY_SIZE(sizes));
	tcase_add_test(tc, the_acpi_tables_are_where_the_kernel_is_told);
	tcase_add_test(tc, the_acpi_tables_of_the_largest_guest_fit);
	tcase_add_loop_test(tc, the_command_line_names_the_devices_where_nothing_else_does, 0, 4);
	tcase_add_test(tc, the_page_tables_map_four_gigabytes_to_themselves);
	tcase_add_test(tc, pvh_start_info_has_it_all);
	tcase_add_test(tc, pvh_without_initrd_has_no_module);
	tcase_add_test(tc, an_elf_kernel_in_long_mode_gets_boot_parameters);
	tcase_add_loop_test(tc, the_device_tree_is_in_the_setup_data, 0, 2);
	tcase_add_test(tc, a_command_line_that_is_too_long_is_refused);
	tcase_add_test(tc, an_initrd_that_does_not_fit_is_refused);
	tcase_add_test(tc, an_initrd_limit_below_the_kernel_is_respected);
	tcase_add_test(tc, an_empty_or_missing_initrd_is_refused);
	tcase_add_test(tc, a_device_tree_without_room_is_refused);
	tcase_add_test(tc, every_call_that_fails_is_reported_and_nothing_stays_open);
	suite_add_tcase(suite, tc);
	return suite;
}
