// SPDX-License-Identifier: MIT
/*
 * Checks a KVM_SOFTCC test-rig kernel from user space.  Prints TAP.
 * Build:  cc -O2 -Wall -static -pthread -o softcc-selftest softcc-selftest.c
 * Run as root on the rig.  Changes kvm.softcc_* parameters while running.
 * All numbers of the newer kernel interfaces are written out on purpose, so
 * that they're checked independently of any installed header.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PG   4096ul
#define PRIV 8ull

struct gmem_create {
	uint64_t size, flags, rsvd[6];
};
struct attrs1 {
	uint64_t address, size, attributes, flags;
};
struct attrs2 {
	uint64_t offset, size, attributes, flags, error_offset, rsvd[11];
};
struct region2 {
	uint32_t slot, flags;
	uint64_t gpa, size, uaddr, gmem_off;
	uint32_t gmem, pad1;
	uint64_t pad2[14];
};
struct sev_cmd {
	uint32_t id, pad;
	uint64_t data;
	uint32_t error, fd;
};
struct sev_init {
	uint64_t vmsa_features;
	uint32_t flags;
	uint16_t ghcb, pad1;
	uint32_t pad2[8];
};
struct snp_start {
	uint64_t policy;
	uint8_t gosvw[16];
	uint16_t flags;
	uint8_t pad0[6];
	uint64_t pad1[4];
};
struct snp_update {
	uint64_t gfn, uaddr, len;
	uint8_t type, pad0;
	uint16_t flags;
	uint32_t pad1;
	uint64_t pad2[4];
};
struct snp_finish {
	uint64_t id_block, id_auth;
	uint8_t id_block_en, auth_key_en, vcek_disabled, host_data[32], pad0[3];
	uint16_t flags;
	uint64_t pad1[4];
};
struct snp_id_block {
	uint8_t ld[48], family[16], image[16];
	uint32_t version, svn;
	uint64_t policy;
};
struct tdx_cmd {
	uint32_t id, flags;
	uint64_t data, hw_error;
};
struct tdx_region {
	uint64_t src, gpa, nr;
};
struct cpuid_ent {
	uint32_t fn, idx, flags, eax, ebx, ecx, edx, pad[3];
};
struct tdx_caps {
	uint64_t attrs, xfam, info[4], rsvd[250];
	uint32_t nent, pad;
	struct cpuid_ent e[64];
};
struct tdx_init {
	uint64_t attrs, xfam, id[18], rsvd[12];
	uint32_t nent, pad;
	struct cpuid_ent e[16];
};

#define IO_CREATE_GMEM _IOWR(KVMIO, 0xd4, struct gmem_create)
#define IO_SET_REGION2 _IOW(KVMIO, 0x49, struct region2)
#define IO_ATTRS1      _IOW(KVMIO, 0xd2, struct attrs1)
#define IO_ATTRS2      _IOWR(KVMIO, 0xd2, struct attrs2)
#define IO_ENC	       0xc008aebaul
#define IO_PREFAULT    0xc040aed5ul

static int kvm, sev, ntest, nfail;

static void check(int good, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++ntest, what);
	if (!good) {
		nfail++;
		printf("# errno at the failure: %d (%s)\n", errno, strerror(errno));
	}
	fflush(stdout);
}
/* the call must fail with exactly this errno */
#define FAILS(call, e, what)                           \
	do {                                           \
		errno = 0;                             \
		long r_ = (long)(call);                \
		check(r_ == -1 && errno == (e), what); \
	} while (0)
#define WORKS(call, what)               \
	do {                            \
		errno = 0;              \
		long r_ = (long)(call); \
		check(r_ >= 0, what);   \
	} while (0)

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(2);
}

static void param(const char *mod, const char *name, int v)
{
	char path[128], b[16];
	int fd, n = sprintf(b, "%d", v);

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", mod, name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, b, n) != n)
		die(path);
	close(fd);
}

/* ------------------------------------------------------------- SHA-384 */
static const uint64_t K[80] = {
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
	0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
	0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
	0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
	0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
	0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
	0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
	0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
	0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
	0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
	0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
	0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
	0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
	0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
	0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
	0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
	0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};
struct sha {
	uint64_t h[8], n;
	uint8_t b[128];
};
static uint64_t ror(uint64_t x, int n)
{
	return x >> n | x << (64 - n);
}
static void sha_block(struct sha *s, const uint8_t *p)
{
	uint64_t w[80], v[8];
	for (int i = 0; i < 16; i++) {
		w[i] = 0;
		for (int j = 0; j < 8; j++)
			w[i] = w[i] << 8 | p[i * 8 + j];
	}
	for (int i = 16; i < 80; i++)
		w[i] = (ror(w[i - 2], 19) ^ ror(w[i - 2], 61) ^ w[i - 2] >> 6) + w[i - 7] +
		       (ror(w[i - 15], 1) ^ ror(w[i - 15], 8) ^ w[i - 15] >> 7) + w[i - 16];
	memcpy(v, s->h, 64);
	for (int i = 0; i < 80; i++) {
		uint64_t t1 = v[7] + (ror(v[4], 14) ^ ror(v[4], 18) ^ ror(v[4], 41)) +
			      ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i];
		uint64_t t2 = (ror(v[0], 28) ^ ror(v[0], 34) ^ ror(v[0], 39)) +
			      ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 56);
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		s->h[i] += v[i];
}
static void sha_init(struct sha *s)
{
	static const uint64_t iv[8] = {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17,
				       0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511,
				       0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4};
	memcpy(s->h, iv, 64);
	s->n = 0;
}
static void sha_add(struct sha *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	while (len--) {
		s->b[s->n++ % 128] = *p++;
		if (s->n % 128 == 0)
			sha_block(s, s->b);
	}
}
static void sha_end(struct sha *s, uint8_t out[48])
{
	uint64_t bits = s->n * 8;
	uint8_t c = 0x80, len[16] = {};
	for (int i = 0; i < 8; i++)
		len[15 - i] = bits >> 8 * i;
	sha_add(s, &c, 1);
	c = 0;
	while (s->n % 128 != 112)
		sha_add(s, &c, 1);
	sha_add(s, len, 16);
	for (int i = 0; i < 48; i++)
		out[i] = s->h[i / 8] >> (56 - 8 * (i % 8));
}
static void sha384(const void *p, size_t n, uint8_t out[48])
{
	struct sha s;
	sha_init(&s);
	sha_add(&s, p, n);
	sha_end(&s, out);
}

/* ------------------------------------------------------------- helpers */
static int vm_new(int type)
{
	int fd = ioctl(kvm, KVM_CREATE_VM, (long)type);
	if (fd < 0)
		die("KVM_CREATE_VM");
	return fd;
}
static int cap(int fd, long c)
{
	return ioctl(fd, KVM_CHECK_EXTENSION, c);
}
static int gmem_new(int vm, uint64_t size, uint64_t flags)
{
	struct gmem_create g = {.size = size, .flags = flags};
	return ioctl(vm, IO_CREATE_GMEM, &g);
}
static uint8_t *gmem_map(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("mmap of guest_memfd");
	return p;
}
static uint64_t err_off;
static int abi5; /* kernel set to revision 5, which wants error_offset 0 */
static int convert(int fd, uint64_t off, uint64_t size, uint64_t attr, uint64_t flags)
{
	struct attrs2 a = {.offset = off,
			   .size = size,
			   .attributes = attr,
			   .flags = flags,
			   .error_offset = abi5 ? 0 : ~0ull};
	int r = ioctl(fd, IO_ATTRS2, &a), e = errno;
	err_off = a.error_offset;
	errno = e;
	return r;
}
static void set_abi(int v)
{
	param("kvm", "softcc_gmem_abi", v);
	abi5 = v == 5;
}
static int slot(int vm, int n, uint64_t gpa, uint64_t size, void *ua, int gmem, uint64_t off)
{
	struct region2 r = {.slot = n,
			    .flags = 4,
			    .gpa = gpa,
			    .size = size,
			    .uaddr = (uint64_t)ua,
			    .gmem = gmem,
			    .gmem_off = off};
	return ioctl(vm, IO_SET_REGION2, &r);
}
/* touches an address in a child; returns the signal it died of, or 0 */
static int touch(volatile uint8_t *p, int write)
{
	int st;
	pid_t pid = fork();
	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		if (write)
			*p = 1;
		else
			(void)*p;
		_exit(0);
	}
	waitpid(pid, &st, 0);
	return WIFSIGNALED(st) ? WTERMSIG(st) : 0;
}
static struct kvm_run *vcpu_run_area(int v)
{
	int sz = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *p = mmap(NULL, sz, PROT_READ | PROT_WRITE, MAP_SHARED, v, 0);
	if (p == MAP_FAILED)
		die("mmap vcpu");
	return p;
}
static uint32_t io_value(struct kvm_run *r)
{
	uint32_t v = 0;
	if (r->exit_reason != KVM_EXIT_IO || r->io.direction != KVM_EXIT_IO_OUT)
		return ~0u;
	memcpy(&v, (uint8_t *)r + r->io.data_offset, r->io.size);
	return v;
}
/* fields past what old headers know */
static uint64_t run64(struct kvm_run *r, int off)
{
	uint64_t v;
	memcpy(&v, (uint8_t *)r + off, 8);
	return v;
}
static int io_is(int v, struct kvm_run *r, uint32_t val, const char *what)
{
	int ret = ioctl(v, KVM_RUN, 0), good = !ret && io_value(r) == val;
	check(good, what);
	if (!good)
		printf("# run %d exit %u value %#x wanted %#x\n", ret, r->exit_reason, io_value(r),
		       val);
	return good;
}
static int kernel_digest(const char *kind, uint8_t out[48])
{
	static char buf[1 << 20];
	char key[64], *p, *last = NULL;
	int n = klogctl(3, buf, sizeof(buf) - 1);

	if (n < 0)
		return -1;
	buf[n] = 0;
	snprintf(key, sizeof(key), "softcc: %s vm pid=%d launch measurement ", kind, getpid());
	for (p = buf; (p = strstr(p, key)); p++)
		last = p + strlen(key);
	if (!last || strspn(last, "0123456789abcdef") != 96)
		return -1;
	for (int i = 0; i < 48; i++) {
		unsigned x;
		sscanf(last + 2 * i, "%2x", &x);
		out[i] = x;
	}
	return 0;
}
static void digest_is(const char *kind, const uint8_t want[48], const char *what)
{
	uint8_t got[48] = {};
	int good = !kernel_digest(kind, got) && !memcmp(got, want, 48);
	check(good, what);
	if (!good) {
		printf("# got  ");
		for (int i = 0; i < 48; i++)
			printf("%02x", got[i]);
		printf("\n# want ");
		for (int i = 0; i < 48; i++)
			printf("%02x", want[i]);
		puts("");
	}
}

/* ---------------------------------------------------------- guest code */
/* Real mode, ds = cs = 0.  0x2000 holds data, 0x3000 and 0x4000 get converted. */
asm(".pushsection .rodata\n.code16\n.globl guest16, guest16_end\nguest16:\n"
    "mov $0x3f8,%dx; mov $'K',%al; out %al,%dx\n"
    "mov $12,%eax; mov $0x3000,%ebx; mov $1,%ecx; xor %edx,%edx; vmmcall\n"
    "mov $0x80,%dx; out %eax,%dx\n"
    "movl $0x12345678,0x3000\n"
    "mov 0x2000,%eax; mov $0x80,%dx; out %eax,%dx\n"
    "mov $0x5cc,%eax; mov $0x4000,%ebx; mov $1,%ecx; mov $1,%edx; vmmcall\n"
    "mov $0x80,%dx; out %eax,%dx\n"
    "movl $0xcafe,0x4000\n"
    "mov $'F',%al; mov $0x3f8,%dx; out %al,%dx\n"
    "mov $12,%eax; mov $0x3000,%ebx; mov $1,%ecx; mov $0x10,%edx; vmmcall\n"
    "movl $0x55aa55aa,0x3000; mov 0x3000,%eax; mov $0x80,%dx; out %eax,%dx\n"
    "mov $0x3f8,%dx; mov $'E',%al; out %al,%dx\n1: hlt; jmp 1b\n"
    "guest16_end:\n.code64\n.popsection");
extern const uint8_t guest16[], guest16_end[];
/* 32-bit flat, entered by a jump from 0xfffffff0; same steps, plus the registers */
asm(".pushsection .rodata\n.code32\n.globl guest32, guest32_end\nguest32:\n"
    "mov $0x80,%edx; mov %ebx,%eax; out %eax,%dx; mov %ecx,%eax; out %eax,%dx; mov %esi,%eax; out %eax,%dx; mov %cr4,%eax; out %eax,%dx\n"
    "mov $12,%eax; mov $0x3000,%ebx; mov $1,%ecx; xor %edx,%edx; vmmcall\n"
    "mov $0x80,%edx; out %eax,%dx\n"
    "movl $0x12345678,0x3000\n"
    "mov 0x2000,%eax; out %eax,%dx\n"
    "mov $0x5cc,%eax; mov $0x4000,%ebx; mov $1,%ecx; mov $1,%edx; vmmcall\n"
    "movl $0xcafe,0x4000\n"
    "mov $0x3f8,%edx; mov $'F',%al; out %al,%dx\n1: hlt; jmp 1b\n"
    "guest32_end:\n.code64\n.popsection");
extern const uint8_t guest32[], guest32_end[];

/* 64-bit: the first 2 MiB with the C-bit, mapped again at 2 MiB without it */
asm(".pushsection .rodata\n.code64\n.globl guest64, guest64_end\nguest64:\n"
    "mov $0x80,%edx; mov 0x2000,%eax; out %eax,%dx\n"
    "movl $0x1111,0x203000; mov $'S',%eax; out %eax,%dx\n"
    "movl $0x2222,0x4000; mov $'P',%eax; out %eax,%dx\n1: hlt; jmp 1b\n"
    "guest64_end:\n.popsection");
extern const uint8_t guest64[], guest64_end[];

/* 32-bit code under four-level paging; 2 MiB and up is the shared alias */
asm(".pushsection .rodata\n.code32\n.globl guestpg, guestpg_end\nguestpg:\n"
    "mov $0x9000,%eax; mov %eax,%cr3; mov %cr4,%eax; or $0x20,%eax; mov %eax,%cr4\n"
    "mov %cr0,%eax; or $0x80000000,%eax; mov %eax,%cr0\n"
    "mov $0x80,%edx; mov 0x2000,%eax; out %eax,%dx\n"
    "movl $0x1111,0x203000; mov $'S',%eax; out %eax,%dx\n"
    "movl $0x2222,0x4000; mov $'P',%eax; out %eax,%dx\n1: hlt; jmp 1b\n"
    "guestpg_end:\n.code64\n.popsection");
extern const uint8_t guestpg[], guestpg_end[];

