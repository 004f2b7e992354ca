// SPDX-License-Identifier: MIT
#include "vmm/cli/tty.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Signal handlers take no argument: the one terminal of the process is kept here. */
static struct termios saved;
static volatile sig_atomic_t is_raw;

/* How long answers of a terminal to what the guest has last printed are waited for. */
#define ANSWERS_MS 50

static bool in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

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
	/* What was typed for the guest is not for the shell. (Not TCSAFLUSH: it waits for the
	 * output, which may be stopped.) In the background it is the shell's. */
	if (in_foreground())
		tcflush(STDIN_FILENO, TCIFLUSH);
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	is_raw = 0;
}

void tty_give_back(void)
{
	static const struct timespec answers = {.tv_nsec = ANSWERS_MS * 1000000L};

	/* raw, so that they are not shown either */
	if (is_raw && in_foreground())
		nanosleep(&answers, NULL);
	tty_restore();
}

/* The handler was removed when it was called (SA_RESETHAND): the signal now ends the program. */
static void crashed(int sig)
{
	tty_restore();
	raise(sig);
}

/* A signal that whoever started the program wants ignored stays so. */
static void watch(int sig)
{
	struct sigaction action = {.sa_handler = crashed, .sa_flags = (int)SA_RESETHAND}, old;

	if (sigaction(sig, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(sig, &action, NULL);
}

static void watch_crashes(void)
{
	/* the last ones come from limits and timers of the environment */
	static const int crashes[] = {SIGSEGV, SIGBUS,	SIGILL,	 SIGFPE,   SIGABRT, SIGTRAP,
				      SIGSYS,  SIGXCPU, SIGXFSZ, SIGALRM,  SIGPROF, SIGVTALRM,
				      SIGUSR2, SIGPWR,	SIGIO,	 SIGSTKFLT};

	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		watch(crashes[i]);
	for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
		watch(sig);
}

void tty_raw(void)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || !in_foreground())
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
