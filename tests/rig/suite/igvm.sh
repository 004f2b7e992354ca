# SPDX-License-Identifier: MIT
# Guests in IGVM files: one file with the small guest of tests/guests/cc for plain, SNP and TDX VMs,
# made by tests/igvm/make.py. The guest checks what it was loaded with and told, and that pages which
# the file wants shared are.
. "$SUITE/../lib-cc.sh"

# Writes $T/config.toml for the guest in FILE.igvm; its command line is WORDS, also in a TD.
igvm_guest() { # igvm_guest none|snp|tdx|sw-protected FILE VCPUS WORDS
	{
		printf '[machine]\ncc = "%s"\nvcpus = %s\nmemory = "32M"\n' "$1" "$3"
		printf '[boot]\nigvm = "%s/%s.igvm"\n' "$GUESTS" "$2"
		printf 'cmdline = "cpus=%s %s"\n' "$3" "$4"
		printf '[log]\nlevel = "debug"\n'
		printf '[snp]\ncbit = 0\n' # the file's page tables have none
	} > "$T/config.toml"
}

launches() { # launches TECH FILE VCPUS
	echo "$SECONDS s: $1, $2, $3 vCPUs"
	igvm_guest "$1" "$2" "$3" "test=igvm"
	run_measured "$1"
	expect_well igvm
	igvm_guest "$1" "$2" "$3" "test=convert n=50 seed=$3"
	run_measured "$1"
	expect_well "convert conversions=50 "
}

# In all dialects of private memory; what a file becomes depends on dialect and number of vCPUs each
# for itself.
all_launches() { # all_launches TECH FILE VCPUS-preserve VCPUS-flags0 VCPUS-split
	local tech=$1 file=$2 name

	shift 2
	for name in preserve flags0 split; do
		echo "$name"
		dialect "$name"
		launches "$tech" "$file" "$1"
		shift
	done
}

test_snp() { all_launches snp guest 1 2 1; }
test_snp_registers_of_two_vcpus_and_id_block() { all_launches snp guest-2 2 2 2; }
test_tdx() { all_launches tdx guest 2 1 2; }

test_snp_with_the_other_numbers_of_vcpus() { long; all_launches snp guest 2 1 2; }
test_tdx_with_the_other_numbers_of_vcpus() { long; all_launches tdx guest 1 2 1; }

test_sw_protected() {
	dialect flags0
	launches sw-protected guest 2
}

test_plain() {
	igvm_guest none guest 2 "test=bytes"
	minivmm run "$T/config.toml"
	expect_well bytes
}

test_a_file_for_another_number_of_vcpus_is_refused() {
	need_model
	igvm_guest snp guest-2 1 "test=bytes"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr "registers for vCPU 1, and machine.vcpus is 1"
	igvm_guest snp guest-2 3 "test=bytes"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr "was made for launch measurement"
}

test_a_damaged_file_is_refused() {
	cp "$GUESTS/guest.igvm" "$T/damaged.igvm"
	printf '\377' | dd of="$T/damaged.igvm" bs=1 seek=100 conv=notrunc status=none
	igvm_guest none guest 1 "test=bytes"
	sed -i "s:$GUESTS/guest:$T/damaged:" "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr "headers are damaged"
}