/* ------------------------------------------------------- A: guest_memfd */
static void test_gmem(void)
{
	int vm = vm_new(1), fd, p[2], v;
	uint8_t *m, b[16] = {};
	struct kvm_run *run;

	printf("# A: guest_memfd in-place conversion, software-protected VM\n");
	check(cap(vm, 244) == 3, "KVM_CAP_GUEST_MEMFD_FLAGS (244) is MMAP|INIT_SHARED");
	check(cap(vm, 250) == 8, "KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES (250) is PRIVATE");
	check(cap(vm, 233) == 8, "KVM_CAP_MEMORY_ATTRIBUTES still offered in hybrid mode");
	check(IO_ATTRS2 == 0xc080aed2ul && sizeof(struct attrs2) == 128,
	      "KVM_SET_MEMORY_ATTRIBUTES2 is 0xc080aed2");
	FAILS(gmem_new(vm, 4 * PG, 4), EINVAL, "unknown creation flag");
	fd = gmem_new(vm, 4 * PG, 0);
	check(mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV,
	      "mmap without the MMAP flag: ENODEV");
	FAILS(convert(fd, 0, PG, PRIV, 0), ENOTTY, "conversion of a legacy file: ENOTTY");
	close(fd);

	fd = gmem_new(vm, 8 * PG, 3);
	WORKS(fd, "create with MMAP|INIT_SHARED");
	check(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL,
	      "MAP_PRIVATE: EINVAL");
	m = gmem_map(fd, 8 * PG);
	check(!m[5 * PG], "fresh shared page reads zero");
	for (int i = 0; i < 4; i++)
		m[i * PG] = 0x10 + i;
	FAILS(convert(fd, 0, 0, PRIV, 0), EINVAL, "size 0");
	FAILS(convert(fd, 1, PG, PRIV, 0), EINVAL, "unaligned offset");
	FAILS(convert(fd, 0, PG + 1, PRIV, 0), EINVAL, "unaligned size");
	FAILS(convert(fd, 7 * PG, 2 * PG, PRIV, 0), EINVAL, "beyond the end");
	FAILS(convert(fd, -PG, PG, PRIV, 0), EINVAL, "wrapping range");
	FAILS(convert(fd, 0, PG, 4, 0), EINVAL, "unknown attribute");
	FAILS(convert(fd, 0, PG, PRIV, 2), EINVAL, "PRESERVE is unknown to revision 8");
	check(err_off == ~0ull, "error_offset untouched by argument errors");
	{
		struct attrs2 a = {.size = PG, .attributes = PRIV, .rsvd = {1}};
		FAILS(ioctl(fd, IO_ATTRS2, &a), EINVAL, "reserved field set");
	}
	FAILS(ioctl(fd, 0xae01, 0), ENOTTY, "unknown ioctl on the file");
	check(touch(m + PG, 1) == 0, "shared page is writable in a child");
	m[PG] = 0x11;
	WORKS(convert(fd, PG, PG, PRIV, 0), "convert page 1 to private");
	check(touch(m + PG, 0) == SIGBUS && touch(m + PG, 1) == SIGBUS, "private page: SIGBUS");
	check(touch(m, 0) == 0 && touch(m + 2 * PG, 0) == 0, "its neighbours are still mapped");
	if (pipe(p))
		die("pipe");
	FAILS(write(p[1], m + PG, 1), EFAULT, "system call on a private page: EFAULT");
	WORKS(convert(fd, PG, PG, PRIV, 0), "converting again is a no-op");
	WORKS(convert(fd, PG, PG, 0, 0), "back to shared");
	check(m[PG] == 0x11, "contents kept (software-protected VM)");

	/* a page in a pipe by vmsplice() is a page with an extra reference */
	struct iovec iov = {m + 2 * PG, 8};
	if (vmsplice(p[1], &iov, 1, 0) != 8)
		die("vmsplice");
	FAILS(convert(fd, 0, 4 * PG, PRIV, 0), EAGAIN, "referenced page in the range: EAGAIN");
	check(err_off == 2 * PG, "error_offset names the page");
	check(touch(m, 0) == 0 && touch(m + 2 * PG, 0) == 0 && m[PG] == 0x11,
	      "nothing was converted");
	if (read(p[0], b, 8) != 8 || b[0] != 0x12)
		die("pipe read");
	WORKS(convert(fd, 0, 4 * PG, PRIV, 0), "works once the reference is gone");
	check(touch(m + 2 * PG, 0) == SIGBUS, "all private now");
	WORKS(convert(fd, 0, 4 * PG, 0, 0), "and shared again");
	WORKS(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, PG), "punch a hole");
	check(m[0] == 0 && m[PG] == 0x11, "hole reads zero, neighbour unharmed");
	param("kvm", "softcc_eagain_every", 2);
	int e = 0;
	for (int i = 0; i < 4; i++) {
		if (convert(fd, 0, PG, PRIV, 0))
			e += errno == EAGAIN;
		else
			convert(fd, 0, PG, 0, 0);
	}
	param("kvm", "softcc_eagain_every", 0);
	check(e == 2, "injected EAGAIN, every second conversion");

	/* guest and host share pages of the file; stage 2 follows conversions */
	static const uint8_t loop[] = {0xfe, 0x06, 0x00, 0x20,		   /* 1: incb 0x2000 */
				       0xb0, 'T',  0xba, 0xf8, 0x03, 0xee, /* out 'T' */
				       0xeb, 0xf4};			   /* jmp 1b */
	int g2 = gmem_new(vm, 8 * PG, 3);
	uint8_t *m2 = gmem_map(g2, 8 * PG);
	WORKS(slot(vm, 0, 0, 8 * PG, m2, g2, 0), "memslot on the mapping of its own file");
	FAILS(slot(vm, 1, 0x100000, 8 * PG, m2, g2, 0), EEXIST,
	      "binding the same file range twice: EEXIST");
	memcpy(m2 + PG, loop, sizeof(loop));
	v = ioctl(vm, KVM_CREATE_VCPU, 0L);
	run = vcpu_run_area(v);
	struct kvm_sregs s;
	struct kvm_regs r = {.rip = 0x1000, .rflags = 2};
	ioctl(v, KVM_GET_SREGS, &s);
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(v, KVM_SET_SREGS, &s) || ioctl(v, KVM_SET_REGS, &r))
		die("set regs");
	io_is(v, run, 'T', "guest runs from shared guest_memfd pages");
	check(m2[2 * PG] == 1, "host sees the guest's write");
	WORKS(convert(g2, PG, 2 * PG, PRIV, 0), "code and data to private");
	io_is(v, run, 'T', "guest goes on from private pages");
	check(touch(m2 + 2 * PG, 0) == SIGBUS, "host is locked out");
	WORKS(convert(g2, 2 * PG, PG, 0, 0), "data back to shared");
	check(m2[2 * PG] == 2, "guest's private write is visible after conversion");
	m2[2 * PG] = 0x40;
	io_is(v, run, 'T', "once more");
	check(m2[2 * PG] == 0x41, "host and guest use the same page");
	WORKS(fallocate(g2, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 2 * PG, PG),
	      "punch the page the guest uses");
	io_is(v, run, 'T', "guest gets a new page");
	check(m2[2 * PG] == 1, "which was zero");
	close(v);
	close(g2);
	close(fd);
	close(vm);
	munmap(m2, 8 * PG);
	munmap(m, 8 * PG);

	printf("# A: legacy flow (separate shared memory, VM-level attributes)\n");
	vm = vm_new(1);
	g2 = gmem_new(vm, 8 * PG, 0);
	m2 = mmap(NULL, 8 * PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memcpy(m2 + PG, loop, sizeof(loop));
	WORKS(slot(vm, 0, 0, 8 * PG, m2, g2, 0), "memslot with two backings");
	v = ioctl(vm, KVM_CREATE_VCPU, 0L);
	run = vcpu_run_area(v);
	if (ioctl(v, KVM_SET_SREGS, &s) || ioctl(v, KVM_SET_REGS, &r))
		die("set regs");
	io_is(v, run, 'T', "guest runs from shared memory");
	struct attrs1 a1 = {.address = 0x2000, .size = PG, .attributes = PRIV};
	WORKS(ioctl(vm, IO_ATTRS1, &a1), "KVM_SET_MEMORY_ATTRIBUTES");
	io_is(v, run, 'T', "guest writes to the private page");
	check(m2[2 * PG] == 1, "which isn't the shared one");
	a1.attributes = 0;
	WORKS(ioctl(vm, IO_ATTRS1, &a1), "back to shared");
	io_is(v, run, 'T', "guest writes to the shared page");
	check(m2[2 * PG] == 2, "host sees it");
	close(v);
	close(g2);
	close(vm);

	printf("# A: other modes\n");
	param("kvm", "softcc_gmem_mode", 1);
	vm = vm_new(1);
	check(cap(vm, 233) == 0 && cap(vm, 250) == 8, "strict mode: no VM-level attributes");
	FAILS(ioctl(vm, IO_ATTRS1, &(struct attrs1){.size = PG, .attributes = PRIV}), EINVAL,
	      "strict mode: VM ioctl refuses PRIVATE");
	fd = gmem_new(vm, PG, 0);
	WORKS(convert(fd, 0, PG, 0, 0),
	      "strict mode: file without flags starts private and converts");
	close(fd);
	close(vm);
	param("kvm", "softcc_gmem_mode", 2);
	vm = vm_new(1);
	check(cap(vm, 244) == 0 && cap(vm, 250) == 0 && cap(vm, 233) == 8,
	      "off mode: an older kernel");
	FAILS(gmem_new(vm, PG, 1), EINVAL, "off mode: flags refused");
	close(vm);
	param("kvm", "softcc_gmem_mode", 0);

	set_abi(5);
	vm = vm_new(1);
	check(cap(vm, 249) == 8 && cap(vm, 250) == 3,
	      "revision 5: attributes at 249, content flags ZERO|PRESERVE at 250");
	fd = gmem_new(vm, 2 * PG, 3);
	m = gmem_map(fd, 2 * PG);
	memset(m, 0x77, 2 * PG);
	FAILS(convert(fd, 0, PG, PRIV, 3), EINVAL, "ZERO and PRESERVE together");
	abi5 = 0;
	FAILS(convert(fd, 0, PG, PRIV, 0), EINVAL, "error_offset set on entry");
	abi5 = 1;
	FAILS(convert(fd, PG, PG, PRIV, 1), EOPNOTSUPP, "ZERO to private");
	check(err_off == PG, "error_offset is the start of the range");
	WORKS(convert(fd, 0, 2 * PG, PRIV, 2), "PRESERVE to private");
	WORKS(convert(fd, 0, PG, 0, 2), "PRESERVE to shared");
	WORKS(convert(fd, PG, PG, 0, 1), "ZERO to shared");
	check(m[0] == 0x77 && m[PG - 1] == 0x77 && !m[PG] && !m[2 * PG - 1],
	      "preserved and zeroed");
	set_abi(8);
	close(fd);
	close(vm);
	close(p[0]);
	close(p[1]);
}

static int stress_vcpu;
static void on_usr1(int sig)
{
	(void)sig;
}
static void *stress_thread(void *arg)
{
	struct kvm_run *run = arg;
	int ret;

	/* A conversion in the middle of a fault shows up as a fault exit. */
	while ((ret = ioctl(stress_vcpu, KVM_RUN, 0)) == -1 && errno == EFAULT &&
	       run->exit_reason == 39)
		;
	return (void *)(long)(ret == -1 && errno == EINTR);
}
static void test_stress(void)
{
	static const uint8_t loop[] = {0xfe, 0x06, 0x00,
				       0x20, 0xeb, 0xfa}; /* 1: incb 0x2000; jmp 1b */
	int vm = vm_new(1), fd = gmem_new(vm, 8 * PG, 3), again = 0, bad = 0, i;
	uint8_t *m = gmem_map(fd, 8 * PG), first, last;
	struct sigaction sa = {.sa_handler = on_usr1};
	struct kvm_regs r = {.rip = 0x1000, .rflags = 2};
	struct kvm_run *run;
	struct kvm_sregs s;
	pthread_t t;
	void *ret = NULL;

	printf("# A: conversions under a running vCPU\n");
	memcpy(m + PG, loop, sizeof(loop));
	if (slot(vm, 0, 0, 8 * PG, m, fd, 0))
		die("slot");
	stress_vcpu = ioctl(vm, KVM_CREATE_VCPU, 0L);
	run = vcpu_run_area(stress_vcpu);
	ioctl(stress_vcpu, KVM_GET_SREGS, &s);
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(stress_vcpu, KVM_SET_SREGS, &s) || ioctl(stress_vcpu, KVM_SET_REGS, &r))
		die("set regs");
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, stress_thread, run);
	for (i = 0; i < 400; i++) {
		int n = 0;
		while (convert(fd, 0, 8 * PG, PRIV, 0)) {
			if (errno != EAGAIN || ++n > 1000) {
				bad++;
				break;
			}
			again++;
			usleep(20);
		}
		usleep(100);
		if (convert(fd, 0, 8 * PG, 0, 0))
			bad++;
		usleep(100);
	}
	first = m[2 * PG];
	usleep(20000);
	last = m[2 * PG];
	for (i = 0; i < 50 && first == last; i++) {
		usleep(20000);
		last = m[2 * PG];
	}
	run->immediate_exit = 1;
	pthread_kill(t, SIGUSR1);
	pthread_join(t, &ret);
	check(!bad, "400 round trips of all guest memory, code included");
	check(first != last && ret, "the vCPU was running all along");
	printf("# %d transient EAGAIN\n", again);
	munmap(m, 8 * PG);
	close(stress_vcpu);
	close(fd);
	close(vm);
}

/* -------------------------------------------------------------- B: SNP */
static uint32_t fw_error;
static int snp_cmd(int vm, uint32_t id, void *data, int fd)
{
	struct sev_cmd c = {.id = id, .data = (uint64_t)data, .fd = fd};
	int r = ioctl(vm, IO_ENC, &c), e = errno;
	fw_error = c.error;
	errno = e;
	return r;
}
static void snp_extend(uint8_t ld[48], int type, uint64_t gpa, const void *page)
{
	uint8_t info[0x70] = {};
	memcpy(info, ld, 48);
	if (page)
		sha384(page, PG, info + 48);
	info[0x60] = 0x70;
	info[0x62] = type;
	memcpy(info + 0x68, &gpa, 8);
	sha384(info, sizeof(info), ld);
}
static int snp_update(int vm, uint64_t gpa, void *src, uint64_t len, int type,
		      struct snp_update *out)
{
	struct snp_update u = {.gfn = gpa / PG, .uaddr = (uint64_t)src, .len = len, .type = type};
	int r = snp_cmd(vm, 101, &u, sev), e = errno;
	if (out)
		*out = u;
	errno = e;
	return r;
}
static void put(uint8_t *p, int off, uint64_t v, int n)
{
	memcpy(p + off, &v, n);
}
/* The VMSA that KVM has to build from the state set below, by its documented layout. */
static void vmsa_seg(uint8_t *p, int off, const struct kvm_segment *s)
{
	put(p, off, s->selector, 2);
	put(p, off + 2,
	    s->type | s->s << 4 | s->dpl << 5 | s->present << 7 | s->avl << 8 | s->l << 9 |
		    s->db << 10 | s->g << 11,
	    2);
	put(p, off + 4, s->limit, 4);
	put(p, off + 8, s->base, 8);
}
static void vmsa_build(uint8_t *p, const struct kvm_sregs *s, const struct kvm_regs *r)
{
	memset(p, 0, PG);
	vmsa_seg(p, 0x00, &s->es);
	vmsa_seg(p, 0x10, &s->cs);
	vmsa_seg(p, 0x20, &s->ss);
	vmsa_seg(p, 0x30, &s->ds);
	vmsa_seg(p, 0x40, &s->fs);
	vmsa_seg(p, 0x50, &s->gs);
	vmsa_seg(p, 0x70, &s->ldt);
	vmsa_seg(p, 0x90, &s->tr);
	put(p, 0x64, s->gdt.limit, 4);
	put(p, 0x68, s->gdt.base, 8);
	put(p, 0x84, s->idt.limit, 4);
	put(p, 0x88, s->idt.base, 8);
	put(p, 0xcb, s->ss.dpl, 1);
	put(p, 0xd0, s->efer | 0x1000, 8);
	put(p, 0x148, s->cr4 | 0x40, 8);
	put(p, 0x150, s->cr3, 8);
	put(p, 0x158, s->cr0 & ~0x60000000ull, 8);
	put(p, 0x160, 0x400, 8);
	put(p, 0x168, 0xffff0ff0, 8);
	put(p, 0x170, r->rflags | 2, 8);
	put(p, 0x178, r->rip, 8);
	put(p, 0x1d8, r->rsp, 8);
	put(p, 0x1f8, r->rax, 8);
	put(p, 0x268, 0x0007040600070406ull, 8);
	put(p, 0x308, r->rcx, 8);
	put(p, 0x310, r->rdx, 8);
	put(p, 0x318, r->rbx, 8);
	put(p, 0x328, r->rbp, 8);
	put(p, 0x330, r->rsi, 8);
	put(p, 0x338, r->rdi, 8);
	put(p, 0x340, r->r8, 8);
	put(p, 0x348, r->r9, 8);
	put(p, 0x350, r->r10, 8);
	put(p, 0x358, r->r11, 8);
	put(p, 0x360, r->r12, 8);
	put(p, 0x368, r->r13, 8);
	put(p, 0x370, r->r14, 8);
	put(p, 0x378, r->r15, 8);
	put(p, 0x3b0, 1, 8);	  /* SEV_FEATURES: SNP active */
	put(p, 0x3e8, 1, 8);	  /* XCR0 */
	put(p, 0x408, 0x1f80, 4); /* MXCSR */
	put(p, 0x410, 0x37f, 2);  /* x87 control word */
}
static int snp_start(int vm)
{
	struct sev_init i = {};
	struct snp_start s = {.policy = 0x30000};
	return snp_cmd(vm, 22, &i, 0) ?: snp_cmd(vm, 100, &s, sev);
}

static void test_snp_order(void)
{
	int vm = vm_new(4), v, fd;
	struct sev_init i = {};
	struct snp_start s = {.policy = 0x30000};
	struct snp_update u = {.gfn = 1, .uaddr = PG, .len = PG, .type = 1};
	struct snp_finish f = {};
	uint8_t *src =
		mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	printf("# B: SEV-SNP, order and argument rules\n");
	check(cap(kvm, 235) & 1 << 4, "VM type 4 (SNP) is offered");
	check(ioctl(vm, IO_ENC, 0) == 0, "probe with a null pointer returns 0");
	FAILS(snp_cmd(vm, 100, &s, sev), ENOTTY, "LAUNCH_START before INIT2: ENOTTY");
	FAILS(snp_cmd(vm, 101, &u, sev), EINVAL, "LAUNCH_UPDATE before INIT2: EINVAL");
	FAILS(snp_cmd(vm, 102, &f, sev), ENOTTY, "LAUNCH_FINISH before INIT2: ENOTTY");
	i.vmsa_features = 1;
	FAILS(snp_cmd(vm, 22, &i, 0), EINVAL, "INIT2 with SNP_ACTIVE given");
	i.vmsa_features = 0;
	i.ghcb = 3;
	FAILS(snp_cmd(vm, 22, &i, 0), EINVAL, "INIT2 with GHCB version 3");
	i.ghcb = 0;
	i.flags = 1;
	FAILS(snp_cmd(vm, 22, &i, 0), EINVAL, "INIT2 with flags");
	i.flags = 0;
	WORKS(snp_cmd(vm, 22, &i, 0), "INIT2");
	FAILS(snp_cmd(vm, 22, &i, 0), EPERM, "INIT2 twice: EPERM");
	FAILS(snp_cmd(vm, 101, &u, sev), EINVAL, "LAUNCH_UPDATE before START: EINVAL");
	FAILS(snp_cmd(vm, 102, &f, sev), EINVAL, "LAUNCH_FINISH before START: EINVAL");
	s.policy = 0x10000;
	FAILS(snp_cmd(vm, 100, &s, sev), EINVAL, "policy without the must-be-one bit");
	s.policy = 0x20000;
	FAILS(snp_cmd(vm, 100, &s, sev), EINVAL, "policy without SMT");
	s.policy = 0x130000;
	FAILS(snp_cmd(vm, 100, &s, sev), EINVAL, "policy with single socket");
	s.policy = 0x70000;
	FAILS(snp_cmd(vm, 100, &s, sev), EINVAL, "policy with migration agent");
	s.policy = 0x30000;
	FAILS(snp_cmd(vm, 100, &s, kvm), ENOTTY, "sev_fd that isn't /dev/sev: ENOTTY");
	s.policy = 0x3ffff;
	FAILS(snp_cmd(vm, 100, &s, sev), EIO, "policy asks for newer firmware: EIO");
	check(fw_error == 7, "firmware status POLICY_FAILURE");
	s.policy = 0x30000;
	WORKS(snp_cmd(vm, 100, &s, sev), "LAUNCH_START");
	FAILS(snp_cmd(vm, 100, &s, sev), EINVAL, "LAUNCH_START twice");
	FAILS(snp_cmd(vm, 99, &s, sev), EPERM, "SEV command on an SNP VM: EPERM");
	FAILS(snp_cmd(vm, 200, &s, sev), EINVAL, "unknown command");

	fd = gmem_new(vm, 4 * PG, 0);
	check(!slot(vm, 0, 0x1000, 4 * PG, src, fd, 0), "legacy slot");
	FAILS(snp_update(vm, 0x1000, src, PG, 1, NULL), EIO,
	      "UPDATE of a page that isn't private: EIO");
	check(fw_error == 0, "with firmware status 0");
	struct attrs1 a = {.address = 0x1000, .size = 4 * PG, .attributes = PRIV};
	WORKS(ioctl(vm, IO_ATTRS1, &a), "set private");
	FAILS(snp_update(vm, 0x1000, src, PG, 2, NULL), EINVAL, "type VMSA: EINVAL");
	FAILS(snp_update(vm, 0x1000, src, PG + 1, 1, NULL), EINVAL, "unaligned length");
	FAILS(snp_update(vm, 0x1000, src, 0, 1, NULL), EINVAL, "length 0");
	FAILS(snp_update(vm, 0x1000, src + 1, PG, 1, NULL), EINVAL, "unaligned source");
	FAILS(snp_update(vm, 0x100000, src, PG, 1, NULL), EINVAL, "no slot");
	FAILS(snp_update(vm, 0x1000, NULL, PG, 1, NULL), EINVAL,
	      "no source and no in-place file: EINVAL");
	FAILS(snp_update(vm, 0x1000, (void *)0x10000, PG, 1, NULL), EIO, "source not mapped: EIO");
	WORKS(snp_update(vm, 0x1000, src, PG, 1, NULL), "UPDATE");
	FAILS(snp_update(vm, 0x1000, src, PG, 1, NULL), EIO, "the same page twice: EIO");
	struct snp_update o;
	check(!snp_update(vm, 0x4000, src, 3 * PG, 1, &o) && o.gfn == 5 && o.len == 2 * PG &&
		      o.uaddr == (uint64_t)src + PG,
	      "UPDATE stops at the end of the slot and advances the structure");
	param("kvm_amd", "softcc_faults", 1);
	check(!snp_update(vm, 0x2000, src, 2 * PG, 1, &o) && o.gfn == 3 && o.len == PG,
	      "injected partial progress");
	param("kvm_amd", "softcc_faults", 2);
	int e = 0;
	for (int n = 0; n < 2; n++)
		e += snp_update(vm, 0x3000, src, PG, 1, NULL) && errno == EIO && fw_error == 0;
	param("kvm_amd", "softcc_faults", 0);
	check(e == 1, "injected interruption: EIO with status 0, then success");
	v = ioctl(vm, KVM_CREATE_VCPU, 0L);
	FAILS(ioctl(v, KVM_RUN, 0), EINVAL, "KVM_RUN before FINISH: EINVAL");
	struct {
		uint64_t gpa, size, flags, pad[5];
	} pf = {.gpa = 0x1000, .size = PG};
	FAILS(ioctl(v, IO_PREFAULT, &pf), EOPNOTSUPP,
	      "KVM_PRE_FAULT_MEMORY before FINISH: EOPNOTSUPP");
	f.flags = 1;
	FAILS(snp_cmd(vm, 102, &f, sev), EINVAL, "FINISH with flags");
	close(v);
	close(fd);
	close(vm);

	vm = vm_new(4);
	v = ioctl(vm, KVM_CREATE_VCPU, 0L);
	FAILS(snp_cmd(vm, 22, &i, 0), EINVAL, "INIT2 after vCPU creation");
	close(v);
	close(vm);
	munmap(src, 4 * PG);
}

