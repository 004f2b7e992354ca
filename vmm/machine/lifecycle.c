// SPDX-License-Identifier: MIT
/*
 * Threads and the end of a VM. Any thread may end it, the first one decides how; the vCPU threads
 * then leave the guest, the I/O threads leave their loops, and whoever waits joins them all.
 */
#include "vmm/machine/lifecycle.h"

#include "vmm/base/bytes.h"
#include "vmm/base/event.h"
#include "vmm/base/timer.h"
#include "vmm/machine/exit_ports.h"
#include "vmm/machine/io_threads.h"
#include "vmm/machine/platform.h"
#include "vmm/machine/vcpu.h"
#include "vmm/machine/vm.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

void minivmm_stop(struct minivmm *vm, enum minivmm_stop how)
{
	int request = 1 + (int)how;
	int seen = atomic_load(&vm->stop_request);

	while (seen < request && !atomic_compare_exchange_weak(&vm->stop_request, &seen, request))
		;
	/* An I/O thread ends what runs in order; but it may itself be in the middle of something long,
	 * and so may who loads and launches: both look at this. */
	if (how == MINIVMM_STOP_NOW)
		atomic_store(&vm->stopping, true);
	event_raise(vm->stop_fd);
}

void minivmm_terminal_resized(struct minivmm *vm)
{
	platform_terminal_resized(vm->platform);
}

/* In the first I/O thread: minivmm_stop() was called. */
static void stop_ready(struct loop_source *source, uint32_t events)
{
	struct minivmm *vm = container_of(source, struct minivmm, stop_source);
	int request;

	(void)events;
	event_drain(source->fd);
	request = atomic_exchange(&vm->stop_request, 0);
	if (request == 1 + MINIVMM_STOP_NOW) {
		platform_stop(vm->platform);
	} else if (request == 1 + MINIVMM_STOP_POWER_BUTTON) {
		platform_power_button(vm->platform);
		vmm_log(&vm->log, VMM_LOG_INFO, "pressed the guest's power button");
	}
}

void lifecycle_locks(struct minivmm *vm)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&vm->end.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&vm->end.threads_over, &attr);
	pthread_condattr_destroy(&attr);
}

int lifecycle_init(struct minivmm *vm, struct vmm_error *err)
{
	const struct sys *sys = vm->sys;
	int ret;

	vm->end_fd = sys->ops->eventfd(sys->ctx);
	if (vm->end_fd < 0)
		return vmm_error_errno(err, vm->end_fd, "unable to create an eventfd");
	vm->stop_fd = sys->ops->eventfd(sys->ctx);
	if (vm->stop_fd < 0)
		return vmm_error_errno(err, vm->stop_fd, "unable to create an eventfd");
	ret = io_threads_init(vm, err);
	if (ret < 0)
		return ret;
	vm->stop_source = (struct loop_source){.ready = stop_ready, .fd = vm->stop_fd};
	return loop_add(&vm->loop, &vm->stop_source, EPOLLIN, err);
}

static int start_threads(struct minivmm *vm, struct vmm_error *err)
{
	/* vCPUs ask the I/O threads for things, so these come first */
	int ret = io_threads_start(vm, err);

	/* the boot CPU last: the others wait in KVM until it wakes them */
	for (uint32_t i = vm->nvcpus; i-- > 0 && ret == 0;)
		ret = vcpu_start(&vm->vcpu[i], err);
	return ret;
}

/*
 * What the VM's threads block: everything but the signals of a crash. The kernel ends a process
 * whose thread blocks its own SIGSEGV without calling the handler, and it is the program's handler
 * that gives the terminal back.
 */
static void thread_signals(sigset_t *blocked)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};

	sigfillset(blocked);
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
		sigdelset(blocked, crashes[i]);
}

