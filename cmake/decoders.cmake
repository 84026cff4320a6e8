# The libraries of the image decoders, as targets: zeroshot::stb, and zeroshot::webp and so on for those of ZEROSHOT_DECODERS. Used
# by our build and, installed, by the builds of others.

# stb_image has no package of its own.
find_path(ZEROSHOT_STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb DOC "The folder that holds stb_image.h")
mark_as_advanced(ZEROSHOT_STB_INCLUDE_DIR)
if(ZEROSHOT_STB_INCLUDE_DIR AND NOT TARGET zeroshot::stb)
    add_library(zeroshot::stb INTERFACE IMPORTED GLOBAL)
    target_include_directories(zeroshot::stb INTERFACE ${ZEROSHOT_STB_INCLUDE_DIR})
endif()

# zeroshot_find_decoder(<name> <header> <library>...): the target zeroshot::<name>, where all of these are found.
function(zeroshot_find_decoder name header)
    if(TARGET zeroshot::${name} OR NOT name IN_LIST ZEROSHOT_DECODERS)
        return()
    endif()
    find_path(ZEROSHOT_${name}_INCLUDE_DIR ${header} DOC "The folder that holds ${header}")
    mark_as_advanced(ZEROSHOT_${name}_INCLUDE_DIR)
    set(found ${ZEROSHOT_${name}_INCLUDE_DIR})
    set(libraries "")
    foreach(library IN LISTS ARGN)
        find_library(ZEROSHOT_${library}_LIBRARY ${library})
        mark_as_advanced(ZEROSHOT_${library}_LIBRARY)
        list(APPEND libraries ${ZEROSHOT_${library}_LIBRARY})
    endforeach()
    if(NOT found OR libraries MATCHES "NOTFOUND")
        return()
    endif()
    set(avif_has AVIF_RESULT_OUT_OF_MEMORY)  # 0.11
    set(tiff_has TIFFOpenOptionsAlloc)       # 4.5, the first whose messages can be kept apart for each file
    if(DEFINED ${name}_has)
        file(STRINGS ${found}/${header} lines REGEX ${${name}_has})
        if(NOT lines)
            return()
        endif()
    endif()
    add_library(zeroshot::${name} INTERFACE IMPORTED GLOBAL)
    target_include_directories(zeroshot::${name} INTERFACE ${found})
    target_link_libraries(zeroshot::${name} INTERFACE ${libraries})
endfunction()

zeroshot_find_decoder(avif avif/avif.h avif)
zeroshot_find_decoder(gif gif_lib.h gif)
zeroshot_find_decoder(heif libheif/heif.h heif)
zeroshot_find_decoder(tiff tiffio.h tiff)
zeroshot_find_decoder(webp webp/demux.h webp webpdemux)

# Other libraries of the name libjpeg give other pixels.
if("libjpeg-turbo" IN_LIST ZEROSHOT_DECODERS AND NOT TARGET zeroshot::libjpeg-turbo)
    find_package(JPEG QUIET)
    if(TARGET JPEG::JPEG)
        include(CheckCXXSourceCompiles)
        include(CMakePushCheckState)
        cmake_push_check_state(RESET)
        set(CMAKE_REQUIRED_LIBRARIES JPEG::JPEG)
        check_cxx_source_compiles("#include <cstdio>
            #include <jpeglib.h>
            #if !defined(LIBJPEG_TURBO_VERSION)
            #error
            #endif
            int main() {}" ZEROSHOT_HAS_LIBJPEG_TURBO)
        cmake_pop_check_state()
        if(ZEROSHOT_HAS_LIBJPEG_TURBO)
            add_library(zeroshot::libjpeg-turbo INTERFACE IMPORTED GLOBAL)
            target_include_directories(zeroshot::libjpeg-turbo INTERFACE ${JPEG_INCLUDE_DIRS})
            target_link_libraries(zeroshot::libjpeg-turbo INTERFACE ${JPEG_LIBRARIES})
        endif()
    endif()
endif()
