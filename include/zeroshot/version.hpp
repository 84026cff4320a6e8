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
/// ZEROSHOT_NO_DECODER (no image decoder), ZEROSHOT_LIBJPEG_TURBO (JPEG by libjpeg-turbo), ZEROSHOT_PLAIN_FILES (files
/// through the C library alone).
#if defined(ZEROSHOT_NO_DECODER) && defined(ZEROSHOT_PLAIN_FILES)
#define ZEROSHOT_ABI v0_2_0_no_decoder_plain_files
#elif defined(ZEROSHOT_NO_DECODER)
#define ZEROSHOT_ABI v0_2_0_no_decoder
#elif defined(ZEROSHOT_LIBJPEG_TURBO) && defined(ZEROSHOT_PLAIN_FILES)
#define ZEROSHOT_ABI v0_2_0_libjpeg_turbo_plain_files
#elif defined(ZEROSHOT_LIBJPEG_TURBO)
#define ZEROSHOT_ABI v0_2_0_libjpeg_turbo
#elif defined(ZEROSHOT_PLAIN_FILES)
#define ZEROSHOT_ABI v0_2_0_plain_files
#else
#define ZEROSHOT_ABI v0_2_0
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