int minivmm_run(struct minivmm *vm, struct vmm_error *err)
{
	sigset_t blocked, old;
	int ret;

	/* what a failed launch leaves must not run: KVM does not say what happens then */
	if (vm->launch.state != CC_SEALED || vm->ran)
		return vmm_error_set(err, -EBUSY, "a VM is run once, after it was launched");
	vm->ran = true;
	/* threads are born with signals blocked: a kick may come before their first instruction */
	thread_signals(&blocked);
	pthread_sigmask(SIG_SETMASK, &blocked, &old);
	/* held, so that a vCPU that ends the VM at once finds all its siblings to kick */
	pthread_mutex_lock(&vm->end.lock);
	ret = start_threads(vm, err);
	pthread_mutex_unlock(&vm->end.lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret < 0) {
		machine_end(vm, MINIVMM_FAILED, "%s", err ? err->text : "threads");
		lifecycle_finish(vm);
	}
	return ret;
}

/* Waits for the threads of a VM that has ended. */
static void join_threads(struct minivmm *vm)
{
	/* whoever ended the VM has kicked all vCPUs when the lock is free */
	pthread_mutex_lock(&vm->end.lock);
	pthread_mutex_unlock(&vm->end.lock);
	for (uint32_t i = 0; i < vm->nvcpus; i++)
		vcpu_join(&vm->vcpu[i]);
	io_threads_join(vm);
	vmm_log_tell_left_out(&vm->log);
}

void lifecycle_finish(struct minivmm *vm)
{
	if (!vm->ran)
		return;
	machine_end(vm, MINIVMM_STOPPED, NULL);
	join_threads(vm);
	exit_ports_tell(vm->port_exits, &vm->log);
	if (vm->cc.tech->private_memory)
		vmm_log(&vm->log, VMM_LOG_DEBUG, "at the end %" PRIu64 " pages were private",
			mem_private_pages(&vm->mem));
}

void lifecycle_destroy(struct minivmm *vm)
{
	io_threads_destroy(vm);
	sys_close(vm->sys, &vm->stop_fd);
	sys_close(vm->sys, &vm->end_fd);
}

int minivmm_end_fd(const struct minivmm *vm)
{
	return vm->end_fd;
}

/* At least 0. */
static int remaining_ms(int64_t deadline)
{
	int64_t left = deadline - (int64_t)timer_now_ms();

	return left > 0 ? (int)left : 0;
}

/* Of a VM that is over. False at the deadline, of CLOCK_MONOTONIC; NULL: none. */
static bool threads_end(struct minivmm *vm, const struct timespec *deadline)
{
	bool over;
	int ret = 0;

	pthread_mutex_lock(&vm->end.lock);
	while (vm->end.live > 0 && ret == 0)
		ret = deadline ? pthread_cond_timedwait(&vm->end.threads_over, &vm->end.lock,
							deadline)
			       : pthread_cond_wait(&vm->end.threads_over, &vm->end.lock);
	over = vm->end.live == 0;
	pthread_mutex_unlock(&vm->end.lock);
	return over;
}

int minivmm_wait(struct minivmm *vm, int timeout_ms, struct minivmm_result *result)
{
	struct pollfd over = {.fd = vm->end_fd, .events = POLLIN};
	int64_t deadline = timeout_ms < 0 ? 0 : (int64_t)timer_now_ms() + timeout_ms;
	const struct timespec end = {.tv_sec = deadline / 1000,
				     .tv_nsec = deadline % 1000 * 1000000};
	int left = timeout_ms;
	int ret;

	*result = (struct minivmm_result){.end = MINIVMM_RUNNING};
	while ((ret = poll(&over, 1, left)) < 0 && errno == EINTR)
		if (timeout_ms >= 0) /* signals do not make it longer */
			left = remaining_ms(deadline);
	if (ret < 0)
		return -errno;
	/* joining takes no time when they are over: they have nothing left to do */
	if (ret == 0 || !threads_end(vm, timeout_ms < 0 ? NULL : &end))
		return -ETIMEDOUT;
	join_threads(vm);
	result->end = vm->end.how;
	result->relaunch = vm->end.how == MINIVMM_REBOOT &&
			   vm->config->machine.on_reboot == CONFIG_REBOOT_RELAUNCH;
	memcpy(result->text, vm->end.text, sizeof(result->text));
	return 0;
}
