# Two translation units in one program: they link, also when they are compiled for different machines, and each may free what the
# other allocated.
add_library(packaging_units INTERFACE)
target_link_libraries(packaging_units INTERFACE zeroshot_strict)
target_include_directories(packaging_units INTERFACE ${PROJECT_SOURCE_DIR})
# As a user compiles: with -O1 some functions are inlined and some are not, which is where two sets of flags meet.
target_compile_options(packaging_units INTERFACE $<$<CONFIG:Release>:-O1>)

# units(<name> <flags of main's unit> <flags of the other>): the program, its test being left to the caller.
function(units name main_flags other_flags)
    add_library(${name}_other OBJECT two_units_other.cpp)
    target_link_libraries(${name}_other PRIVATE packaging_units)
    target_compile_options(${name}_other PRIVATE ${other_flags})
    add_executable(${name} two_units.cpp $<TARGET_OBJECTS:${name}_other>)
    target_link_libraries(${name} PRIVATE packaging_units)
    target_compile_options(${name} PRIVATE ${main_flags})
endfunction()

units(packaging_two_units "" "")
add_test(NAME "packaging: two units link and share their models" COMMAND packaging_two_units)

include(CheckCXXCompilerFlag)
check_cxx_compiler_flag(-mavx512f ZEROSHOT_HAS_AVX512_FLAG)
if(ZEROSHOT_HAS_AVX512_FLAG)
    set(wide -mavx512f -mavx2 -mfma -Wno-uninitialized -Wno-maybe-uninitialized)  # GCC 12 doubts its own intrinsics
    units(packaging_wide_main "${wide}" "")
    units(packaging_wide_other "" "${wide}")
    foreach(side main other)
        set(test "packaging: two units with different instruction sets, the wide one is ${side}")
        add_test(NAME ${test} COMMAND packaging_wide_${side} avx512f)
        set_tests_properties(${test} PROPERTIES SKIP_RETURN_CODE 77)  # a machine without AVX-512
    endforeach()
endif()

# A host that uses stb_image itself: before us, after us, with the implementation in the same unit or in another.
if(TARGET zeroshot::stb)
    add_executable(packaging_stb stb_host.cpp stb_before.cpp stb_after.cpp)
    target_link_libraries(packaging_stb PRIVATE packaging_units)
    add_test(NAME "packaging: a host's own stb_image is untouched" COMMAND packaging_stb)
    foreach(order before after)  # we come before, or after
        add_executable(packaging_stb_${order} stb_alone.cpp)
        target_link_libraries(packaging_stb_${order} PRIVATE packaging_units)
        target_compile_definitions(packaging_stb_${order} PRIVATE ZEROSHOT_HOST_STB_${order})
        add_test(NAME "packaging: a host's stb_image implemented in our unit, we come ${order}" COMMAND packaging_stb_${order})
    endforeach()
endif()

# A host program with an unusual locale, rounding mode, stack size and unusual compiler flags.
foreach(flags "" "-ffast-math;-D_GLIBCXX_ASSERTIONS;-UNDEBUG")
    if(flags)
        set(name packaging_unusual_host_fast_math)
        set(test "packaging: a host with unusual settings, compiled with -ffast-math and assertions")
    else()
        set(name packaging_unusual_host)
        set(test "packaging: a host with unusual settings")
    endif()
    add_executable(${name} unusual_host.cpp)
    target_link_libraries(${name} PRIVATE packaging_units)
    target_compile_options(${name} PRIVATE ${flags})
    add_test(NAME ${test} COMMAND ${name})
endforeach()