/* One launch; inplace selects the flow, idb the id block: 0 none, 1 good, 2 bad */
static void test_snp_launch(int inplace, int idb)
{
	int vm = vm_new(4), fd, v;
	size_t size = 16 * PG;
	uint8_t ld[48] = {}, *m, *src, vmsa[PG];
	struct kvm_sregs s;
	struct kvm_regs r = {.rip = 0x1000,
			     .rflags = 2,
			     .rax = 1,
			     .rbx = 2,
			     .rcx = 3,
			     .rdx = 4,
			     .rsp = 0x8000,
			     .r15 = 15};
	struct kvm_run *run;
	struct kvm_enable_cap ec = {.cap = 201, .args = {1 << 12}};
	struct {
		uint32_t count, r1;
		uint64_t r2;
		struct {
			uint32_t in[2];
			uint64_t xcr0, xss;
			uint32_t out[4];
			uint64_t r;
		} fn[2];
	} cp = {.count = 1};

	printf("# B: SEV-SNP launch, %s%s\n", inplace ? "in place" : "with a source buffer",
	       idb ? ", id block" : "");
	check(!snp_start(vm), "INIT2 and START");
	check(!ioctl(vm, KVM_ENABLE_CAP, &ec), "enable KVM_HC_MAP_GPA_RANGE exits");
	fd = gmem_new(vm, size, inplace ? 3 : 0);
	if (inplace) {
		m = gmem_map(fd, size);
		src = m;
	} else {
		m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		src = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	}
	WORKS(slot(vm, 0, 0, size, m, fd, 0), "memory slot");
	v = ioctl(vm, KVM_CREATE_VCPU, 0L);
	run = vcpu_run_area(v);

	memcpy(src + PG, guest16, guest16_end - guest16);
	put(src, 2 * PG, 0xfeedf00d, 4);
	memset(src + 5 * PG, 0xee, 2 * PG);
	cp.fn[0].in[0] = 0xd;
	cp.fn[0].xcr0 = 7;
	cp.fn[0].out[1] = 0x340;
	memcpy(src + 0xb000, &cp, sizeof(cp));
	uint8_t copy[2 * PG], un[PG];
	memcpy(copy, src + PG, 2 * PG);
	memcpy(un, src + 6 * PG, PG);

	if (inplace) {
		WORKS(convert(fd, 0, size, PRIV, 0), "all pages to private");
	} else {
		struct attrs1 a = {.size = size, .attributes = PRIV};
		WORKS(ioctl(vm, IO_ATTRS1, &a), "all pages to private");
	}
#define SRC(n) (inplace ? NULL : src + (n)*PG)
	WORKS(snp_update(vm, 0x1000, SRC(1), 2 * PG, 1, NULL), "NORMAL, two pages");
	snp_extend(ld, 1, 0x1000, copy);
	snp_extend(ld, 1, 0x2000, copy + PG);
	WORKS(snp_update(vm, 0x5000, NULL, PG, 3, NULL), "ZERO");
	snp_extend(ld, 3, 0x5000, NULL);
	WORKS(snp_update(vm, 0x6000, SRC(6), PG, 4, NULL), "UNMEASURED");
	snp_extend(ld, 4, 0x6000, NULL);
	WORKS(snp_update(vm, 0x7000, SRC(7), PG, 5, NULL), "SECRETS");
	snp_extend(ld, 5, 0x7000, NULL);
	/* the CPUID page always from a buffer: that gets the corrected table */
	uint8_t *cpuid = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(cpuid, &cp, sizeof(cp));
	FAILS(snp_update(vm, 0x8000, cpuid, PG, 6, NULL), EIO, "bad CPUID table refused");
	check(fw_error == 0x16, "firmware status INVALID_PARAM");
	memcpy(&cp, cpuid, sizeof(cp));
	check(cp.fn[0].xcr0 == 1 && cp.fn[0].out[1] == 0x240, "corrected table written back");
	WORKS(snp_update(vm, 0x8000, cpuid, PG, 6, NULL), "corrected table accepted");
	if (inplace) {
		FAILS(snp_update(vm, 0xb000, NULL, PG, 6, NULL), EIO,
		      "bad CPUID table refused, in place");
		WORKS(convert(fd, 0xb000, PG, 0, 0), "get the page back");
		check(!memcmp(m + 0xb000, cpuid, PG), "it holds the corrected table");
		WORKS(convert(fd, 0xb000, PG, PRIV, 0), "and back to private");
	}
	snp_extend(ld, 6, 0x8000, NULL);

	if (ioctl(v, KVM_GET_SREGS, &s))
		die("get sregs");
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(v, KVM_SET_SREGS, &s) || ioctl(v, KVM_SET_REGS, &r))
		die("set regs");
	/* a null type-3 data segment comes back as accessed */
	if (ioctl(v, KVM_GET_SREGS, &s))
		die("get sregs");
	vmsa_build(vmsa, &s, &r);
	snp_extend(ld, 2, 0xFFFFFFFFF000ull, vmsa);

	struct snp_finish f = {};
	struct snp_id_block id = {.version = 1, .policy = 0x30000};
	static uint8_t auth[4096];
	auth[0] = auth[4] = 1;
	memcpy(id.ld, ld, 48);
	if (idb) {
		f.id_block_en = 1;
		f.id_block = (uint64_t)&id;
		f.id_auth = (uint64_t)auth;
	}
	if (idb == 2)
		id.ld[0] ^= 1;
	if (idb == 2) {
		FAILS(snp_cmd(vm, 102, &f, sev), EIO,
		      "FINISH with a wrong digest in the id block: EIO");
		check(fw_error == 0xb, "firmware status BAD_MEASUREMENT");
		FAILS(ioctl(v, KVM_RUN, 0), EINVAL, "which leaves the VM unable to run");
		goto out;
	}
	WORKS(snp_cmd(vm, 102, &f, sev), "FINISH");
	digest_is("snp", ld, "launch digest equals the independent computation");
	FAILS(snp_cmd(vm, 102, &f, sev), EINVAL, "FINISH twice: EINVAL (vCPUs are sealed)");
	FAILS(snp_update(vm, 0x9000, cpuid, PG, 1, NULL), EIO, "UPDATE after FINISH: EIO");
	check(fw_error == 2, "firmware status INVALID_GUEST_STATE");
	FAILS(ioctl(v, KVM_GET_REGS, &r), EINVAL, "KVM_GET_REGS: EINVAL");
	FAILS(ioctl(v, KVM_SET_REGS, &r), EINVAL, "KVM_SET_REGS: EINVAL");
	FAILS(ioctl(v, KVM_GET_SREGS, &s), EINVAL, "KVM_GET_SREGS: EINVAL");
	FAILS(ioctl(v, KVM_SET_SREGS, &s), EINVAL, "KVM_SET_SREGS: EINVAL");
	FAILS(ioctl(v, KVM_GET_FPU, &(struct kvm_fpu){}), EINVAL, "KVM_GET_FPU: EINVAL");
	FAILS(ioctl(v, KVM_GET_XSAVE, &(struct kvm_xsave){}), EINVAL, "KVM_GET_XSAVE: EINVAL");
	FAILS(ioctl(v, KVM_GET_DEBUGREGS, &(struct kvm_debugregs){}), EINVAL,
	      "KVM_GET_DEBUGREGS: EINVAL");
	FAILS(ioctl(v, KVM_SET_GUEST_DEBUG, &(struct kvm_guest_debug){.control = 1}), EINVAL,
	      "KVM_SET_GUEST_DEBUG: EINVAL");
	if (inplace) {
		set_abi(5);
		FAILS(convert(fd, 0x5000, PG, 0, 2), EOPNOTSUPP,
		      "PRESERVE after FINISH: EOPNOTSUPP");
		set_abi(8);
	}

	struct {
		uint64_t gpa, size, flags, pad[5];
	} pf = {.gpa = 0xa000, .size = 2 * PG};
	check(!ioctl(v, IO_PREFAULT, &pf) && pf.gpa == 0xc000 && !pf.size,
	      "KVM_PRE_FAULT_MEMORY works now");

	io_is(v, run, 'K', "guest runs from private memory, port I/O");
	int ret = ioctl(v, KVM_RUN, 0);
	check(!ret && run->exit_reason == KVM_EXIT_HYPERCALL && run->hypercall.nr == 12 &&
		      run->hypercall.args[0] == 0x3000 && run->hypercall.args[1] == 1 &&
		      run->hypercall.args[2] == 0,
	      "KVM_HC_MAP_GPA_RANGE exit, to shared");
	if (inplace) {
		WORKS(convert(fd, 0x3000, PG, 0, 0), "convert");
	} else {
		WORKS(ioctl(vm, IO_ATTRS1, &(struct attrs1){.address = 0x3000, .size = PG}),
		      "convert");
	}
	run->hypercall.ret = 0;
	io_is(v, run, 0, "hypercall result reaches the guest");
	io_is(v, run, 0xfeedf00d, "guest reads the measured data");
	check(*(volatile uint32_t *)(m + 0x3000) == 0x12345678,
	      "guest's write to the shared page is visible");
	io_is(v, run, 0, "guest declares 0x4000 as shared");
	errno = 0;
	ret = ioctl(v, KVM_RUN, 0);
	check(ret == -1 && errno == EFAULT && run->exit_reason == 39 && !run64(run, 32) &&
		      run64(run, 40) == 0x4000 && run64(run, 48) == PG,
	      "shared access to a private page: KVM_EXIT_MEMORY_FAULT");
	if (inplace) {
		WORKS(convert(fd, 0x4000, PG, 0, 0), "convert");
	} else {
		WORKS(ioctl(vm, IO_ATTRS1, &(struct attrs1){.address = 0x4000, .size = PG}),
		      "convert");
	}
	io_is(v, run, 'F', "guest goes on");
	check(*(volatile uint32_t *)(m + 0x4000) == 0xcafe, "and the write is visible");
	ret = ioctl(v, KVM_RUN, 0);
	check(!ret && run->exit_reason == KVM_EXIT_HYPERCALL && run->hypercall.args[2] == 0x10,
	      "KVM_HC_MAP_GPA_RANGE exit, to private");
	if (inplace) {
		WORKS(convert(fd, 0x3000, PG, PRIV, 0), "convert");
		check(touch(m + 0x3000, 0) == SIGBUS, "host is locked out again");
		WORKS(convert(fd, 0x6000, PG, 0, 0), "take a private page from the guest");
		check(memcmp(m + 0x6000, un, PG), "host doesn't see the plain text");
	} else {
		WORKS(ioctl(vm, IO_ATTRS1,
			    &(struct attrs1){.address = 0x3000, .size = PG, .attributes = PRIV}),
		      "convert");
	}
	if (idb) {
		run->hypercall.ret = 5;
		FAILS(ioctl(v, KVM_RUN, 0), EINVAL,
		      "hypercall result other than 0, EINVAL, EAGAIN: EINVAL");
	} else {
		run->hypercall.ret = 0;
		io_is(v, run, 0x55aa55aa, "guest uses the page as private");
		io_is(v, run, 'E', "end of the guest");
	}
out:
	munmap(m, size);
	close(v);
	close(fd);
	close(vm);
}

