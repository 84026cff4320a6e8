# Finds stb_image.h, which has no package of its own, and makes the target zeroshot::stb of its folder. Used by our build and,
# installed, by the builds of others.
find_path(ZEROSHOT_STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb DOC "The folder that holds stb_image.h")
mark_as_advanced(ZEROSHOT_STB_INCLUDE_DIR)
if(ZEROSHOT_STB_INCLUDE_DIR AND NOT TARGET zeroshot::stb)
    add_library(zeroshot::stb INTERFACE IMPORTED GLOBAL)
    target_include_directories(zeroshot::stb INTERFACE ${ZEROSHOT_STB_INCLUDE_DIR})
endif()
