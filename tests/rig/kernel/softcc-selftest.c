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
	printf("1..%d\n# %d failed\n", ntest, nfail);
	return !!nfail;
}
