# What zeroshot builds on, found on the system or fetched: the one place where versions are named.
include(FetchContent)

# The oldest versions that work, and the ones fetched where none is found.
set(ZEROSHOT_EIGEN_MINIMUM 3.4)
set(ZEROSHOT_JSON_MINIMUM 3.10)
set(ZEROSHOT_CLI11_MINIMUM 2.1)
set(ZEROSHOT_BENCHMARK_MINIMUM 1.7)

if(POLICY CMP0135)
    cmake_policy(SET CMP0135 NEW)  # what is unpacked is as old as the download
endif()
# The folder that is not there keeps their own CMake files out: we need their headers only.
FetchContent_Declare(Eigen3
    URL https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.gz
    URL_HASH SHA256=8586084f71f9bde545ee7fa6d00288b264a2b7ac3607b974e54d13e7162c1c72
    SOURCE_SUBDIR headers-only)
FetchContent_Declare(nlohmann_json
    URL https://github.com/nlohmann/json/releases/download/v3.11.3/json.tar.xz
    URL_HASH SHA256=d6c65aca6b1ed68e7a182f4757257b107ae403032760ed6ef121c9d55e81757d
    SOURCE_SUBDIR headers-only)
FetchContent_Declare(stb
    URL https://github.com/nothings/stb/archive/5c205738c191bcb0abc65c4febfa9bd25ff35234.tar.gz
    URL_HASH SHA256=cfeab9f800961882d6d22ddf36e965523b33002f4f937de08321304c9ba72af3
    SOURCE_SUBDIR headers-only)
FetchContent_Declare(CLI11
    URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.4.2.tar.gz
    URL_HASH SHA256=f2d893a65c3b1324c50d4e682c0cdc021dd0477ae2c048544f39eed6654b699a
    SOURCE_SUBDIR headers-only)
FetchContent_Declare(LBFGSpp
    GIT_REPOSITORY https://github.com/yixuan/LBFGSpp.git
    GIT_TAG 624755d2508daf1a2887c71748c6534c1bcd107e  # v0.1.0
    SOURCE_SUBDIR headers-only)
FetchContent_Declare(benchmark
    GIT_REPOSITORY https://github.com/google/benchmark.git
    GIT_TAG 344117638c8ff7e239044fd0fa7085839fc03021  # v1.8.3
)
FetchContent_Declare(Catch2
    URL https://github.com/catchorg/Catch2/archive/refs/tags/v3.5.4.tar.gz
    URL_HASH SHA256=b7754b711242c167d8f60b890695347f90a1ebc95949a045385114165d606dbb)

# What was fetched lies in our build folder, so an installed zeroshot could not find it again.
set(ZEROSHOT_FETCHED "")

# Fetches a library and gives its headers a target, as system headers: their warnings are not ours.
macro(zeroshot_fetch_headers name target folder)
    message(STATUS "zeroshot: ${name} not found, fetching it")
    FetchContent_MakeAvailable(${name})
    string(TOLOWER ${name} lower)
    add_library(zeroshot_fetched_${lower} INTERFACE)
    add_library(${target} ALIAS zeroshot_fetched_${lower})
    target_include_directories(zeroshot_fetched_${lower} SYSTEM INTERFACE ${${lower}_SOURCE_DIR}/${folder})
    list(APPEND ZEROSHOT_FETCHED ${name})
endmacro()

# Finds a package, and lets the projects around us see its target: they link it through zeroshot.
macro(zeroshot_find target)
    if(NOT TARGET ${target})
        find_package(${ARGN} QUIET)
        if(TARGET ${target})
            set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL TRUE)
        endif()
    endif()
endmacro()

zeroshot_find(Threads::Threads Threads REQUIRED)

# Optional, for data sets packed by gzip; no part of the library's target: who includes datasets/gzip.hpp links it.
find_package(ZLIB QUIET)

if(ZEROSHOT_PARQUET AND (ZEROSHOT_BUILD_PROGRAM OR ZEROSHOT_BUILD_TESTS))
    include(${CMAKE_CURRENT_LIST_DIR}/arrow.cmake)