static int host_has_52_bits(void)
{
	char line[256];
	int bits = 0;
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "address sizes : %d", &bits) == 1)
			break;
	if (f)
		fclose(f);
	return bits == 52;
}
static void test_snp_cbit(void)
{
	const uint64_t C = 1ull << 51;
	int vm, fd, v, ret;
	uint8_t *m;
	struct kvm_run *run;
	struct kvm_sregs s;
	struct kvm_regs r = {.rip = 0x1000, .rflags = 2, .rsp = 0x8000};
	struct snp_finish f = {};
	struct {
		uint32_t nent, pad;
		struct cpuid_ent e[6];
	} c = {.nent = 6,
	       .e = {{.fn = 0, .eax = 0xd},
		     {.fn = 1, .eax = 0xa00f11, .edx = 0x78bfbff},
		     {.fn = 0x80000000, .eax = 0x8000001f},
		     {.fn = 0x80000001, .edx = 1 << 29 | 1 << 20 | 1},
		     {.fn = 0x80000008, .eax = 0x3030},
		     {.fn = 0x8000001f, .eax = 0x1a, .ebx = 51 | 1 << 6}}};

	printf("# B: SEV-SNP guest in long mode with a C-bit\n");
	if (!host_has_52_bits()) {
		printf("ok %d - # SKIP needs a host CPU with 52 address bits\n", ++ntest);
		return;
	}
	vm = vm_new(4);
	check(!snp_start(vm), "INIT2 and START");
	fd = gmem_new(vm, 16 * PG, 3);
	m = gmem_map(fd, 16 * PG);
	check(!slot(vm, 0, 0, 16 * PG, m, fd, 0), "slot");
	v = ioctl(vm, KVM_CREATE_VCPU, 0L);
	run = vcpu_run_area(v);
	memcpy(m + 0x1000, guest64, guest64_end - guest64);
	put(m, 0x2000, 0xabcd, 4);
	put(m, 0x9000, 0xa003 | C, 8);
	put(m, 0xa000, 0xb003 | C, 8);
	put(m, 0xb000, 0x83 | C, 8);
	put(m, 0xb008, 0x83, 8);
	WORKS(convert(fd, 0, 16 * PG, PRIV, 0), "to private");
	check(!snp_update(vm, 0x1000, NULL, 2 * PG, 1, NULL) &&
		      !snp_update(vm, 0x9000, NULL, 3 * PG, 1, NULL),
	      "populate");
	WORKS(convert(fd, 0x4000, PG, 0, 0), "one page to shared");
	if (ioctl(v, KVM_GET_SREGS, &s))
		die("get sregs");
	struct kvm_segment d = {.limit = ~0u, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
	s.ds = s.es = s.fs = s.gs = s.ss = d;
	s.cs = d;
	s.cs.type = 0xb;
	s.cs.db = 0;
	s.cs.l = 1;
	s.cr0 = 0x80000011;
	s.cr4 = 0x20;
	s.efer = 0x500;
	s.cr3 = 0x9000 | C;
	FAILS(ioctl(v, KVM_SET_SREGS, &s), EINVAL,
	      "CR3 with a C-bit before KVM_SET_CPUID2: EINVAL");
	check(!ioctl(v, 0x4008ae90, &c), "KVM_SET_CPUID2 with leaf 0x8000001f");
	WORKS(ioctl(v, KVM_SET_SREGS, &s), "and after it");
	if (ioctl(v, KVM_SET_REGS, &r))
		die("set regs");
	WORKS(snp_cmd(vm, 102, &f, sev), "FINISH");
	io_is(v, run, 0xabcd, "guest runs in long mode from private memory");
	errno = 0;
	ret = ioctl(v, KVM_RUN, 0);
	check(ret == -1 && errno == EFAULT && run->exit_reason == 39 && !run64(run, 32) &&
		      run64(run, 40) == 0x3000,
	      "access without C-bit to a private page: fault exit, shared");
	WORKS(convert(fd, 0x3000, PG, 0, 0), "convert");
	io_is(v, run, 'S', "guest goes on");
	check(*(volatile uint32_t *)(m + 0x3000) == 0x1111, "write visible");
	errno = 0;
	ret = ioctl(v, KVM_RUN, 0);
	check(ret == -1 && errno == EFAULT && run->exit_reason == 39 && run64(run, 32) == 8 &&
		      run64(run, 40) == 0x4000,
	      "access with C-bit to a shared page: fault exit, private");
	WORKS(convert(fd, 0x4000, PG, PRIV, 0), "convert");
	io_is(v, run, 'P', "guest goes on");
	munmap(m, 16 * PG);
	close(v);
	close(fd);
	close(vm);
}

/* -------------------------------------------------------------- C: TDX */
static uint64_t hw_error;
static int tdx_cmd(int fd, uint32_t id, uint32_t flags, uint64_t data)
{
	struct tdx_cmd c = {.id = id, .flags = flags, .data = data};
	int r = ioctl(fd, IO_ENC, &c), e = errno;
	hw_error = c.hw_error;
	errno = e;
	return r;
}
static void tdx_rec(struct sha *s, const char *op, uint64_t gpa)
{
	uint8_t r[128] = {};
	memcpy(r, op, strlen(op));
	memcpy(r + 16, &gpa, 8);
	sha_add(s, r, 128);
}
static void tdx_add(struct sha *s, uint64_t gpa, const uint8_t *page, int measure)
{
	tdx_rec(s, "MEM.PAGE.ADD", gpa);
	for (int i = 0; measure && i < PG; i += 256) {
		tdx_rec(s, "MR.EXTEND", gpa + i);
		sha_add(s, page + i, 256);
	}
}
static int set_cpuid(int v, int x2apic)
{
	struct {
		uint32_t nent, pad;
		struct cpuid_ent e[3];
	} c = {.nent = 3,
	       .e = {{.fn = 0, .eax = 1},
		     {.fn = 1, .eax = 0xa00f11, .ecx = x2apic ? 1 << 21 : 0, .edx = 0x78bfbff},
		     {.fn = 0x80000008, .eax = 0x303030}}};
	return ioctl(v, 0x4008ae90, &c);
}
static void test_tdx(int inplace)
{
	int vm = vm_new(5), fd, fd2, v, v2;
	size_t size = 16 * PG;
	uint8_t *m, *rom, *src, *rsrc, want[48];
	struct kvm_run *run;
	struct kvm_enable_cap ec = {.cap = 201, .args = {1 << 12}},
			      split = {.cap = 121, .args = {24}};
	static struct tdx_caps caps;
	static struct tdx_init in;
	struct tdx_region rg;
	struct sha s;

	printf("# C: TDX, %s\n", inplace ? "in place" : "with a source buffer");
	check(cap(kvm, 235) & 1 << 5, "VM type 5 (TDX) is offered");
	FAILS(ioctl(vm, KVM_CREATE_IRQCHIP, 0), ENOTTY, "KVM_CREATE_IRQCHIP: ENOTTY");
	WORKS(ioctl(vm, KVM_ENABLE_CAP, &split), "split irqchip");
	if (ioctl(vm, KVM_ENABLE_CAP, &ec))
		die("exit hypercall");
	caps.nent = 1;
	FAILS(tdx_cmd(vm, 0, 0, (uint64_t)&caps), E2BIG,
	      "CAPABILITIES with too little room: E2BIG");
	caps.nent = 64;
	FAILS(tdx_cmd(vm, 0, 1, (uint64_t)&caps), EINVAL, "CAPABILITIES with flags");
	WORKS(tdx_cmd(vm, 0, 0, (uint64_t)&caps), "CAPABILITIES");
	check(caps.attrs == 0x10000000 && (caps.xfam & 3) == 3 && caps.nent > 0 && caps.nent < 64,
	      "sane contents");
	FAILS(ioctl(vm, KVM_CREATE_VCPU, 0L), EIO, "vCPU before INIT_VM: EIO");
	FAILS(tdx_cmd(vm, 4, 0, 0), EINVAL, "FINALIZE before INIT_VM");
	FAILS(tdx_cmd(vm, 2, 0, 0), EINVAL, "vCPU command on the VM");
	memset(&in, 0, sizeof(in));
	in.attrs = 0x10000000;
	in.xfam = 7;
	FAILS(tdx_cmd(vm, 1, 0, (uint64_t)&in), EINVAL, "INIT_VM without leaf 0x80000008");
	in.nent = 1;
	in.e[0] = (struct cpuid_ent){.fn = 0x80000008, .flags = 1, .eax = 47 << 16};
	FAILS(tdx_cmd(vm, 1, 0, (uint64_t)&in), EINVAL, "INIT_VM with 47 address bits");
	in.e[0].eax = 48 << 16;
	in.attrs = 1;
	FAILS(tdx_cmd(vm, 1, 0, (uint64_t)&in), EINVAL, "INIT_VM with DEBUG");
	in.attrs = 0x10000000;
	in.rsvd[3] = 1;
	FAILS(tdx_cmd(vm, 1, 0, (uint64_t)&in), EINVAL, "INIT_VM with reserved field");
	in.rsvd[3] = 0;
	in.e[0].eax |= 1;
	FAILS(tdx_cmd(vm, 1, 0, (uint64_t)&in), EINVAL,
	      "INIT_VM with a bit that isn't configurable");
	check(hw_error >> 40 == 0xC00001, "hw_error is OPERAND_INVALID");
	in.e[0].eax = 48 << 16;
	in.nent = 2;
	in.e[1] = (struct cpuid_ent){.fn = 2};
	FAILS(tdx_cmd(vm, 1, 0, (uint64_t)&in), EINVAL,
	      "INIT_VM with a leaf that isn't configurable");
	in.nent = 257;
	FAILS(tdx_cmd(vm, 1, 0, (uint64_t)&in), E2BIG, "INIT_VM with 257 entries: E2BIG");
	in.nent = 1;
	{
		struct tdx_cmd c = {.id = 1, .data = (uint64_t)&in, .hw_error = 1};
		FAILS(ioctl(vm, IO_ENC, &c), EINVAL, "hw_error set on entry");
	}
	WORKS(tdx_cmd(vm, 1, 0, (uint64_t)&in), "INIT_VM");
	FAILS(tdx_cmd(vm, 1, 0, (uint64_t)&in), EINVAL, "INIT_VM twice");

	fd = gmem_new(vm, size, inplace ? 3 : 0);
	fd2 = gmem_new(vm, PG, inplace ? 3 : 0);
	if (inplace) {
		src = m = gmem_map(fd, size);
		rsrc = rom = gmem_map(fd2, PG);
	} else {
		m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		rom = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		src = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		rsrc = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	}
	check(!slot(vm, 0, 0, size, m, fd, 0) && !slot(vm, 1, 0xfffff000, PG, rom, fd2, 0),
	      "two slots");
	v = ioctl(vm, KVM_CREATE_VCPU, 0L);
	WORKS(v, "create vCPU");
	run = vcpu_run_area(v);
	rg = (struct tdx_region){0, 0x2000, 1};
	FAILS(tdx_cmd(v, 3, 0, (uint64_t)&rg), EINVAL, "INIT_MEM_REGION before INIT_VCPU");
	set_cpuid(v, 0);
	FAILS(tdx_cmd(v, 2, 0, 0x809000), EINVAL, "INIT_VCPU without x2APIC in CPUID");
	check(!set_cpuid(v, 1), "KVM_SET_CPUID2");
	FAILS(tdx_cmd(v, 2, 1, 0x809000), EINVAL, "INIT_VCPU with flags");
	WORKS(tdx_cmd(v, 2, 0, 0x809000), "INIT_VCPU");
	FAILS(tdx_cmd(v, 2, 0, 0x809000), EINVAL, "INIT_VCPU twice");
	FAILS(tdx_cmd(v, 1, 0, 0), EINVAL, "VM command on the vCPU");
	v2 = ioctl(vm, KVM_CREATE_VCPU, 1L);
	check(v2 >= 0 && !set_cpuid(v2, 1) && !tdx_cmd(v2, 2, 0, 0x1234000), "second vCPU");
	struct kvm_regs r;
	FAILS(ioctl(v, KVM_GET_REGS, &r), EINVAL, "KVM_GET_REGS: EINVAL");
	FAILS(ioctl(v, KVM_GET_LAPIC, &(struct kvm_lapic_state){}), EINVAL,
	      "KVM_GET_LAPIC: EINVAL");
	{
		struct {
			uint32_t nent, pad;
			struct cpuid_ent e[4];
		} c = {};
		FAILS(tdx_cmd(v, 5, 0, (uint64_t)&c), E2BIG,
		      "GET_CPUID with too little room: E2BIG");
		check(c.nent == 1, "the number needed is reported");
		check(!tdx_cmd(v, 5, 0, (uint64_t)&c) && c.e[0].fn == 0x80000008, "GET_CPUID");
	}

	memcpy(rsrc, guest32, guest32_end - guest32);
	rsrc[0xff0] = 0xe9;
	put(rsrc, 0xff1, (uint32_t) - (0xff0 + 5), 4); /* jmp guest32 */
	put(src, 0x2000, 0xfeedf00d, 4);
	uint8_t c0[PG], c1[PG];
	memcpy(c0, rsrc, PG);
	memcpy(c1, src + 0x2000, PG);
	rg = (struct tdx_region){inplace ? 0 : (uint64_t)src, 0x2000, 1};
	if (inplace) {
		FAILS(tdx_cmd(v, 3, 0, (uint64_t)&rg), EINVAL, "INIT_MEM_REGION of a shared page");
		check(!convert(fd, 0, size, PRIV, 0) && !convert(fd2, 0, PG, PRIV, 0),
		      "all pages to private");
	} else {
		FAILS(tdx_cmd(v, 3, 0, (uint64_t)&rg), EINVAL, "INIT_MEM_REGION of a shared page");
		struct attrs1 a = {.size = size, .attributes = PRIV},
			      b = {.address = 0xfffff000, .size = PG, .attributes = PRIV};
		check(!ioctl(vm, IO_ATTRS1, &a) && !ioctl(vm, IO_ATTRS1, &b),
		      "all pages to private");
		rg = (struct tdx_region){0, 0x2000, 1};
		FAILS(tdx_cmd(v, 3, 0, (uint64_t)&rg), EINVAL,
		      "no source and no in-place file: EINVAL");
	}
#define REG(n, g, c) (rg = (struct tdx_region){(n), (g), (c)}, (uint64_t)&rg)
	FAILS(tdx_cmd(v, 3, 2, REG((uint64_t)src, 0x2000, 1)), EINVAL, "unknown flag");
	FAILS(tdx_cmd(v, 3, 0, REG((uint64_t)src + 1, 0x2000, 1)), EINVAL, "unaligned source");
	FAILS(tdx_cmd(v, 3, 0, REG((uint64_t)src, 0x2001, 1)), EINVAL, "unaligned address");
	FAILS(tdx_cmd(v, 3, 0, REG((uint64_t)src, 0x2000, 0)), EINVAL, "no pages");
	FAILS(tdx_cmd(v, 3, 0, REG((uint64_t)src, 0x2000 | 1ull << 47, 1)), EINVAL,
	      "shared address");
	FAILS(tdx_cmd(v, 3, 0, REG((uint64_t)src, 0x100000, 1)), EINVAL, "no slot");
	sha_init(&s);
	WORKS(tdx_cmd(v, 3, 1, REG(inplace ? 0 : (uint64_t)rsrc, 0xfffff000, 1)), "measured page");
	tdx_add(&s, 0xfffff000, c0, 1);
	check(rg.nr == 0 && rg.gpa == 0x100000000ull &&
		      rg.src == (inplace ? 0 : (uint64_t)rsrc + PG),
	      "structure advanced");
	WORKS(tdx_cmd(v, 3, 1, REG(inplace ? 0 : (uint64_t)src + 0x2000, 0x2000, 1)),
	      "another measured page");
	tdx_add(&s, 0x2000, c1, 1);
	param("kvm_amd", "softcc_faults", 1);
	FAILS(tdx_cmd(v, 3, 0, REG(inplace ? 0 : (uint64_t)src + 0x5000, 0x5000, 2)), EINTR,
	      "injected EINTR after one page");
	param("kvm_amd", "softcc_faults", 0);
	check(rg.nr == 1 && rg.gpa == 0x6000, "structure describes the rest");
	WORKS(tdx_cmd(v, 3, 0, (uint64_t)&rg), "continue with it");
	tdx_add(&s, 0x5000, NULL, 0);
	tdx_add(&s, 0x6000, NULL, 0);
	FAILS(tdx_cmd(v, 3, 0, REG(inplace ? 0 : (uint64_t)src, 0x6000, 1)), EIO,
	      "a page twice: EIO");
	FAILS(ioctl(v, KVM_RUN, 0), EINVAL, "KVM_RUN before FINALIZE: EINVAL");
	WORKS(tdx_cmd(vm, 4, 0, 0), "FINALIZE_VM");
	sha_end(&s, want);
	digest_is("tdx", want, "MRTD equals the independent computation");
	FAILS(tdx_cmd(vm, 4, 0, 0), EINVAL, "FINALIZE twice");
	FAILS(tdx_cmd(v, 3, 0, REG((uint64_t)src, 0x7000, 1)), EINVAL,
	      "INIT_MEM_REGION after FINALIZE");
	FAILS(ioctl(vm, KVM_CREATE_VCPU, 2L), EIO, "vCPU after FINALIZE: EIO");
	if (inplace) {
		set_abi(5);
		FAILS(convert(fd, 0x5000, PG, 0, 2), EOPNOTSUPP,
		      "PRESERVE after FINALIZE: EOPNOTSUPP");
		set_abi(8);
	}
	struct kvm_run *run2 = vcpu_run_area(v2);
	io_is(v2, run2, 48, "second vCPU starts, too");
	io_is(v2, run2, 0x1234000, "with its own RCX");
	io_is(v2, run2, 1, "and index");
	close(v2);
	io_is(v, run, 48, "RBX is the address width");
	io_is(v, run, 0x809000, "RCX is the INIT_VCPU value");
	io_is(v, run, 0, "RSI is the vCPU index");
	io_is(v, run, 0x40, "CR4 is MCE");
	int ret = ioctl(v, KVM_RUN, 0);
	check(!ret && run->exit_reason == KVM_EXIT_HYPERCALL && run->hypercall.nr == 12 &&
		      run->hypercall.args[0] == 0x3000 && !run->hypercall.args[2],
	      "MAP_GPA exit");
	if (inplace) {
		WORKS(convert(fd, 0x3000, PG, 0, 0), "convert");
	} else {
		WORKS(ioctl(vm, IO_ATTRS1, &(struct attrs1){.address = 0x3000, .size = PG}),
		      "convert");
	}
	run->hypercall.ret = EAGAIN;
	io_is(v, run, EAGAIN, "EAGAIN reaches the guest");
	io_is(v, run, 0xfeedf00d, "guest reads the measured data");
	check(*(volatile uint32_t *)(m + 0x3000) == 0x12345678,
	      "guest's write to the shared page is visible");
	errno = 0;
	ret = ioctl(v, KVM_RUN, 0);
	check(ret == -1 && errno == EFAULT && run->exit_reason == 39 && !run64(run, 32) &&
		      run64(run, 40) == 0x4000,
	      "KVM_EXIT_MEMORY_FAULT");
	if (inplace) {
		WORKS(convert(fd, 0x4000, PG, 0, 0), "convert");
	} else {
		WORKS(ioctl(vm, IO_ATTRS1, &(struct attrs1){.address = 0x4000, .size = PG}),
		      "convert");
	}
	io_is(v, run, 'F', "guest goes on");
	check(*(volatile uint32_t *)(m + 0x4000) == 0xcafe, "and the write is visible");
	munmap(m, size);
	munmap(rom, PG);
	close(v);
	close(fd);
	close(fd2);
	close(vm);
}

static void test_tdx_shared_bit(void)
{
	const uint64_t S = 1ull << 51;
	struct kvm_enable_cap split = {.cap = 121, .args = {24}};
	static struct tdx_init in = {.attrs = 0x10000000, .xfam = 3, .nent = 1};
	struct {
		uint32_t nent, pad;
		struct cpuid_ent e[3];
	} c = {.nent = 3,
	       .e = {{.fn = 0, .eax = 1},
		     {.fn = 1, .eax = 0xa00f11, .ecx = 1 << 21, .edx = 0x78bfbff},
		     {.fn = 0x80000008, .eax = 0x343034}}};
	struct tdx_region rg;
	struct kvm_run *run;
	uint8_t *m, *rom;
	int vm, fd, fd2, v, ret;

	printf("# C: TDX guest with a shared bit\n");
	if (!host_has_52_bits()) {
		printf("ok %d - # SKIP needs a host CPU with 52 address bits\n", ++ntest);
		return;
	}
	vm = vm_new(5);
	in.e[0] = (struct cpuid_ent){.fn = 0x80000008, .flags = 1, .eax = 52 << 16};
	check(!ioctl(vm, KVM_ENABLE_CAP, &split) && !tdx_cmd(vm, 1, 0, (uint64_t)&in),
	      "INIT_VM with 52 address bits");
	fd = gmem_new(vm, 16 * PG, 3);
	fd2 = gmem_new(vm, PG, 3);
	m = gmem_map(fd, 16 * PG);
	rom = gmem_map(fd2, PG);
	check(!slot(vm, 0, 0, 16 * PG, m, fd, 0) && !slot(vm, 1, 0xfffff000, PG, rom, fd2, 0),
	      "two slots");
	v = ioctl(vm, KVM_CREATE_VCPU, 0L);
	run = vcpu_run_area(v);
	check(!ioctl(v, 0x4008ae90, &c) && !tdx_cmd(v, 2, 0, 0), "vCPU");
	memcpy(rom, guestpg, guestpg_end - guestpg);
	rom[0xff0] = 0xe9;
	put(rom, 0xff1, (uint32_t) - (0xff0 + 5), 4);
	put(m, 0x2000, 0xabcd, 4);
	put(m, 0x9000, 0xa003, 8);
	put(m, 0xa000, 0xb003, 8);
	put(m, 0xa018, 0xc003, 8);
	put(m, 0xb000, 0x83, 8);
	put(m, 0xb008, 0x83 | S, 8);
	put(m, 0xcff8, 0xffe00083, 8);
	check(!convert(fd, 0, 16 * PG, PRIV, 0) && !convert(fd2, 0, PG, PRIV, 0), "to private");
	check(!tdx_cmd(v, 3, 1, REG(0, 0xfffff000, 1)) && !tdx_cmd(v, 3, 0, REG(0, 0x2000, 1)) &&
		      !tdx_cmd(v, 3, 0, REG(0, 0x9000, 4)),
	      "populate");
	check(!convert(fd, 0x4000, PG, 0, 0) && !tdx_cmd(vm, 4, 0, 0),
	      "one page to shared, FINALIZE");
	io_is(v, run, 0xabcd, "guest runs with paging");
	errno = 0;
	ret = ioctl(v, KVM_RUN, 0);
	check(ret == -1 && errno == EFAULT && run->exit_reason == 39 && !run64(run, 32) &&
		      run64(run, 40) == 0x3000,
	      "shared access to a private page: fault exit, shared");
	WORKS(convert(fd, 0x3000, PG, 0, 0), "convert");
	io_is(v, run, 'S', "guest goes on");
	check(*(volatile uint32_t *)(m + 0x3000) == 0x1111, "write visible");
	errno = 0;
	ret = ioctl(v, KVM_RUN, 0);
	check(ret == -1 && errno == EFAULT && run->exit_reason == 39 && run64(run, 32) == 8 &&
		      run64(run, 40) == 0x4000,
	      "private access to a shared page: fault exit, private");
	WORKS(convert(fd, 0x4000, PG, PRIV, 0), "convert");
	io_is(v, run, 'P', "guest goes on");
	munmap(m, 16 * PG);
	munmap(rom, PG);
	close(v);
	close(fd);
	close(fd2);
	close(vm);
}

/* --------------------------------------------- D: strict SNP guests */
/*
 * Guest code, copied to 0x100000 of guests whose first 2 MiB are mapped twice:
 * at 0 with the C-bit, at 2 MiB without it.  4 MiB is mapped to 0x10000000, where
 * there is no memory.  Nothing in here may refer to data of this program.
 */
#pragma GCC push_options
#pragma GCC target("general-regs-only")
#pragma GCC optimize("O1,no-jump-tables,no-tree-loop-distribute-patterns")
#define GUEST	   __attribute__((section("snpguest"), noinline, used, no_stack_protector))
#define GINL	   static inline __attribute__((always_inline))
#define G_CODE	   0x100000ull
#define G_SHARED   0x200000ull /* + address = the alias without C-bit */
#define G_GHCB	   0x10000ull
#define G_GHCB2	   0x11000ull
#define G_REQ	   0x12000ull /* request, answer, certificates */
#define G_LAZY	   0x20000ull /* not part of the image */
#define G_PSC	   0x28000ull /* two pages */
#define G_VMSA	   0x30000ull /* not 2 MiB aligned */
#define G_AP_STACK 0x32000ull
#define G_SECRETS  0x34000ull
#define G_LOG	   ((volatile uint64_t *)0x7000) /* count, error code, RIP, RIP to go on at, vector */
#define LOG_COUNT  G_LOG[0]

asm(".pushsection snpguest,\"ax\"\n.globl g_vc, g_gp, g_pf, g_ud\n"
    "g_vc: push %rax; mov $29,%eax; jmp 1f\n"
    "g_gp: push %rax; mov $13,%eax; jmp 1f\n"
    "g_pf: push %rax; mov $14,%eax; jmp 1f\n"
    "g_ud: push $0; push %rax; mov $6,%eax\n"
    "1: mov %rax,0x7020; mov 8(%rsp),%rax; mov %rax,0x7008; mov 16(%rsp),%rax; mov %rax,0x7010\n"
    "incq 0x7000; mov 0x7018,%rax; mov %rax,16(%rsp); pop %rax; add $8,%rsp; iretq\n"
    ".popsection");
extern const uint8_t g_vc[], g_gp[], g_pf[], g_ud[], __start_snpguest[], __stop_snpguest[];

/* runs an instruction; vector << 32 | error code if it faults at its own address, else 0 */
#define TRAP(insn, ...)                                                                          \
	({                                                                                       \
		uint64_t at_;                                                                    \
		LOG_COUNT = 0;                                                                   \
		asm volatile("lea 8f(%%rip),%%r11; mov %%r11,0x7018; lea 7f(%%rip),%0\n7: " insn \
			     "\n8:"                                                              \
			     : "=&r"(at_)                                                        \
			     : __VA_ARGS__                                                       \
			     : "r11", "r10", "memory", "cc");                                    \
		LOG_COUNT ? LOG_COUNT == 1 && G_LOG[2] == at_                                    \
				    ? G_LOG[4] << 32 | (uint32_t)G_LOG[1]                        \
				    : ~0ull                                                      \
			  : 0;                                                                   \
	})

GINL void g_wrmsr(uint32_t n, uint64_t v)
{
	asm volatile("wrmsr" ::"c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
GINL uint64_t g_rdmsr(uint32_t n)
{
	uint32_t a, d;
	asm volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(n) : "memory");
	return a | (uint64_t)d << 32;
}
GINL void g_vmgexit(void)
{
	asm volatile("rep; .byte 0x0f,0x01,0xd9" ::: "memory");
}
GINL uint64_t g_msr_proto(uint64_t v)
{
	g_wrmsr(0xc0010130, v);
	g_vmgexit();
	return g_rdmsr(0xc0010130);
}
/* EAX | CF << 8 */
GINL uint32_t g_pvalidate(uint64_t va, uint32_t size, uint32_t on)
{
	uint32_t r;
	uint8_t cf;
	asm volatile(".byte 0xf2,0x0f,0x01,0xff; setc %1"
		     : "=a"(r), "=q"(cf)
		     : "0"(va), "c"(size), "d"(on)
		     : "memory", "cc");
	return r | cf << 8;
}
GINL uint32_t g_rmpadjust(uint64_t va, uint32_t size, uint64_t attrs)
{
	uint64_t r;
	asm volatile(".byte 0xf3,0x0f,0x01,0xfe"
		     : "=a"(r)
		     : "0"(va), "c"(size), "d"(attrs)
		     : "memory", "cc");
	return r;
}
GINL void g_field(uint8_t *g, int off, uint64_t v)
{
	*(volatile uint64_t *)(g + off) = v;
	*(volatile uint64_t *)(g + 0x3f0 + off / 512 * 8) |= 1ull << off / 8 % 64;
}
GINL uint64_t g_get(uint8_t *g, int off)
{
	return *(volatile uint64_t *)(g + off);
}
GINL void g_begin(uint8_t *g, uint64_t code, uint64_t i1, uint64_t i2)
{
	*(volatile uint64_t *)(g + 0x3f0) = 0;
	*(volatile uint64_t *)(g + 0x3f8) = 0;
	*(volatile uint32_t *)(g + 0xffc) = 0;
	*(volatile uint16_t *)(g + 0xffa) = 2;
	g_field(g, 0x390, code);
	g_field(g, 0x398, i1);
	g_field(g, 0x3a0, i2);
}
GINL void g_call(uint64_t ghcb)
{
	g_wrmsr(0xc0010130, ghcb);
	g_vmgexit();
}
GUEST static void g_out(uint64_t ghcb, uint32_t id, uint32_t v)
{
	uint8_t *g = (uint8_t *)(G_SHARED + ghcb);

	for (int i = 0; i < 2; i++) {
		g_begin(g, 0x7b, 0x80 << 16 | 0x40, 0);
		g_field(g, 0x1f8, i ? v : id);
		g_call(ghcb);
	}
}
#define OUT(id, v) g_out(G_GHCB, id, v)

GUEST static void g_setup_ghcb(uint64_t ghcb, uint64_t *r)
{
	r[0] = g_pvalidate(ghcb, 0, 0);
	r[1] = g_pvalidate(ghcb, 0, 0);
	r[2] = g_msr_proto(2ull << 52 | ghcb | 0x14);
	r[3] = g_msr_proto(ghcb | 0x12);
}

GUEST void g_ap(uint64_t arg)
{
	uint64_t r[4];

	g_setup_ghcb(G_GHCB2, r);
	g_out(G_GHCB2, 'A', arg);
	g_out(G_GHCB2, 'B', g_rdmsr(0xc0000082) == 0x1234567 && r[0] == 0 && r[2] == 0x15);
	for (;;) {
		uint8_t *g = (uint8_t *)(G_SHARED + G_GHCB2);

		g_begin(g, 0x80000004, 0, 0); /* AP reset hold */
		g_call(G_GHCB2);
	}
}

GINL void g_seg(uint8_t *p, uint16_t sel, uint16_t attr, uint32_t limit)
{
	*(uint16_t *)p = sel;
	*(uint16_t *)(p + 2) = attr;
	*(uint32_t *)(p + 4) = limit;
}

GUEST void g_main(uint64_t g_ap_at)
{
	uint64_t r[4], info, feat, t, rbx = 0x1111, r12 = 0x2222, r15 = 0x3333;
	uint8_t *g = (uint8_t *)(G_SHARED + G_GHCB), *p;
	volatile uint32_t *lazy = (void *)G_LAZY, *psc = (void *)G_PSC;

	info = g_msr_proto(2);
	feat = g_msr_proto(0x80);
	g_setup_ghcb(G_GHCB, r);
	OUT(1, info == (2ull << 48 | 1ull << 32 | 51ull << 24 | 1));
	OUT(2, feat == (3 << 12 | 0x81));
	OUT(3, r[0] | r[1] << 16);
	OUT(4, r[2] == 0x15 && r[3] == (G_GHCB | 0x13));
	/* registers survive a VMGEXIT */
	g_begin(g, 0x7b, 0x80 << 16 | 0x40, 0);
	g_field(g, 0x1f8, 5);
	g_wrmsr(0xc0010130, G_GHCB);
	asm volatile("mov %[c],%%r15; rep; .byte 0x0f,0x01,0xd9; mov %%r15,%[c]"
		     : "+b"(rbx), [c] "+r"(r15), "+r"(r12)::"r15", "memory");
	g_begin(g, 0x7b, 0x80 << 16 | 0x40, 0);
	g_field(g, 0x1f8, rbx == 0x1111 && r12 == 0x2222 && r15 == 0x3333);
	g_call(G_GHCB);

	OUT(10, t = TRAP("cpuid", "a"(0)));
	OUT(10, t >> 32);
	OUT(11, TRAP("out %%al,$0x80", "a"(0)));
	OUT(12, TRAP("in $0x80,%%al", "a"(0)));
	OUT(13, TRAP("rdmsr", "c"(0x10)));
	OUT(14, TRAP("wrmsr", "c"(0x10), "a"(0), "d"(0)));
	OUT(15, TRAP("rdpmc", "c"(0)));
	OUT(16, TRAP("wbinvd", "c"(0)));
	OUT(17, TRAP("invd", "c"(0)));
	OUT(18, TRAP("monitor", "a"(0x7000), "c"(0), "d"(0)));
	OUT(19, TRAP("mwait", "a"(0), "c"(0)));
	OUT(20, TRAP("vmmcall", "a"(0)));
	OUT(21, TRAP("mov %%dr7,%%r10", "a"(0)));
	OUT(22, TRAP("mov %%r10,%%dr7", "a"(0)));
	OUT(23, TRAP("mov %%dr0,%%r10", "a"(0)));
	OUT(24, TRAP("mov %%rdx,%%r10; mov %%rax,%%r11; rdtsc; mov %%r10,%%rdx; mov %%r11,%%rax",
		     "a"(0)));
	OUT(25, TRAP("mov 0x400000,%%r10d", "a"(0)));
	OUT(26, TRAP("mov %%r10d,0x400008", "a"(0)));
	OUT(27, TRAP("ud2", "a"(0)) >> 32);
	OUT(28, g_rdmsr(0xc0010131));
	OUT(29, TRAP("wrmsr", "c"(0xc0010131), "a"(7), "d"(0)) >> 32);
	OUT(30, TRAP("mov %%rdx,%%r10; mov %%rax,%%r11; rdmsr; mov %%r10,%%rdx; mov %%r11,%%rax",
		     "c"(0xc0000080)));

	/* the GHCB page protocol */
	g_begin(g, 0x72, 0, 0);
	g_field(g, 0x1f8, 0x8000001f);
	g_field(g, 0x308, 0);
	g_call(G_GHCB);
	t = g_get(g, 0x318) & 0x3f;
	OUT(40, g_get(g, 0x398) == 0 && t == 51);
	g_begin(g, 0x72, 0, 0);
	g_field(g, 0x1f8, 0);
	g_call(G_GHCB);
	t = (uint32_t)g_get(g, 0x398) << 8 | g_get(g, 0x3a0);
	OUT(41, t);
	g_begin(g, 0x7777, 0, 0);
	g_call(G_GHCB);
	t = (uint32_t)g_get(g, 0x398) << 8 | g_get(g, 0x3a0);
	OUT(42, t);
	g_begin(g, 0x7c, 0, 0);
	g_field(g, 0x308, 0xdeadbeef);
	g_call(G_GHCB);
	t = (uint32_t)g_get(g, 0x398) << 8 | (g_get(g, 0x3a0) & 0x7ff);
	OUT(43, t);
	for (int i = 0; i < 4; i++)
		g[0x800 + i] = 'a' + i;
	g_begin(g, 0x7b, 0x80 << 16 | 0x10 | 0x0c, 4);
	g_field(g, 0x3a8, G_GHCB + 0x800);
	g_call(G_GHCB);
	*(volatile uint64_t *)(g + 0x800) = 0x87654321;
	g_begin(g, 0x80000002, 0x10000010, 4);
	g_field(g, 0x3a8, G_GHCB + 0x800);
	g_call(G_GHCB);
	g_begin(g, 0x80000001, 0x10000018, 4);
	g_field(g, 0x3a8, G_GHCB + 0x800);
	g_call(G_GHCB);
	t = *(volatile uint32_t *)(g + 0x800);
	OUT(44, t);
	g_begin(g, 0x80000001, 0x10000018, 4);
	g_field(g, 0x3a8, 0x3000);
	g_call(G_GHCB);
	t = (uint32_t)g_get(g, 0x398) << 8 | g_get(g, 0x3a0);
	OUT(45, t);
	g_begin(g, 0x8000fffd, 0, 0);
	g_call(G_GHCB);
	t = g_get(g, 0x3a0);
	OUT(46, t);

	/* validation */
	OUT(50, TRAP("mov 0x20000,%%r10d", "a"(0)));
	OUT(51, TRAP("mov %%r10d,0x20000", "a"(0)));
	OUT(52, g_rmpadjust(0x7000, 0, 1) | g_rmpadjust(0x7000, 0, 0) << 8 |
			g_rmpadjust(0x7000, 1, 1) << 16);
	OUT(53, TRAP(".byte 0xf3,0x0f,0x01,0xfe", "a"(G_LAZY), "c"(0), "d"(1)));
	OUT(54, g_pvalidate(0, 1, 1) | g_pvalidate(0x1000, 1, 1) << 16);
	OUT(55, g_pvalidate(G_LAZY, 0, 1) | g_pvalidate(G_LAZY, 0, 1) << 16);
	*lazy = 0x600d;
	OUT(56, TRAP("mov 0x20000,%%r10d", "a"(0)) | *lazy);
	OUT(57, g_pvalidate(G_LAZY, 0, 0));
	OUT(58, TRAP("mov 0x20000,%%r10d", "a"(0)));
	OUT(59, g_pvalidate(G_LAZY, 0, 1) | *lazy << 4);
	OUT(60, TRAP(".byte 0xf2,0x0f,0x01,0xff", "a"(0x800000), "c"(0), "d"(1)) >> 32);

	/* two pages to shared and back, one exit each */
	for (int back = 0; back < 2; back++) {
		if (!back)
			OUT(70, g_pvalidate(G_PSC, 0, 0) | g_pvalidate(G_PSC + PG, 0, 0));
		*(volatile uint64_t *)(g + 0x800) = 1ull << 16; /* entries 0 to 1 */
		for (int i = 0; i < 2; i++)
			*(volatile uint64_t *)(g + 0x808 + 8 * i) =
				(G_PSC + i * PG) | (back ? 1ull : 2ull) << 52;
		g_begin(g, 0x80000010, 0, 0);
		g_field(g, 0x3a8, G_GHCB + 0x800);
		g_call(G_GHCB);
		t = g_get(g, 0x3a0);
		OUT(71 + back, t | *(volatile uint16_t *)(g + 0x800) << 16);
		if (!back)
			*(volatile uint32_t *)(G_SHARED + G_PSC) = 0x5a5a;
	}
	OUT(73, TRAP("mov 0x28000,%%r10d", "a"(0)));
	OUT(74, g_pvalidate(G_PSC, 0, 1));
	OUT(75, *psc != 0x5a5a);

	/* a second vCPU */
	p = (uint8_t *)G_VMSA;
	g_seg(p + 0x00, 0x10, 0xc93, ~0u);
	g_seg(p + 0x10, 8, 0xa9b, ~0u);
	g_seg(p + 0x20, 0x10, 0xc93, ~0u);
	g_seg(p + 0x30, 0x10, 0xc93, ~0u);
	g_seg(p + 0x40, 0x10, 0xc93, ~0u);
	g_seg(p + 0x50, 0x10, 0xc93, ~0u);
	g_seg(p + 0x60, 0, 0, 0xff);
	*(uint64_t *)(p + 0x68) = 0x6000;
	g_seg(p + 0x70, 0, 0x82, 0xffff);
	g_seg(p + 0x80, 0, 0, 0xfff);
	*(uint64_t *)(p + 0x88) = 0x5000;
	g_seg(p + 0x90, 0, 0x8b, 0xffff);
	*(uint64_t *)(p + 0xd0) = 0x1500;
	*(uint64_t *)(p + 0x148) = 0x60;
	*(uint64_t *)(p + 0x150) = 0x9000 | 1ull << 51;
	*(uint64_t *)(p + 0x158) = 0x80000011;
	*(uint64_t *)(p + 0x160) = 0x400;
	*(uint64_t *)(p + 0x168) = 0xffff0ff0;
	*(uint64_t *)(p + 0x170) = 2;
	*(uint64_t *)(p + 0x178) = g_ap_at;
	*(uint64_t *)(p + 0x1d8) = G_AP_STACK + PG - 8;
	*(uint64_t *)(p + 0x208) = 0x1234567;
	*(uint64_t *)(p + 0x268) = 0x0007040600070406ull;
	*(uint64_t *)(p + 0x338) = 0x77;
	*(uint64_t *)(p + 0x3b0) = 1;
	*(uint64_t *)(p + 0x3e8) = 1;
	OUT(80, g_rmpadjust(G_VMSA, 0, 1 | 1 << 16));
	g_begin(g, 0x80000013, 99ull << 32 | 1, G_VMSA);
	g_field(g, 0x1f8, 1);
	g_call(G_GHCB);
	t = (uint32_t)g_get(g, 0x398) << 8 | g_get(g, 0x3a0);
	OUT(81, t);
	g_begin(g, 0x80000013, 1ull << 32 | 1, G_VMSA);
	g_field(g, 0x1f8, 1);
	g_call(G_GHCB);
	t = (uint32_t)g_get(g, 0x398) << 8 | g_get(g, 0x3a0);
	OUT(82, t);

	/* requests to the firmware; the host makes them, for it has the key now */
	for (int i = 0; i < 3; i++)
		g_pvalidate(G_REQ + i * PG, 0, 0);
	*(volatile uint64_t *)(g + 0x800) = 2ull << 16;
	for (int i = 0; i < 3; i++)
		*(volatile uint64_t *)(g + 0x808 + 8 * i) = (G_REQ + i * PG) | 2ull << 52;
	g_begin(g, 0x80000010, 0, 0);
	g_field(g, 0x3a8, G_GHCB + 0x800);
	g_call(G_GHCB);
	for (int i = 0; i < 32; i += 8)
		*(volatile uint64_t *)(G_SHARED + G_REQ + PG + i) =
			*(volatile uint64_t *)(G_SECRETS + 0x20 + i);
	for (int i = 0; i < 3; i++) {
		OUT(90 + i, *(volatile uint32_t *)G_SECRETS);
		g_begin(g, i == 2 ? 0x80000012 : 0x80000011, G_REQ, G_REQ + PG);
		if (i == 2) {
			g_field(g, 0x1f8, G_REQ + 2 * PG);
			g_field(g, 0x318, 1);
		}
		g_call(G_GHCB);
		t = g_get(g, 0x3a0);
		OUT(95 + i, (uint32_t)t | t >> 32);
	}
	g_msr_proto(0x100 | 2 << 12 | 0x33 << 16);
	for (;;)
		asm volatile("hlt");
}

#pragma GCC pop_options

/* AES-256-GCM, one block after the other */
static uint8_t aes_sbox[256], aes_rk[240];
static uint8_t aes_x2(uint8_t v)
{
	return v << 1 ^ (v >> 7) * 0x1b;
}
static void aes_key(const uint8_t key[32])
{
	uint8_t p = 1, q = 1, rcon = 1;

	do { /* p runs through all values, q through the inverses */
		p = p ^ aes_x2(p);
		q ^= q << 1;
		q ^= q << 2;
		q ^= q << 4;
		if (q & 0x80)
			q ^= 9;
		aes_sbox[p] = 0x63 ^ q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^
			      (q << 4 | q >> 4);
	} while (p != 1);
	aes_sbox[0] = 0x63;
	memcpy(aes_rk, key, 32);
	for (int i = 32; i < 240; i += 4) {
		uint8_t t[4];

		memcpy(t, aes_rk + i - 4, 4);
		if (i % 32 == 0) {
			uint8_t first = t[0];

			for (int j = 0; j < 3; j++)
				t[j] = aes_sbox[t[j + 1]];
			t[3] = aes_sbox[first];
			t[0] ^= rcon;
			rcon = aes_x2(rcon);
		} else if (i % 32 == 16) {
			for (int j = 0; j < 4; j++)
				t[j] = aes_sbox[t[j]];
		}
		for (int j = 0; j < 4; j++)
			aes_rk[i + j] = aes_rk[i - 32 + j] ^ t[j];
	}
}
static void aes_block(const uint8_t in[16], uint8_t out[16])
{
	uint8_t s[16], t[16];

	for (int i = 0; i < 16; i++)
		s[i] = in[i] ^ aes_rk[i];
	for (int round = 1; round <= 14; round++) {
		for (int i = 0; i < 16; i++)
			t[i] = aes_sbox[s[(i + 4 * (i % 4)) % 16]];
		for (int c = 0; c < 16; c += 4) {
			uint8_t all = t[c] ^ t[c + 1] ^ t[c + 2] ^ t[c + 3];

			for (int j = 0; j < 4; j++)
				s[c + j] = round == 14
						   ? t[c + j]
						   : t[c + j] ^ all ^
							     aes_x2(t[c + j] ^ t[c + (j + 1) % 4]);
		}
		for (int i = 0; i < 16; i++)
			s[i] ^= aes_rk[16 * round + i];
	}
	memcpy(out, s, 16);
}
static void ghash(uint8_t y[16], const uint8_t h[16], const uint8_t *data, int len)
{
	for (; len > 0; data += 16, len -= 16) {
		uint8_t z[16] = {}, v[16];

		for (int i = 0; i < 16 && i < len; i++)
			y[i] ^= data[i];
		memcpy(v, h, 16);
		for (int i = 0; i < 128; i++) {
			int low = v[15] & 1;

			if (y[i / 8] & 0x80 >> i % 8)
				for (int j = 0; j < 16; j++)
					z[j] ^= v[j];
			for (int j = 15; j; j--)
				v[j] = v[j] >> 1 | v[j - 1] << 7;
			v[0] >>= 1;
			if (low)
				v[0] ^= 0xe1;
		}
		memcpy(y, z, 16);
	}
}
/* data in place; tag over the 48 bytes of header and the encrypted data */
static void gcm(uint8_t *data, int len, int encrypt, const uint8_t *aad, uint64_t seq,
		uint8_t tag[16])
{
	uint8_t h[16] = {}, ctr[16] = {}, ks[16], y[16] = {}, lens[16] = {};

	aes_block(h, h);
	memcpy(ctr, &seq, 8);
	ghash(y, h, aad, 48);
	if (!encrypt)
		ghash(y, h, data, len);
	for (int i = 0; i < len; i++) {
		if (i % 16 == 0) {
			uint32_t n = __builtin_bswap32(i / 16 + 2);
			memcpy(ctr + 12, &n, 4);
			aes_block(ctr, ks);
		}
		data[i] ^= ks[i % 16];
	}
	if (encrypt)
		ghash(y, h, data, len);
	lens[6] = 48 * 8 >> 8;
	lens[7] = 48 * 8 & 255;
	lens[14] = len * 8 >> 8;
	lens[15] = len * 8;
	ghash(y, h, lens, 16);
	memset(ctr + 12, 0, 3);
	ctr[15] = 1;
	aes_block(ctr, ks);
	for (int i = 0; i < 16; i++)
		tag[i] = y[i] ^ ks[i];
}
static void msg_make(uint8_t *page, uint64_t seq, int type, int len)
{
	put(page, 0x20, seq, 8);
	page[0x30] = 1;
	page[0x31] = 1;
	put(page, 0x32, 96, 2);
	page[0x34] = type;
	page[0x35] = 1;
	put(page, 0x36, len, 2);
	gcm(page + 96, len, 1, page + 0x30, seq, page);
}

/* What the guest is to say, in this order; name NULL: checked elsewhere or not worth a line */
static const struct {
	uint32_t id, value;
	const char *name;
} strict_says[] = {
	{1, 1, "MSR protocol: SEV information with versions 1 to 2 and C-bit 51"},
	{2, 1, "MSR protocol: features SNP and AP creation"},
	{3, 0x100 << 16, "PVALIDATE rescinds, and sets CF the second time"},
	{4, 1, "MSR protocol: page to shared, GHCB registered"},
	{5, 1, "registers survive a VMGEXIT"},
	{10, 0x72, "CPUID raises #VC"},
	{10, 29, "which is vector 29"},
	{11, 0x7b, "OUT raises #VC"},
	{12, 0x7b, "IN raises #VC"},
	{13, 0x7c, "RDMSR raises #VC"},
	{14, 0x7c, "WRMSR raises #VC"},
	{15, 0x6f, "RDPMC raises #VC"},
	{16, 0x89, "WBINVD raises #VC"},
	{17, 0x76, "INVD raises #VC"},
	{18, 0x8a, "MONITOR raises #VC"},
	{19, 0x8b, "MWAIT raises #VC"},
	{20, 0x81, "VMMCALL raises #VC"},
	{21, 0x27, "read of DR7 raises #VC"},
	{22, 0x37, "write of DR7 raises #VC"},
	{23, 0, "read of DR0 doesn't"},
	{24, 0, "RDTSC doesn't"},
	{25, 0x400, "MMIO read raises #VC"},
	{26, 0x400, "MMIO write raises #VC"},
	{27, 6, "#UD stays #UD"},
	{28, 7, "SEV_STATUS is SEV, SEV-ES, SEV-SNP"},
	{29, 13, "SEV_STATUS is read-only"},
	{30, 0, "RDMSR of EFER doesn't raise #VC"},
	{40, 1, "GHCB: CPUID"},
	{41, 0x204, "GHCB: missing input"},
	{42, 0x206, "GHCB: invalid event"},
	{43, 0x10d | 0x300, "GHCB: bad MSR is answered with #GP"},
	{44, 0xa1b2c3d4, "GHCB: MMIO read"},
	{45, 0x203, "GHCB: scratch area outside the GHCB"},
	{46, 3, "GHCB: features"},
	{50, 0x404, "read of a page that isn't validated: #VC 0x404"},
	{51, 0x404, "write to it, too"},
	{52, 0x010200, "RMPADJUST: VMPL1 works, VMPL0 not permitted, unaligned: bad input"},
	{53, 0x404, "RMPADJUST of a page that isn't validated"},
	{54, 0x00010006, "PVALIDATE of 2 MiB: size mismatch; unaligned: bad input"},
	{55, 0x01000000, "PVALIDATE validates, and sets CF the second time"},
	{56, 0x600d, "then the page works"},
	{57, 0, "PVALIDATE rescinds"},
	{58, 0x404, "then it doesn't"},
	{59, 0x600d0, "validated again it has its contents"},
	{60, 14, "PVALIDATE of an address that isn't mapped: #PF"},
	{70, 0, "two pages rescinded"},
	{71, 2 << 16, "GHCB: two pages to shared"},
	{72, 2 << 16, "GHCB: two pages to private"},
	{73, 0x404, "they have to be validated"},
	{74, 0, "which works"},
	{75, 1, "and have lost their contents"},
	{80, 0, "RMPADJUST makes a VMSA page"},
	{81, 0x205, "GHCB: AP creation for an unknown APIC ID"},
	{82, 0, "GHCB: AP creation"},
	{90, 3, NULL},
	{95, 0, "guest request"},
	{91, 3, NULL},
	{96, 0, "guest request for a key"},
	{92, 3, NULL},
	{97, 0, "extended guest request"},
};
static int strict_ap, strict_fd;
static uint32_t strict_ap_said[4];
static int strict_hypercall(struct kvm_run *run)
{
	uint64_t args[3];

	memcpy(args, (uint8_t *)run + 40, sizeof(args));
	put((uint8_t *)run, 88, 0, 8);
	return convert(strict_fd, args[0], args[1] * PG, args[2] & 0x10 ? PRIV : 0, 0);
}
static void *strict_ap_thread(void *arg)
{
	struct kvm_run *run = vcpu_run_area(strict_ap);
	int n = 0;

	(void)arg;
	while (n < 4) {
		if (ioctl(strict_ap, KVM_RUN, 0)) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			strict_ap_said[0] = 0xe0000000 | errno;
			break;
		}
		if (run->exit_reason == KVM_EXIT_HYPERCALL) {
			if (strict_hypercall(run))
				break;
		} else if (run->exit_reason == KVM_EXIT_IO)
			strict_ap_said[n++] = io_value(run);
		else {
			strict_ap_said[0] = 0xf0000000 | run->exit_reason;
			break;
		}
	}
	return NULL;
}
static void strict_segments(struct kvm_sregs *s)
{
	struct kvm_segment d = {
		.limit = ~0u, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1, .selector = 0x10};

	s->ds = s->es = s->fs = s->gs = s->ss = d;
	s->cs = d;
	s->cs.type = 0xb;
	s->cs.db = 0;
	s->cs.l = 1;
	s->cs.selector = 8;
	s->cr0 = 0x80000011;
	s->cr4 = 0x20;
	s->efer = 0x500;
	s->cr3 = 0x9000 | 1ull << 51;
	s->idt.base = 0x5000;
	s->idt.limit = 0xfff;
	s->gdt.base = 0x6000;
	s->gdt.limit = 0xff;
}
static void strict_gate(uint8_t *idt, int n, const uint8_t *handler)
{
	uint64_t at = G_CODE + (handler - __start_snpguest);

	put(idt, 16 * n, (at & 0xffff) | 8 << 16 | 0x8e00ull << 32 | (at & 0xffff0000) << 32, 8);
	put(idt, 16 * n + 8, at >> 32, 8);
}
static struct {
	uint32_t nent, pad;
	struct cpuid_ent e[6];
} strict_cpuid = {.nent = 6,
		  .e = {{.fn = 0, .eax = 0xb},
			{.fn = 1, .eax = 0xa00f11, .edx = 0x78bfbff, .ecx = 1 << 21},
			{.fn = 0x80000000, .eax = 0x8000001f},
			{.fn = 0x80000001, .edx = 1 << 29 | 1 << 20 | 1},
			{.fn = 0x80000008, .eax = 0x3030},
			{.fn = 0x8000001f, .eax = 0x1a, .ebx = 51}}};
static void test_strict(void)
{
	const uint64_t C = 1ull << 51, size = 512 * PG;
	static const uint8_t lens0[24];
	uint8_t *m, ld[48] = {}, page[PG], key[32], report[1184] = {}, tag[16], h[48];
	struct kvm_enable_cap split = {.cap = 121, .args = {24}},
			      hc = {.cap = 201, .args = {1 << 12}};
	struct kvm_mp_state halted = {.mp_state = 3};
	struct snp_finish f = {};
	struct kvm_run *run;
	struct kvm_sregs s;
	struct kvm_regs r = {.rip = G_CODE + ((const uint8_t *)g_main - __start_snpguest),
			     .rflags = 2,
			     .rsp = 0x8ff8,
			     .rdi = G_CODE + ((const uint8_t *)g_ap - __start_snpguest)};
	uint64_t code = (__stop_snpguest - __start_snpguest + PG - 1) & ~(PG - 1);
	uint32_t id = 0, expect_mmio = 0;
	char string[8] = "";
	pthread_t t;
	int vm, v, ret, n = 0, have_id = 0, hypercalls = 0;

	printf("# D: strict SNP guests\n");
	if (!host_has_52_bits()) {
		printf("ok %d - # SKIP needs a host CPU with 52 address bits\n", ++ntest);
		return;
	}
	param("kvm_amd", "softcc_guest", 1);
	{
		static struct {
			uint32_t nent, pad;
			struct cpuid_ent e[128];
		} sup = {.nent = 128};
		struct cpuid_ent *e = NULL;

		WORKS(ioctl(kvm, 0xc008ae05, &sup), "KVM_GET_SUPPORTED_CPUID");
		for (uint32_t i = 0; i < sup.nent; i++)
			if (sup.e[i].fn == 0x8000001f)
				e = &sup.e[i];
		check(e && (e->eax & 0x1a) == 0x1a && (e->ebx & 0x3f) == 51,
		      "it has leaf 0x8000001F with SNP and C-bit 51");
	}
	vm = vm_new(4);
	{
		struct sev_init old = {.ghcb = 1};
		FAILS(snp_cmd(vm, 22, &old, 0), EINVAL, "INIT2 with GHCB version 1: EINVAL");
	}
	check(!ioctl(vm, KVM_ENABLE_CAP, &split) && !ioctl(vm, KVM_ENABLE_CAP, &hc),
	      "split irqchip, hypercall exits");
	check(!snp_start(vm), "INIT2 and START");
	strict_fd = gmem_new(vm, size, 3);
	m = gmem_map(strict_fd, size);
	check(!slot(vm, 0, 0, size, m, strict_fd, 0), "slot");
	v = ioctl(vm, KVM_CREATE_VCPU, 0L);
	strict_ap = ioctl(vm, KVM_CREATE_VCPU, 1L);
	run = vcpu_run_area(v);

	strict_gate(m + 0x5000, 29, g_vc);
	strict_gate(m + 0x5000, 13, g_gp);
	strict_gate(m + 0x5000, 14, g_pf);
	strict_gate(m + 0x5000, 6, g_ud);
	put(m, 0x6008, 0x00af9b000000ffffull, 8);
	put(m, 0x6010, 0x00cf93000000ffffull, 8);
	put(m, 0x9000, 0xa003 | C, 8);
	put(m, 0xa000, 0xb003 | C, 8);
	put(m, 0xb000, 0xc003 | C, 8); /* 4 KiB pages, private */
	put(m, 0xb008, 0x83, 8);       /* the same, shared */
	put(m, 0xb010, 0x10000083, 8); /* nothing there */
	for (int i = 0; i < 512; i++)
		put(m, 0xc000 + 8 * i, i * PG | 3 | C, 8);
	memcpy(m + G_CODE, __start_snpguest, __stop_snpguest - __start_snpguest);

	/* low pages with data, the pages to be converted, the rest only as private memory */
	struct {
		uint64_t at, len;
		int type;
	} parts[] = {{0x5000, 8 * PG, 1}, {G_GHCB, 5 * PG, 1}, {G_PSC, 2 * PG, 1},
		     {G_VMSA, 3 * PG, 1}, {G_SECRETS, PG, 5},  {G_CODE, code, 1}};
	for (int i = 0; i < 6; i++)
		for (uint64_t a = parts[i].at; a < parts[i].at + parts[i].len; a += PG)
			snp_extend(ld, parts[i].type, a, parts[i].type == 1 ? m + a : NULL);
	WORKS(convert(strict_fd, 0, size, PRIV, 0), "to private");
	ret = 0;
	for (int i = 0; i < 6; i++)
		ret |= snp_update(vm, parts[i].at, NULL, parts[i].len, parts[i].type, NULL);
	check(!ret, "populate");
	for (int i = 0; i < 2; i++) {
		int vc = i ? strict_ap : v;

		if (ioctl(vc, 0x4008ae90, &strict_cpuid) || ioctl(vc, KVM_GET_SREGS, &s))
			die("vCPU");
		strict_segments(&s);
		if (ioctl(vc, KVM_SET_SREGS, &s) || ioctl(vc, KVM_SET_REGS, &r))
			die("set registers");
		vmsa_build(page, &s, &r);
		snp_extend(ld, 2, 0xfffffffff000, page);
	}
	for (int i = 0; i < 32; i++)
		f.host_data[i] = 0xa0 + i;
	WORKS(ioctl(strict_ap, KVM_SET_MP_STATE, &halted), "second vCPU halted");
	WORKS(snp_cmd(vm, 102, &f, sev), "FINISH");
	digest_is("snp", ld, "measurement");
	pthread_create(&t, NULL, strict_ap_thread, NULL);

	while (n < (int)(sizeof(strict_says) / sizeof(strict_says[0]))) {
		ret = ioctl(v, KVM_RUN, 0);
		if (ret && errno == EINTR)
			continue;
		if (!ret && run->exit_reason == KVM_EXIT_HYPERCALL) {
			hypercalls++;
			if (strict_hypercall(run)) {
				check(0, "conversion that the guest asked for");
				break;
			}
			continue;
		}
		if (!ret && run->exit_reason == KVM_EXIT_MMIO) {
			uint32_t val = 0xa1b2c3d4;

			if (run->mmio.is_write) {
				memcpy(&expect_mmio, run->mmio.data, 4);
				check(run->mmio.phys_addr == 0x10000010 && run->mmio.len == 4 &&
					      expect_mmio == 0x87654321,
				      "GHCB: MMIO write exits");
			} else
				memcpy(run->mmio.data, &val, 4);
			continue;
		}
		if (!ret && run->exit_reason == KVM_EXIT_IO && run->io.size == 1 &&
		    run->io.direction == KVM_EXIT_IO_OUT) {
			memcpy(string, (uint8_t *)run + run->io.data_offset,
			       run->io.count < 8 ? run->io.count : 7);
			check(run->io.count == 4 && !strcmp(string, "abcd"),
			      "GHCB: string output exits");
			continue;
		}
		if (ret || run->exit_reason != KVM_EXIT_IO) {
			check(0, strict_says[n].name ? strict_says[n].name : "request");
			printf("# run %d errno %d exit %u, fault flags %#llx gpa %#llx\n", ret,
			       errno, run->exit_reason, (long long)run64(run, 32),
			       (long long)run64(run, 40));
			break;
		}
		if (!have_id) {
			id = io_value(run);
			have_id = 1;
		} else {
			int good = id == strict_says[n].id && io_value(run) == strict_says[n].value;

			have_id = 0;
			if (strict_says[n].name) {
				check(good, strict_says[n].name);
				if (!good)
					printf("# step %u says %#x, wanted step %u %#x\n", id,
					       io_value(run), strict_says[n].id,
					       strict_says[n].value);
			}
			n++;
		}
		/* in between the guest's words: the firmware's messages */
		if (have_id && id >= 90 && id < 93) {
			if (id == 90) {
				memcpy(key, m + G_REQ + PG, 32);
				aes_key(key);
			}
			memset(m + G_REQ, 0, 2 * PG);
			memset(m + G_REQ + 2 * PG, 0xee, PG);
			if (id != 91) {
				for (int i = 0; i < 64; i++)
					m[G_REQ + 96 + i] = i + id;
				msg_make(m + G_REQ, 1 + 2 * (id - 90), 5, 96);
			} else {
				put(m + G_REQ, 96 + 8, 0x3f, 8);
				msg_make(m + G_REQ, 3, 3, 32);
			}
		}
		if (have_id && id >= 95 && id < 98) {
			uint8_t *a = m + G_REQ + PG;
			int len = id == 96 ? 64 : 32 + 1184;

			gcm(a + 96, len, 0, a + 0x30, 2 + 2 * (id - 95), tag);
			check(!memcmp(tag, a, 16) && a[0x34] == (id == 96 ? 4 : 6) &&
				      run64((void *)a, 0x20) == 2 + 2 * (id - 95) &&
				      a[0x36] + 256 * a[0x37] == len,
			      "answer is authentic");
			if (id == 95)
				memcpy(report, a + 96 + 32, sizeof(report));
			if (id == 97)
				check(!memcmp(m + G_REQ + 2 * PG, lens0, 24) &&
					      a[96 + 32 + 0x50] == 92,
				      "report of the extended request, no certificates");
		}
	}
	check(hypercalls == 4, "one exit for each request to convert");
	if (n < (int)(sizeof(strict_says) / sizeof(strict_says[0]))) {
		param("kvm_amd", "softcc_guest", 0);
		return;
	}
	pthread_join(t, NULL);
	check(strict_ap_said[0] == 'A' && strict_ap_said[1] == 0x77 && strict_ap_said[2] == 'B' &&
		      strict_ap_said[3] == 1,
	      "the second vCPU starts with the VMSA's registers");
	if (strict_ap_said[3] != 1)
		printf("# it said %#x %#x %#x %#x\n", strict_ap_said[0], strict_ap_said[1],
		       strict_ap_said[2], strict_ap_said[3]);
	check(!memcmp(report + 0x90, ld, 48), "report: measurement");
	check(run64((void *)report, 8) == 0x30000 && report[0] == 2 && report[0x34] == 1,
	      "report: policy, version, algorithm");
	check(report[0x50] == 90 && report[0x8f] == 90 + 63, "report: report data");
	check(!memcmp(report + 0xc0, f.host_data, 32), "report: host data");
	sha384(report, 0x2a0, h);
	printf("# report %d hash ", (int)sizeof(report));
	for (int i = 0; i < 48; i++)
		printf("%02x", h[i]);
	printf("\n# r ");
	for (int i = 47; i >= 0; i--)
		printf("%02x", report[0x2a0 + i]);
	printf("\n# s ");
	for (int i = 47; i >= 0; i--)
		printf("%02x", report[0x2a0 + 72 + i]);
	printf("\n");
	ret = ioctl(v, KVM_RUN, 0);
	check(!ret && run->exit_reason == 24 && *(uint32_t *)((uint8_t *)run + 32) == 6 &&
		      run64(run, 40) == (0x100 | 2 << 12 | 0x33 << 16),
	      "termination request: system event 6");
	munmap(m, size);
	close(v);
	close(strict_ap);
	close(strict_fd);
	close(vm);

	/* a guest that cannot handle #VC */
	vm = vm_new(4);
	ioctl(vm, KVM_ENABLE_CAP, &split);
	snp_start(vm);
	strict_fd = gmem_new(vm, 16 * PG, 3);
	m = gmem_map(strict_fd, 16 * PG);
	slot(vm, 0, 0, 16 * PG, m, strict_fd, 0);
	v = ioctl(vm, KVM_CREATE_VCPU, 0L);
	run = vcpu_run_area(v);
	memcpy(m + 0x1000, "\x0f\xa2", 2);
	put(m, 0x9000, 0xa003 | C, 8);
	put(m, 0xa000, 0xb003 | C, 8);
	put(m, 0xb000, 0x83 | C, 8);
	convert(strict_fd, 0, 16 * PG, PRIV, 0);
	snp_update(vm, 0x1000, NULL, PG, 1, NULL);
	snp_update(vm, 0x9000, NULL, 3 * PG, 1, NULL);
	ioctl(v, 0x4008ae90, &strict_cpuid);
	ioctl(v, KVM_GET_SREGS, &s);
	strict_segments(&s);
	s.idt.limit = 0;
	r.rip = 0x1000;
	if (ioctl(v, KVM_SET_SREGS, &s) || ioctl(v, KVM_SET_REGS, &r))
		die("set registers");
	check(!snp_cmd(vm, 102, &f, sev), "FINISH");
	ret = ioctl(v, KVM_RUN, 0);
	check(!ret && run->exit_reason == KVM_EXIT_SHUTDOWN, "#VC without an IDT: shutdown");
	munmap(m, 16 * PG);
	close(v);
	close(strict_fd);
	close(vm);
	param("kvm_amd", "softcc_guest", 0);
}

/*
 * A strict TD: its only guest reads what it is to execute from a shared page, stores what came of
 * it there, and tells with an output to port 0x80, by TDVMCALL.  Virtual addresses: 0 private
 * memory, 2 MiB the same shared, 4 MiB private memory at 2 MiB, 6 MiB shared and 8 MiB private
 * addresses without memory.
 */
asm(".pushsection .rodata\n.code32\n.globl gueststrict, gueststrict_end, gueststrict_idt\ngueststrict:\n"
    "mov $0x9000,%eax; mov %eax,%cr3; mov %cr4,%eax; or $0x620,%eax; mov %eax,%cr4\n"
    "lgdtl 0x1f00; lidtl 0x1f10\n"
    "mov %cr0,%eax; or $0x80000000,%eax; mov %eax,%cr0; ljmpl $8,$0xfffff000 + (1f - gueststrict)\n"
    ".code64\n1: mov $16,%eax; mov %eax,%ss; mov %eax,%ds; mov %eax,%es; xor %ebx,%ebx\n"
    "gs_done: mov $0xf000,%esp\n"
    "xor %eax,%eax; mov $0xfc00,%ecx; xor %r10d,%r10d; mov $30,%r11d; mov $4,%r12d; mov $1,%r13d; mov $0x80,%r14d; mov $0x600d,%r15d\n"
    ".byte 0x66,0x0f,0x01,0xcc\n"
    "mov 0x210000,%rax; shl $4,%rax; lea gs_ops(%rip),%rbx; add %rbx,%rax; push %rax\n"
    "mov 0x210008,%rax; mov 0x210010,%rbx; mov 0x210018,%rcx; mov 0x210020,%rdx; mov 0x210028,%rsi; mov 0x210030,%rdi\n"
    "mov 0x210038,%r8; mov 0x210040,%r9; mov 0x210048,%r10; mov 0x210050,%r11; mov 0x210058,%r12; mov 0x210060,%r13; mov 0x210068,%r14; mov 0x210070,%r15\n"
    "movq $0,0x210100; ret\n"
    /* 16 bytes each */
    ".balign 16\ngs_ops:\n"
    ".byte 0x66,0x0f,0x01,0xcc; jmp gs_store; .balign 16\n" /* 0 TDCALL */
    "cpuid; jmp gs_store; .balign 16\n"			    /* 1 */
    "rdmsr; jmp gs_store; .balign 16\n"			    /* 2 */
    "wrmsr; jmp gs_store; .balign 16\n"			    /* 3 */
    "mov (%rdi),%rax; jmp gs_store; .balign 16\n"	    /* 4 */
    "mov %rax,(%rdi); jmp gs_store; .balign 16\n"	    /* 5 */
    "in %dx,%eax; jmp gs_store; .balign 16\n"		    /* 6 */
    "out %al,$0x70; jmp gs_store; .balign 16\n"		    /* 7 */
    "hlt; jmp gs_store; .balign 16\n"			    /* 8 */
    "wbinvd; jmp gs_store; .balign 16\n"		    /* 9 */
    "monitor; jmp gs_store; .balign 16\n"		    /* 10 */
    "vmcall; jmp gs_store; .balign 16\n"		    /* 11 */
    "vmmcall; jmp gs_store; .balign 16\n"		    /* 12 */
    "mov %rax,%cr4; jmp gs_store; .balign 16\n"		    /* 13 */
    "mov %rax,%cr0; jmp gs_store; .balign 16\n"		    /* 14 */
    "mov %cr4,%rax; jmp gs_store; .balign 16\n"		    /* 15 */
    "rdpmc; jmp gs_store; .balign 16\n"			    /* 16 */
    "insb; jmp gs_store; .balign 16\n"			    /* 17 */
    "xsetbv; jmp gs_store; .balign 16\n"		    /* 18 */
    "gs_store:\n"
    "mov %rax,0x210088; mov %rbx,0x210090; mov %rcx,0x210098; mov %rdx,0x2100a0; mov %rsi,0x2100a8; mov %rdi,0x2100b0\n"
    "mov %r8,0x2100b8; mov %r9,0x2100c0; mov %r10,0x2100c8; mov %r11,0x2100d0; mov %r12,0x2100d8; mov %r13,0x2100e0; mov %r14,0x2100e8; mov %r15,0x2100f0\n"
    "jmp gs_done\n"
    /* exceptions: vectors 6, 8, 13, 14, 20 */
    ".macro gs_vector n\n.balign 32\nmovq $\\n,0x210100; jmp gs_done\n.endm\n"
    ".balign 32\ngs_vectors:\n"
    "gs_vector 6\ngs_vector 8\ngs_vector 13\ngs_vector 14\n.balign 32\n"
    "movq $20,0x210100; incq 0x210108; cmpq $0,0x210110; jne 1f; cpuid\n"
    "1: mov $3,%eax; .byte 0x66,0x0f,0x01,0xcc\n"
    "mov %rcx,0x210118; mov %rdx,0x210120; mov %r8,0x210128; mov %r9,0x210130; mov %r10,0x210138; mov %rax,0x210140; jmp gs_done\n"
    ".balign 8\ngueststrict_idt: .long gs_vectors - gueststrict\n"
    "gueststrict_end:\n.code64\n.popsection");
extern const uint8_t gueststrict[], gueststrict_end[], gueststrict_idt[];

enum {
	G_TDCALL,
	G_CPUID,
	G_RDMSR,
	G_WRMSR,
	G_LOAD,
	G_STORE,
	G_IN,
	G_OUT,
	G_HLT,
	G_WBINVD,
	G_MONITOR,
	G_VMCALL,
	G_VMMCALL,
	G_SET_CR4,
	G_SET_CR0,
	G_CR4,
	G_RDPMC,
	G_INSB,
	G_XSETBV
};
struct gregs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
};
static struct {
	int vm, v, fd, fd2;
	uint64_t S;
	uint8_t *m, *rom;
	struct kvm_run *run;
	uint8_t mrtd[48];
} td;
static struct gregs in, out;
static uint64_t vector,
	ve[6]; /* reason, qualification, GLA, GPA, length and information, status of VEINFO.GET */

