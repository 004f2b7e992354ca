// SPDX-License-Identifier: MIT
#include "vmm/cli/signals.h"

#include "vmm/cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
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
	/* the library kicks its vCPUs with it, handler or not; one from outside is a mistake */
	if (signal(SIGUSR1, SIG_IGN) == SIG_ERR)
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

/* --- while a VM is made --------------------------------------------------------------------------- */

/* Two signals within so many nanoseconds are one. */
#define SAME_NS 1000000000

static void (*_Atomic stop_function)(void);
static atomic_int first;
static _Atomic uint64_t first_ns;

static void ask_to_stop(int sig)
{
	void (*stop)(void) = atomic_load(&stop_function);
	int saved = errno, none = 0;

	if (atomic_compare_exchange_strong(&first, &none, sig)) {
		atomic_store(&first_ns, timings_now());
	} else if (timings_now() - atomic_load(&first_ns) >= SAME_NS) {
		signal(sig, SIG_DFL);
		raise(sig); /* when this function has returned */
	}
	if (stop)
		stop();
	errno = saved;
}

void signals_catch(void (*stop)(void))
{
	static const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
	/* no SA_RESTART: a system call that waits comes to an end */
	struct sigaction action = {.sa_handler = stop ? ask_to_stop : SIG_DFL}, old;

	atomic_store(&stop_function, stop);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (sigaction(wanted[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(wanted[i], &action, NULL);
}

int signals_caught(void)
{
	return atomic_load(&first);
}

void signals_die(int sig)
{
	sigset_t one;

	signal(sig, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	_exit(128 + sig); /* not reached */
}

int signals_next(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}
