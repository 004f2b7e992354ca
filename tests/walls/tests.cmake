# SPDX-License-Identifier: MIT
# Who includes whom, and who makes system calls; and that the check of it is not blind.

add_test(NAME walls/tree COMMAND ${CMAKE_CURRENT_LIST_DIR}/../walls.sh ${CMAKE_SOURCE_DIR})
add_test(NAME walls/planted COMMAND ${CMAKE_CURRENT_LIST_DIR}/planted.sh)
add_test(NAME walls/shape COMMAND ${CMAKE_CURRENT_LIST_DIR}/shape.py ${CMAKE_SOURCE_DIR})
add_test(NAME walls/shape_planted COMMAND ${CMAKE_CURRENT_LIST_DIR}/shape_planted.sh)
