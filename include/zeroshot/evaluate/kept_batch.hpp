#pragma once
/// \file Embeddings kept between runs, a batch in a file that is named after its content: whole, or as if it were not
/// there.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/io/crc32.hpp>
#include <zeroshot/io/file.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// The embeddings of some pictures, of those that could be embedded.
struct kept_batch {
    std::vector<bool> is_good;  ///< one for each picture
    std::vector<float> rows;    ///< [good pictures, embedding]
};

namespace detail {

/// "zeroshot embeddings 1", the key, a letter for each picture, and a checksum, on one line; the numbers follow as they
/// lie in memory.
inline std::string kept_head(std::string_view key, const kept_batch& batch) {
    std::string letters;
    for (const bool good : batch.is_good) letters += good ? '+' : '-';
    const std::uint32_t sum =
        crc32().add(std::as_bytes(std::span(letters))).add(std::as_bytes(std::span(batch.rows))).value();
    return "zeroshot embeddings 1 " + std::string(key) + " " + letters + " " + std::to_string(sum) + "\n";
}

}  // namespace detail

/// Writes a batch to a temporary neighbour and gives it its name.
/// \param key a digest of all that the numbers depend on
/// \throws file_error
inline void write_kept_batch(const std::filesystem::path& file, std::string_view key, const kept_batch& batch) {
    const std::string head = detail::kept_head(key, batch);
    atomic_file whole(file, head.size() + batch.rows.size() * sizeof(float));
    whole.write(head);
    whole.write(std::as_bytes(std::span(batch.rows)));
    whole.commit();
}

/// The batch of that key; nothing where there is no such file.
/// \param pictures, columns how many there are, and the size of an embedding
/// \throws file_error where the file cannot be read; data_set_error FORMAT where it is damaged
inline std::optional<kept_batch> read_kept_batch(const std::filesystem::path& file, std::string_view key,
                                                 std::size_t pictures, std::size_t columns) {
    std::error_code unknown;
    if (!std::filesystem::exists(file, unknown)) return std::nullopt;
    const std::vector<std::byte> bytes = read_file(file);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::string begin = "zeroshot embeddings 1 " + std::string(key) + " ";
    const std::size_t end =
        text.substr(0, begin.size() + pictures + 16).find('\n');  // behind the checksum of ten digits
    kept_batch found;
    if (text.starts_with(begin) && end != std::string_view::npos && end > begin.size() + pictures) {
        for (const char letter : text.substr(begin.size(), pictures)) found.is_good.push_back(letter == '+');
        const auto good = static_cast<std::size_t>(std::ranges::count(found.is_good, true));
        found.rows.resize(good * columns);
        const std::size_t size = found.rows.size() * sizeof(float);
        if (bytes.size() == end + 1 + size) {
            if (size > 0) std::memcpy(found.rows.data(), bytes.data() + end + 1, size);
            if (text.substr(0, end + 1) == detail::kept_head(key, found)) return found;
        }
    }
    throw data_set_error(error_code::format, {path_text(file), "this batch of embeddings is damaged", "", ""});
}

}  // namespace zeroshot::inline ZEROSHOT_ABI
