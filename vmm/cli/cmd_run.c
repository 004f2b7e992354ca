// SPDX-License-Identifier: MIT
/*
 * `minivmm run`: one VM after the other until one does not ask to be relaunched. The threads of a
 * VM are the library's; this one waits for its end and for signals.
 */
#include "vmm/cli/cli.h"
#include "vmm/cli/signals.h"
#include "vmm/cli/tty.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NS UINT64_C(1000000000)

/*
 * Signals within this time of the first are one request: timeout(1) signals its child and then the
 * whole group, and a terminal that goes away is told by the kernel and by the shell.
 */
#define ONE_REQUEST_NS NS

struct run {
	const struct options *options;
	struct minivmm_config *config;
	struct lines *log;
	int signal_fd;
	uint64_t config_ns;
	uint64_t asked_ns;    /* when a signal first asked the guest to end; 0: none did */
	uint64_t deadline_ns; /* end of the grace period; UINT64_MAX: the guest is not asked */
	char forced[80]; /* why the VM was stopped without the guest's help; "" if it was not */
};

static void stop_now(struct run *run, struct minivmm *vm, const char *why)
{
	if (!run->forced[0])
		snprintf(run->forced, sizeof(run->forced), "%s", why);
	run->deadline_ns = UINT64_MAX;
	minivmm_stop(vm, MINIVMM_STOP_NOW);
}

static void take_signal(struct run *run, struct minivmm *vm, int sig)
{
	uint64_t now;

	switch (sig) {
	case 0:
		return;
	case SIGCONT:
		if (minivmm_config_uses_terminal(run->config))
			tty_raw();
		return;
	case SIGWINCH:
		minivmm_terminal_resized(vm);
		return;
	case SIGQUIT:
		stop_now(run, vm, "stopped by SIGQUIT before the guest powered off");
		return;
	}
	now = timings_now();
	if (run->asked_ns) {
		if (now - run->asked_ns >= ONE_REQUEST_NS)
			stop_now(run, vm,
				 "stopped by a second signal before the guest powered off");
		return;
	}
	run->asked_ns = now;
	run->deadline_ns = now + (uint64_t)minivmm_config_grace(run->config) * NS;
	minivmm_stop(vm, MINIVMM_STOP_POWER_BUTTON);
}

/* Milliseconds until the grace period is over, for poll(): -1 if there is none. */
static int patience(const struct run *run)
{
	uint64_t now = timings_now(), ms;

	if (!run->deadline_ns || run->deadline_ns == UINT64_MAX)
		return -1;
	if (now >= run->deadline_ns)
		return 0;
	ms = (run->deadline_ns - now) / 1000000 + 1;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* Waits for the end of the VM; signals are passed on to it. */
static void supervise(struct run *run, struct minivmm *vm, struct minivmm_result *result)
{
	struct pollfd fds[] = {
		{.fd = minivmm_end_fd(vm), .events = POLLIN},
		{.fd = run->signal_fd, .events = POLLIN},
	};

	while (!fds[0].revents) {
		int n = poll(fds, 2, patience(run));

		if (n > 0 && fds[1].revents)
			take_signal(run, vm, signals_next(run->signal_fd));
		if (patience(run) == 0) {
			char why[80];

			snprintf(why, sizeof(why), "the guest did not power off within %u seconds",
				 minivmm_config_grace(run->config));
			stop_now(run, vm, why);
		}
	}
	minivmm_wait(vm, -1, result);
}

/* The VM that is being made and launched, for the handler of a signal that ends that. */
static struct minivmm *_Atomic starting;

static void stop_starting(void)
{
	struct minivmm *vm = atomic_load(&starting);

	if (vm)
		minivmm_stop(vm, MINIVMM_STOP_NOW);
}

/* With signals that end the program caught: see signals_caught(). */
static int prepare(struct run *run, struct minivmm **vm, const struct minivmm_host *host,
		   struct vmm_error *err)
{
	int ret = minivmm_create(vm, run->config, host, err);

	atomic_store(&starting, ret == 0 ? *vm : NULL);
	if (ret == 0 && !signals_caught())
		ret = minivmm_load(*vm, err);
	if (ret == 0 && !signals_caught())
		ret = minivmm_launch(*vm, err);
	atomic_store(&starting, NULL);
	return ret;
}

static int start(struct run *run, struct minivmm **vm, struct vmm_error *err)
{
	struct minivmm_host host = {
		.log = log_line,
		.log_ctx = &run->log,
		.log_level = minivmm_config_log_level(run->config),
	};
	int ret;

	signals_catch(stop_starting);
	signals_hold(false);
	ret = prepare(run, vm, &host, err);
	signals_hold(true);
	signals_catch(NULL);
	if (signals_caught()) {
		minivmm_destroy(*vm);
		signals_die(signals_caught());
	}
	if (ret < 0)
		return ret;
	if (minivmm_config_uses_terminal(run->config))
		tty_raw();
	return minivmm_run(*vm, err);
}

/* What the end of the VM means for our caller. */
static enum status judge(const struct run *run, const struct minivmm_result *result)
{
	switch (result->end) {
	case MINIVMM_POWEROFF:
	case MINIVMM_REBOOT:
		return STATUS_OK;
	case MINIVMM_STOPPED:
		if (!run->forced[0])
			return STATUS_OK; /* by the escape keys */
		complain("%s", run->forced);
		return STATUS_FAILED;
	case MINIVMM_CRASH:
		complain("the guest crashed: %s", result->text);
		return STATUS_CRASHED;
	case MINIVMM_FAILED:
	case MINIVMM_RUNNING:
		break;
	}
	complain("the VM failed: %s", result->text);
	return STATUS_FAILED;
}

static enum status run_once(struct run *run, bool *again)
{
	struct minivmm_result result = {0};
	struct vmm_error err = {0};
	struct minivmm *vm = NULL;
	enum status status = STATUS_FAILED;
	uint64_t over_ns;
	int ret;

	ret = start(run, &vm, &err);
	if (ret == 0)
		supervise(run, vm, &result);
	over_ns = timings_now();
	tty_give_back();
	if (ret == 0)
		status = judge(run, &result);
	if (vm && run->options->timings)
		timings_print(vm, run->options->start_ns, run->config_ns, over_ns);
	minivmm_destroy(vm);
	if (ret < 0)
		complain_of(run->config, &err);
	*again = result.relaunch && !run->deadline_ns;
	return status;
}

/* Each connection between host and guest is a descriptor. The usual soft limit of 1024 is for
 * programs that use select(). */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

enum status cmd_run(const struct options *options)
{
	struct run run = {.options = options, .signal_fd = -1};
	enum status status;
	bool again;

	run.signal_fd = signals_open();
	if (run.signal_fd < 0) {
		complain("unable to take signals from a descriptor: %s", strerror(errno));
		return STATUS_FAILED;
	}
	allow_descriptors();
	status = config_open(&run.config, options->config);
	run.config_ns = timings_now();
	if (status == STATUS_OK)
		status = log_open(&run.log, minivmm_config_log_file(run.config));
	if (status == STATUS_OK)
		do
			status = run_once(&run, &again);
		while (again);
	log_close(run.log);
	minivmm_config_free(run.config);
	close(run.signal_fd);
	return status;
}
