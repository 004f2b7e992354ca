// SPDX-License-Identifier: MIT
/* Wrong configurations: each rule of the schema, what the message says, where it points. */
#include "tests/unit/config_helpers.h"
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"

#include <stdlib.h>

#define CC "expected \"none\", \"auto\", \"sw-protected\", \"snp\" or \"tdx\", found "
#define SIZE \
	"expected bytes, or a string like \"512M\" (K, M, G, T), from 32M to 4T in steps of 2M, found "
#define BITS "expected an integer, or above 63 bits a string like \"0x8000000000000000\", found "
#define RATE "expected bytes, or a string like \"512M\" (K, M, G, T), from 0 to 1T, found "
#define CPU                                                                           \
	"expected \"EPYC\" (-v1 to -v5), \"EPYC-IBPB\", \"EPYC-Rome\" (-v1 to -v5), " \
	"\"EPYC-Milan\" (-v1 to -v3), \"EPYC-Genoa\" (-v1 to -v2) or \"EPYC-Turin\" (-v1), found "
#define MAC	 "expected a unicast address like \"52:54:00:12:34:56\", found "
#define OUTPUT	 "expected \"stdio\", \"null\", \"file:PATH\" or \"unix:PATH\", found "
#define ENDPOINT "expected the path of a Unix socket, or \"vsock:CID:PORT\", found "
#define LONG                                                                                \
	"/23456789/23456789/23456789/23456789/23456789/23456789/23456789/23456789/23456789" \
	"/23456789/2345678"

