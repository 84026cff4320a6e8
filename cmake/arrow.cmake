# Apache Arrow, optional, for data sets as Parquet; no part of the library's target: who includes datasets/parquet.hpp links
# zeroshot::arrow. Either Arrow's own CMake package, or the headers and libraries that Python's package pyarrow carries
# (Python3_EXECUTABLE names the Python that has it).
set(ZEROSHOT_ARROW_MINIMUM 26)  # the oldest it was tried with

find_package(Arrow ${ZEROSHOT_ARROW_MINIMUM} QUIET CONFIG)
find_package(Parquet ${ZEROSHOT_ARROW_MINIMUM} QUIET CONFIG)
if(TARGET Arrow::arrow_shared AND TARGET Parquet::parquet_shared)
    add_library(zeroshot::arrow INTERFACE IMPORTED GLOBAL)
    target_link_libraries(zeroshot::arrow INTERFACE Parquet::parquet_shared Arrow::arrow_shared)
    return()
endif()

find_package(Python3 COMPONENTS Interpreter QUIET)
if(NOT Python3_Interpreter_FOUND)
    return()
endif()
execute_process(COMMAND ${Python3_EXECUTABLE} -c
    "import pyarrow; print(pyarrow.__version__.split('.')[0], pyarrow.get_include(), pyarrow.get_library_dirs()[0], sep=';', end='')"
    OUTPUT_VARIABLE pyarrow RESULT_VARIABLE failed ERROR_QUIET)
if(failed)
    return()
endif()
list(GET pyarrow 0 pyarrow_major)
list(GET pyarrow 1 pyarrow_include)
list(GET pyarrow 2 pyarrow_libraries)
# The wheel has its libraries under their full names only: libarrow.so.2600.
file(GLOB arrow_libraries ${pyarrow_libraries}/libarrow.so.* ${pyarrow_libraries}/libarrow.*.dylib)
file(GLOB parquet_libraries ${pyarrow_libraries}/libparquet.so.* ${pyarrow_libraries}/libparquet.*.dylib)
if(pyarrow_major LESS ZEROSHOT_ARROW_MINIMUM OR NOT arrow_libraries OR NOT parquet_libraries)
    message(STATUS "zeroshot: pyarrow ${pyarrow_major} cannot be linked; ${ZEROSHOT_ARROW_MINIMUM} or newer from PyPI can")
    return()
endif()
list(GET arrow_libraries 0 arrow_library)
list(GET parquet_libraries 0 parquet_library)
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_FLAGS -std=c++20)
set(CMAKE_REQUIRED_INCLUDES ${pyarrow_include})
set(CMAKE_REQUIRED_LIBRARIES ${parquet_library} ${arrow_library})
check_cxx_source_compiles("#include <arrow/config.h>\nint main() { return arrow::GetBuildInfo().version; }" ZEROSHOT_PYARROW_LINKS)
unset(CMAKE_REQUIRED_FLAGS)
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_REQUIRED_LIBRARIES)
if(NOT ZEROSHOT_PYARROW_LINKS)
    return()
endif()
add_library(zeroshot::arrow INTERFACE IMPORTED GLOBAL)
target_include_directories(zeroshot::arrow INTERFACE ${pyarrow_include})
target_link_libraries(zeroshot::arrow INTERFACE ${parquet_library} ${arrow_library})
