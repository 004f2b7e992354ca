# SPDX-License-Identifier: MIT
# The commands beside `run`, on a machine with KVM.

test_probe() {
	minivmm probe
	expect_status 0
	expect_stdout "[Kk][Vv][Mm]"
}

test_probe_json() {
	minivmm probe --json
	expect_status 0
	expect_stdout '^\{'
}

# `check` builds all that `run` would start, and starts nothing: it needs no /dev/kvm.
test_check() {
	guest debian-bzimage 2 1G poweroff
	minivmm check "$T/config.toml"
	expect_status 0
}

test_plan() {
	guest debian-bzimage 2 5G poweroff
	minivmm plan "$T/config.toml"
	expect_status 0
	expect_stdout "kernel"
	expect_stdout "initrd"
}