/* Behind the two lines of BOOT, so that line 3 is the first; exactly one fault. */
static const struct {
	const char *text, *fault;
} cases[] = {
	/* names */
	{"[machine]\nvpcus = 1", "4:1: unknown key 'vpcus' in [machine]: did you mean 'vcpus'?"},
	{"[machine]\nmem = 1", "4:1: unknown key 'mem' in [machine]: did you mean 'memory'?"},
	{"[machine]\nVCPUS = 1", "4:1: unknown key 'VCPUS' in [machine]"},
	{"[machine]\nfrobnicate = 1", "4:1: unknown key 'frobnicate' in [machine]"},
	{"[machine]\ninitrd = 1", "4:1: unknown key 'initrd' in [machine]: it belongs in [boot]"},
	{"[machine]\ntap = 1", "4:1: unknown key 'tap' in [machine]: it belongs in [[net]]"},
	{"[[disk]]\npath = \"a\"\nread-only = true",
	 "5:1: unknown key 'read-only' in [[disk]]: did you mean 'readonly'?"},
	{"[machin]\nx = 1", "3:2: unknown table 'machin': did you mean [machine]?"},
	{"[[dsik]]\nx = 1", "3:3: unknown table 'dsik': did you mean [[disk]]?"},
	{"[frobnicate]\nx = 1", "3:2: unknown table 'frobnicate'"},
	{"[machine]\nmachine.vcpus = 2", "4:1: unknown key 'machine' in [machine]"},
	{"[machine]\n\"vcpu\\u0000s\" = 2",
	 "4:1: unknown key 'vcpu' in [machine]: did you mean 'vcpus'?"},
	{"[machine]\n\"a\\u001b[2J\\nb\" = 2", "4:1: unknown key 'a?[2J?b' in [machine]"},
	{"[machine]\n\"\\u009b2J\" = 2", "4:1: unknown key '??2J' in [machine]"},
	/* true and false as other languages write them */
	{"device-tree = True", "3:15: 'True' is not a value: did you mean true?"},
	{"device-tree = FALSE", "3:15: 'FALSE' is not a value: did you mean false?"},
	{"device-tree = yes", "3:15: 'yes' is not a value; a text must be in quotes"},
	/* what does not work yet is no key */
	{"[control]\nsocket = \"s\"", "3:2: unknown table 'control': did you mean [console]?"},
	/* shapes */
	{"[[machine]]\nvcpus = 1", "3:3: machine must be written as [machine]"},
	{"[disk]\npath = \"a\"", "3:2: disk must be written as [[disk]]"},
	/* booleans */
	{"[machine]\nhugepages = 1",
	 "4:13: machine.hugepages: expected \"transparent\", \"reserved\" or \"none\", found 1"},
	{"[machine]\nhugepages = \"yes\"",
	 "4:13: machine.hugepages: expected \"transparent\", \"reserved\" or \"none\", found \"yes\""},
	/* integers */
	{"[machine]\nvcpus = 0", "4:9: machine.vcpus: expected an integer from 1 to 255, found 0"},
	{"[machine]\nvcpus = 256",
	 "4:9: machine.vcpus: expected an integer from 1 to 255, found 256"},
	{"[machine]\nvcpus = -1",
	 "4:9: machine.vcpus: expected an integer from 1 to 255, found -1"},
	{"[machine]\nvcpus = 4294967297",
	 "4:9: machine.vcpus: expected an integer from 1 to 255, found 4294967297"},
	{"[machine]\nvcpus = 1.0",
	 "4:9: machine.vcpus: expected an integer from 1 to 255, found a float"},
	{"[machine]\nvcpus = \"2\"",
	 "4:9: machine.vcpus: expected an integer from 1 to 255, found \"2\""},
	{"[machine]\nvcpus = [2]",
	 "4:9: machine.vcpus: expected an integer from 1 to 255, found an array"},
	{"[machine]\nvcpus = {}",
	 "4:9: machine.vcpus: expected an integer from 1 to 255, found a table"},
	{"[machine]\nvcpus.x = 1",
	 "4:1: machine.vcpus: expected an integer from 1 to 255, found a table"},
	{"[machine]\ngrace = 86401",
	 "4:9: machine.grace: expected an integer from 0 to 86400, found 86401"},
	{"[snp]\nvcpu-sig = 0x100000000",
	 "4:12: snp.vcpu-sig: expected an integer from 0x0 to 0xffffffff, found 0x100000000"},
	{"[vsock]\npath = \"v\"\ncid = 2",
	 "5:7: vsock.cid: expected an integer from 3 to 4294967294, found 2"},
	{"[vsock]\npath = \"v\"\ncid = 4294967295",
	 "5:7: vsock.cid: expected an integer from 3 to 4294967294, found 4294967295"},
	/* bits */
	{"[snp]\npolicy = -1", "4:10: snp.policy: " BITS "-1"},
	{"[snp]\npolicy = \"\"", "4:10: snp.policy: " BITS "\"\""},
	{"[snp]\npolicy = \"0x\"", "4:10: snp.policy: " BITS "\"0x\""},
	{"[snp]\npolicy = \"0x1g\"", "4:10: snp.policy: " BITS "\"0x1g\""},
	{"[snp]\npolicy = \"0x10000000000000000\"",
	 "4:10: snp.policy: " BITS "\"0x10000000000000000\""},
	{"[tdx]\nattributes = true", "4:14: tdx.attributes: " BITS "a boolean"},
	{"[snp]\nguest-features = 1979-05-27", "4:18: snp.guest-features: " BITS "a local date"},
	/* sizes */
	{"[machine]\nmemory = 33554431", "4:10: machine.memory: " SIZE "33554431"},
	{"[machine]\nmemory = \"31M\"", "4:10: machine.memory: " SIZE "\"31M\""},
	{"[machine]\nmemory = \"33M\"", "4:10: machine.memory: " SIZE "\"33M\""},
	{"[machine]\nmemory = \"5T\"", "4:10: machine.memory: " SIZE "\"5T\""},
	{"[machine]\nmemory = \"512m\"", "4:10: machine.memory: " SIZE "\"512m\""},
	{"[machine]\nmemory = \"512MB\"", "4:10: machine.memory: " SIZE "\"512MB\""},
	{"[machine]\nmemory = \"M\"", "4:10: machine.memory: " SIZE "\"M\""},
	{"[machine]\nmemory = \"-1G\"", "4:10: machine.memory: " SIZE "\"-1G\""},
	{"[machine]\nmemory = \"16777216T\"", "4:10: machine.memory: " SIZE "\"16777216T\""},
	{"[machine]\nmemory = \"512M\\u0000\"", "4:10: machine.memory: " SIZE "\"512M\""},
	{"[machine]\nmemory = -1", "4:10: machine.memory: " SIZE "-1"},
	/* of any size: nothing is said of steps */
	{"[[disk]]\npath = \"a\"\nbandwidth = \"2T\"", "5:13: disk[0].bandwidth: " RATE "\"2T\""},
	{"[[net]]\ntap = \"a\"\nrx-bandwidth = -1", "5:16: net[0].rx-bandwidth: " RATE "-1"},
	{"[[net]]\ntap = \"a\"\ntx-bandwidth = true",
	 "5:16: net[0].tx-bandwidth: " RATE "a boolean"},
	/* choices */
	{"[snp]\nvcpu-type = \"EPYC-v99\"", "4:13: snp.vcpu-type: " CPU "\"EPYC-v99\""},
	{"[snp]\nvcpu-type = \"EPYC-v6\"", "4:13: snp.vcpu-type: " CPU "\"EPYC-v6\""},
	{"[snp]\nvcpu-type = \"EPYC-v0\"", "4:13: snp.vcpu-type: " CPU "\"EPYC-v0\""},
	{"[snp]\nvcpu-type = \"EPYC-v01\"", "4:13: snp.vcpu-type: " CPU "\"EPYC-v01\""},
	{"[snp]\nvcpu-type = \"EPYC-v\"", "4:13: snp.vcpu-type: " CPU "\"EPYC-v\""},
	{"[snp]\nvcpu-type = \"EPYC-v1x\"", "4:13: snp.vcpu-type: " CPU "\"EPYC-v1x\""},
	{"[snp]\nvcpu-type = \"EPYC-v4294967297\"",
	 "4:13: snp.vcpu-type: " CPU "\"EPYC-v4294967297\""},
	{"[snp]\nvcpu-type = \"EPYC-IBPB-v1\"", "4:13: snp.vcpu-type: " CPU "\"EPYC-IBPB-v1\""},
	{"[snp]\nvcpu-type = \"EPYC-Turin-v2\"", "4:13: snp.vcpu-type: " CPU "\"EPYC-Turin-v2\""},
	{"[machine]\ncc = \"sev\"", "4:6: machine.cc: " CC "\"sev\""},
	{"[machine]\ncc = \"\"", "4:6: machine.cc: " CC "\"\""},
	{"[machine]\ncc = \"snp-v1\"", "4:6: machine.cc: " CC "\"snp-v1\""},
	{"[machine]\ncc = false", "4:6: machine.cc: " CC "a boolean"},
	{"[machine]\nmemory-mode = \"x\"",
	 "4:15: machine.memory-mode: expected \"auto\", \"in-place\", \"split\" or \"shared\", "
	 "found \"x\""},
	{"[machine]\non-reboot = \"x\"",
	 "4:13: machine.on-reboot: expected \"exit\" or \"relaunch\", found \"x\""},
	{"[log]\nlevel = 3",
	 "4:9: log.level: expected \"error\", \"warn\", \"info\", \"debug\" or \"trace\", found 3"},
	/* hexadecimal bytes */
	{"[snp]\nhost-data = \"00\"",
	 "4:13: snp.host-data: expected 64 hexadecimal digits, found 2"},
	{"[snp]\nhost-data = \"0x00\"",
	 "4:13: snp.host-data: expected a string of 64 hexadecimal digits, found \"0x00\""},
	{"[tdx]\nmrconfigid = 1",
	 "4:14: tdx.mrconfigid: expected a string of 96 hexadecimal digits, found 1"},
	{"[tdx]\nmrowner = \"\"", "4:11: tdx.mrowner: expected 96 hexadecimal digits, found 0"},
	{"[tdx]\nmrownerconfig = \"0\"",
	 "4:17: tdx.mrownerconfig: expected 96 hexadecimal digits, found 1"},
	/* strings and paths */
	{"initrd = 1", "3:10: boot.initrd: expected a path, found 1"},
	{"initrd = \"\"", "3:10: boot.initrd: expected a path, found nothing"},
	{"initrd = \"a\\u0000b\"",
	 "3:10: boot.initrd: must not hold control characters, but has 0x00"},
	{"cmdline = \"a\\nb\"",
	 "3:11: boot.cmdline: must not hold control characters, but has 0x0a"},
	{"[[net]]\ntap = \"\"", "4:7: net[0].tap: must not be empty"},
	{"[[net]]\ntap = \"0123456789abcdef\"",
	 "4:7: net[0].tap: expected a string of at most 15 bytes, found \"0123456789abcdef\""},
	{"[[net]]\ntap = \"t\"\nmac = \"52:54:00:12:34\"",
	 "5:7: net[0].mac: " MAC "\"52:54:00:12:34\""},
	{"[[net]]\ntap = \"t\"\nmac = \"52-54-00-12-34-56\"",
	 "5:7: net[0].mac: " MAC "\"52-54-00-12-34-56\""},
	{"[[net]]\ntap = \"t\"\nmac = \"52:54:00:12:34:5g\"",
	 "5:7: net[0].mac: " MAC "\"52:54:00:12:34:5g\""},
	{"[[net]]\ntap = \"t\"\nmac = \"53:54:00:12:34:56\"",
	 "5:7: net[0].mac: " MAC "\"53:54:00:12:34:56\""},
	{"[[net]]\ntap = \"t\"\nmac = \"00:00:00:00:00:00\"",
	 "5:7: net[0].mac: " MAC "\"00:00:00:00:00:00\""},
	{"[serial]\noutput = \"stdout\"", "4:10: serial.output: " OUTPUT "\"stdout\""},
	{"[serial]\noutput = \"\"", "4:10: serial.output: " OUTPUT "\"\""},
	{"[serial]\noutput = \"file:\"", "4:10: serial.output: expected a path, found nothing"},
	{"[serial]\noutput = \"unix:\"", "4:10: serial.output: expected a path, found nothing"},
	{"[tdx]\nquote-socket = \"vsock:2\"", "4:16: tdx.quote-socket: " ENDPOINT "\"vsock:2\""},
	{"[tdx]\nquote-socket = \"vsock:\"", "4:16: tdx.quote-socket: " ENDPOINT "\"vsock:\""},
	{"[tdx]\nquote-socket = \"vsock:2:\"", "4:16: tdx.quote-socket: " ENDPOINT "\"vsock:2:\""},
	{"[tdx]\nquote-socket = \"vsock:2:4050:1\"",
	 "4:16: tdx.quote-socket: " ENDPOINT "\"vsock:2:4050:1\""},
	{"[tdx]\nquote-socket = \"vsock:-1:4050\"",
	 "4:16: tdx.quote-socket: " ENDPOINT "\"vsock:-1:4050\""},
	{"[tdx]\nquote-socket = \"vsock: 2:4050\"",
	 "4:16: tdx.quote-socket: " ENDPOINT "\"vsock: 2:4050\""},
	{"[tdx]\nquote-socket = \"vsock:4294967296:1\"",
	 "4:16: tdx.quote-socket: " ENDPOINT "\"vsock:4294967296:1\""},
	{"[tdx]\nquote-socket = \"vsock:2:4050 \"",
	 "4:16: tdx.quote-socket: " ENDPOINT "\"vsock:2:4050 \""},
	{"[tdx]\nquote-socket = \"vsock:0x2:1\"",
	 "4:16: tdx.quote-socket: " ENDPOINT "\"vsock:0x2:1\""},
	{"[tdx]\nquote-socket = \"\"", "4:16: tdx.quote-socket: expected a path, found nothing"},
	{"[tdx]\nquote-socket = \"" LONG LONG "\"",
	 "4:16: tdx.quote-socket: a Unix socket's path has at most 107 bytes, this has 196"},
	{"[tdx]\nquote-socket = \"vsock:2:x\"",
	 "4:16: tdx.quote-socket: " ENDPOINT "\"vsock:2:x\""},
	{"[tdx]\nquote-socket = \"vsock::1\"", "4:16: tdx.quote-socket: " ENDPOINT "\"vsock::1\""},
	{"[tdx]\nquote-socket = \"vsock:2:4294967296\"",
	 "4:16: tdx.quote-socket: " ENDPOINT "\"vsock:2:4294967296\""},
	{"[[net]]\nsocket = \"" LONG LONG "\"",
	 "4:10: net[0].socket: a Unix socket's path has at most 107 bytes, this has 196"},
	{"[serial]\noutput = \"unix:" LONG LONG "\"",
	 "4:10: serial.output: a Unix socket's path has at most 107 bytes, this has 196"},
	/* the virtio socket appends "_PORT" to it */
	{"[vsock]\npath = \"" LONG "\"",
	 "4:8: vsock.path: this socket's path has at most 96 bytes, since port numbers are appended "
	 "to it, and here it has 98"},
	{"[vsock]\npath = \"" LONG "/2345678\"",
	 "4:8: vsock.path: this socket's path has at most 96 bytes, since port numbers are appended "
	 "to it, and here it has 106"},
	/* elements */
	{"disk = [1]", "3:1: unknown key 'disk' in [boot]"},
	/* what excludes what */
	{"igvm = \"g\"", "2:1: boot.kernel: an IGVM file brings its own: remove this or igvm"},
	{"[machine]\ncc = \"snp\"\nmemory-mode = \"shared\"",
	 "5:1: machine.memory-mode: a confidential VM needs private memory: not \"shared\""},
	{"[machine]\nmemory-mode = \"split\"",
	 "4:1: machine.memory-mode: a plain VM has no private memory: it is \"shared\""},
	{"[machine]\ncc = \"snp\"\nhugepages = true",
	 "5:1: machine.hugepages: guest_memfd, which a confidential VM needs, has no huge pages"},
	{"[machine]\nmemory-mode = \"in-place\"\nhugepages = \"reserved\"",
	 "5:1: machine.hugepages: guest_memfd, which memory-mode asks for, has no huge pages"},
	{"[snp]\nvcpu-sig = 1\nvcpu-type = \"EPYC\"",
	 "4:1: snp.vcpu-sig: says the same as vcpu-type: remove one of them"},
	{"[snp]\nhost-data-file = \"h\"\nhost-data = \"00000000000000000000000000000000000000000000"
	 "00000000000000000000\"",
	 "4:1: snp.host-data-file: says the same as host-data: remove one of them"},
	{"[tdx]\nmrconfigid-file = \"h\"\nmrconfigid = \"0000000000000000000000000000000000000000000"
	 "00000000000000000000000000000000000000000000000000000\"",
	 "4:1: tdx.mrconfigid-file: says the same as mrconfigid: remove one of them"},
	{"[machine]\ncc = \"snp\"\n[snp]\npolicy = 0",
	 "6:1: snp.policy: bit 17 must be 1, as in 0x30000"},
	{"[machine]\ncc = \"auto\"\n[snp]\npolicy = 0xd0000",
	 "6:1: snp.policy: bit 17 must be 1, as in 0x30000"},
	{"[snp]\nid-block = \"b\"", "4:1: snp.id-block: needs id-auth, which signs it"},
	{"[snp]\nid-auth = \"b\"", "4:1: snp.id-auth: needs id-block, which it signs"},
	/* what is there twice */
	{"[[disk]]\npath = \"a\"\nreadonly = true\n[[disk]]\npath = \"a\"",
	 "7:1: disk[1].path: disk[0] is the same and one of them is writable"},
	{"[[net]]\ntap = \"t\"\n[[net]]\ntap = \"t\"", "6:1: net[1].tap: net[0] uses it already"},
	{"[[net]]\ntap = \"t\"\nmac = \"aa:00:00:00:00:00\"\n[[net]]\ntap = \"u\"\n"
	 "mac = \"AA:00:00:00:00:00\"",
	 "8:1: net[1].mac: net[0] has it already"},
	{"[vsock]\npath = \"s\"\n[serial]\noutput = \"unix:s\"",
	 "4:1: vsock.path: serial.output is the same socket"},
	/* what is missing */
	{"[[disk]]\npath = \"a\"\n[[disk]]\nreadonly = true", "5:3: disk[1].path: missing"},
	{"[[net]]\n", "3:3: net[0].tap: missing, and so are fd and socket: one of them is needed"},
	{"[[net]]\ntap = \"t\"\nfd = 3",
	 "5:1: net[0].fd: only one of tap, fd and socket can be used: remove the others"},
	{"[[net]]\nsocket = \"s\"\nfd = 3",
	 "4:1: net[0].socket: only one of tap, fd and socket can be used: remove the others"},
	{"[[net]]\ntap = \"t\"\nmtu = 67",
	 "5:7: net[0].mtu: expected 0 or an integer from 68 to 65535, found 67"},
	{"[[net]]\nfd = 3\nqueues = 2",
	 "5:1: net[0].queues: more than one needs a tap interface by name"},
	{"[[net]]\nsocket = \"s\"\nvhost = \"on\"",
	 "5:1: net[0].vhost: is for tap interfaces, not for sockets"},
	{"[[net]]\ntap = \"t\"\nvhost = \"on\"\nrx-bandwidth = \"1M\"",
	 "5:1: net[0].vhost: knows no limits of bandwidth: remove those, or this"},
	{"[machine]\ncc = \"auto\"\n[[net]]\ntap = \"t\"\nvhost = \"on\"",
	 "7:1: net[0].vhost: a VM with private memory cannot have it: the kernel would not know "
	 "which pages are shared"},
	{"[[net]]\nfd = 3\n[[net]]\nfd = 3", "6:1: net[1].fd: net[0] uses it already"},
	{"[[net]]\nsocket = \"s\"\n[[net]]\nsocket = \"s\"",
	 "6:1: net[1].socket: net[0] uses it already"},
	{"[vsock]\ncid = 3", "3:2: vsock.path: missing"},
};

