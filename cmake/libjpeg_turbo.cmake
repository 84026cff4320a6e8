# Sets ZEROSHOT_LIBJPEG_TURBO where ZEROSHOT_DECODERS names libjpeg-turbo and it is found. Other libraries of the name libjpeg
# give other pixels.
set(ZEROSHOT_LIBJPEG_TURBO OFF)
if("libjpeg-turbo" IN_LIST ZEROSHOT_DECODERS)
    zeroshot_find(JPEG::JPEG JPEG)
    if(TARGET JPEG::JPEG)
        include(CheckCXXSourceCompiles)
        set(CMAKE_REQUIRED_LIBRARIES JPEG::JPEG)
        check_cxx_source_compiles("#include <cstdio>
            #include <jpeglib.h>
            #if !defined(LIBJPEG_TURBO_VERSION)
            #error
            #endif
            int main() {}" ZEROSHOT_HAS_LIBJPEG_TURBO)
        unset(CMAKE_REQUIRED_LIBRARIES)
        set(ZEROSHOT_LIBJPEG_TURBO ${ZEROSHOT_HAS_LIBJPEG_TURBO})
    endif()
    if(NOT ZEROSHOT_LIBJPEG_TURBO)
        message(STATUS "zeroshot: libjpeg-turbo not found, stb_image decodes JPEG")
    endif()
endif()
