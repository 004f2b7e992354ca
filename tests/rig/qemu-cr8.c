// SPDX-License-Identifier: MIT
/*
 * For QEMU as the rig runs it: preloaded, it works around a bug that ends QEMU when OVMF runs in
 * the rig. A nested guest's write to CR8 while its hypervisor waits for an interrupt window makes
 * QEMU's helper_write_crN() (target/i386/tcg/sysemu/misc_helper.c, from 5.2 to 9.2 at least) call
 * cpu_interrupt() without the lock that this needs, and an assertion in tcg_handle_interrupt()
 * fails: "qemu_mutex_iothread_locked()". OVMF restores CR8 at the end of every interrupt; Linux
 * does not write to it.
 *
 * Debian's QEMU has that function in a module, which finds it through its symbol table: this one
 * comes first. It takes the lock, and calls the module's. For a QEMU that is not built like that
 * this library does nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef void handle_fn(void *cpu, int mask);

struct qemu {
	handle_fn *handle; /* the module's */
	bool (*locked)(void);
	void (*lock)(const char *file, int line);
	void (*unlock)(void);
};

void tcg_handle_interrupt(void *cpu, int mask);

static int find_module(struct dl_phdr_info *info, size_t size, void *found)
{
	void *module;

	(void)size;
	if (!strstr(info->dlpi_name, "/accel-tcg-"))
		return 0;
	module = dlopen(info->dlpi_name, RTLD_NOW | RTLD_NOLOAD);
	*(void **)found = module ? dlsym(module, "tcg_handle_interrupt") : NULL;
	return 1;
}

/* The lock has another name since QEMU 9. */
static void *symbol(const char *name, const char *new_name)
{
	void *found = dlsym(RTLD_DEFAULT, name);

	return found ? found : dlsym(RTLD_DEFAULT, new_name);
}

static void find(struct qemu *q)
{
	dl_iterate_phdr(find_module, &q->handle);
	*(void **)&q->locked = symbol("qemu_mutex_iothread_locked", "bql_locked");
	*(void **)&q->lock = symbol("qemu_mutex_lock_iothread_impl", "bql_lock_impl");
	*(void **)&q->unlock = symbol("qemu_mutex_unlock_iothread", "bql_unlock");
}

void tcg_handle_interrupt(void *cpu, int mask)
{
	static __thread struct qemu q;
	bool locked;

	if (!q.handle)
		find(&q);
	locked = q.locked();
	if (!locked)
		q.lock(__FILE__, __LINE__);
	q.handle(cpu, mask);
	if (!locked)
		q.unlock();
}
