# Projects that use the library in every way CMake knows.

# consumer(<claim> <project folder> <program> <argument of CMake>...): a project that configures, builds and runs.
function(consumer claim project program)
    string(MAKE_C_IDENTIFIER ${claim} folder)
    add_test(NAME "packaging: ${claim}" COMMAND ${CMAKE_CTEST_COMMAND}
        --build-and-test ${project} ${CMAKE_CURRENT_BINARY_DIR}/consumers/${folder}
        --build-generator ${CMAKE_GENERATOR} --build-noclean
        --build-options -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} -DZEROSHOT_FOLDER=${PROJECT_SOURCE_DIR} ${ARGN}
        --test-command ${program})
endfunction()

set(consumer ${CMAKE_CURRENT_SOURCE_DIR}/consumer)
consumer("a project that adds the source folder" ${consumer} consumer -DHOW=subdirectory)
consumer("a project without an image decoder" ${consumer} consumer -DHOW=subdirectory -DZEROSHOT_NO_DECODER=ON -DCMAKE_DISABLE_FIND_PACKAGE_stb=ON)

# Libraries that are not found are fetched; here the "download" is the installed one, so that no network is needed.
get_target_property(eigen_folder Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
get_target_property(json_folder nlohmann_json::nlohmann_json INTERFACE_INCLUDE_DIRECTORIES)
list(GET json_folder 0 json_folder)
get_filename_component(json_folder ${json_folder} DIRECTORY)  # what would be fetched holds the headers in include/
consumer("a project that fetches the library and its dependencies" ${consumer} consumer -DHOW=fetch
    -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON -DFETCHCONTENT_SOURCE_DIR_EIGEN3=${eigen_folder}
    -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON -DFETCHCONTENT_SOURCE_DIR_NLOHMANN_JSON=${json_folder})

if(ZEROSHOT_INSTALL AND NOT ZEROSHOT_FETCHED)
    set(prefix ${CMAKE_CURRENT_BINARY_DIR}/installed)
    add_test(NAME "packaging: installing" COMMAND ${CMAKE_COMMAND} --install ${CMAKE_BINARY_DIR} --component zeroshot_library --prefix ${prefix})
    set_tests_properties("packaging: installing" PROPERTIES FIXTURES_SETUP installed)
    consumer("a project that finds the installed package" ${consumer} consumer -DHOW=package -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_BUILD_TYPE=Release)
    consumer("a project that links the compiled library of the installed package" ${consumer} consumer -DHOW=package
        -DCMAKE_PREFIX_PATH=${prefix} -DLIBRARY=zeroshot::compiled)
    # What Eigen 5 calls itself, with the headers that are installed.
    set(eigen_5 ${CMAKE_CURRENT_BINARY_DIR}/eigen_5/share/eigen3/cmake)
    file(WRITE ${eigen_5}/Eigen3ConfigVersion.cmake "set(PACKAGE_VERSION 5.0.1)\n"
        "string(REGEX MATCH \"^[0-9]+\" major \"\${PACKAGE_FIND_VERSION}\")\n"
        "set(PACKAGE_VERSION_COMPATIBLE FALSE)\nif(major STREQUAL 5)\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\nendif()\n")
    file(WRITE ${eigen_5}/Eigen3Config.cmake "add_library(Eigen3::Eigen INTERFACE IMPORTED)\n"
        "target_include_directories(Eigen3::Eigen INTERFACE \"${eigen_folder}\")\n")
    consumer("a project with Eigen 5" ${consumer} consumer -DHOW=package "-DCMAKE_PREFIX_PATH=${CMAKE_CURRENT_BINARY_DIR}/eigen_5$<SEMICOLON>${prefix}"
        -DCMAKE_IGNORE_PATH=/usr/share/eigen3/cmake)
    set_tests_properties("packaging: a project with Eigen 5" PROPERTIES FIXTURES_REQUIRED installed)
    consumer("a project with its own tests" ${PROJECT_SOURCE_DIR}/downstream shelf_test -DCMAKE_PREFIX_PATH=${prefix})
    set_tests_properties("packaging: a project that finds the installed package"
        "packaging: a project that links the compiled library of the installed package" "packaging: a project with its own tests"
        PROPERTIES FIXTURES_REQUIRED installed)
endif()