static int td_run(void)
{
	errno = 0;
	return ioctl(td.v, KVM_RUN, 0);
}
/* has the guest finished what it was to do? */
static int td_ended(int ret)
{
	volatile uint64_t *comm = (void *)(td.m + 0x10000);

	if (ret || io_value(td.run) != 0x600d) {
		printf("# run %d errno %d exit %u\n", ret, errno, td.run->exit_reason);
		return 0;
	}
	memcpy(&out, (void *)(comm + 0x88 / 8), sizeof(out));
	memcpy(ve, (void *)(comm + 0x118 / 8), sizeof(ve));
	vector = comm[0x100 / 8];
	return 1;
}
/* starts it, and returns what KVM_RUN gives */
static int td_start(int op)
{
	volatile uint64_t *comm = (void *)(td.m + 0x10000);

	comm[0] = op;
	comm[0x110 / 8] = 1;
	memcpy((void *)(comm + 1), &in, sizeof(in));
	memset(&in, 0, sizeof(in));
	return td_run();
}
static int td_do(int op)
{
	return td_ended(td_start(op));
}
/* RCX of TDG.VP.VMCALL: R10 to R15 */
static int vmcall(uint64_t fn, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	in = (struct gregs){.rcx = 0xfc00, .r11 = fn, .r12 = a, .r13 = b, .r14 = c, .r15 = d};
	return td_start(G_TDCALL);
}
static int is_ve(int op, uint64_t reason, uint64_t length, const char *what)
{
	int good =
		td_do(op) && vector == 20 && ve[0] == reason && (uint32_t)ve[4] == length && !ve[5];

	check(good, what);
	if (!good)
		printf("# vector %d reason %d qualification %#lx length %d status %#lx\n",
		       (int)vector, (int)ve[0], (long)ve[1], (int)ve[4], (long)ve[5]);
	return good;
}
static int accept(uint64_t gpa, int level)
{
	in = (struct gregs){.rax = 6, .rcx = gpa | level};
	return td_start(G_TDCALL);
}

