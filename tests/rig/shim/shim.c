// SPDX-License-Identifier: MIT
/* See shim.S. Accepts memory, makes ACPI tables and boot parameters, and enters Linux. */
#include "shim.h"
#include <stdint.h>

struct regs {
	uint64_t rax, rcx, rdx, r8, r9, r10, r11, r12, r13, r14, r15;
};
void tdcall(struct regs *r);
uint64_t shim_main(uint64_t hob);

static void put_char(char c)
{
	struct regs r = {
		.rcx = 0xfc00, .r11 = 30, .r12 = 1, .r13 = 1, .r14 = 0x3f8, .r15 = (uint8_t)c};

	tdcall(&r);
}

static void say(const char *s)
{
	while (*s)
		put_char(*s++);
}

static void say_hex(uint64_t v)
{
	int i = 60;

	while (i > 0 && !(v >> i))
		i -= 4;
	for (; i >= 0; i -= 4)
		put_char("0123456789abcdef"[v >> i & 15]);
}

static void __attribute__((noreturn)) fail(const char *what, uint64_t v)
{
	struct regs r = {.rcx = 0x1fc00, .r11 = 0x10003, .r12 = 1};
	char *text = (char *)&r.r14;

	say("shim: ");
	say(what);
	say(" ");
	say_hex(v);
	say("\r\n");
	r.rcx = 0xfc00;
	for (int i = 0; i < 16 && what[i]; i++)
		text[i] = what[i];
	for (;;)
		tdcall(&r);
}

