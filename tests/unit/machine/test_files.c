// SPDX-License-Identifier: MIT
/* What a VM writes to is no other file of the same VM, whatever names the two have. */
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"
#include "vmm/machine/files.h"

#include <errno.h>
#include <unistd.h>

/* In a folder of their own: files, a symbolic and a hard link. */
static char dir[] = "/tmp/minivmm-files-XXXXXX";
static const char *const names[] = {"root.img", "kernel", "initrd", "fw", "vm.toml", "log"};

static void setup(void)
{
	strcpy(strrchr(dir, '-'), "-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		FILE *f = fopen(names[i], "w");

		ck_assert_ptr_nonnull(f);
		fclose(f);
	}
	ck_assert_int_eq(symlink("root.img", "symlink"), 0);
	ck_assert_int_eq(link("root.img", "hardlink"), 0);
}

static void teardown(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
	unlink("symlink");
	unlink("hardlink");
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(dir);
}

/* What files_check_first() says of a configuration with this behind "[boot]". */
static int judge(const char *text, struct vmm_error *err)
{
	struct vmm_config config;
	char whole[512];
	int ret;

	snprintf(whole, sizeof(whole), "[boot]\nkernel = \"kernel\"\n%s\n", text);
	config_init(&config);
	ck_assert_msg(config_read_text(&config, whole, strlen(whole), "vm.toml", NULL, NULL, NULL,
				       err) == 0,
		      "%s", err->text);
	ret = files_check_first(&config, &cc_none, sys_host(), err);
	config_clear(&config);
	return ret;
}

#define DISK(path)    "[[disk]]\npath = \"" path "\"\n"
#define READONLY      "readonly = true\n"
#define SERIAL(path)  "[serial]\noutput = \"file:" path "\"\n"
#define CONSOLE(path) "[console]\noutput = \"file:" path "\"\n"
#define LOG(path)     "[log]\nfile = \"" path "\"\n"

static const struct {
	const char *text, *fault;
} bad[] = {
	/* two names of one image */
	{DISK("root.img") DISK("symlink"),
	 "disk[1].path: symlink is disk[0] of this VM as well, and one of them is writable"},
	{DISK("root.img") READONLY DISK("hardlink"),
	 "disk[1].path: hardlink is disk[0] of this VM as well, and one of them is writable"},
	{DISK("./root.img") DISK("root.img") READONLY,
	 "disk[0].path: ./root.img is disk[1] of this VM as well, and one of them is writable"},
	/* text that would go into another file */
	{DISK("root.img") SERIAL("root.img"),
	 "serial.output: root.img is disk[0].path of this VM as well, and text would be appended"},
	{DISK("root.img") READONLY CONSOLE("hardlink"),
	 "console.output: hardlink is disk[0].path of this VM as well, and text would be appended"},
	{DISK("root.img") LOG("symlink"),
	 "log.file: symlink is disk[0].path of this VM as well, and text would be appended"},
	{SERIAL("kernel"),
	 "serial.output: kernel is boot.kernel of this VM as well, and text would be appended"},
	{"initrd = \"initrd\"\n" LOG("initrd"),
	 "log.file: initrd is boot.initrd of this VM as well, and text would be appended"},
	{"firmware = \"fw\"\n" LOG("fw"),
	 "log.file: fw is boot.firmware of this VM as well, and text would be appended"},
	{LOG("vm.toml"),
	 "log.file: vm.toml is the configuration of this VM as well, and text would be appended"},
	{"[rng]\nsource = \"log\"\n" LOG("log"),
	 "log.file: log is rng.source of this VM as well, and text would be appended"},
	/* a disk that the guest could write a kernel into */
	{DISK("kernel"),
	 "disk[0].path: kernel is boot.kernel of this VM as well: readonly = true if"},
	{"initrd = \"root.img\"\n" DISK("symlink"),
	 "disk[0].path: symlink is boot.initrd of this VM as well: readonly = true if"},
};

START_TEST(what_is_written_to_is_no_other_file_of_the_vm)
{
	struct vmm_error err;

	ck_assert_int_eq(judge(bad[_i].text, &err), -EINVAL);
	ck_assert_int_eq(err.code, -EINVAL);
	ck_assert_msg(strncmp(err.text, bad[_i].fault, strlen(bad[_i].fault)) == 0, "%s", err.text);
}
END_TEST

START_TEST(files_that_may_be_the_same_are_no_fault)
{
	static const char *const good[] = {
		DISK("root.img") READONLY DISK("symlink") READONLY, DISK("kernel") READONLY,
		"initrd = \"kernel\"", SERIAL("log") LOG("log") CONSOLE("log"),
		SERIAL("/dev/null") LOG("/dev/null") "[rng]\nsource = \"/dev/null\"\n",
		/* somebody else says that these are not there */
		DISK("missing") SERIAL("missing/too"),
		DISK("root.img") "[snp]\ncerts = \"root.img\"", /* of another kind of VM */
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct vmm_error err;

		ck_assert_msg(judge(good[i], &err) == 0, "%zu: %s", i, err.text);
	}
}
END_TEST

START_TEST(no_vm_is_made_whose_console_would_damage_its_disk)
{
	struct model *m = model_new();
	struct machine t;

	machine_setup(&t, m, "1");
	ck_assert_int_eq(config_set(&t.config, "disk[0].path", "\"root.img\"", NULL), 0);
	ck_assert_int_eq(config_set(&t.config, "serial.output", "\"file:symlink\"", NULL), 0);
	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(t.err.text, "serial.output: symlink is disk[0].path"));
	for (unsigned long n = 1; n <= model_calls(m); n++)
		ck_assert_str_ne(model_call_name(m, n), "KVM_CREATE_VM");
	machine_teardown(&t);
	model_check_clean(m);
	model_free(m);
}
END_TEST

SUITE(test_files)
{
	Suite *s = suite_create("files");
	TCase *tc = tcase_create("files");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_is_written_to_is_no_other_file_of_the_vm, 0, ARRAY_SIZE(bad));
	tcase_add_test(tc, files_that_may_be_the_same_are_no_fault);
	tcase_add_test(tc, no_vm_is_made_whose_console_would_damage_its_disk);
	suite_add_tcase(s, tc);
	return s;
}
