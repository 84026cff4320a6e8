#pragma once
/// \file Packed weights on disk: a file that the next load maps, instead of reading, widening and packing a checkpoint.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/safetensors.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/half.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Numbers that do not change any more, in memory of their own or in a mapped file. Copies share them.
template <class Number>
class fixed_numbers {
   public:
    fixed_numbers() = default;
    explicit fixed_numbers(overwriting_vector<Number> numbers) {
        const auto own = std::make_shared<const overwriting_vector<Number>>(std::move(numbers));
        numbers_ = *own;
        owner_ = own;
    }

    /// \param owner keeps the numbers where they are
    fixed_numbers(std::span<const Number> numbers, std::shared_ptr<const void> owner)
        : numbers_(numbers), owner_(std::move(owner)) {}

    const Number* data() const noexcept { return numbers_.data(); }
    std::size_t size() const noexcept { return numbers_.size(); }
    std::span<const Number> values() const noexcept { return numbers_; }
    const std::shared_ptr<const void>& owner() const noexcept { return owner_; }

   private:
    std::span<const Number> numbers_{};
    std::shared_ptr<const void> owner_{};
};

namespace detail {

/// Numbers of so many elements, as `make(data)` writes them.
template <class Number, class Make>
fixed_numbers<Number> made_numbers(std::size_t count, const Make& make) {
    overwriting_vector<Number> numbers(count);
    make(numbers.data());
    return fixed_numbers<Number>(std::move(numbers));
}

template <class Number>
constexpr dtype dtype_of() {
    if constexpr (std::is_same_v<Number, half>)
        return dtype::f16;
    else if constexpr (std::is_same_v<Number, bfloat16>)
        return dtype::bf16;
    else if constexpr (std::is_same_v<Number, std::uint32_t>)
        return dtype::u32;
    else
        return std::is_same_v<Number, float> ? dtype::f32 : dtype::f64;
}

}  // namespace detail

/// What the weights of a checkpoint were packed to: a safetensors file whose metadata say what it was made of. A file
/// of another key, or one that is damaged, is as if it were not there. It is mapped: see mapped_file.
class packed_weight_cache {
   public:
    /// \param key all that the numbers depend on
    packed_weight_cache(std::filesystem::path file, std::string key) : file_(std::move(file)), key_(std::move(key)) {
        std::error_code unknown;
        if (!std::filesystem::exists(file_, unknown)) return;
        try {
            source_ = std::make_shared<mapped_source>(file_);
            found_ = parse_safetensors(source_);
            const auto made_of = found_.metadata.find(made_of_key);
            if (made_of == found_.metadata.end() || made_of->second != key_) found_ = {};
        } catch (const error& fault) {
            trouble_ = std::string(fault.what()) + "; the weights are packed again";
        }
    }

    /// The numbers of that name in the file, or those that are made now, which write() adds to it. From any thread.
    /// \param make make(numbers) writes `count` numbers
    template <class Number, class Make>
    fixed_numbers<Number> numbers(const std::string& name, std::size_t count, const Make& make) {
        const stored_tensor* const there = found_.find(name);
        const bool fits = there != nullptr && there->type == detail::dtype_of<Number>() &&
                          there->bytes.size() == count * sizeof(Number) &&
                          reinterpret_cast<std::uintptr_t>(there->bytes.memory().data()) % alignof(Number) == 0;
        const fixed_numbers<Number> all =
            fits
                ? fixed_numbers<Number>({reinterpret_cast<const Number*>(there->bytes.memory().data()), count}, source_)
                : detail::made_numbers<Number>(count, make);
        const std::lock_guard one_at_a_time(adding_);
        complete_ = complete_ && fits;
        all_.push_back({name, {detail::dtype_of<Number>(), {count}, byte_range(std::as_bytes(all.values()))}});
        owners_.push_back(all.owner());
        return all;
    }

    /// Whether all numbers so far stood in the file.
    bool is_complete() const noexcept { return complete_; }

    /// What was wrong with the file that was there; empty if nothing.
    const std::string& trouble() const noexcept { return trouble_; }

    /// Writes all numbers that were asked for so far, and lets go of them.
    /// \throws file_error; what was there then stays
    void write() {
        std::error_code reported_below;
        std::filesystem::create_directories(detail::folder_of(file_), reported_below);
        write_safetensors(file_, all_, {{made_of_key, key_}});
        all_.clear();
        owners_.clear();
    }

   private:
    static constexpr const char* made_of_key = "zeroshot.packed";

    std::filesystem::path file_;
    std::string key_;
    std::string trouble_{};
    std::shared_ptr<const mapped_source> source_{};
    tensor_list found_{};
    std::mutex adding_{};
    bool complete_ = true;
    std::vector<named_tensor> all_{};
    std::vector<std::shared_ptr<const void>> owners_{};  // of all_
};

}}  // namespace zeroshot::ZEROSHOT_ABI
