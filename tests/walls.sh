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
# written here; files under vmm/ that no rule names may use everything.
function allowed(file)
{
	if (file ~ /^vmm\/base\//)
		return "^vmm/base/"
	if (file ~ /^vmm\/kvm\//)
		return "^vmm/(kvm|base)/"
	if (file ~ /^mem\//)
		return "^(mem|vmm/kvm|vmm/base)/"
	if (file ~ /^boot\//)
		return "^(boot|mem|vmm/base)/"
	if (file ~ /^cc\//)
		return "^(cc|mem|vmm/kvm|vmm/base)/"
	if (file ~ /^vmm\/cli\//)
		return "^(vmm/cli/|vmm/minivmm\\.h$|vmm/base/vmm_error\\.h$)"
	# installed, so its include is relative to where it is installed
	if (file == "vmm/minivmm.h")
		return "^base/vmm_error\\.h$"
	return "."
}

# System calls that go through the table of vmm/kvm/sys.h. The rooms that handle KVM and guest
# memory make none of their own; the rest of vmm/ opens files and event descriptors for itself
# (console, log, configuration), but never touches KVM or maps memory.
function forbidden_calls(file)
{
	if (file == "vmm/kvm/sys.c")
		return ""
	if (file ~ /^(mem|boot|cc|vmm\/kvm|vmm\/base)\//)
		return "open|openat|close|read|write|pread|pwrite|ioctl|syscall|mmap|munmap|" \
		       "madvise|mprotect|memfd_create|fallocate|ftruncate|eventfd"
	return "ioctl|syscall|mmap|munmap|madvise|mprotect|memfd_create|fallocate"
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
	if (calls != "" && match(line, "(^|[^A-Za-z0-9_>.])(" calls ")[ \t]*\\("))
		breach("makes a system call past vmm/kvm/sys.h: " substr(line, RSTART, RLENGTH))
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
