# SPDX-License-Identifier: MIT
# The rig itself: is its KVM what the other tests need?

test_kvm_opens() {
	[ -c /dev/kvm ] || fail "no /dev/kvm"
	exec 3<>/dev/kvm
}

# The kernel's software model of SEV-SNP, TDX and guest_memfd conversion.
test_softcc() {
	[ -e /sys/module/kvm_amd/parameters/softcc ] || skip "not the rig's kernel"
	"$GUESTS/softcc-selftest" > "$T/tap" || fail "$(grep -v '^ok' "$T/tap")"
	tail -n 1 "$T/tap"
}
