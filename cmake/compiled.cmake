# zeroshot::compiled: the same headers, with what takes long to compile instantiated once, in src/. It is compiled by the project that links
# it, with that project's flags; nobody else compiles it.
set(zeroshot_source_folder ${CMAKE_CURRENT_LIST_DIR}/../src)
if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/src)  # an installed package
    set(zeroshot_source_folder ${CMAKE_CURRENT_LIST_DIR}/src)
endif()
file(GLOB zeroshot_sources CONFIGURE_DEPENDS ${zeroshot_source_folder}/*.cpp)

# zeroshot_compiled(<name> [<target>...]): a library of src/; the targets hold the flags of its own code.
function(zeroshot_compiled name)
    add_library(${name} STATIC EXCLUDE_FROM_ALL ${zeroshot_sources})
    target_link_libraries(${name} PUBLIC zeroshot::zeroshot PRIVATE ${ARGN})
    target_compile_definitions(${name} PUBLIC ZEROSHOT_COMPILED)
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON UNITY_BUILD OFF)
endfunction()

if(NOT TARGET zeroshot::compiled)
    zeroshot_compiled(zeroshot_compiled_library ${ZEROSHOT_OWN_FLAGS})
    add_library(zeroshot::compiled ALIAS zeroshot_compiled_library)
endif()
