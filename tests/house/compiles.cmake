# Every header compiles alone, and every test with the other compiler, without a warning. These are build steps (two of them run
# at a time, and one that passed is not repeated); a test then asks whether they all passed.

# The flags of our own code, for a compiler that CMake did not choose.
set(check_flags -std=c++20 ${zeroshot_strict_options} -pthread -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}
    -DZEROSHOT_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\" -DZEROSHOT_CMAKE_VERSION=\"${PROJECT_VERSION}\")
foreach(library Eigen3::Eigen nlohmann_json::nlohmann_json zeroshot::stb zeroshot::lbfgs)
    if(TARGET ${library})
        get_target_property(folders ${library} INTERFACE_INCLUDE_DIRECTORIES)
        foreach(folder IN LISTS folders)
            if(NOT folder IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
                list(APPEND check_flags -isystem ${folder})
            endif()
        endforeach()
    endif()
endforeach()

# compiles(<variable> <name> <compiler> <argument>...): a build step that compiles; its outcome is appended to the variable.
function(compiles outcomes name compiler)
    set(outcome ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
    get_filename_component(folder ${outcome} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    file(RELATIVE_PATH relative ${CMAKE_BINARY_DIR} ${outcome})
    add_custom_command(OUTPUT ${outcome}
        COMMAND ${compiler} ${check_flags} -O0 -c ${ARGN} -o ${outcome} -MD -MF ${outcome}.d -MT ${relative}
        DEPFILE ${outcome}.d COMMENT "Checking ${name}" VERBATIM)
    set(${outcomes} ${${outcomes}} ${outcome} PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/include/zeroshot/*.hpp)
if(NOT ZLIB_FOUND)
    list(REMOVE_ITEM headers zeroshot/evaluate/gzip.hpp)
endif()
set(alone "")
foreach(header IN LISTS headers)
    compiles(alone alone/${header} ${CMAKE_CXX_COMPILER} -include ${header} ${zeroshot_nothing})
endforeach()
add_custom_target(headers_alone ALL DEPENDS ${alone})
add_test(NAME "house: every header compiles alone" COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target headers_alone)
set_tests_properties("house: every header compiles alone" PROPERTIES RESOURCE_LOCK build)

find_program(ZEROSHOT_CLANG NAMES clang++-14 clang++ DOC "The second compiler of the tests")
mark_as_advanced(ZEROSHOT_CLANG)
if(ZEROSHOT_TEST_THOROUGH AND ZEROSHOT_CLANG AND NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    set(second "")
    foreach(header IN LISTS headers)
        compiles(second clang/alone/${header} ${ZEROSHOT_CLANG} -include ${header} ${zeroshot_nothing})
    endforeach()
    foreach(file IN LISTS all_files)
        file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR}/tests ${file})
        compiles(second clang/${name} ${ZEROSHOT_CLANG} ${file})
    endforeach()
    add_custom_target(second_compiler ALL DEPENDS ${second})
    add_test(NAME "house: headers and tests compile with Clang" COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target second_compiler)
    set_tests_properties("house: headers and tests compile with Clang" PROPERTIES RESOURCE_LOCK build)
endif()
