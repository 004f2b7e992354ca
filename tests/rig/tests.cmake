# SPDX-License-Identifier: MIT
# The rig: rig/run boots it and runs the whole suite once; each test of the suite is an entry of
# its own that looks its result up. The names come from the suite's files, so none can go missing.

if(FUZZ)
	return()
endif()

# The test guests' user space. It runs in the guest, so sanitizers and the like stay out.
file(GLOB init_sources CONFIGURE_DEPENDS guests/init/*.c)
add_executable(guest-init ${init_sources})
target_include_directories(guest-init PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_definitions(guest-init PRIVATE _GNU_SOURCE)
target_compile_options(guest-init PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla
	-Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wformat=2 -Werror)
set_target_properties(guest-init PROPERTIES POSITION_INDEPENDENT_CODE OFF)
target_link_options(guest-init PRIVATE -static -no-pie -s)

if(NOT TARGET minivmm)
	return()
endif()
set(rig ${CMAKE_CURRENT_LIST_DIR}/rig)
add_test(NAME rig/run COMMAND ${rig} run ${CMAKE_BINARY_DIR})
# an hour: the first run may have to build the rig's kernel
set_tests_properties(rig/run PROPERTIES FIXTURES_SETUP rig TIMEOUT 3600
	RUN_SERIAL ON SKIP_RETURN_CODE 77)

file(GLOB suite CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/suite/*.sh)
foreach(file ${suite})
	set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
	get_filename_component(group ${file} NAME_WE)
	file(STRINGS ${file} functions REGEX "^test_[a-z0-9_]+\\(\\) ")
	foreach(function ${functions})
		string(REGEX REPLACE "^test_([a-z0-9_]+).*" "\\1" name "${function}")
		add_test(NAME rig/${group}/${name}
			COMMAND ${rig} check ${CMAKE_BINARY_DIR} ${group}/${name})
		set_tests_properties(rig/${group}/${name} PROPERTIES
			FIXTURES_REQUIRED rig SKIP_RETURN_CODE 77)
	endforeach()
endforeach()