static int td_new(int bits, uint64_t attrs)
{
	struct kvm_enable_cap ec = {.cap = 201, .args = {1 << 12}},
			      split = {.cap = 121, .args = {24}};
	struct {
		uint32_t nent, pad;
		struct cpuid_ent e[5];
	} c = {.nent = 5,
	       .e = {{.fn = 0, .eax = 7, .ebx = 0x68747541},
		     {.fn = 1, .eax = 0xa00f11, .ecx = 1 << 26 | 1 << 21, .edx = 0x78bfbff},
		     {.fn = 0xd, .flags = 1, .eax = 7, .ebx = 0x340, .ecx = 0x340},
		     {.fn = 0x80000008, .eax = 0x3030 | (bits == 52 ? 4 : 0)},
		     {.fn = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b}}};
	static struct tdx_init init;
	const uint8_t *h = gueststrict_idt;
	static const int vectors[] = {6, 8, 13, 14, 20};
	struct tdx_region rg;
	struct sha s;

	param("kvm_amd", "softcc_guest", 2);
	td.vm = vm_new(5);
	param("kvm_amd", "softcc_guest", 0);
	td.S = 1ull << (bits - 1);
	memset(&init, 0, sizeof(init));
	init.attrs = attrs;
	init.xfam = 7;
	memset(init.id, 0x11, 48);
	memset(init.id + 6, 0x22, 48);
	memset(init.id + 12, 0x33, 48);
	init.nent = 2;
	init.e[0] = (struct cpuid_ent){.fn = 0x80000008, .flags = 1, .eax = bits << 16};
	init.e[1] = (struct cpuid_ent){.fn = 1, .flags = 1, .eax = 0x000806f0};
	if (ioctl(td.vm, KVM_ENABLE_CAP, &split) || ioctl(td.vm, KVM_ENABLE_CAP, &ec) ||
	    tdx_cmd(td.vm, 1, 0, (uint64_t)&init))
		return -1;
	td.fd = gmem_new(td.vm, 8ul << 20, 3);
	td.fd2 = gmem_new(td.vm, PG, 3);
	td.m = gmem_map(td.fd, 8ul << 20);
	td.rom = gmem_map(td.fd2, PG);
	if (slot(td.vm, 0, 0, 8ul << 20, td.m, td.fd, 0) ||
	    slot(td.vm, 1, 0xfffff000, PG, td.rom, td.fd2, 0))
		return -1;
	td.v = ioctl(td.vm, KVM_CREATE_VCPU, 0L);
	td.run = vcpu_run_area(td.v);
	if (ioctl(td.v, 0x4008ae90, &c) || tdx_cmd(td.v, 2, 0, 0))
		return -1;
	memcpy(td.rom, gueststrict, gueststrict_end - gueststrict);
	td.rom[0xff0] = 0xe9;
	put(td.rom, 0xff1, (uint32_t) - (0xff0 + 5), 4);
	for (int i = 0; i < 5; i++) {
		uint32_t off, addr;

		memcpy(&off, h, 4);
		addr = 0xfffff000 + off + 32 * i;
		put(td.m, 0x1000 + 16 * vectors[i],
		    (addr & 0xffff) | 8 << 16 | 0x8e00ull << 32 | (uint64_t)(addr >> 16) << 48, 8);
	}
	put(td.m, 0x1f00, 23, 2);
	put(td.m, 0x1f02, 0x1e00, 4);
	put(td.m, 0x1e08, 0x00af9b000000ffff, 8);
	put(td.m, 0x1e10, 0x00cf93000000ffff, 8);
	put(td.m, 0x1f10, 0x1ff, 2);
	put(td.m, 0x1f12, 0x1000, 4);
	put(td.m, 0x2000, 0xabcd, 8);
	put(td.m, 0x9000, 0xa003, 8);
	put(td.m, 0xa000, 0xb003, 8);
	put(td.m, 0xa018, 0xc003, 8);
	put(td.m, 0xb000, 0x83, 8);
	put(td.m, 0xb008, 0x83 | td.S, 8);
	put(td.m, 0xb010, 0x200083, 8);
	put(td.m, 0xb018, 0xd0000083 | td.S, 8);
	put(td.m, 0xb020, 0xd0000083, 8);
	put(td.m, 0xcff8, 0xffe00083, 8);
	uint8_t c0[PG], c1[16 * PG];
	memcpy(c0, td.rom, PG);
	memcpy(c1, td.m, sizeof(c1));
	if (convert(td.fd, 0, 8ul << 20, PRIV, 0) || convert(td.fd2, 0, PG, PRIV, 0) ||
	    convert(td.fd, 0x10000, PG, 0, 0))
		return -1;
	if (tdx_cmd(td.v, 3, 1, REG(0, 0xfffff000, 1)) || tdx_cmd(td.v, 3, 1, REG(0, 0x1000, 15)))
		return -1;
	sha_init(&s);
	tdx_add(&s, 0xfffff000, c0, 1);
	for (int i = 1; i < 16; i++)
		tdx_add(&s, i * PG, c1 + i * PG, 1);
	sha_end(&s, td.mrtd);
	return tdx_cmd(td.vm, 4, 0, 0) ? -1 : td_ended(td_run()) - 1;
}
static void td_end(void)
{
	munmap(td.m, 8ul << 20);
	munmap(td.rom, PG);
	close(td.v);
	close(td.fd);
	close(td.fd2);
	close(td.vm);
}

