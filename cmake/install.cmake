# Where things go on `cmake --install`: headers, and a package that find_package(zeroshot) finds.
if(ZEROSHOT_FETCHED)
    message(STATUS "zeroshot: no install rules, since ${ZEROSHOT_FETCHED} had to be fetched: install it first, or use add_subdirectory")
    return()
endif()

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(package_folder ${CMAKE_INSTALL_DATADIR}/cmake/zeroshot)  # architecture-independent, like the headers

configure_package_config_file(cmake/zeroshotConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/zeroshotConfig.cmake
    INSTALL_DESTINATION ${package_folder} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/zeroshotConfigVersion.cmake
    COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME zeroshot_library)  # the program comes as another
install(TARGETS zeroshot EXPORT zeroshotTargets)
install(EXPORT zeroshotTargets NAMESPACE zeroshot:: DESTINATION ${package_folder})
install(DIRECTORY include/zeroshot DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/zeroshotConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/zeroshotConfigVersion.cmake cmake/decoders.cmake
    cmake/compiled.cmake DESTINATION ${package_folder})
install(DIRECTORY src DESTINATION ${package_folder})
install(FILES LICENSE THIRD_PARTY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
unset(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME)
