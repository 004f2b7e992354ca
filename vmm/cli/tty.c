// SPDX-License-Identifier: MIT
#include "vmm/cli/tty.h"

#include <signal.h>
#include <stddef.h>
#include <termios.h>
#include <unistd.h>

/* Signal handlers take no argument: the one terminal of the process is kept here. */
static struct termios saved;
static volatile sig_atomic_t is_raw;

void tty_restore(void)
{
	sigset_t ttou, old;

	if (!is_raw)
		return;
	/* in the background, tcsetattr() would stop the program; blocked, the signal allows it
	 * (POSIX.1-2017, tcsetattr) */
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &ttou, &old);
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	is_raw = 0;
}

/* The handler was removed when it was called (SA_RESETHAND): the signal now ends the program. */
static void crashed(int sig)
{
	tty_restore();
	raise(sig);
}

static void watch_crashes(void)
{
	/* the last ones come from limits and timers of the environment */
	static const int crashes[] = {SIGSEGV,	 SIGBUS,  SIGILL,  SIGFPE,  SIGABRT,
				      SIGTRAP,	 SIGSYS,  SIGXCPU, SIGXFSZ, SIGALRM,
				      SIGVTALRM, SIGPROF, SIGUSR2, SIGPWR,  SIGSTKFLT};
	struct sigaction action = {.sa_handler = crashed, .sa_flags = (int)SA_RESETHAND};

	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &action, NULL);
}

void tty_raw(void)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp())
		return;
	if (!is_raw) {
		if (tcgetattr(STDIN_FILENO, &saved) < 0)
			return;
		watch_crashes();
	}
	raw = saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* log lines end with \n only; a guest's \r\n stands this */
	is_raw = 1;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}