static void test_strict_tdcalls(void)
{
	uint8_t rtmr[96] = {}, digest[48];
	uint8_t *s = td.m + 0x11000; /* made shared below */

	in.rax = 1;
	check(td_do(G_TDCALL) && !out.rax && out.rcx == (td.S >> 48 ? 52 : 48) &&
		      out.rdx == 0x10000000 && out.r8 == (1 | 1ull << 32) && !out.r9 &&
		      out.r10 == 1 && !out.r11,
	      "VP.INFO");
	in.rax = 99;
	check(td_do(G_TDCALL) && out.rax == 0xc000010000000000,
	      "unknown leaf: OPERAND_INVALID, RAX");
	in.rax = 3;
	check(td_do(G_TDCALL) && out.rax == 0xc000070400000000, "VEINFO.GET without #VE");
	in = (struct gregs){.rcx = 0xfc10, .r11 = 30};
	check(td_do(G_TDCALL) && out.rax == 0xc000010000000001,
	      "VMCALL that exposes RSP: OPERAND_INVALID, RCX");

	in.rax = 7;
	in.rdx = 0x1110000300000000;
	check(td_do(G_TDCALL) && !out.rax && out.r8 == 0x10000000, "VM.RD of ATTRIBUTES");
	in.rax = 7;
	in.rdx = 0x1110000300000055;
	check(td_do(G_TDCALL) && out.rax == 0xc0000c0000000000, "VM.RD of an unknown field");
	in.rax = 8;
	in.rdx = 0x9100000000000010;
	in.r8 = 1;
	in.r9 = ~0ull;
	check(td_do(G_TDCALL) && !out.rax && !out.r8,
	      "VM.WR of NOTIFY_ENABLES returns the old value");
	in.rax = 8;
	in.rdx = 0x9100000000000010;
	in.r8 = 0;
	in.r9 = ~0ull;
	check(td_do(G_TDCALL) && !out.rax && out.r8 == 1, "and keeps the new one");
	in.rax = 8;
	in.rdx = 0x1110000300000017;
	in.r8 = in.r9 = 8;
	check(td_do(G_TDCALL) && out.rax >> 63, "VM.WR of TD_CTLS.REDUCE_VE is refused");
	in.rax = 11;
	in.rdx = 0x0800000100000004;
	check(td_do(G_TDCALL) && !out.rax && out.r8 == 1, "SYS.RD of MAJOR_VERSION");

	/* RTMR and report, with buffers in private memory */
	in.rdi = 0x3000;
	check(td_do(G_LOAD) && !out.rax, "private memory that was added can be read");
	for (int i = 0; i < 6; i++) {
		in.rax = 0x0101010101010101ull * (i + 1);
		in.rdi = 0x3000 + 8 * i;
		td_do(G_STORE);
		memset(rtmr + 48 + 8 * i, i + 1, 8);
	}
	in.rax = 2;
	in.rcx = 0x3000;
	in.rdx = 2;
	check(td_do(G_TDCALL) && !out.rax, "RTMR.EXTEND");
	sha384(rtmr, 96, digest);
	memcpy(rtmr, digest, 48);
	in.rax = 2;
	in.rcx = 0x3000;
	in.rdx = 2;
	check(td_do(G_TDCALL) && !out.rax, "once more");
	sha384(rtmr, 96, digest);
	in.rax = 2;
	in.rcx = 0x3000;
	in.rdx = 4;
	check(td_do(G_TDCALL) && out.rax == 0xc000010000000002, "RTMR 4: OPERAND_INVALID, RDX");
	in.rax = 2;
	in.rcx = 0x3020;
	in.rdx = 2;
	check(td_do(G_TDCALL) && out.rax == 0xc000010000000001,
	      "unaligned buffer: OPERAND_INVALID, RCX");
	in.rax = 2;
	in.rcx = 0x10000 | td.S;
	in.rdx = 2;
	check(td_do(G_TDCALL) && out.rax == 0xc000010000000001,
	      "shared buffer: OPERAND_INVALID, RCX");
	/* the report goes to shared memory, so that we see it */
	check(!convert(td.fd, 0x11000, PG, 0, 0), "a second shared page");
	in.rax = 4;
	in.rcx = 0x11000 | td.S;
	in.rdx = 0x3000;
	in.r8 = 1;
	check(td_do(G_TDCALL) && out.rax == 0xc000010000000008,
	      "REPORT with a subtype: OPERAND_INVALID, R8");
	in.rax = 4;
	in.rcx = 0x11000 | td.S;
	in.rdx = 0x3000;
	check(td_do(G_TDCALL) && !out.rax, "REPORT");
	check(s[0] == 0x81 && s[128] == 1 && s[128 + 47] == 6, "type and report data");
	check(run64((void *)s, 512) == 0x10000000 && run64((void *)s, 520) == 7,
	      "attributes, XFAM");
	check(!memcmp(s + 528, td.mrtd, 48), "MRTD");
	check(s[576] == 0x11 && s[624] == 0x22 && s[672] == 0x33,
	      "MRCONFIGID, MROWNER, MROWNERCONFIG");
	check(!memcmp(s + 512 + 208 + 96, digest, 48) && !s[512 + 208] && !s[512 + 352], "RTMRs");
	sha384(s + 512, 512, digest);
	check(!memcmp(s + 80, digest, 48), "digest of TDINFO");
	sha384(s + 256, 239, digest);
	check(!memcmp(s + 32, digest, 48), "digest of TEE_TCB_INFO");
}

