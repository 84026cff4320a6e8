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
#include <zeroshot/support/crc32.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The embeddings of some images or texts, of those that could be embedded.
template <class Scalar>
struct basic_kept_batch {
    std::vector<bool> is_good;  ///< one for each
    std::vector<Scalar> rows;   ///< [good ones, embedding]
};

using kept_batch = basic_kept_batch<float>;

namespace detail {

inline constexpr std::string_view kept_magic = "zeroshot embeddings 1 ";

/// The magic words, the key, a letter for each image or text, and a checksum, on one line; the numbers follow as they
/// lie in memory.
template <class Scalar>
std::string kept_head(std::string_view key, const basic_kept_batch<Scalar>& batch) {
    std::string letters;
    for (const bool good : batch.is_good) letters += good ? '+' : '-';
    const std::uint32_t sum = crc32().add(bytes_of(letters)).add(std::as_bytes(std::span(batch.rows))).value();
    return std::string(kept_magic) + std::string(key) + " " + letters + " " + std::to_string(sum) + "\n";
}

}  // namespace detail

/// Writes a batch to a temporary neighbour and gives it its name.
/// \param key a digest of all that the numbers depend on, their type among it
/// \throws file_error
template <class Scalar = float>
void write_kept_batch(const std::filesystem::path& file, std::string_view key, const basic_kept_batch<Scalar>& batch) {
    const std::string head = detail::kept_head(key, batch);
    atomic_file whole(file, head.size() + batch.rows.size() * sizeof(Scalar));
    whole.write(head);
    whole.write(std::as_bytes(std::span(batch.rows)));
    whole.commit();
}

/// The batch of that key; nothing where there is no such file.
/// \param count, columns of how many images or texts, and the size of an embedding
/// \throws file_error where the file cannot be read, FORMAT where it is damaged
template <class Scalar = float>
std::optional<basic_kept_batch<Scalar>> read_kept_batch(const std::filesystem::path& file, std::string_view key,
                                                        std::size_t count, std::size_t columns) {
    constexpr std::size_t sum_digits = 10;  // of the checksum, at most
    std::error_code unknown;
    if (!std::filesystem::exists(file, unknown)) return std::nullopt;
    const std::string begin = std::string(detail::kept_magic) + std::string(key) + " ";
    const std::size_t longest_head = begin.size() + count + 1 + sum_digits + 1;
    const std::vector<std::byte> bytes = read_file(file, longest_head + count * columns * sizeof(Scalar));
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t end = text.substr(0, longest_head).find('\n');
    basic_kept_batch<Scalar> found;
    if (text.starts_with(begin) && end != std::string_view::npos && end > begin.size() + count) {
        for (const char letter : text.substr(begin.size(), count)) found.is_good.push_back(letter == '+');
        const auto good = static_cast<std::size_t>(std::count(found.is_good.begin(), found.is_good.end(), true));
        found.rows.resize(good * columns);
        const std::size_t size = found.rows.size() * sizeof(Scalar);
        if (bytes.size() == end + 1 + size) {
            if (size > 0) std::memcpy(found.rows.data(), bytes.data() + end + 1, size);
            if (text.substr(0, end + 1) == detail::kept_head(key, found)) return found;
        }
    }
    throw file_error(error_code::format, {path_text(file), "this batch of embeddings is damaged", "", ""});
}

}}  // namespace zeroshot::ZEROSHOT_ABI
