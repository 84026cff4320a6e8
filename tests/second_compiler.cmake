# The modules once more: by the second compiler, under the address and undefined-behaviour sanitizers. One pass for both, and several files
# in one unit and without optimisation, since compiling is what takes long.
find_program(ZEROSHOT_CLANG NAMES clang++-14 clang++ DOC "The second compiler of the tests")
mark_as_advanced(ZEROSHOT_CLANG)
set(second_compiler ${CMAKE_CXX_COMPILER})
if(ZEROSHOT_CLANG)
    set(second_compiler ${ZEROSHOT_CLANG})
endif()

include(ExternalProject)
ExternalProject_Add(second_compiler
    SOURCE_DIR ${PROJECT_SOURCE_DIR}
    BINARY_DIR ${PROJECT_BINARY_DIR}/second
    PREFIX ${PROJECT_BINARY_DIR}/second
    CMAKE_ARGS -DCMAKE_CXX_COMPILER=${second_compiler} -DCMAKE_BUILD_TYPE=None -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=10
        -DZEROSHOT_SANITIZE=address,undefined -DZEROSHOT_BUILD_TESTS=ON
        -DZEROSHOT_TEST_PACKAGING=OFF -DZEROSHOT_BUILD_PROGRAM=OFF -DZEROSHOT_BUILD_EXAMPLES=OFF -DZEROSHOT_INSTALL=OFF
    BUILD_COMMAND ${CMAKE_COMMAND} --build <BINARY_DIR> -- -k 0
    BUILD_ALWAYS ON  # ninja knows what is left to do
    INSTALL_COMMAND "")

foreach(module IN LISTS modules)
    add_test(NAME "${module}: all of it by the second compiler, under the address and undefined-behaviour sanitizers"
        COMMAND ${PROJECT_BINARY_DIR}/second/tests/test_${module})
endforeach()
