// SPDX-License-Identifier: MIT
/*
 * A library of VMs that are not there, behind the same public header: the real command line is
 * linked with it, so that every way a VM can end is tested without KVM. The name of the
 * "configuration file" says what happens:
 *
 *	poweroff, reboot, crash, fail    the VM ends so at once
 *	relaunch                         the first VM reboots, the second powers off
 *	obedient                         powers off when the power button is pressed
 *	deaf                             ends only when the plug is pulled
 *	stubborn                         the same, with a grace of 10 seconds instead of one
 *	chatty                           the same, and logs 10000 lines from a thread that has ended
 *	                                 before "running" is written
 *	reboots-on-button                asks to be relaunched when the button is pressed
 *	no-create, no-run                the call fails
 *	slow-launch                      says "launching" and takes a minute for it
 *	segv-thread                      a thread of the library crashes
 *
 * Once it runs, the VM writes "running\n" to standard output. FAKE_LOG names the log file.
 */
#include "vmm/base/words.h"
#include "vmm/minivmm.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct minivmm_config {
	char name[32];
	unsigned int vms; /* made of it so far */
};

struct minivmm {
	struct minivmm_config *config;
	struct minivmm_host host;
	struct minivmm_result result;
	int end_fd;
	uint64_t mark_ns;
};

static int fail(struct vmm_error *err, const char *text)
{
	err->code = -EIO;
	snprintf(err->text, sizeof(err->text), "%s", text);
	return -EIO;
}

static bool is(const struct minivmm *vm, const char *name)
{
	return strcmp(vm->config->name, name) == 0;
}

static void end(struct minivmm *vm, enum minivmm_end how, const char *text)
{
	vm->result.end = how;
	snprintf(vm->result.text, sizeof(vm->result.text), "%s", text);
	eventfd_write(vm->end_fd, 1);
}

/* --- configuration ---------------------------------------------------------------------------- */

struct minivmm_config *minivmm_config_new(void)
{
	return calloc(1, sizeof(struct minivmm_config));
}

void minivmm_config_free(struct minivmm_config *config)
{
	free(config);
}

int minivmm_config_read(struct minivmm_config *config, const char *path, minivmm_fault_fn *fault,
			void *ctx, struct vmm_error *err)
{
	if (strcmp(path, "faults") == 0) {
		fault(ctx, "faults:1:2: one");
		fault(ctx, "faults:3:4: two");
		return fail(err, "faults:1:2: one");
	}
	if (strcmp(path, "unreadable") == 0)
		return fail(err, "unable to open unreadable");
	snprintf(config->name, sizeof(config->name), "%s", path);
	return 0;
}

bool minivmm_config_uses_terminal(const struct minivmm_config *config)
{
	(void)config;
	return true;
}

unsigned int minivmm_config_grace(const struct minivmm_config *config)
{
	return strcmp(config->name, "stubborn") == 0 ? 10 : 1;
}

int minivmm_config_log_level(const struct minivmm_config *config)
{
	(void)config;
	return MINIVMM_LOG_INFO;
}

const char *minivmm_config_log_file(const struct minivmm_config *config)
{
	(void)config;
	return getenv("FAKE_LOG");
}

void minivmm_make_printable(char *text)
{
	text_make_printable(text);
}

void minivmm_config_help(void (*line)(void *ctx, const char *text), void *ctx)
{
	line(ctx, "no keys");
}

/* --- a VM ------------------------------------------------------------------------------------- */

const char *minivmm_version(void)
{
	return "0.0.0";
}

int minivmm_create(struct minivmm **out, const struct minivmm_config *config,
		   const struct minivmm_host *host, struct vmm_error *err)
{
	struct minivmm *vm;

	*out = NULL;
	if (strcmp(config->name, "no-create") == 0)
		return fail(err, "no VM today");
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return fail(err, "memory");
	vm->config = (struct minivmm_config *)(uintptr_t)config;
	vm->config->vms++;
	vm->host = *host;
	vm->end_fd = eventfd(0, EFD_CLOEXEC);
	host->log(host->log_ctx, MINIVMM_LOG_WARN, "a VM that is not there");
	*out = vm;
	return 0;
}

int minivmm_load(struct minivmm *vm, struct vmm_error *err)
{
	(void)vm;
	(void)err;
	return 0;
}