endif()

# Eigen accepts its own major version only; after 3 came 5.
zeroshot_find(Eigen3::Eigen Eigen3 5 NO_MODULE)
zeroshot_find(Eigen3::Eigen Eigen3 ${ZEROSHOT_EIGEN_MINIMUM} NO_MODULE)
if(NOT TARGET Eigen3::Eigen)
    zeroshot_fetch_headers(Eigen3 Eigen3::Eigen .)
endif()

zeroshot_find(nlohmann_json::nlohmann_json nlohmann_json ${ZEROSHOT_JSON_MINIMUM})
if(NOT TARGET nlohmann_json::nlohmann_json)
    zeroshot_fetch_headers(nlohmann_json nlohmann_json::nlohmann_json include)
endif()

if(NOT ZEROSHOT_NO_DECODER)
    include(${CMAKE_CURRENT_LIST_DIR}/decoders.cmake)
    if(NOT TARGET zeroshot::stb)
        zeroshot_fetch_headers(stb zeroshot::stb .)
    endif()
    set(ZEROSHOT_DECODERS_FOUND "")  # of those that are asked for, beside stb
    foreach(decoder IN LISTS ZEROSHOT_DECODERS)
        if(TARGET zeroshot::${decoder} AND NOT decoder STREQUAL stb)
            list(APPEND ZEROSHOT_DECODERS_FOUND ${decoder})
        elseif(NOT TARGET zeroshot::${decoder})
            message(STATUS "zeroshot: ${decoder} not found, no image decoder of it")
        endif()
    endforeach()
endif()

if(ZEROSHOT_BUILD_PROGRAM)
    zeroshot_find(CLI11::CLI11 CLI11 ${ZEROSHOT_CLI11_MINIMUM})
    if(NOT TARGET CLI11::CLI11)
        zeroshot_fetch_headers(CLI11 CLI11::CLI11 include)
        list(REMOVE_ITEM ZEROSHOT_FETCHED CLI11)  # the program needs it, the library does not
    endif()
endif()

if(ZEROSHOT_BUILD_PROGRAM OR ZEROSHOT_BUILD_TESTS)
    # For probe/logistic_regression.hpp alone. It has no CMake package where Debian has it.
    find_path(ZEROSHOT_LBFGS_INCLUDE_DIR LBFGS.h DOC "The folder that holds LBFGS.h of LBFGSpp")
    mark_as_advanced(ZEROSHOT_LBFGS_INCLUDE_DIR)
    if(ZEROSHOT_LBFGS_INCLUDE_DIR)
        add_library(zeroshot::lbfgs INTERFACE IMPORTED GLOBAL)
        target_include_directories(zeroshot::lbfgs INTERFACE ${ZEROSHOT_LBFGS_INCLUDE_DIR})
    else()
        zeroshot_fetch_headers(LBFGSpp zeroshot::lbfgs include)
        list(REMOVE_ITEM ZEROSHOT_FETCHED LBFGSpp)  # the program and the tests need it, the rest of the library does not
    endif()
endif()

if(ZEROSHOT_BUILD_BENCHMARKS)
    zeroshot_find(benchmark::benchmark_main benchmark ${ZEROSHOT_BENCHMARK_MINIMUM})
    if(NOT TARGET benchmark::benchmark_main)
        message(STATUS "zeroshot: Google Benchmark not found, fetching it")
        set(BENCHMARK_ENABLE_TESTING OFF CACHE BOOL "of Google Benchmark itself")
        set(BENCHMARK_ENABLE_INSTALL OFF CACHE BOOL "of Google Benchmark itself")
        FetchContent_MakeAvailable(benchmark)
    endif()
endif()

if(ZEROSHOT_BUILD_TESTS)
    find_package(Catch2 QUIET)  # 2.13 and 3 both serve
    if(NOT TARGET Catch2::Catch2)
        message(STATUS "zeroshot: Catch2 not found, fetching it")
        FetchContent_MakeAvailable(Catch2)
        list(APPEND CMAKE_MODULE_PATH ${catch2_SOURCE_DIR}/extras)
    endif()
endif()
