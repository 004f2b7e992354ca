// SPDX-License-Identifier: MIT
/* Good configurations: defaults, every key, all forms of values, paths. */
#include "cc/dispatch.h"
#include "tests/unit/config_helpers.h"
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"
#include "vmm/base/log.h"

START_TEST(defaults_are_the_documented_ones)
{
	struct vmm_config config;

	memset(&config, 0xff, sizeof(config));
	config_init(&config);
	ck_assert_uint_eq(config.machine.vcpus, 1);
	ck_assert_uint_eq(config.machine.memory, MIB(512));
	ck_assert_int_eq(config.machine.cc, 0);
	ck_assert_int_eq(config.machine.memory_mode, CONFIG_MEMORY_AUTO);
	ck_assert_int_eq(config.machine.hugepages, CONFIG_HUGEPAGES_TRANSPARENT);
	ck_assert_int_eq(config.machine.on_reboot, CONFIG_REBOOT_EXIT);
	ck_assert_uint_eq(config.machine.grace, 10);
	ck_assert_ptr_null(config.boot.kernel);
	ck_assert_str_eq(config.boot.cmdline, "");
	ck_assert(!config.boot.device_tree);
	ck_assert_uint_eq(config.cc.snp.policy, 0x30000);
	ck_assert_uint_eq(config.cc.snp.vcpu_sig, 0x800f12);
	ck_assert(!config.cc.snp.have_vcpu_type && !config.cc.snp.have_vcpu_sig);
	ck_assert_uint_eq(config.cc.snp.features, 1);
	ck_assert_uint_eq(config.cc.snp.cbit, 51);
	ck_assert(!config.cc.snp.have_host_data);
	ck_assert_uint_eq(config.cc.tdx.attributes, 0x10000000);
	ck_assert(!config.cc.tdx.have_mrconfigid);
	ck_assert_int_eq(config.serial.output.kind, ENDPOINT_STDIO);
	ck_assert_ptr_null(config.serial.output.path);
	ck_assert_uint_eq(config.ndisks, 0);
	ck_assert_uint_eq(config.nnets, 0);
	ck_assert(!config.vsock.present);
	ck_assert(!config.rng.present);
	ck_assert_int_eq(config.log.level, VMM_LOG_INFO);
	ck_assert_ptr_null(config.log.file);
	config_clear(&config);
}
END_TEST

