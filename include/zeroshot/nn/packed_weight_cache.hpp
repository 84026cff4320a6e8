#pragma once
/// \file Cache of packed weights: a file that the next load maps, instead of reading, widening and packing a
/// checkpoint.

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

#include <zeroshot/checkpoint/cache_file.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/half.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Numbers that do not change any more, in memory of their own or in a mapped file. Copies share them.
template <class Number>
class shared_array {
   public:
    shared_array() = default;
    explicit shared_array(uninitialized_vector<Number> numbers) {
        const auto own = std::make_shared<const uninitialized_vector<Number>>(std::move(numbers));
        numbers_ = *own;
        owner_ = own;
    }

    /// \param owner keeps the numbers where they are
    shared_array(std::span<const Number> numbers, std::shared_ptr<const void> owner)
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
shared_array<Number> make_shared_array(std::size_t count, const Make& make) {
    uninitialized_vector<Number> numbers(count);
    make(numbers.data());
    return shared_array<Number>(std::move(numbers));
}

}  // namespace detail

/// Cache of a checkpoint's packed weights in one mapped file.
class packed_weight_cache {
   public:
    /// \param key everything the numbers depend on
    packed_weight_cache(std::filesystem::path file, std::string key)
        : file_(std::move(file), std::move(key), cache_access::mapped) {
        if (auto list = file_.read(largest_file, report_)) cached_ = *std::move(list);
    }

    /// The numbers of a name: mapped from the file, or computed, which write() adds to it. May be called from any
    /// thread.
    /// \param make make(numbers) writes `count` numbers
    template <class Number, class Make>
    shared_array<Number> numbers(const std::string& name, std::size_t count, const Make& make) {
        constexpr dtype type = detail::dtype_of<Number>();
        const stored_tensor* const stored = cached_.find(name);
        const auto* const memory = stored == nullptr ? nullptr : stored->bytes.memory().data();
        const bool is_cached = stored != nullptr && stored->type == type &&
                               stored->bytes.size() == count * sizeof(Number) &&
                               reinterpret_cast<std::uintptr_t>(memory) % alignof(Number) == 0;
        const shared_array<Number> values =
            is_cached ? shared_array<Number>({reinterpret_cast<const Number*>(memory), count},
                                             std::make_shared<const byte_range>(stored->bytes))
                      : detail::make_shared_array<Number>(count, make);
        const std::lock_guard one_at_a_time(adding_);
        report_.hit = report_.hit && is_cached;
        all_.push_back({name, {type, {count}, byte_range(std::as_bytes(values.values()))}});
        owners_.push_back(values.owner());
        return values;
    }

    /// Whether all numbers so far were in the file, and what went wrong with it.
    const cache_report& report() const noexcept { return report_; }

    /// Writes all numbers so far, unless they were read from the file, and releases them.
    void write() {
        if (!report_.hit) file_.write(all_, report_);
        all_.clear();
        owners_.clear();
    }

   private:
    cache_file file_;
    cache_report report_{.hit = true};
    tensor_list cached_{};
    std::mutex adding_{};
    std::vector<named_tensor> all_{};
    std::vector<std::shared_ptr<const void>> owners_{};  // of all_
};

}}  // namespace zeroshot::ZEROSHOT_ABI
