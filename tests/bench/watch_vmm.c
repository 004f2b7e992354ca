// SPDX-License-Identifier: MIT
/* The watched process: its start and end, and what /proc and the kernel tell about it. */
#include "tests/bench/watch.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CGROUP "/sys/fs/cgroup/bench"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What the two processes tell each other before execve(). */
struct handshake {
	uint64_t start_ns;
	int listener;
	_Atomic bool installed, fetched;
};

static void join_cgroup(void)
{
	int fd = open(CGROUP "/cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) != 1)
		warn(CGROUP);
	close(fd);
}

__attribute__((noreturn)) static void become(struct handshake *shake, enum trap trap, int output,
					     char *const argv[])
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	join_cgroup();
	if (trap != TRAP_NOTHING)
		shake->listener = trap_install(trap);
	shake->installed = true;
	while (!shake->fetched)
		usleep(1000);
	shake->start_ns = now_ns();
	execv(argv[0], argv);
	err(127, "%s", argv[0]);
}

/* The listener is open in the child: fetch it from there. */
static int fetch_listener(pid_t pid, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int mine = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	if (mine < 0)
		err(1, "unable to take over the listener of the system call filter");
	close(pidfd);
	return mine;
}

void vmm_start(struct vmm *vmm, enum trap trap, char *const argv[])
{
	struct handshake *shake = mmap(NULL, sizeof(*shake), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int output[2];

	if (shake == MAP_FAILED || pipe2(output, O_CLOEXEC) < 0)
		err(1, "unable to start %s", argv[0]);
	if (mkdir(CGROUP, 0755) < 0 && errno != EEXIST && errno != ENOENT && errno != EACCES &&
	    errno != EROFS)
		warn(CGROUP);
	*shake = (struct handshake){.listener = -1};
	vmm->listener = -1;
	vmm->output = output[0];
	vmm->pid = fork();
	if (vmm->pid < 0)
		err(1, "fork");
	if (vmm->pid == 0)
		become(shake, trap, output[1], argv);
	close(output[1]);
	while (!shake->installed) {
		if (waitpid(vmm->pid, NULL, WNOHANG) == vmm->pid)
			exit(1);
		usleep(1000);
	}
	if (trap != TRAP_NOTHING)
		vmm->listener = fetch_listener(vmm->pid, shake->listener);
	shake->fetched = true;
	while (!shake->start_ns)
		usleep(1000);
	vmm->start_ns = shake->start_ns;
	munmap(shake, sizeof(*shake));
}

void vmm_kill(struct vmm *vmm)
{
	if (vmm->pid > 0)
		kill(vmm->pid, SIGKILL);
	while (vmm->pid > 0 && waitpid(vmm->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(vmm->output);
	if (vmm->listener >= 0)
		close(vmm->listener);
	rmdir(CGROUP);
}

static FILE *open_proc(const struct vmm *vmm, const char *name)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)vmm->pid, name);
	file = fopen(path, "re");
	if (!file)
		err(1, "%s", path);
	return file;
}

void vmm_resident(const struct vmm *vmm, uint64_t ram, struct resident *out)
{
	FILE *file = open_proc(vmm, "smaps");
	uint64_t start, end, len = 0, kib, rss = 0, own = 0;
	char line[512];

	*out = (struct resident){0};
	while (fgets(line, sizeof(line), file)) {
		/* a mapping's first line; those of its properties begin with a capital letter, the
		 * last one is VmFlags */
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2)
			len = end - start, rss = own = 0;
		else if (sscanf(line, "Rss: %" SCNu64, &kib) == 1)
			rss = kib;
		else if (sscanf(line, "Private_Clean: %" SCNu64, &kib) == 1 ||
			 sscanf(line, "Private_Dirty: %" SCNu64, &kib) == 1)
			own += kib;
		else if (strncmp(line, "VmFlags:", 8) != 0)
			continue;
		/* "dc": not for children, as RAM in several mappings is */
		else if (len >= ram || (strstr(line, " dc") && len >= 2 << 20))
			out->guest += rss;
		else
			out->other += rss, out->other_private += own;
	}
	fclose(file);
}

bool vmm_is_guest_ram(const struct vmm *vmm, uint64_t ram, uint64_t address)
{
	FILE *file = open_proc(vmm, "maps");
	uint64_t start, end;
	bool guest = false;
	char line[512];

	while (!guest && fgets(line, sizeof(line), file))
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2)
			guest = end - start >= ram && start <= address && address < end;
	fclose(file);
	return guest;
}

uint64_t vmm_cpu_us(const struct vmm *vmm)
{
	struct timespec t = {0};
	clockid_t clock;

	if (clock_getcpuclockid(vmm->pid, &clock) == 0)
		clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int64_t read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	int64_t number = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%" SCNd64, &number) != 1)
		number = -1;
	fclose(file);
	return number;
}

/* The kernel names a VM's directory PID-DESCRIPTOR (virt/kvm/kvm_main.c, kvm_create_vm_debugfs). */
int64_t vmm_kvm_count(const struct vmm *vmm, const char *name)
{
	char pattern[64];
	int64_t number = -1;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "/sys/kernel/debug/kvm/%d-*/%s", (int)vmm->pid, name);
	if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1)
		number = read_number(found.gl_pathv[0]);
	globfree(&found);
	return number;
}

int64_t vmm_peak_kib(void)
{
	int64_t bytes = read_number(CGROUP "/memory.peak");

	return bytes < 0 ? -1 : bytes / 1024;
}
