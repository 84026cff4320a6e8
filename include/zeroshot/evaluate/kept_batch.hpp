#pragma once
/// \file Embeddings kept between runs, a batch in a file that is named after its content: whole, or as if it were not
/// there.

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

/// The embeddings of some pictures.
struct kept_batch {
    std::vector<float> rows;  ///< [pictures, embedding]
};

namespace detail {

/// "zeroshot embeddings 1", the key, rows and checksum on one line; then the numbers as they lie in memory.
inline std::string kept_head(std::string_view key, std::size_t rows, std::span<const float> numbers) {
    const std::uint32_t sum = crc32().add(std::as_bytes(numbers)).value();
    return "zeroshot embeddings 1 " + std::string(key) + " " + std::to_string(rows) + " " + std::to_string(sum) + "\n";
}

}  // namespace detail

/// Writes a batch to a temporary neighbour and gives it its name.
/// \param key a digest of all that the numbers depend on
/// \throws file_error
inline void write_kept_batch(const std::filesystem::path& file, std::string_view key, std::size_t rows,
                             std::span<const float> numbers) {
    const std::string head = detail::kept_head(key, rows, numbers);
    atomic_file whole(file, head.size() + numbers.size_bytes());
    whole.write(head);
    whole.write(std::as_bytes(numbers));
    whole.commit();
}

/// The batch of that key; nothing where there is no such file.
/// \throws file_error where the file cannot be read; data_set_error FORMAT where it is damaged
inline std::optional<kept_batch> read_kept_batch(const std::filesystem::path& file, std::string_view key,
                                                 std::size_t rows, std::size_t columns) {
    std::error_code unknown;
    if (!std::filesystem::exists(file, unknown)) return std::nullopt;
    const std::vector<std::byte> bytes = read_file(file);
    kept_batch found{std::vector<float>(rows * columns)};
    const std::size_t size = found.rows.size() * sizeof(float);
    if (bytes.size() >= size) std::memcpy(found.rows.data(), bytes.data() + bytes.size() - size, size);
    const std::string head = detail::kept_head(key, rows, found.rows);
    if (bytes.size() != head.size() + size || std::memcmp(bytes.data(), head.data(), head.size()) != 0) {
        throw data_set_error(error_code::format, {path_text(file), "this batch of embeddings is damaged", "", ""});
    }
    return found;
}

}  // namespace zeroshot::inline ZEROSHOT_ABI
