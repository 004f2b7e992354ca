#!/bin/sh
# SPDX-License-Identifier: MIT
# The walls between the rooms: who includes whom, and who makes system calls. Prints every breach
# as FILE:LINE and exits 1 if there is one.
#
#	walls.sh [SOURCE_TREE]
set -eu
cd "${1:-$(dirname "$0")/..}"

# shellcheck disable=SC2016 # the dollars are those of awk
find vmm mem boot cc -name '*.[ch]' | sort | xargs awk '
# Headers of the project that a file may include, as a pattern. A room may use itself and what is
# written here; a file that stands in none may use nothing.
function allowed(file)
{
	if (file ~ /^vmm\/base\//)
		return "^vmm/base/|^vmm/minivmm\\.h$" # for struct vmm_error
	if (file ~ /^vmm\/kvm\//)
		return "^vmm/(kvm|base)/"
	if (file ~ /^mem\//)
		return "^(mem|vmm/kvm|vmm/base)/"
	if (file ~ /^boot\//)
		return "^(boot|mem|vmm/base)/"
	if (file ~ /^cc\//)
		return "^(cc|mem|vmm/kvm|vmm/base)/"
	if (file ~ /^vmm\/config\//)
		return "^(vmm/config|vmm/base)/|^cc/(config|tech|dispatch)\\.h$"
	if (file ~ /^vmm\/dev\//)
		return "^(vmm/dev|vmm/base|mem)/"
	if (file ~ /^vmm\/virtio\//)
		return "^(vmm/virtio|vmm/dev|vmm/config|vmm/kvm|vmm/base|mem)/|^vmm/machine/files\\.h$|^boot/acpi\\.h$|^cc/tech\\.h$"
	if (file ~ /^vmm\/x86\//)
		return "^(vmm/x86|vmm/dev|vmm/config|vmm/kvm|vmm/base|mem|cc)/"
	if (file ~ /^vmm\/machine\//)
		return "^(vmm/(machine|x86|dev|virtio|config|kvm|base)|boot|cc|mem)/|^vmm/minivmm\\.h$"
	if (file ~ /^vmm\/report\//)
		return "^(vmm/(report|machine|x86|dev|virtio|config|kvm|base)|boot|cc|mem)/|^vmm/minivmm\\.h$"
	if (file ~ /^vmm\/id_block\//)
		return "^(vmm/id_block|vmm/base)/|^mem/snp_id\\.h$|^vmm/(minivmm|cli/standard_fds)\\.h$"
	if (file ~ /^vmm\/cli\//)
		return "^(vmm/cli/|vmm/minivmm\\.h$|vmm/base/words\\.h$)"
	return "^$"
}

# Calls that go through the table of vmm/base/sys.h, or that only the programs make. The rooms that
# handle KVM and guest memory ask the host for nothing by themselves; the rest of vmm/ opens files
# and event descriptors (console, log, configuration), but never touches KVM or maps memory, and
# neither prints nor ends the program: that is for the commands.
function forbidden_calls(file,    host, program, files, io)
{
	host = "ioctl|syscall|mmap|munmap|mremap|madvise|mprotect|memfd_create|fallocate|" \
	       "process_vm_readv|process_vm_writev|fopen|fdopen|freopen|fread|popen|system|" \
	       "fork|vfork|posix_spawn|execve|execv|execvp|execl|execlp|dlopen|dlsym|dlclose"
	program = "printf|vprintf|fprintf|vfprintf|puts|fputs|putchar|fputc|perror|fwrite|" \
		  "exit|_exit|_Exit|abort|getenv|secure_getenv|setenv|signal|sigaction"
	files = "stat|fstat|lstat|fstatat|statx|fcntl|opendir|fdopendir|readdir|rename|unlink|" \
		"unlinkat|mkdir|lseek|access|faccessat|realpath|readlink"
	io = "open|openat|creat|close|read|write|pread|pwrite|readv|writev|preadv|pwritev|" \
	     "sendfile|splice|copy_file_range|ftruncate|dup|dup2|dup3|pipe|pipe2|eventfd|" \
	     "timerfd_create|epoll_create1|epoll_wait|signalfd|inotify_init1|poll|ppoll|" \
	     "select|socket|socketpair|connect|bind|listen|accept|accept4|send|sendto|" \
	     "sendmsg|recv|recvfrom|recvmsg|kill|raise"
	if (file == "vmm/base/sys.c")
		return ""
	if (file ~ /^vmm\/base\/(loop\.c|timer\.c|unix_listener\.c|event\.h)$/)
		return host "|" program "|" files
	if (file ~ /^(mem|boot|cc|vmm\/kvm|vmm\/base)\//)
		return host "|" program "|" files "|" io
	if (file ~ /^vmm\/(cli|id_block)\//)
		return host
	return host "|" program "|" files
}

# Who makes such a call nevertheless.
function exempt(file, call)
{
	# codecs are libraries that are only loaded when a file needs them
	if (file ~ /^boot\/codec\.c$/)
		return call ~ /^dl(open|sym|close)$/
	# a descriptor that was inherited: what it is, and that it must not block
	if (file == "vmm/dev/console.c")
		return call ~ /^(fcntl|fstat)$/
	if (file == "vmm/virtio/net_tap.c")
		return call == "fcntl"
	# how many descriptors are open
	if (file == "vmm/virtio/vsock_mux.c")
		return call == "fcntl"
	# the quoting service is a program of the host
	if (file ~ /^cc\/quote_request\.c$/)
		return call ~ /^(socket|connect|send|recv|close)$/
	# a socket that a dead process has left in the way
	if (file == "vmm/base/unix_listener.c")
		return call ~ /^(lstat|unlink)$/
	return 0
}

function breach(what)
{
	printf "%s:%d: %s\n", FILENAME, FNR, what
	breaches++
}

# The line without comments, which may go over several lines.
function code(line,    out, at)
{
	out = ""
	while (line != "") {
		if (in_comment) {
			at = index(line, "*/")
			if (at == 0)
				return out
			line = substr(line, at + 2)
			in_comment = 0
		}
		at = match(line, /\/[*\/]/)
		if (at == 0)
			return out line
		out = out substr(line, 1, at - 1)
		if (substr(line, at, 2) == "//")
			return out
		line = substr(line, at + 2)
		in_comment = 1
	}
	return out
}

FNR == 1 {
	in_comment = 0
	may_include = allowed(FILENAME)
	calls = forbidden_calls(FILENAME)
	nfiles++
}

{
	line = code($0)
	if (match(line, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/)) {
		split(substr(line, 1, RLENGTH), part, "\"")
		if (part[2] !~ may_include || part[2] ~ /\.\./)
			breach("may not include \"" part[2] "\"")
	} else if (line ~ /^[ \t]*#[ \t]*include[ \t]*<linux\/(kvm|psp-sev)\.h>/) {
		if (FILENAME !~ /^(vmm\/kvm|cc)\//)
			breach("may not include what declares KVM; vmm/kvm/ does")
	}
	gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
	while (calls != "" && match(line, "(^|[^A-Za-z0-9_>.])(" calls ")[ \t]*\\(")) {
		call = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		gsub(/[^A-Za-z0-9_]/, "", call)
		if (!exempt(FILENAME, call))
			breach("makes a call that is not this room'"'"'s, past vmm/base/sys.h: " call)
	}
}

END {
	if (nfiles == 0) {
		print "no source files found"
		exit 1
	}
	if (breaches > 0)
		exit 1
	printf "%d files keep to their rooms\n", nfiles
}'
