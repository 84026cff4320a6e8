#pragma once
/// \file Helpers of the tests of files: errors as text, scratch folders, and safetensors bytes with every field free.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include <zeroshot/error.hpp>
#include <zeroshot/support/atomic_file.hpp>

#include "tests/catch.hpp"

namespace support {

/// What a call threw: "FORMAT a.safetensors: ..."; "nothing" where it did not throw.
template <class Leaf = zeroshot::error, class Call>
std::string thrown(const Call& call) {
    try {
        call();
    } catch (const Leaf& fault) {
        return std::string(zeroshot::name_of(fault.code())) + " " + fault.what();
    } catch (const std::exception& fault) {
        return std::string("another type: ") + fault.what();
    }
    return "nothing";
}

inline bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// A folder of its own for one test, removed with all that is in it.
class scratch_folder {
   public:
    scratch_folder() {
        static std::atomic<int> count{0};
        path_ = std::filesystem::temp_directory_path() /
                ("zeroshot-io-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
        std::filesystem::create_directories(path_);
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
    ~scratch_folder() { std::filesystem::remove_all(path_); }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
    const std::filesystem::path& path() const { return path_; }

   private:
    std::filesystem::path path_;
};

inline std::vector<std::byte> bytes_of(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
    return {bytes.begin(), bytes.end()};
}

inline std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string little_endian(std::uint64_t number) {
    std::string text(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) text[i] = static_cast<char>(static_cast<unsigned char>(number >> (8 * i)));
    return text;
}

/// A safetensors file: any header, any data, and any length claimed for the header.
inline std::vector<std::byte> container(const std::string& header, const std::string& data = "",
                                        std::optional<std::uint64_t> claimed = std::nullopt) {
    return bytes_of(little_endian(claimed.value_or(header.size())) + header + data);
}

/// An entry of the header: "name":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}
inline std::string entry(const std::string& name, const std::string& shape, const std::string& offsets,
                         const std::string& type = "F32") {
    return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

/// The values as the bytes of a tensor.
template <class Number>
std::string raw(std::initializer_list<Number> numbers) {
    std::string text(numbers.size() * sizeof(Number), '\0');
    if (numbers.size() != 0) std::memcpy(text.data(), std::data(numbers), text.size());
    return text;
}

/// A container built tensor by tensor, in order.
class file_builder {
   public:
    file_builder& add(const std::string& name, const std::string& shape, const std::string& data,
                      const std::string& type = "F32") {
        const std::string offsets =
            "[" + std::to_string(data_.size()) + "," + std::to_string(data_.size() + data.size()) + "]";
        header_ += (header_.empty() ? "" : ",") + entry(name, shape, offsets, type);
        data_ += data;
        return *this;
    }
    std::vector<std::byte> bytes() const { return container("{" + header_ + "}", data_); }

   private:
    std::string header_;
    std::string data_;
};

}  // namespace support
