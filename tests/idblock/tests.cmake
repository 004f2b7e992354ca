# SPDX-License-Identifier: MIT
# minivmm-id-block from outside; its parts are tested in tests/unit/id_block.

if(TARGET minivmm-id-block)
	add_test(NAME idblock/program
		COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_id_block.py)
	set_tests_properties(idblock/program PROPERTIES TIMEOUT 400
		ENVIRONMENT "MINIVMM=$<TARGET_FILE:minivmm>;ID_BLOCK=$<TARGET_FILE:minivmm-id-block>")
endif()