START_TEST(fault_says_where_what_and_what_helps)
{
	char text[600], fault[VMM_ERROR_TEXT];
	struct reading r;

	snprintf(text, sizeof(text), BOOT "%s\n", cases[_i].text);
	snprintf(fault, sizeof(fault), "f:%s", cases[_i].fault);
	read_text(&r, text);
	ck_assert_str_eq(r.faults[0], fault);
	ck_assert_uint_eq(r.nfaults, 1);
	config_clear(&r.config);
}
END_TEST

/* The whole document. */
static const struct {
	const char *text, *fault;
} documents[] = {
	{"", "1:1: boot: nothing to start: kernel, firmware or igvm is needed"},
	{"[machine]\n[boot]\n", "2:2: boot: nothing to start: kernel, firmware or igvm is needed"},
	{"[boot]\nfirmware = \"f\"\ninitrd = \"i\"",
	 "3:1: boot.initrd: has no use without a kernel"},
	{"[boot]\nfirmware = \"f\"\ncmdline = \"c\"",
	 "3:1: boot.cmdline: has no use without a kernel"},
	{"[boot]\nigvm = \"f\"\ndevice-tree = true",
	 "3:1: boot.device-tree: has no use without a kernel"},
	{"[boot]\nigvm = \"f\"\nfirmware = \"f\"",
	 "3:1: boot.firmware: an IGVM file brings its own: remove this or igvm"},
	{"memory = 1\n" BOOT, "1:1: unknown key 'memory': it belongs in [machine]"},
	{"cmdlin = 1\n" BOOT, "1:1: unknown key 'cmdlin'"},
	{"machine = 3\n" BOOT, "1:1: machine must be written as [machine]"},
	{"disk = 3\n" BOOT, "1:1: disk must be written as [[disk]]"},
	{"disk = [1]\n" BOOT, "1:9: disk: expected a table, found an integer"},
};