static void copy(void *to, const void *from, uint64_t n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static int equal(const void *a, const void *b, int n)
{
	const char *x = a, *y = b;

	while (n > 0 && *x == *y)
		x++, y++, n--;
	return n == 0;
}

static uint64_t accept(uint64_t gpa, int level)
{
	struct regs r = {.rax = 6, .rcx = gpa | (unsigned)level};

	tdcall(&r);
	return r.rax;
}

static void accept_range(uint64_t gpa, uint64_t end)
{
	static const uint64_t mismatch = 0xc0000b0b;
	int large = 1;

	while (gpa < end) {
		uint64_t status = mismatch << 32;

		if (large && !(gpa & 0x1fffff) && end - gpa >= 0x200000) {
			status = accept(gpa, 1);
			if (status == 0) {
				gpa += 0x200000;
				continue;
			}
			if (status >> 32 != mismatch)
				fail("accept 2M", status);
			large = 0; /* it will not be different elsewhere */
		}
		status = accept(gpa, 0);
		if (status)
			fail("accept", status);
		gpa += 0x1000;
	}
}

struct hob {
	uint16_t type, len;
	uint32_t reserved;
};
struct resource {
	struct hob h;
	uint8_t owner[16];
	uint32_t type, attributes;
	uint64_t start, len;
};
struct guid_hob {
	struct hob h;
	uint8_t guid[16];
	uint8_t data[];
};
struct e820 {
	uint64_t start, len;
	uint32_t type;
} __attribute__((packed));

static const uint8_t acpi_guid[16] = {0x70, 0x58, 0x0c, 0x6a, 0xed, 0xd4, 0xf4, 0x44,
				      0xa1, 0x35, 0xdd, 0x23, 0x8b, 0x6f, 0x0c, 0x8d};

/* The image is not writable for long, and the rest of memory is too far for the linker. */
#define acpi_next (*(volatile uint64_t *)ACPI_NEXT)

static uint8_t *acpi_alloc(uint64_t n)
{
	uint8_t *p = (uint8_t *)acpi_next;

	acpi_next = (acpi_next + n + 63) & ~63ull;
	if (acpi_next > ACPI_END)
		fail("ACPI tables", acpi_next);
	return p;
}

static void checksum(uint8_t *p, uint64_t n, int at)
{
	uint8_t sum = 0;

	p[at] = 0;
	for (uint64_t i = 0; i < n; i++)
		sum += p[i];
	p[at] = (uint8_t)-sum;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;
	copy(&v, p, 4);
	return v;
}
static void put32(uint8_t *p, uint32_t v)
{
	copy(p, &v, 4);
}
static void put64(uint8_t *p, uint64_t v)
{
	copy(p, &v, 8);
}

static const uint8_t *next_table(uint64_t *hob, const char *signature)
{
	for (;; *hob += (((struct hob *)*hob)->len + 7u) & ~7u) {
		struct guid_hob *g = (struct guid_hob *)*hob;

		if (g->h.type == 0xffff)
			return 0;
		if (g->h.type == 4 && equal(g->guid, acpi_guid, 16) &&
		    (!signature || equal(g->data, signature, 4)))
			return g->data;
	}
}

static uint64_t make_acpi(uint64_t hob)
{
	uint8_t *rsdp = acpi_alloc(36), *xsdt = acpi_alloc(36 + 8 * 8), *p;
	uint64_t at = hob, dsdt = 0;
	unsigned int n = 0;
	const uint8_t *t = next_table(&at, "DSDT");

	if (t) {
		p = acpi_alloc(get32(t + 4));
		copy(p, t, get32(t + 4));
		dsdt = (uint64_t)p;
	}
	for (at = hob; (t = next_table(&at, 0)); at += (((struct hob *)at)->len + 7u) & ~7u) {
		uint32_t len = get32(t + 4);

		if (equal(t, "DSDT", 4))
			continue;
		p = acpi_alloc(len + 16);
		copy(p, t, len);
		if (equal(t, "FACP", 4)) {
			put32(p + 40, (uint32_t)dsdt);
			if (len >= 148)
				put64(p + 140, dsdt);
		}
		if (equal(t, "APIC", 4)) { /* multiprocessor wakeup structure */
			p[len] = 0x10;
			p[len + 1] = 16;
			put64(p + len + 8, MAILBOX);
			len += 16;
			put32(p + 4, len);
		}
		checksum(p, len, 9);
		if (n == 8)
			fail("too many ACPI tables", n);
		put64(xsdt + 36 + 8 * n++, (uint64_t)p);
	}
	copy(xsdt, "XSDT", 4);
	put32(xsdt + 4, 36 + 8 * n);
	xsdt[8] = 1;
	copy(xsdt + 10, "SHIM  TESTSHIM", 14);
	checksum(xsdt, 36 + 8 * n, 9);
	copy(rsdp, "RSD PTR ", 8);
	copy(rsdp + 9, "SHIM  ", 6);
	rsdp[15] = 2;
	put32(rsdp + 20, 36);
	put64(rsdp + 24, (uint64_t)xsdt);
	checksum(rsdp, 20, 8);
	checksum(rsdp, 36, 32);
	return (uint64_t)rsdp;
}

static void add_e820(struct e820 *e, uint8_t *n, uint64_t start, uint64_t end, uint32_t type)
{
	if (start >= end)
		return;
	if (*n && e[*n - 1].type == type && e[*n - 1].start + e[*n - 1].len == start) {
		e[*n - 1].len += end - start;
		return;
	}
	e[*n].start = start;
	e[*n].len = end - start;
	e[(*n)++].type = type;
}

uint64_t shim_main(uint64_t hob)
{
	uint8_t *bp = (uint8_t *)BOOT_PARAMS, *kernel = (uint8_t *)PAYLOAD_BASE;
	struct e820 *e = (struct e820 *)(bp + 0x2d0);
	struct regs info = {.rax = 1};
	uint64_t low_end = 0, pages = 0, initrd, initrd_len;

	tdcall(&info);
	say("shim: TD with GPA width ");
	say_hex(info.rcx);
	say(", attributes ");
	say_hex(info.rdx);
	say(", vCPUs ");
	say_hex(info.r8);
	say("\r\n");

	if (hob != HOB_BASE)
		fail("HOB list is elsewhere:", hob);
	for (uint64_t at = hob; ((struct hob *)at)->type != 0xffff;
	     at += (((struct hob *)at)->len + 7u) & ~7u) {
		struct resource *r = (struct resource *)at;
		uint64_t end = r->start + r->len;

		if (r->h.type != 3)
			continue;
		if (r->type == 7) {
			accept_range(r->start, end);
			pages += r->len >> 12;
		} else if (r->type != 0) {
			continue;
		}
		if (r->start == TEMP_BASE) {
			add_e820(e, bp + 0x1e8, TEMP_BASE, BOOT_PARAMS, 4);
			add_e820(e, bp + 0x1e8, BOOT_PARAMS, ACPI_END, 3);
		} else {
			add_e820(e, bp + 0x1e8, r->start, end, 1);
		}
		if (end <= 0x100000000 && end > low_end)
			low_end = end;
	}
	say("shim: accepted ");
	say_hex(pages);
	say(" pages\r\n");

	if (!equal(kernel + 0x202, "HdrS", 4))
		fail("no bzImage", get32(kernel + 0x202));
	copy(bp + 0x1f1, kernel + 0x1f1, 0x11u + kernel[0x201]);
	bp[0x210] = 0xff;	       /* loader: undefined */
	put32(bp + 0x228, PARAM_BASE); /* command line */
	/* The rig's convention: an initrd behind the kernel, the header has its place in the file. */
	initrd = get32(kernel + 0x218);
	initrd_len = get32(kernel + 0x21c);
	if (initrd_len) {
		uint64_t to = (low_end - initrd_len) & ~0xfffull;

		copy((void *)to, kernel + initrd, initrd_len);
		put32(bp + 0x218, (uint32_t)to);
	}
	acpi_next = ACPI_BASE;
	put64(bp + 0x70, make_acpi(hob));
	say("shim: to the kernel\r\n");
	return PAYLOAD_BASE + (kernel[0x1f1] ? kernel[0x1f1] + 1u : 5u) * 512 + 0x200;
}
