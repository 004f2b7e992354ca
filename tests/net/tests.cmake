# SPDX-License-Identifier: MIT
# The host's end of network tests and benchmarks. It runs beside the VMM, in the rig: no sanitizers.

if(FUZZ)
	return()
endif()

add_executable(net-peer net/peer.c guests/init/traffic.c)
target_include_directories(net-peer PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_definitions(net-peer PRIVATE _GNU_SOURCE)
target_compile_options(net-peer PRIVATE -O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla
	-Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wformat=2 -Werror)
