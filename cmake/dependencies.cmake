# What zeroshot builds on, found on the system or fetched: the one place where versions are named.
include(FetchContent)
set(FETCHCONTENT_QUIET OFF)

# The oldest versions that work, and the ones fetched where none is found.
set(ZEROSHOT_EIGEN_MINIMUM 3.4)
set(ZEROSHOT_JSON_MINIMUM 3.10)

FetchContent_Declare(Eigen3
    URL https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.gz
    URL_HASH SHA256=8586084f71f9bde545ee7fa6d00288b264a2b7ac3607b974e54d13e7162c1c72)
FetchContent_Declare(nlohmann_json
    URL https://github.com/nlohmann/json/releases/download/v3.11.3/json.tar.xz
    URL_HASH SHA256=d6c65aca6b1ed68e7a182f4757257b107ae403032760ed6ef121c9d55e81757d)
FetchContent_Declare(stb
    URL https://github.com/nothings/stb/archive/5c205738c191bcb0abc65c4febfa9bd25ff35234.tar.gz)
FetchContent_Declare(CLI11
    URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.4.2.tar.gz
    URL_HASH SHA256=f2d893a65c3b1324c50d4e682c0cdc021dd0477ae2c048544f39eed6654b699a)
FetchContent_Declare(Catch2
    URL https://github.com/catchorg/Catch2/archive/refs/tags/v3.5.4.tar.gz
    URL_HASH SHA256=b7754b711242c167d8f60b890695347f90a1ebc95949a045385114165d606dbb)

set(ZEROSHOT_FETCHED FALSE)

# Header-only libraries arrive as an interface target, with their headers as system headers: their warnings are not ours.
macro(zeroshot_fetch_headers name target folder)
    message(STATUS "zeroshot: ${name} not found, fetching it")
    FetchContent_GetProperties(${name})
    string(TOLOWER ${name} lower)
    if(NOT ${lower}_POPULATED)
        FetchContent_Populate(${name})
    endif()
    add_library(zeroshot_fetched_${lower} INTERFACE)
    add_library(${target} ALIAS zeroshot_fetched_${lower})
    target_include_directories(zeroshot_fetched_${lower} SYSTEM INTERFACE ${${lower}_SOURCE_DIR}/${folder})
    set(ZEROSHOT_FETCHED TRUE)
endmacro()

find_package(Threads REQUIRED)

find_package(Eigen3 ${ZEROSHOT_EIGEN_MINIMUM} QUIET NO_MODULE)
if(NOT TARGET Eigen3::Eigen)
    zeroshot_fetch_headers(Eigen3 Eigen3::Eigen .)
endif()

find_package(nlohmann_json ${ZEROSHOT_JSON_MINIMUM} QUIET)
if(NOT TARGET nlohmann_json::nlohmann_json)
    zeroshot_fetch_headers(nlohmann_json nlohmann_json::nlohmann_json include)
endif()

find_path(ZEROSHOT_STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb DOC "the folder that holds stb_image.h")
if(NOT ZEROSHOT_STB_INCLUDE_DIR)
    zeroshot_fetch_headers(stb zeroshot_stb .)
else()
    add_library(zeroshot_stb INTERFACE)
    target_include_directories(zeroshot_stb SYSTEM INTERFACE ${ZEROSHOT_STB_INCLUDE_DIR})
endif()

if(ZEROSHOT_BUILD_PROGRAM)
    find_package(CLI11 2.1 QUIET)
    if(NOT TARGET CLI11::CLI11)
        zeroshot_fetch_headers(CLI11 CLI11::CLI11 include)
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