START_TEST(every_key_reaches_its_field)
{
	static const char text[] =
		"[machine]\nvcpus = 4\nmemory = 67108864\ncc = \"snp\"\nmemory-mode = \"split\"\n"
		"hugepages = \"none\"\non-reboot = \"relaunch\"\ngrace = 0\n"
		"[boot]\nkernel = \"k\"\ninitrd = \"i\"\ncmdline = \"c d\"\nfirmware = \"/fw\"\n"
		"device-tree = true\n"
		"[snp]\npolicy = 0xb0000\nvcpu-sig = 0xffffffff\nguest-features = \"0x8000000000000001\"\ncbit = 47\n"
		"host-data-file = \"h\"\nid-block = \"ib\"\nid-auth = \"ia\"\ncerts = \"ce\"\n"
		"[tdx]\nattributes = \"18446744073709551615\"\nmrconfigid-file = \"m\"\n"
		"quote-socket = \"vsock:2:4294967295\"\n"
		"[serial]\noutput = \"file:out\"\n"
		"[[disk]]\npath = \"a\"\n[[disk]]\npath = \"b\"\nreadonly = true\n"
		"[[net]]\ntap = \"tap0\"\nmac = \"52:54:00:AB:cd:ef\"\n[[net]]\ntap = \"tap1\"\n"
		"[vsock]\ncid = 4294967294\npath = \"v\"\n[rng]\nsource = \"r\"\n"
		"[log]\nlevel = \"trace\"\nfile = \"l\"\n";
	struct reading r;
	struct vmm_config *c = &r.config;

	read_good(&r, text);
	ck_assert_uint_eq(c->machine.vcpus, 4);
	ck_assert_uint_eq(c->machine.memory, MIB(64));
	ck_assert_str_eq(cc_tech_name(c->machine.cc), "snp");
	ck_assert_int_eq(c->machine.memory_mode, CONFIG_MEMORY_SPLIT);
	ck_assert_int_eq(c->machine.hugepages, CONFIG_HUGEPAGES_NONE);
	ck_assert_int_eq(c->machine.on_reboot, CONFIG_REBOOT_RELAUNCH);
	ck_assert_uint_eq(c->machine.grace, 0);
	ck_assert_str_eq(c->boot.kernel, "/dir/k");
	ck_assert_str_eq(c->boot.initrd, "/dir/i");
	ck_assert_str_eq(c->boot.cmdline, "c d");
	ck_assert_str_eq(c->boot.firmware, "/fw");
	ck_assert(c->boot.device_tree);
	ck_assert_uint_eq(c->cc.snp.policy, 0xb0000);
	ck_assert_uint_eq(c->cc.snp.vcpu_sig, UINT32_MAX);
	ck_assert(c->cc.snp.have_vcpu_sig && !c->cc.snp.have_vcpu_type);
	ck_assert_uint_eq(c->cc.snp.features, 0x8000000000000001);
	ck_assert_uint_eq(c->cc.snp.cbit, 47);
	ck_assert_str_eq(c->cc.snp.host_data_file, "/dir/h");
	ck_assert_str_eq(c->cc.snp.id_block, "/dir/ib");
	ck_assert_str_eq(c->cc.snp.id_auth, "/dir/ia");
	ck_assert_str_eq(c->cc.snp.certs, "/dir/ce");
	ck_assert_uint_eq(c->cc.tdx.attributes, UINT64_MAX);
	ck_assert_str_eq(c->cc.tdx.mrconfigid_file, "/dir/m");
	ck_assert_int_eq(c->cc.tdx.quote_socket.kind, ENDPOINT_VSOCK);
	ck_assert_uint_eq(c->cc.tdx.quote_socket.cid, 2);
	ck_assert_uint_eq(c->cc.tdx.quote_socket.port, UINT32_MAX);
	ck_assert_int_eq(c->serial.output.kind, ENDPOINT_FILE);
	ck_assert_str_eq(c->serial.output.path, "/dir/out");
	ck_assert_uint_eq(c->ndisks, 2);
	ck_assert_str_eq(c->disk[0].path, "/dir/a");
	ck_assert(!c->disk[0].readonly);
	ck_assert_str_eq(c->disk[1].path, "/dir/b");
	ck_assert(c->disk[1].readonly);
	ck_assert_uint_eq(c->nnets, 2);
	ck_assert_str_eq(c->net[0].tap, "tap0");
	ck_assert(c->net[0].have_mac && !c->net[1].have_mac);
	ck_assert_mem_eq(c->net[0].mac, "\x52\x54\x00\xab\xcd\xef", 6);
	ck_assert(c->vsock.present && c->rng.present);
	ck_assert_uint_eq(c->vsock.cid, UINT32_MAX - 1);
	ck_assert_str_eq(c->vsock.path, "/dir/v");
	ck_assert_str_eq(c->rng.source, "/dir/r");
	ck_assert_int_eq(c->log.level, VMM_LOG_TRACE);
	ck_assert_str_eq(c->log.file, "/dir/l");
	config_clear(c);
	ck_assert_uint_eq(c->ndisks, 0);
	ck_assert_int_eq(c->serial.output.kind, ENDPOINT_STDIO);
}
END_TEST

/* 16 digits, so that lengths can be seen */
#define ZEROS "0000000000000000"

