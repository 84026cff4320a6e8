# Every header compiles alone, without a warning. These are build steps (one that passed is not repeated); a test then asks
# whether they all passed.

# The flags of our own code.
set(check_flags -std=c++20 ${zeroshot_strict_options} -pthread -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}
    -DZEROSHOT_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\" -DZEROSHOT_CMAKE_VERSION=\"${PROJECT_VERSION}\")
foreach(library Eigen3::Eigen nlohmann_json::nlohmann_json zeroshot::stb zeroshot::lbfgs zeroshot::arrow)
    if(TARGET ${library})
        get_target_property(folders ${library} INTERFACE_INCLUDE_DIRECTORIES)
        foreach(folder IN LISTS folders)
            if(NOT folder IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
                list(APPEND check_flags -isystem ${folder})
            endif()
        endforeach()
    endif()
endforeach()

# compiles(<variable> <name> <argument>...): a build step that compiles; its outcome is appended to the variable.
function(compiles outcomes name)
    set(outcome ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
    get_filename_component(folder ${outcome} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    file(RELATIVE_PATH relative ${CMAKE_CURRENT_BINARY_DIR} ${outcome})
    add_custom_command(OUTPUT ${outcome}
        COMMAND ${CMAKE_CXX_COMPILER} ${check_flags} -O0 -c ${ARGN} -o ${outcome} -MD -MF ${outcome}.d -MT ${relative}
        DEPFILE ${outcome}.d COMMENT "Checking ${name}" VERBATIM)
    set(${outcomes} ${${outcomes}} ${outcome} PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/include/zeroshot/*.hpp)
if(NOT ZLIB_FOUND)
    list(REMOVE_ITEM headers zeroshot/datasets/gzip.hpp)
endif()
if(NOT TARGET zeroshot::arrow)
    list(REMOVE_ITEM headers zeroshot/datasets/parquet.hpp)
endif()
foreach(decoder libjpeg-turbo webp gif tiff avif heif)
    if(NOT decoder IN_LIST ZEROSHOT_DECODERS_FOUND)
        string(REPLACE - _ name ${decoder})
        list(REMOVE_ITEM headers zeroshot/image/${name}.hpp)
    endif()
endforeach()
set(alone "")
foreach(header IN LISTS headers)
    compiles(alone alone/${header} -include ${header} ${zeroshot_nothing})
endforeach()
add_custom_target(headers_alone ALL DEPENDS ${alone})
add_test(NAME "architecture: every header compiles alone" COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target headers_alone)
set_tests_properties("architecture: every header compiles alone" PROPERTIES RESOURCE_LOCK build)
