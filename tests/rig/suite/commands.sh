# SPDX-License-Identifier: MIT
# The commands beside `run`, on a machine with KVM.

test_probe() {
	minivmm probe
	expect_status 0
	expect_stdout "^KVM: usable"
	expect_stdout "^  plain: yes, at most [0-9]+ vCPUs"
}

test_probe_json() {
	minivmm probe --json
	expect_status 0
	python3 - "$T/stdout" <<- 'EOF' || fail "not what this host offers"
		import json, sys
		report = json.load(open(sys.argv[1]))
		assert report["kvm"]["usable"] is True, report
		plain = [t for t in report["vm_types"] if t["name"] == "plain"]
		assert plain and plain[0]["usable"] is True, report
	EOF
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
