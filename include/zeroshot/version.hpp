#pragma once
/// \file Version of the library and ABI tag of its namespace. CMake reads the three numbers.

#if __cplusplus >= 202002L || (defined(_MSVC_LANG) && _MSVC_LANG >= 202002L)
#define ZEROSHOT_CXX20
#else
#error "zeroshot needs C++20: compile with -std=c++20, or set CXX_STANDARD 20 in CMake"
#endif

#define ZEROSHOT_VERSION_MAJOR 0
#define ZEROSHOT_VERSION_MINOR 2
#define ZEROSHOT_VERSION_PATCH 0

/// Every name lives in this inline namespace, so that one program can hold two versions of zeroshot, or one version
/// compiled with two sets of options. The tag is the whole version and every option that changes the meaning of a name:
/// ZEROSHOT_NO_DECODER (no image decoder), ZEROSHOT_LIBJPEG_TURBO (JPEG by libjpeg-turbo), ZEROSHOT_WEBP and the other
/// image formats, ZEROSHOT_PLAIN_FILES (files through the C library alone).
#define ZEROSHOT_ABI                                                                                      \
    ZEROSHOT_ABI_OF(v0_2_0, ZEROSHOT_ABI_DECODER, ZEROSHOT_ABI_WEBP, ZEROSHOT_ABI_GIF, ZEROSHOT_ABI_TIFF, \
                    ZEROSHOT_ABI_AVIF, ZEROSHOT_ABI_HEIF, ZEROSHOT_ABI_FILES)
#define ZEROSHOT_ABI_OF(...) ZEROSHOT_ABI_JOINED(__VA_ARGS__)
#define ZEROSHOT_ABI_JOINED(a, b, c, d, e, f, g, h) a##b##c##d##e##f##g##h
#if defined(ZEROSHOT_NO_DECODER)
#define ZEROSHOT_ABI_DECODER _no_decoder
#elif defined(ZEROSHOT_LIBJPEG_TURBO)
#define ZEROSHOT_ABI_DECODER _libjpeg_turbo
#else
#define ZEROSHOT_ABI_DECODER
#endif
#if defined(ZEROSHOT_WEBP) && !defined(ZEROSHOT_NO_DECODER)
#define ZEROSHOT_ABI_WEBP _webp
#else
#define ZEROSHOT_ABI_WEBP
#endif
#if defined(ZEROSHOT_GIF) && !defined(ZEROSHOT_NO_DECODER)
#define ZEROSHOT_ABI_GIF _gif
#else
#define ZEROSHOT_ABI_GIF
#endif
#if defined(ZEROSHOT_TIFF) && !defined(ZEROSHOT_NO_DECODER)
#define ZEROSHOT_ABI_TIFF _tiff
#else
#define ZEROSHOT_ABI_TIFF
#endif
#if defined(ZEROSHOT_AVIF) && !defined(ZEROSHOT_NO_DECODER)
#define ZEROSHOT_ABI_AVIF _avif
#else
#define ZEROSHOT_ABI_AVIF
#endif
#if defined(ZEROSHOT_HEIF) && !defined(ZEROSHOT_NO_DECODER)
#define ZEROSHOT_ABI_HEIF _heif
#else
#define ZEROSHOT_ABI_HEIF
#endif
#if defined(ZEROSHOT_PLAIN_FILES)
#define ZEROSHOT_ABI_FILES _plain_files
#else
#define ZEROSHOT_ABI_FILES
#endif

/// Functions that zeroshot::compiled holds once are inline elsewhere.
#if defined(ZEROSHOT_COMPILED)
#define ZEROSHOT_INLINE
#else
#define ZEROSHOT_INLINE inline
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The version as text.
inline constexpr const char* version = "0.2.0";

}}  // namespace zeroshot::ZEROSHOT_ABI
