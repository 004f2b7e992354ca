// SPDX-License-Identifier: MIT
/* Error values: the text says what was tried, what came back by name, and what helps. */
#include "tests/unit/suite.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(set_stores_code_and_text_and_returns_the_code)
{
	struct vmm_error err = {.code = -1, .firmware = 7, .text = "old"};

	ck_assert_int_eq(vmm_error_set(&err, -EINVAL, "initrd %s: %d bytes", "a.img", 3), -EINVAL);
	ck_assert_int_eq(err.code, -EINVAL);
	ck_assert_uint_eq(err.firmware, 0);
	ck_assert_str_eq(err.text, "initrd a.img: 3 bytes");
}
END_TEST

START_TEST(errno_is_named_and_explained)
{
	struct vmm_error err;

	ck_assert_int_eq(vmm_error_errno(&err, -ENOENT, "unable to open %s", "/x"), -ENOENT);
	ck_assert_str_eq(err.text, "unable to open /x: ENOENT (No such file or directory)");
}
END_TEST

START_TEST(an_errno_without_a_name_is_a_number)
{
	struct vmm_error err;

	vmm_error_errno(&err, -12345, "KVM_RUN failed");
	ck_assert_str_eq(err.text, "KVM_RUN failed: errno 12345");
}
END_TEST

START_TEST(prefix_and_hint_stand_around_the_text)
{
	struct vmm_error err;

	vmm_error_errno(&err, -EACCES, "unable to open /dev/kvm");
	err.firmware = 5;
	vmm_error_prefix(&err, "vCPU %d", 3);
	vmm_error_hint(&err, "join group %s", "kvm");
	ck_assert_str_eq(err.text, "vCPU 3: unable to open /dev/kvm: EACCES (Permission denied): "
				   "join group kvm");
	ck_assert_int_eq(err.code, -EACCES);
	ck_assert_uint_eq(err.firmware, 5);
}
END_TEST

START_TEST(the_text_may_be_an_argument_of_its_own_prefix)
{
	struct vmm_error err;

	vmm_error_set(&err, -EIO, "inner");
	vmm_error_prefix(&err, "outer");
	vmm_error_prefix(&err, "outermost");
	ck_assert_str_eq(err.text, "outermost: outer: inner");
}
END_TEST

START_TEST(nobody_needs_to_care)
{
	ck_assert_int_eq(vmm_error_set(NULL, -EIO, "x"), -EIO);
	ck_assert_int_eq(vmm_error_errno(NULL, -EIO, "x"), -EIO);
	vmm_error_prefix(NULL, "x");
	vmm_error_hint(NULL, "x");
}
END_TEST

START_TEST(text_of_any_length_is_cut_and_terminated)
{
	char big[2 * VMM_ERROR_TEXT];
	struct vmm_error err;

	for (size_t len = VMM_ERROR_TEXT - 8; len < VMM_ERROR_TEXT + 8; len++) {
		memset(big, 'a', len);
		big[len] = '\0';
		vmm_error_set(&err, -EIO, "%s", big);
		ck_assert_uint_eq(strlen(err.text),
				  len < VMM_ERROR_TEXT ? len : VMM_ERROR_TEXT - 1);
		vmm_error_hint(&err, "%s", big);
		ck_assert_uint_le(strlen(err.text), VMM_ERROR_TEXT - 1);
		vmm_error_errno(&err, -EIO, "%s", big);
		ck_assert_uint_le(strlen(err.text), VMM_ERROR_TEXT - 1);
		vmm_error_prefix(&err, "%s", big);
		ck_assert_uint_le(strlen(err.text), VMM_ERROR_TEXT - 1);
		ck_assert_int_eq(err.text[0], 'a');
	}
}
END_TEST

START_TEST(a_prefix_keeps_as_much_of_the_text_as_fits)
{
	char big[VMM_ERROR_TEXT];
	struct vmm_error err;

	memset(big, 'b', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	vmm_error_set(&err, -EIO, "%s", big);
	vmm_error_prefix(&err, "file x");
	ck_assert(strncmp(err.text, "file x: bbbb", 12) == 0);
	ck_assert_uint_eq(strlen(err.text), VMM_ERROR_TEXT - 1);
}
END_TEST

START_TEST(text_is_printable_whatever_it_quotes)
{
	/* ESC, U+009B (CSI) and a byte that is no UTF-8; U+00FC passes */
	static const char quoted[] = "a\x1b[2J\xc2\x9b"
				     "2J\xff\xc3\xbc";
	static const char shown[] = "a?[2J??2J?\xc3\xbc";
	char expected[128], big[VMM_ERROR_TEXT];
	struct vmm_error err;

	vmm_error_set(&err, -EINVAL, "%s", quoted);
	ck_assert_str_eq(err.text, shown);
	vmm_error_hint(&err, "%s", quoted);
	vmm_error_prefix(&err, "%s", quoted);
	snprintf(expected, sizeof(expected), "%s: %s: %s", shown, shown, shown);
	ck_assert_str_eq(err.text, expected);
	vmm_error_errno(&err, -EIO, "%s", quoted);
	ck_assert(strncmp(err.text, shown, sizeof(shown) - 1) == 0);

	/* cut within a character */
	memset(big, 'b', sizeof(big));
	strcpy(big + sizeof(big) - 3, "\xc3\xbc");
	vmm_error_set(&err, -EINVAL, "b%s", big);
	ck_assert_int_eq(err.text[VMM_ERROR_TEXT - 2], '?');
}
END_TEST

SUITE(test_error)
{
	Suite *s = suite_create("error");
	TCase *tc = tcase_create("error");

	tcase_add_test(tc, set_stores_code_and_text_and_returns_the_code);
	tcase_add_test(tc, errno_is_named_and_explained);
	tcase_add_test(tc, an_errno_without_a_name_is_a_number);
	tcase_add_test(tc, prefix_and_hint_stand_around_the_text);
	tcase_add_test(tc, the_text_may_be_an_argument_of_its_own_prefix);
	tcase_add_test(tc, nobody_needs_to_care);
	tcase_add_test(tc, text_of_any_length_is_cut_and_terminated);
	tcase_add_test(tc, a_prefix_keeps_as_much_of_the_text_as_fits);
	tcase_add_test(tc, text_is_printable_whatever_it_quotes);
	suite_add_tcase(s, tc);
	return s;
}