START_TEST(fault_of_a_whole_document_says_where_and_what)
{
	char fault[VMM_ERROR_TEXT];
	struct reading r;

	snprintf(fault, sizeof(fault), "f:%s", documents[_i].fault);
	read_text(&r, documents[_i].text);
	ck_assert_str_eq(r.faults[0], fault);
	ck_assert_uint_eq(r.nfaults, 1);
	config_clear(&r.config);
}
END_TEST

START_TEST(good_combinations_are_no_faults)
{
	static const char *const texts[] = {
		"[boot]\nfirmware = \"f\"\n",
		"[boot]\nigvm = \"g\"\ncmdline = \"c\"\n",
		"[boot]\nfirmware = \"f\"\nkernel = \"k\"\ninitrd = \"i\"\ncmdline = \"c\"\n",
		BOOT "[[disk]]\npath = \"a\"\nreadonly = true\n"
		     "[[disk]]\npath = \"a\"\nreadonly = true\n",
		BOOT "[[net]]\ntap = \"a\"\n[[net]]\ntap = \"b\"\n",
		BOOT "[machine]\nmemory-mode = \"shared\"\n",
		BOOT "[machine]\ncc = \"auto\"\nmemory-mode = \"in-place\"\n",
		BOOT "[snp]\nid-block = \"a\"\nid-auth = \"b\"\n",
		BOOT "[vsock]\npath = \"b\"\n[serial]\n"
		     "output = \"unix:c\"\n",
		BOOT "[[net]]\nsocket = \"" LONG "/23456789\"\n", /* 107 bytes */
		BOOT "[[net]]\ntap = \"t\"\nmtu = 68\n[[net]]\ntap = \"u\"\nmtu = 0\n",
		BOOT "[snp]\npolicy = 0\n", /* of no VM of this kind */
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct reading r;

		read_good(&r, texts[i]);
		config_clear(&r.config);
	}
}
END_TEST

