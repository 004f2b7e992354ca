# SPDX-License-Identifier: MIT
# For tests of confidential VMs, sourced by suite/cc_*.sh after lib.sh. They need the rig's kernel,
# whose KVM has a software model of SNP, TDX and private memory; see README.md for its parameters.

kvm_parameters=/sys/module/kvm/parameters
amd_parameters=/sys/module/kvm_amd/parameters

need_model() {
	[ -e "$amd_parameters/softcc" ] || skip "needs the rig's kernel, with its model of SNP and TDX"
}

# Sets the model up anew: how its guest_memfd makes private memory, see the table below.
dialect() { # dialect NAME
	need_model
	memory_mode=in-place    # what minivmm is to find by itself
	case $1 in
	preserve) set_dialect 0 5 ;;      # in place, with the flag that preserves contents
	flags0) set_dialect 0 8 ;;        # in place, no flags; the old way exists beside it
	in-place-only) set_dialect 1 8 ;; # in place, no flags, nothing else
	split) set_dialect 2 8 && memory_mode=split ;; # Linux 6.8 to 6.18
	*) fail "no dialect is called $1" ;;
	esac
	faults none
	at_end 'set_dialect 0 8; faults none'
}

set_dialect() { # set_dialect GMEM_MODE GMEM_ABI
	echo "$1" > "$kvm_parameters/softcc_gmem_mode"
	echo "$2" > "$kvm_parameters/softcc_gmem_abi"
}

# What goes wrong from now on, in the model.
faults() { # faults none|partial|interrupted|both
	local eagain populate

	case $1 in
	none) eagain=0 populate=0 ;;
	partial) eagain=3 populate=1 ;;     # each populate call ends after one page
	interrupted) eagain=2 populate=2 ;; # every other one before it began
	both) eagain=2 populate=3 ;;
	esac
	echo "$eagain" > "$kvm_parameters/softcc_eagain_every"
	echo "$populate" > "$amd_parameters/softcc_faults"
}

# Writes $T/config.toml for the small guest of tests/guests/cc. WORDS is its command line; a TD's
# firmware has none and reads it as the first line of serial input. Lines for [machine] may follow.
cc_guest() { # cc_guest snp|tdx|sw-protected VCPUS WORDS [LINE...]
	local tech=$1 vcpus=$2 words="cpus=$2 $3"

	shift 3
	input=/dev/null
	rm -f "$T/words"
	{
		echo "[machine]"
		echo "vcpus = $vcpus"
		echo 'memory = "32M"'
		echo "cc = \"$tech\""
		[ $# -eq 0 ] || printf '%s\n' "$@"
		echo "[boot]"
		if [ "$tech" = tdx ]; then
			echo "firmware = \"$GUESTS/ccguest.fd\""
			echo "$words" > "$T/words"
			input=$T/words
		else
			echo "kernel = \"$GUESTS/ccguest.elf\""
			echo "cmdline = \"$words\""
		fi
		echo "[log]"
		echo 'level = "debug"'
		[ "$tech" = tdx ] || echo "[snp]"
		[ "$tech" = tdx ] || echo "cbit = ${cbit:-0}"
	} > "$T/config.toml"
}

# Runs the VM of $T/config.toml to its end. If something measures it, that has to come to the value
# that `minivmm measure` computes without KVM.
run_measured() { # run_measured snp|tdx|sw-protected
	local predicted= measured pid

	if [ "$1" != sw-protected ]; then
		minivmm measure "$T/config.toml"
		expect_status 0
		predicted=$(cat "$T/stdout")
	fi
	start run "$T/config.toml"
	pid=$vmm
	finish 250
	[ "$1" != sw-protected ] || return 0
	measured=$(dmesg | sed -n "s/.*softcc: $1 vm pid=$pid launch measurement //p" | tail -n 1)
	[ "$predicted" = "$measured" ] || fail "predicted $predicted, the kernel has $measured"
}

# The guest said that all was well, powered off, and left nothing behind.
expect_well() { # expect_well PATTERN
	expect_stdout "^GUEST ok $1"
	expect_status 0
	! pgrep -x minivmm > /dev/null || fail "a minivmm process is left"
}

# SNP guests and TDs created from now on see what those of the hardware see.
strict_guests() {
	local parameter=$amd_parameters/softcc_guest

	[ -e "$parameter" ] || skip "needs a rig kernel with strict guests (softcc_guest)"
	echo 3 > "$parameter"
	at_end "echo 0 > $parameter"
}