START_TEST(hexadecimal_bytes_reach_their_fields)
{
	struct reading r;

	read_good(&r, BOOT
		  "[snp]\n"
		  "host-data = \"00ffAb0000000000" ZEROS ZEROS "00000000000000cd\"\n"
		  "[tdx]\n"
		  "mrconfigid = \"0100000000000000" ZEROS ZEROS ZEROS ZEROS "0000000000000002\"\n"
		  "mrowner = \"0300000000000000" ZEROS ZEROS ZEROS ZEROS ZEROS "\"\n"
		  "mrownerconfig = \"0400000000000000" ZEROS ZEROS ZEROS ZEROS ZEROS "\"\n");
	ck_assert(r.config.cc.snp.have_host_data && r.config.cc.tdx.have_mrconfigid);
	ck_assert_uint_eq(r.config.cc.snp.host_data[0], 0);
	ck_assert_uint_eq(r.config.cc.snp.host_data[1], 0xff);
	ck_assert_uint_eq(r.config.cc.snp.host_data[2], 0xab);
	ck_assert_uint_eq(r.config.cc.snp.host_data[31], 0xcd);
	ck_assert_uint_eq(r.config.cc.tdx.mrconfigid[0], 1);
	ck_assert_uint_eq(r.config.cc.tdx.mrconfigid[47], 2);
	ck_assert_uint_eq(r.config.cc.tdx.mrowner[0], 3);
	ck_assert_uint_eq(r.config.cc.tdx.mrownerconfig[0], 4);
	config_clear(&r.config);
}
END_TEST