START_TEST(all_faults_are_reported_at_once_in_the_order_of_lines)
{
	static const char text[] = "[snp]\n"
				   "vcpu-sig = 1\n" /* 2: excludes 3, found last */
				   "vcpu-type = \"EPYC\"\n"
				   "[machine]\n"
				   "vcpus = 0\n"     /* 5: range */
				   "memory = 512M\n" /* 6: syntax */
				   "cc = \"sev\"\n"  /* 7: choice */
				   "gracee = 1\n"    /* 8: name */
				   "[serial]\n"
				   "output = 1\n"	 /* 10: type */
				   "output = \"null\"\n" /* 11: twice */
				   "[machine.x]\n"	 /* 12: name, in a table from above */
				   "[loog]\n";		 /* 13: table */
	static const unsigned int lines[] = {2, 5, 6, 7, 8, 10, 11, 12, 13};
	struct reading r;

	read_text(&r, text);
	ck_assert_uint_eq(r.nfaults, ARRAY_SIZE(lines));
	for (size_t i = 0; i < r.nfaults; i++) {
		unsigned int line = 0;

		ck_assert_int_eq(sscanf(r.faults[i], "f:%u:", &line), 1);
		ck_assert_uint_eq(line, lines[i]);
	}
	config_clear(&r.config);
}
END_TEST