static void test_strict_ve(void)
{
	in.rax = 0x21;
	check(td_do(G_CPUID) && !vector && out.rbx == 0x65746e49 && out.rdx == 0x5844546c &&
		      out.rcx == 0x20202020,
	      "CPUID leaf 0x21 is IntelTDX");
	check(td_do(G_CPUID) && !vector && out.rax >= 0x21 && out.rbx == 0x756e6547,
	      "leaf 0 is an Intel CPU's");
	in.rax = 1;
	check(td_do(G_CPUID) && !vector && out.rax == 0x000806f0 && out.rcx >> 31 == 1,
	      "leaf 1 is as INIT_VM said");
	in.rax = 0x80000008;
	check(td_do(G_CPUID) && !vector && (out.rax >> 16 & 0xff) == (td.S >> 48 ? 52 : 48),
	      "leaf 0x80000008 has the GPA width");
	in.rax = 0x40000000;
	if (is_ve(G_CPUID, 10, 2, "leaf 0x40000000: #VE"))
		check(!ve[1] && !ve[3], "no qualification, no address");
	in.rax = 2;
	is_ve(G_CPUID, 10, 2, "leaf 2: #VE");
	check(!vmcall(10, 0x40000000, 0, 0, 0) && td_ended(0) && !out.rax && !out.r10 &&
		      out.r12 == 0x40000001 && out.r13 == 0x4b4d564b,
	      "VMCALL<CPUID>");
	in.rax = 5;
	in.rcx = 1;
	td_do(G_TDCALL);
	is_ve(G_CPUID, 10, 2, "CPUIDVE.SET: leaf 0 is #VE, too");
	in.rax = 5;
	td_do(G_TDCALL);
	check(td_do(G_CPUID) && !vector, "and back");

	in.rdx = 0x1234;
	if (is_ve(G_IN, 30, 1, "IN: #VE"))
		check(ve[1] == (0x12340000 | 8 | 3), "qualification of IN EAX, DX");
	if (is_ve(G_OUT, 30, 2, "OUT: #VE"))
		check((ve[1] & ~0x40) == 0x700000, "qualification of OUT 0x70, AL");
	in.rdi = 0x3000;
	if (is_ve(G_INSB, 30, 1, "INSB: #VE"))
		check(ve[1] & 0x10, "qualification says string");
	check(!vmcall(30, 2, 0, 0x1234, 0) && td.run->exit_reason == KVM_EXIT_IO &&
		      td.run->io.direction == KVM_EXIT_IO_IN && td.run->io.size == 2 &&
		      td.run->io.port == 0x1234 && td.run->io.count == 1,
	      "VMCALL<IO> in: KVM_EXIT_IO");
	put((uint8_t *)td.run, td.run->io.data_offset, 0xbeef, 2);
	check(td_ended(td_run()) && !out.rax && !out.r10 && out.r11 == 0xbeef,
	      "the value arrives in R11");
	check(!vmcall(30, 8, 0, 0x1234, 0) && td_ended(0) && out.r10 == 1ull << 63,
	      "8 bytes: invalid operand");
	is_ve(G_HLT, 12, 1, "HLT: #VE");
	is_ve(G_WBINVD, 54, 2, "WBINVD: #VE");
	is_ve(G_VMCALL, 18, 3, "VMCALL: #VE");
	check(td_do(G_VMMCALL) && vector == 6, "VMMCALL: #UD");
	check(td_do(G_MONITOR) && vector == 6, "MONITOR: #UD");
	check(td_do(G_RDPMC) && vector == 13, "RDPMC: #GP");
	in.rcx = 0xc0000080;
	check(td_do(G_RDMSR) && !vector && (out.rax & 0xd01) == 0xd01, "EFER can be read");
	in.rcx = 0xc0000080;
	in.rax = 0x501;
	is_ve(G_WRMSR, 32, 2, "EFER without NX: #VE");
	in.rcx = 0x10;
	check(td_do(G_RDMSR) && !vector && out.rax, "TSC can be read");
	in.rcx = 0x808;
	check(td_do(G_RDMSR) && !vector, "TPR can be read");
	in.rcx = 0xfe;
	is_ve(G_RDMSR, 31, 2, "MTRRcap: #VE");
	check(!vmcall(31, 0x1b, 0, 0, 0) && td_ended(0) && !out.r10 && (out.r11 & 0xd00) == 0xd00,
	      "VMCALL<RDMSR> of APIC_BASE");
	check(!vmcall(31, 0x12345, 0, 0, 0) && td_ended(0) && out.r10 == 1ull << 63,
	      "of an unknown MSR: invalid operand");
	check(!vmcall(32, 0x1b, 0, 0, 0) && td_ended(0) && out.r10 == 1ull << 63,
	      "VMCALL<WRMSR> of APIC_BASE: invalid operand");
	in.rcx = 0x480;
	check(td_do(G_RDMSR) && vector == 13, "VMX MSRs: #GP");
	in.rax = 0x620;
	check(td_do(G_SET_CR4) && vector == 13, "CR4 without MCE: #GP");
	in.rax = 0x660;
	check(td_do(G_SET_CR4) && !vector, "with it: fine");
	in.rax = 0x80000011;
	check(td_do(G_SET_CR0) && vector == 13, "CR0 without NE: #GP");

	/* MMIO */
	in.rdi = 0x600123;
	in.rax = 5;
	if (is_ve(G_STORE, 48, 0, "store to a shared address without memory: #VE"))
		check((ve[1] & 0x187) == 0x182 && ve[2] == 0x600123 && ve[3] == (0xd0000123 | td.S),
		      "qualification, GLA and GPA");
	in.rdi = 0x600200;
	if (is_ve(G_LOAD, 48, 0, "load: #VE"))
		check((ve[1] & 0x187) == 0x181 && ve[2] == 0x600200 && ve[3] == (0xd0000200 | td.S),
		      "qualification, GLA and GPA");
	check(!vmcall(48, 4, 1, 0xd0000100 | td.S, 0xabcdef01) &&
		      td.run->exit_reason == KVM_EXIT_MMIO && td.run->mmio.is_write &&
		      td.run->mmio.len == 4 && td.run->mmio.phys_addr == 0xd0000100 &&
		      *(uint32_t *)td.run->mmio.data == 0xabcdef01,
	      "VMCALL<MMIO> write: KVM_EXIT_MMIO");
	check(td_ended(td_run()) && !out.r10, "succeeds");
	check(!vmcall(48, 8, 0, 0xd0000108 | td.S, 0) && td.run->exit_reason == KVM_EXIT_MMIO &&
		      !td.run->mmio.is_write && td.run->mmio.len == 8 &&
		      td.run->mmio.phys_addr == 0xd0000108,
	      "read: KVM_EXIT_MMIO");
	put(td.run->mmio.data, 0, 0x1122334455667788, 8);
	check(td_ended(td_run()) && !out.r10 && out.r11 == 0x1122334455667788,
	      "the value arrives in R11");
	check(!vmcall(48, 4, 0, 0xd0000100, 0) && td_ended(0) && out.r10 == 1ull << 63,
	      "of a private address: invalid operand");
	in.rdi = 0x800000;
	check(td_start(G_LOAD) == -1 && errno == EFAULT && td.run->exit_reason == 39 &&
		      run64(td.run, 32) == 8 && run64(td.run, 40) == 0xd0000000,
	      "private address without memory: fault exit");
}

static void test_strict_vmcalls(void)
{
	int ret;

	check(!vmcall(0x12345, 0, 0, 0, 0) && td_ended(0) && !out.rax &&
		      out.r10 == 0x8000000000000003,
	      "unknown VMCALL: not supported");
	check(!vmcall(54, 0, 0, 0, 0) && td_ended(0) && out.r10 == 0x8000000000000003,
	      "VMCALL<WBINVD>: not supported");
	in = (struct gregs){.rcx = 0xfc00, .r10 = 99};
	check(td_do(G_TDCALL) && !out.rax && (int64_t)out.r10 == -1000, "KVM's hypercalls by R10");
	in = (struct gregs){.rcx = 0x1400,
			    .r10 = 0,
			    .r11 = 10,
			    .r12 = 0x40000000}; /* R11 isn't exposed: function 0 */
	check(td_do(G_TDCALL) && out.r10 == 0x8000000000000003 && out.r12 == 0x40000000 &&
		      out.r11 == 10,
	      "registers outside of the mask don't travel");

	check(!vmcall(0x10000, 0, 0, 0, 0) && td_ended(0) && !out.r10 && !out.r11 && !out.r12,
	      "GetTdVmCallInfo, leaf 0");
	check(!vmcall(0x10000, 1, 0, 0, 0) && td.run->exit_reason == 40 && !run64(td.run, 32) &&
		      run64(td.run, 40) == 0x10000 && !run64(td.run, 48) && run64(td.run, 56) == 1,
	      "leaf 1: KVM_EXIT_TDX");
	put((uint8_t *)td.run, 64, 0x77, 8);
	put((uint8_t *)td.run, 88, 0x99, 8);
	check(td_ended(td_run()) && !out.r10 && out.r11 == 0x77 && out.r14 == 0x99,
	      "and its answer");
	check(!vmcall(0x10002, 0x11000 | td.S, 0x1000, 0, 0) && td.run->exit_reason == 40 &&
		      run64(td.run, 40) == 0x10002 && run64(td.run, 48) == 0x8000000000000003 &&
		      run64(td.run, 56) == 0x11000 && run64(td.run, 64) == 0x1000,
	      "GetQuote: KVM_EXIT_TDX");
	put((uint8_t *)td.run, 48, 1, 8);
	check(td_ended(td_run()) && out.r10 == 1, "its status arrives");
	check(!vmcall(0x10002, 0x11000, 0x1000, 0, 0) && td_ended(0) && out.r10 == 1ull << 63,
	      "GetQuote with a private address: invalid operand");
	check(!vmcall(0x10004, 31, 0, 0, 0) && td_ended(0) && out.r10 == 1ull << 63,
	      "SetupEventNotifyInterrupt with vector 31: invalid operand");
	check(!vmcall(0x10004, 32, 0, 0, 0) && td.run->exit_reason == 40 &&
		      run64(td.run, 40) == 0x10004 && run64(td.run, 56) == 32,
	      "with 32: KVM_EXIT_TDX");
	put((uint8_t *)td.run, 48, 0, 8);
	check(td_ended(td_run()) && !out.r10, "its status arrives");

	/* MapGPA: 3 MiB, so two exits */
	check(!vmcall(0x10001, 0x400001 | td.S, 0x1000, 0, 0) && td_ended(0) &&
		      out.r10 == 0x8000000000000002,
	      "MapGPA, unaligned");
	check(!vmcall(0x10001, td.S - 0x1000, 0x2000, 0, 0) && td_ended(0) && out.r10 == 1ull << 63,
	      "across the shared bit: invalid operand");
	ret = vmcall(0x10001, 0x400000 | td.S, 0x300000, 0, 0);
	check(!ret && td.run->exit_reason == KVM_EXIT_HYPERCALL && td.run->hypercall.nr == 12 &&
		      td.run->hypercall.args[0] == 0x400000 && td.run->hypercall.args[1] == 512 &&
		      !td.run->hypercall.args[2] && !td.run->hypercall.ret,
	      "MapGPA to shared: first 2 MiB");
	check(!td_run() && td.run->exit_reason == KVM_EXIT_HYPERCALL &&
		      td.run->hypercall.args[0] == 0x600000 && td.run->hypercall.args[1] == 256,
	      "the rest");
	td.run->hypercall.ret = EAGAIN;
	check(td_ended(td_run()) && out.r10 == 1 && out.r11 == (0x600000 | td.S),
	      "EAGAIN: retry, from there");
	ret = vmcall(0x10001, 0x4000, 0x1000, 0, 0);
	check(!ret && td.run->exit_reason == KVM_EXIT_HYPERCALL &&
		      td.run->hypercall.args[2] == 0x10,
	      "MapGPA to private");
	td.run->hypercall.ret = EINVAL;
	check(td_ended(td_run()) && out.r10 == 1ull << 63, "EINVAL: invalid operand");
}

/* Has the host five-level paging, so that its nested page tables tell bit 51? */
static int host_has_la57(void)
{
	char line[8192];
	FILE *f = fopen("/proc/cpuinfo", "r");
	int r = 0;

	while (f && !r && fgets(line, sizeof(line), f))
		r = !strncmp(line, "flags", 5) && strstr(line, " la57");
	if (f)
		fclose(f);
	return r;
}

static void test_strict_accept(void)
{
	/* all of 2 MiB and up is pending */
	check(!accept(0x200000, 0) && td_ended(0) && !out.rax, "accept a 4 KiB page");
	check(!accept(0x200000, 0) && td_ended(0) && out.rax == 0x00000b0a00000000,
	      "again: already accepted");
	check(!accept(0x200000, 1) && td_ended(0) && out.rax >> 32 == 0xc0000b0b,
	      "2 MiB: size mismatch");
	check(!accept(0x200800, 0) && td_ended(0) && out.rax == 0xc000010000000001,
	      "unaligned: OPERAND_INVALID, RCX");
	check(!accept(0x200000, 2) && td_ended(0) && out.rax == 0xc000010000000001,
	      "1 GiB: OPERAND_INVALID, RCX");
	check(!accept(0x200000 | td.S, 0) && td_ended(0) && out.rax == 0xc000010000000001,
	      "shared: OPERAND_INVALID, RCX");
	check(!accept(0x2000, 0) && td_ended(0) && out.rax == 0x00000b0a00000000,
	      "an added page: already accepted");
	in.rdi = 0x400000;
	in.rax = 0x5a5a;
	check(td_do(G_STORE) && !vector, "the accepted page can be written");
	in.rdi = 0x400000;
	check(td_do(G_LOAD) && out.rax == 0x5a5a, "and read");
	/* shared access to it */
	if (td.S == 1ull << 47 || host_has_la57()) {
		in.rdi = 0x202000;
		check(td_start(G_LOAD) == -1 && errno == EFAULT && td.run->exit_reason == 39 &&
			      !run64(td.run, 32) && run64(td.run, 40) == 0x2000,
		      "shared access to an accepted, mapped page: fault exit");
		check(!convert(td.fd, 0x2000, PG, 0, 0) && td_ended(td_run()),
		      "convert, the guest goes on");
		in.rdi = 0x2000;
		check(td_start(G_LOAD) == -1 && errno == EFAULT && td.run->exit_reason == 39 &&
			      run64(td.run, 32) == 8 && run64(td.run, 40) == 0x2000,
		      "private access to a shared, mapped page: fault exit");
		check(!convert(td.fd, 0x2000, PG, PRIV, 0), "back to private");
		check(td_run() == -1 && errno == EIO, "now pending, which ends the TD");
		td_end();
		check(!td_new(td.S == 1ull << 47 ? 48 : 52, 0x10000000), "another TD");
	}
	/* to shared and back */
	check(!accept(0x200000, 0) && td_ended(0), "accept a page");
	in.rdi = 0x400000;
	in.rax = 0x5a5a;
	td_do(G_STORE);
	check(!convert(td.fd, 0x200000, PG, 0, 0), "to shared");
	check(accept(0x200000, 0) == -1 && errno == EFAULT && td.run->exit_reason == 39 &&
		      run64(td.run, 32) == 8 && run64(td.run, 40) == 0x200000,
	      "accept of a shared page: fault exit, private");
	memset(td.m + 0x200000, 0x77, PG);
	check(!convert(td.fd, 0x200000, PG, PRIV, 0) && td_ended(td_run()) && !out.rax,
	      "after conversion the same accept succeeds");
	in.rdi = 0x400000;
	check(td_do(G_LOAD) && !out.rax, "the page is zero");
	/* punching a hole loses the page */
	check(!fallocate(td.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0x200000, PG),
	      "punch a hole");
	check(!accept(0x200000, 0) && td_ended(0) && !out.rax, "the page was pending again");
	param("kvm_amd", "softcc_accept_2m", 1);
	check(!accept(0x400000, 1) && td_ended(0) && !out.rax,
	      "accept 2 MiB with softcc_accept_2m");
	check(!accept(0x400000, 1) && td_ended(0) && out.rax >> 32 == 0xb0a,
	      "again: already accepted");
	check(!accept(0x200000, 1) && td_ended(0) && out.rax >> 32 == 0xc0000b0b,
	      "2 MiB with one page accepted: size mismatch");
	param("kvm_amd", "softcc_accept_2m", 0);
	struct {
		uint64_t gpa, size, flags, pad[5];
	} pf = {.gpa = 0x202000, .size = PG};
	check(!ioctl(td.v, IO_PREFAULT, &pf), "KVM_PRE_FAULT_MEMORY of a pending page");
	in.rdi = 0x402008;
	check(td_start(G_LOAD) == -1 && errno == EIO, "access to a pending page: EIO");
	check(td_run() == -1 && errno == EIO, "and the TD is dead");
}

static void test_tdx_strict(int bits)
{
	uint64_t *comm;
	int ret;

	printf("# D: strict TD, %d address bits\n", bits);
	if (access("/sys/module/kvm_amd/parameters/softcc_guest", F_OK) || !host_has_52_bits()) {
		printf("ok %d - # SKIP needs softcc_guest and a host CPU with 52 address bits\n",
		       ++ntest);
		return;
	}
	check(!td_new(bits, 0x10000000), "a TD that runs and reports by TDVMCALL");
	digest_is("tdx", td.mrtd, "MRTD");
	test_strict_tdcalls();
	test_strict_ve();
	td_end();
	check(!td_new(bits, 0x10000000), "another TD");
	test_strict_vmcalls();
	test_strict_accept();
	td_end();

	check(!td_new(bits, 0), "a TD without SEPT_VE_DISABLE");
	in.rdi = 0x400010;
	if (is_ve(G_LOAD, 48, 0, "access to a pending page: #VE"))
		check((ve[1] & 0x187) == 0x181 && ve[2] == 0x400010 && ve[3] == 0x200010,
		      "qualification, GLA and GPA");
	/* two #VE, the second before VEINFO.GET */
	comm = (void *)(td.m + 0x10000);
	comm[0] = G_CPUID;
	comm[1] = 0x40000000;
	comm[0x110 / 8] = 0;
	check(td_ended(td_run()) && vector == 8, "#VE before the last one was read: #DF");
	ret = vmcall(0x10003, 0x5 | 1ull << 63, 0x1000, 0x4847464544434241, 0x4a49);
	check(!ret && td.run->exit_reason == KVM_EXIT_SYSTEM_EVENT &&
		      td.run->system_event.type == 7 &&
		      *(uint32_t *)((uint8_t *)td.run + 36) == 16 && run64(td.run, 40) == 77 &&
		      run64(td.run, 48) == 0xfc00 &&
		      run64(td.run, 40 + 12 * 8) == (0x5 | 1ull << 63) &&
		      run64(td.run, 40 + 14 * 8) == 0x4847464544434241,
	      "ReportFatalError: KVM_EXIT_SYSTEM_EVENT");
	td_end();

	check(!td_new(bits, 0x10000000), "another TD");
	in.rax = 9;
	check(td_start(G_TDCALL) == -1 && errno == EIO, "a TDCALL that isn't modelled: EIO");
	td_end();
}

int main(void)
{
	uint8_t d[48];

	setvbuf(stdout, NULL, _IOLBF, 0);
	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		die("/dev/kvm");
	sha384("abc", 3, d);
	check(d[0] == 0xcb && d[1] == 0x00 && d[2] == 0x75 && d[47] == 0xa7,
	      "SHA-384 of this program");
	sev = open("/dev/sev", O_RDWR);
	WORKS(sev, "open /dev/sev");
	if (getenv("ONLY") && !strcmp(getenv("ONLY"), "tdx"))
		goto tdx;
	if (getenv("ONLY") && !strcmp(getenv("ONLY"), "strict-snp"))
		goto strict_snp;
	if (getenv("ONLY") && !strcmp(getenv("ONLY"), "strict-tdx"))
		goto strict_tdx;
	test_gmem();
	test_stress();
	test_snp_order();
	test_snp_launch(1, 0);
	test_snp_launch(0, 0);
	test_snp_launch(1, 1);
	test_snp_launch(1, 2);
	test_snp_cbit();
tdx:
	test_tdx(1);
	test_tdx(0);
	test_tdx_shared_bit();
	if (getenv("ONLY"))
		goto done;
strict_snp:
	test_strict();
	if (getenv("ONLY"))
		goto done;
strict_tdx:
	test_tdx_strict(48);
	test_tdx_strict(52);
done:
	printf("1..%d\n# %d failed\n", ntest, nfail);
	return !!nfail;
}
