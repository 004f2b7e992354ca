# SPDX-License-Identifier: MIT
# The installed library, used by a program from outside. A sanitized library cannot be linked into
# a program that is not; this test is for the other builds.

if(SANITIZE OR FUZZ)
	message(STATUS "tests/lib: not in sanitized builds")
else()
	find_package(Python3 COMPONENTS Interpreter REQUIRED)
	add_test(NAME lib/install
		COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_install.py)
	set(has_shared 0)
	if(TARGET minivmm_shared)
		set(has_shared 1)
	endif()
	set_tests_properties(lib/install PROPERTIES TIMEOUT 400 ENVIRONMENT
		"BUILD_DIR=${CMAKE_BINARY_DIR};SOURCE_DIR=${CMAKE_SOURCE_DIR};VERSION=${PROJECT_VERSION};SHARED=${has_shared};CC=${CMAKE_C_COMPILER};BUILD_TYPE=${CMAKE_BUILD_TYPE}")
endif()