START_TEST(nothing_is_called_missing_that_was_misspelt)
{
	struct reading r;

	read_text(&r, "[boot]\nkernal = \"k\"\n[[disk]]\npth = \"a\"\n");
	ck_assert_uint_eq(r.nfaults, 2);
	ck_assert_str_eq(r.faults[0],
			 "f:2:1: unknown key 'kernal' in [boot]: did you mean 'kernel'?");
	ck_assert_str_eq(r.faults[1], "f:4:1: unknown key 'pth' in [[disk]]: did you mean 'path'?");
	config_clear(&r.config);
}
END_TEST

START_TEST(too_many_faults_are_counted)
{
	char text[4000] = BOOT "[machine]\n";
	struct reading r;

	for (int i = 0; i < 150; i++)
		sprintf(text + strlen(text), "unknown%d = 1\n", i);
	read_text(&r, text);
	ck_assert_uint_eq(r.nfaults, 101);
	ck_assert_str_eq(r.faults[100], "f:103:1: 50 more faults are not shown");
	config_clear(&r.config);
}
END_TEST

START_TEST(too_many_elements_are_refused)
{
	char text[2000] = BOOT;
	struct reading r;

	for (int i = 0; i < CONFIG_MAX_DISKS; i++)
		sprintf(text + strlen(text), "[[disk]]\npath = \"%d\"\n", i);
	read_good(&r, text);
	ck_assert_uint_eq(r.config.ndisks, CONFIG_MAX_DISKS);
	config_clear(&r.config);
	strcat(text, "[[disk]]\npath = \"x\"\n[[disk]]\npath = \"y\"\n");
	read_text(&r, text);
	ck_assert_uint_eq(r.nfaults, 1);
	ck_assert_str_eq(r.faults[0], "f:35:3: more than 16 tables [[disk]]");
	config_clear(&r.config);
}
END_TEST

