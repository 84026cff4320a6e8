#pragma once
/// \file The version of the library: the only place where it is written; CMake reads these three lines.

#define ZEROSHOT_VERSION_MAJOR 0
#define ZEROSHOT_VERSION_MINOR 1
#define ZEROSHOT_VERSION_PATCH 0

/// Every name lives in this inline namespace, so that two libraries may embed two versions of zeroshot in one program.
/// Whatever changes the meaning of a name (as the opt-out of the image decoder does) stands in the tag.
#define ZEROSHOT_JOINED(a, b, c) v##a##_##b##c
#define ZEROSHOT_TAG(a, b, c) ZEROSHOT_JOINED(a, b, c)
#if defined(ZEROSHOT_NO_DECODER)
#define ZEROSHOT_ABI ZEROSHOT_TAG(ZEROSHOT_VERSION_MAJOR, ZEROSHOT_VERSION_MINOR, _no_decoder)
#else
#define ZEROSHOT_ABI ZEROSHOT_TAG(ZEROSHOT_VERSION_MAJOR, ZEROSHOT_VERSION_MINOR, )
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI {

#define ZEROSHOT_TEXT_OF(x) #x
#define ZEROSHOT_DOTTED(a, b, c) ZEROSHOT_TEXT_OF(a) "." ZEROSHOT_TEXT_OF(b) "." ZEROSHOT_TEXT_OF(c)

/// The version as people write it: "0.1.0".
inline constexpr const char* version =
    ZEROSHOT_DOTTED(ZEROSHOT_VERSION_MAJOR, ZEROSHOT_VERSION_MINOR, ZEROSHOT_VERSION_PATCH);

#undef ZEROSHOT_DOTTED
#undef ZEROSHOT_TEXT_OF

}}  // namespace zeroshot::ZEROSHOT_ABI
