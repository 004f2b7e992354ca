# SPDX-License-Identifier: MIT
# All sources are formatted by .clang-format. Version 14 is Debian 12's; others format differently.

add_test(NAME format/sources COMMAND ${CMAKE_CURRENT_LIST_DIR}/check.sh ${CMAKE_SOURCE_DIR})
set_tests_properties(format/sources PROPERTIES SKIP_RETURN_CODE 77)