int minivmm_launch(struct minivmm *vm, struct vmm_error *err)
{
	(void)err;
	if (is(vm, "slow-launch")) {
		puts("launching");
		fflush(stdout);
		for (int i = 0; i < 600 && vm->result.end == MINIVMM_RUNNING; i++)
			usleep(100000);
	}
	return 0;
}

static void *chat(void *arg)
{
	const struct minivmm *vm = arg;

	for (int i = 0; i < 10000; i++) {
		char line[64];

		snprintf(line, sizeof(line), "line %d of what a guest has caused", i);
		vm->host.log(vm->host.log_ctx, MINIVMM_LOG_WARN, line);
	}
	return NULL;
}

static void *crash(void *arg)
{
	raise(SIGSEGV);
	return arg;
}

int minivmm_run(struct minivmm *vm, struct vmm_error *err)
{
	struct timespec now;
	pthread_t thread;

	if (is(vm, "no-run"))
		return fail(err, "no running today");
	clock_gettime(CLOCK_MONOTONIC, &now);
	vm->mark_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (is(vm, "chatty") && pthread_create(&thread, NULL, chat, vm) == 0)
		pthread_join(thread, NULL);
	if (write(STDOUT_FILENO, "running\n", 8) != 8)
		return fail(err, "stdout");
	if (is(vm, "poweroff") || (is(vm, "relaunch") && vm->config->vms == 2))
		end(vm, MINIVMM_POWEROFF, "");
	else if (is(vm, "reboot") || is(vm, "relaunch"))
		end(vm, MINIVMM_REBOOT, "");
	else if (is(vm, "crash"))
		end(vm, MINIVMM_CRASH, "kernel panic");
	else if (is(vm, "fail"))
		end(vm, MINIVMM_FAILED, "KVM gave up");
	else if (is(vm, "segv-thread"))
		pthread_create(&thread, NULL, crash, NULL);
	vm->result.relaunch = is(vm, "relaunch") && vm->config->vms == 1;
	return 0;
}

void minivmm_terminal_resized(struct minivmm *vm)
{
	(void)vm;
}

void minivmm_stop(struct minivmm *vm, enum minivmm_stop how)
{
	if (vm->result.end != MINIVMM_RUNNING)
		return;
	if (how == MINIVMM_STOP_NOW) {
		end(vm, MINIVMM_STOPPED, "");
	} else if (is(vm, "obedient")) {
		end(vm, MINIVMM_POWEROFF, "");
	} else if (is(vm, "reboots-on-button")) {
		end(vm, MINIVMM_REBOOT, "");
		vm->result.relaunch = true;
	}
}

int minivmm_wait(struct minivmm *vm, int timeout_ms, struct minivmm_result *result)
{
	(void)timeout_ms;
	*result = vm->result;
	return 0;
}

int minivmm_end_fd(const struct minivmm *vm)
{
	return vm->end_fd;
}

void minivmm_destroy(struct minivmm *vm)
{
	if (vm && is(vm, "slow-launch"))
		puts("destroyed");
	fflush(stdout);
	if (vm)
		close(vm->end_fd);
	free(vm);
}

uint64_t minivmm_mark_ns(const struct minivmm *vm, enum minivmm_mark mark)
{
	return mark == MINIVMM_MARK_FIRST_RUN ? vm->mark_ns : 0;
}

uint64_t minivmm_exits(const struct minivmm *vm)
{
	(void)vm;
	return 42;
}

/* --- reports ---------------------------------------------------------------------------------- */

static int report(char **text, struct vmm_error *err)
{
	*text = strdup("a report\n");
	return *text ? 0 : fail(err, "memory");
}

int minivmm_probe(bool json, char **text, struct vmm_error *err)
{
	(void)json;
	return report(text, err);
}

int minivmm_plan(const struct minivmm_config *config, bool json, char **text, struct vmm_error *err)
{
	(void)config;
	(void)json;
	return report(text, err);
}

int minivmm_check(const struct minivmm_config *config, minivmm_fault_fn *fault, void *ctx,
		  struct vmm_error *err)
{
	(void)config;
	(void)fault;
	(void)ctx;
	(void)err;
	return 0;
}

bool minivmm_explain(const struct minivmm_config *config, const struct vmm_error *err,
		     minivmm_fault_fn *fault, void *ctx)
{
	(void)config;
	(void)err;
	(void)fault;
	(void)ctx;
	return false;
}

int minivmm_measure(const struct minivmm_config *config, bool json, char **text,
		    struct vmm_error *err)
{
	(void)config;
	(void)json;
	return report(text, err);
}