START_TEST(long_foreign_text_is_cut_at_a_character)
{
	struct reading r;

	read_text(&r, BOOT "[machine]\ncc = \"0123456789012345678901234567890123456789x\"\n"
			   "[log]\nlevel = \"012345678901234567890123456789012345678éx\"\n");
	ck_assert_uint_eq(r.nfaults, 2);
	ck_assert_ptr_nonnull(
		strstr(r.faults[0], "found \"0123456789012345678901234567890123456789\""));
	ck_assert_ptr_nonnull(
		strstr(r.faults[1], "found \"012345678901234567890123456789012345678\""));
	config_clear(&r.config);
}
END_TEST

SUITE(test_config_faults)
{
	Suite *suite = suite_create("config_faults");
	TCase *tc = tcase_create("faults");

	tcase_add_loop_test(tc, fault_says_where_what_and_what_helps, 0, ARRAY_SIZE(cases));
	tcase_add_loop_test(tc, fault_of_a_whole_document_says_where_and_what, 0,
			    ARRAY_SIZE(documents));
	tcase_add_test(tc, good_combinations_are_no_faults);
	tcase_add_test(tc, all_faults_are_reported_at_once_in_the_order_of_lines);
	tcase_add_test(tc, nothing_is_called_missing_that_was_misspelt);
	tcase_add_test(tc, too_many_faults_are_counted);
	tcase_add_test(tc, too_many_elements_are_refused);
	tcase_add_test(tc, long_foreign_text_is_cut_at_a_character);
	suite_add_tcase(suite, tc);
	return suite;
}
