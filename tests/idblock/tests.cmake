# SPDX-License-Identifier: MIT
# minivmm-id-block: its parts against known values, and the program from outside.

if(TARGET minivmm-id-block)
	add_executable(test_id_block ${CMAKE_CURRENT_LIST_DIR}/test_id_block.c)
	target_compile_options(test_id_block PRIVATE -Wno-pedantic -Wno-sign-conversion
		-Wno-conversion)
	target_link_libraries(test_id_block PRIVATE id_block PkgConfig::CHECK)
	add_test(NAME idblock/parts COMMAND test_id_block)
	add_test(NAME idblock/program
		COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_id_block.py)
	set_tests_properties(idblock/parts idblock/program PROPERTIES TIMEOUT 400
		ENVIRONMENT "MINIVMM=$<TARGET_FILE:minivmm>;ID_BLOCK=$<TARGET_FILE:minivmm-id-block>")
else()
	message(STATUS "gnutls: not found, minivmm-id-block will not be tested")
endif()