START_TEST(memory_sizes_are_binary)
{
	static const struct {
		const char *value;
		uint64_t bytes;
	} cases[] = {
		{"33554432", MIB(32)},	{"\"33554432\"", MIB(32)}, {"\"32768K\"", MIB(32)},
		{"\"128M\"", MIB(128)}, {"\"5G\"", GIB(5)},	   {"\"1T\"", GIB(1024)},
		{"\"4T\"", GIB(4096)},	{"0x8000000", MIB(128)},   {"1_073_741_824", GIB(1)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[200];
		struct reading r;

		snprintf(text, sizeof(text), BOOT "[machine]\nmemory = %s\n", cases[i].value);
		read_good(&r, text);
		ck_assert_uint_eq(r.config.machine.memory, cases[i].bytes);
		config_clear(&r.config);
	}
}
END_TEST

START_TEST(cpu_names_stand_for_their_signatures)
{
	static const struct {
		const char *name;
		uint32_t sig;
	} cases[] = {
		{"EPYC", 0x800f12},	     {"EPYC-v1", 0x800f12},
		{"EPYC-v5", 0x800f12},	     {"EPYC-IBPB", 0x800f12},
		{"EPYC-Rome", 0x830f10},     {"EPYC-Rome-v2", 0x830f10},
		{"EPYC-Milan", 0xa00f11},    {"EPYC-Milan-v1", 0xa00f11},
		{"EPYC-Genoa", 0xa10f10},    {"EPYC-Genoa-v1", 0xa10f10},
		{"EPYC-Turin-v1", 0xb00f00},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[200];
		struct reading r;

		snprintf(text, sizeof(text), BOOT "[snp]\nvcpu-type = \"%s\"\n", cases[i].name);
		read_good(&r, text);
		ck_assert_uint_eq(r.config.cc.snp.vcpu_sig, cases[i].sig);
		ck_assert(r.config.cc.snp.have_vcpu_type && !r.config.cc.snp.have_vcpu_sig);
		config_clear(&r.config);
	}
}
END_TEST

static void look_for_steps(void *ctx, const char *line)
{
	unsigned int *sizes = ctx;

	*sizes += strstr(line, "like \"512M\"") != NULL;
	ck_assert_msg(!strstr(line, "in steps of 0"), "%s", line);
}

START_TEST(help_names_no_steps_of_zero)
{
	unsigned int sizes = 0;

	config_help(look_for_steps, &sizes);
	ck_assert_uint_ge(sizes, 5);
}
END_TEST

START_TEST(all_names_of_choices_are_known)
{
	static const char *const lines[] = {
		"[machine]\ncc = \"none\"",
		"[machine]\ncc = \"auto\"",
		"[machine]\ncc = \"sw-protected\"",
		"[machine]\ncc = \"snp\"",
		"[machine]\ncc = \"tdx\"",
		"[machine]\nmemory-mode = \"auto\"",
		"[machine]\ncc = \"snp\"\nmemory-mode = \"split\"",
		"[machine]\ncc = \"tdx\"\nmemory-mode = \"in-place\"",
		"[machine]\nmemory-mode = \"shared\"",
		"[machine]\non-reboot = \"exit\"",
		"[log]\nlevel = \"error\"",
		"[log]\nlevel = \"warn\"",
		"[log]\nlevel = \"info\"",
		"[log]\nlevel = \"debug\"",
		"[serial]\noutput = \"null\"",
		"[serial]\noutput = \"stdio\"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char text[200];
		struct reading r;

		snprintf(text, sizeof(text), BOOT "%s\n", lines[i]);
		read_good(&r, text);
		config_clear(&r.config);
	}
}
END_TEST

START_TEST(all_ways_to_write_a_table_mean_the_same)
{
	static const char *const texts[] = {
		"boot.kernel = \"k\"\ndisk = [{path = \"a\"}, {path = \"b\", readonly = true}]\n",
		"boot = {kernel = \"k\"}\n[[disk]]\npath = \"a\"\n[[disk]]\npath = \"b\"\n"
		"readonly = true\n",
		"[\"boot\"]\n'kernel' = '''k'''\n[[disk]]\r\npath = \"a\"\r\n[[disk]]\r\n"
		"path = \"\\u0062\"\nreadonly = true",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct reading r;

		read_good(&r, texts[i]);
		ck_assert_str_eq(r.config.boot.kernel, "/dir/k");
		ck_assert_uint_eq(r.config.ndisks, 2);
		ck_assert_str_eq(r.config.disk[0].path, "/dir/a");
		ck_assert_str_eq(r.config.disk[1].path, "/dir/b");
		ck_assert(r.config.disk[1].readonly);
		config_clear(&r.config);
	}
}
END_TEST

START_TEST(devices_with_defaults_need_only_their_table)
{
	struct reading r;

	read_good(&r, BOOT "[rng]\n[vsock]\npath = \"v\"\n");
	ck_assert(r.config.rng.present);
	ck_assert_str_eq(r.config.rng.source, "/dev/urandom");
	ck_assert_uint_eq(r.config.vsock.cid, 3);
	config_clear(&r.config);
}
END_TEST

START_TEST(relative_paths_are_relative_to_the_directory_given)
{
	static const struct {
		const char *dir, *kernel;
	} cases[] = {{NULL, "k"}, {"", "k"}, {".", "./k"}, {"a/b", "a/b/k"}, {"/", "/k"}};
	static const char text[] =
		BOOT "[serial]\noutput = \"unix:/s\"\n[tdx]\nquote-socket = \"q\"\n";

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vmm_config config;

		config_init(&config);
		ck_assert_int_eq(config_read_text(&config, text, strlen(text), "f", cases[i].dir,
						  NULL, NULL, NULL),
				 0);
		ck_assert_str_eq(config.boot.kernel, cases[i].kernel);
		ck_assert_str_eq(endpoint_path(&config.serial.output, ENDPOINT_UNIX), "/s");
		config_clear(&config);
	}
}
END_TEST

SUITE(test_config)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("good");

	tcase_add_test(tc, defaults_are_the_documented_ones);
	tcase_add_test(tc, every_key_reaches_its_field);
	tcase_add_test(tc, hexadecimal_bytes_reach_their_fields);
	tcase_add_test(tc, memory_sizes_are_binary);
	tcase_add_test(tc, cpu_names_stand_for_their_signatures);
	tcase_add_test(tc, help_names_no_steps_of_zero);
	tcase_add_test(tc, all_names_of_choices_are_known);
	tcase_add_test(tc, all_ways_to_write_a_table_mean_the_same);
	tcase_add_test(tc, devices_with_defaults_need_only_their_table);
	tcase_add_test(tc, relative_paths_are_relative_to_the_directory_given);
	suite_add_tcase(suite, tc);
	return suite;
}
