# SPDX-License-Identifier: MIT
# The command line from outside: exit statuses, messages, terminal. Python scripts run the real
# program, and the same command line over VMs that are not there (fake_vm.c).

find_package(Python3 COMPONENTS Interpreter REQUIRED)

file(GLOB cli_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/vmm/cli/*.c)
add_executable(minivmm-fake ${cli_sources} ${CMAKE_CURRENT_LIST_DIR}/fake_vm.c
	${CMAKE_SOURCE_DIR}/vmm/base/words.c ${CMAKE_SOURCE_DIR}/vmm/base/error.c)
target_link_libraries(minivmm-fake PRIVATE flags Threads::Threads)

foreach(name usage config check reports run tty)
	add_test(NAME cli/${name}
		COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_${name}.py)
	set_tests_properties(cli/${name} PROPERTIES TIMEOUT 400
		ENVIRONMENT "MINIVMM=$<TARGET_FILE:minivmm>;MINIVMM_FAKE=$<TARGET_FILE:minivmm-fake>")
endforeach()
