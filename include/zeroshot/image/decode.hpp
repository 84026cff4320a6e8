#pragma once
/// \file Image files to images. stb_image decodes JPEG and PNG; ZEROSHOT_LIBJPEG_TURBO: libjpeg-turbo decodes JPEG,
/// with Pillow's bytes; ZEROSHOT_WEBP: libwebp decodes WebP; ZEROSHOT_NO_DECODER: no decoder. CMake defines them for
/// ZEROSHOT_DECODERS and ZEROSHOT_NO_DECODER.

#include <zeroshot/version.hpp>

#if !defined(ZEROSHOT_NO_DECODER)

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The names of the formats that are read, as "JPEG, PNG, WebP".
ZEROSHOT_INLINE std::string decoded_formats();

/// An image from the bytes of a file, in the mode in which Pillow opens it; but 16 bits per sample become their upper
/// 8; of an animation the first frame. As in the reference transform, ICC profiles are ignored, and EXIF orientation
/// unless `options` ask for it. Bytes after the end of the image are not read. What Pillow decodes though it is damaged
/// is decoded, with a warning.
///
/// \throws image_error ARG for no bytes, UNSUPPORTED for other formats and kinds, FORMAT where the data is cut or
/// damaged, LIMIT beyond the options; its place is the byte in question
ZEROSHOT_INLINE image decode(std::span<const std::byte> bytes, const decode_options& options = {});

/// An image from a file.
///
///     const image cat = read_image("cat.jpg");
///
/// \throws file_error where it cannot be read; image_error as decode()
ZEROSHOT_INLINE image read_image(const std::filesystem::path& path, const decode_options& options = {});

}}  // namespace zeroshot::ZEROSHOT_ABI

#if !defined(ZEROSHOT_COMPILED)
#include <zeroshot/image/decoders.hpp>
#endif

#endif
