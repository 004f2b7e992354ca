// SPDX-License-Identifier: MIT
/*
 * The user space of the benchmark's guest: no libc, so that its first instructions are the ones
 * that say so on the console. What stands there comes from the process on the other end of the
 * serial port, which takes the time (watch.c). Then it waits to be killed with its VM.
 */
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/bench/watch.h"

static long call(long number, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

__attribute__((noreturn)) void _start(void);

void _start(void)
{
	static const char mark[] = BENCH_MARK;

	/* the kernel has opened /dev/console for us where its initramfs has one */
	if (call(SYS_write, 1, (long)mark, sizeof(mark) - 1) < 0) {
		call(SYS_open, (long)"/dev/console", O_WRONLY, 0);
		call(SYS_write, 0, (long)mark, sizeof(mark) - 1);
	}
	for (;;)
		call(SYS_pause, 0, 0, 0);
}
