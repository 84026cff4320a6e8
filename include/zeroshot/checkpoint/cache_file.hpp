#pragma once
/// \file Cache files: tensors under a key in a safetensors file; a damaged or outdated file counts as absent.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/safetensors.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/checksum.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// How a cache file becomes memory.
enum class cache_access {
    checked,  ///< read whole, and its checksum compared
    mapped,   ///< mapped without a checksum, for files as large as a model; see mapped_file
};

/// A file of a cache. Any number of processes may share the folder: a file appears whole, and may be deleted at any
/// time. A file that is damaged, cut or of another key is a miss and is replaced.
class cache_file {
   public:
    /// \param key everything the tensors depend on
    cache_file(std::filesystem::path path, std::string key, cache_access access = cache_access::checked)
        : path_(std::move(path)), key_(std::move(key)), access_(access) {}

    const std::filesystem::path& path() const noexcept { return path_; }

    /// The tensors, if the file holds those of the key.
    /// \param max_bytes limit for the tensors of a checked file
    /// \param report receives a warning about a damaged file
    std::optional<tensor_list> read(std::size_t max_bytes, cache_report& report) const {
        std::error_code unknown;
        if (!std::filesystem::exists(path_, unknown)) return std::nullopt;
        try {
            tensor_list list = parse_safetensors(source(max_bytes));
            const auto key = list.metadata.find(key_name), checksum = list.metadata.find(checksum_name);
            if (key == list.metadata.end() || key->second != key_) return std::nullopt;
            if (access_ == cache_access::checked &&
                (checksum == list.metadata.end() || checksum->second != checksum_of(list.tensors))) {
                throw checkpoint_error(error_code::format, {path_text(path_), "the cache file is damaged"});
            }
            return list;
        } catch (const error& fault) {
            warn(report, fault, "; computed again");
            return std::nullopt;
        }
    }

    /// Writes the file, and the folder where there is none.
    /// \throws file_error; a present file then stays
    void write(std::span<const named_tensor> tensors) const {
        std::error_code reported_below;
        std::filesystem::create_directories(detail::folder_of(path_), reported_below);
        tensor_metadata metadata{{key_name, key_}};
        if (access_ == cache_access::checked) metadata[checksum_name] = checksum_of(tensors);
        write_safetensors(path_, tensors, metadata);
    }

    /// As write(), but a failure is a warning.
    void write(std::span<const named_tensor> tensors, cache_report& report) const {
        try {
            write(tensors);
        } catch (const file_error& fault) {
            warn(report, fault, "; not cached");
        }
    }

   private:
    static constexpr const char *key_name = "zeroshot.cache", *checksum_name = "zeroshot.checksum";

    std::shared_ptr<const byte_source> source(std::size_t max_bytes) const {
        constexpr std::size_t max_header = std::size_t{1} << 20;
        if (access_ == cache_access::mapped) return std::make_shared<mapped_file>(path_);
        return std::make_shared<memory_source>(read_file(path_, max_header + max_bytes), path_text(path_));
    }

    /// The sum of the CRC-32 of all tensors, which does not depend on their order in the file.
    template <class Tensors>
    static std::string checksum_of(const Tensors& tensors) {
        constexpr std::size_t at_once = std::size_t{1} << 20;  // bytes
        std::uint64_t sum = 0;
        for (const named_tensor& each : tensors) {
            const stored_tensor& tensor = each.tensor;
            const std::string entry = each.name + " " + std::string(name_of(tensor.type)) + shape_text(tensor.shape);
            detail::crc32 crc;
            crc.add(detail::bytes_of(entry));
            tensor.bytes.in_chunks(at_once, [&](std::span<const std::byte> chunk) { crc.add(chunk); });
            sum += crc.value();
        }
        return std::to_string(sum);
    }

    static void warn(cache_report& report, const error& fault, const char* consequence) {
        report.warning += (report.warning.empty() ? "" : "; ") + std::string(fault.what()) + consequence;
    }

    std::filesystem::path path_;
    std::string key_;
    cache_access access_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
