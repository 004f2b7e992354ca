// SPDX-License-Identifier: MIT
#include "vmm/cli/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Those that signals_open() is about and that the caller of the program does not want ignored. */
static void told_signals(sigset_t *told)
{
	static const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCONT, SIGWINCH};
	struct sigaction old;

	sigemptyset(told);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (sigaction(wanted[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaddset(told, wanted[i]);
}

int signals_open(void)
{
	sigset_t told, pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	if (sigprocmask(SIG_BLOCK, &pipe, NULL) < 0)
		return -1;
	told_signals(&told);
	return signalfd(-1, &told, SFD_CLOEXEC | SFD_NONBLOCK);
}

void signals_hold(bool hold)
{
	sigset_t told;

	told_signals(&told);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &told, NULL);
}

int signals_next(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}
