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
#include <zeroshot/nn/shared_array.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Cache of a checkpoint's packed weights in one mapped file.
class packed_weight_cache {
   public:
    /// \param key everything the packed weights depend on
    packed_weight_cache(std::filesystem::path file, std::string key)
        : file_(std::move(file), std::move(key), cache_access::mapped) {
        if (auto list = file_.read(largest_file, report_)) cached_ = *std::move(list);
    }

    /// An array by name: mapped from the file, or computed by make(); write() adds it to the file. May be called from
    /// any thread. \param make make() computes the array of `count` numbers
    template <class Number, class Make>
    shared_array<Number> array(const std::string& name, std::size_t count, const Make& make) {
        constexpr dtype type = detail::dtype_of<Number>();
        const stored_tensor* const stored = cached_.find(name);
        const auto* const memory = stored == nullptr ? nullptr : stored->bytes.memory().data();
        const bool is_cached = stored != nullptr && stored->type == type &&
                               stored->bytes.size() == count * sizeof(Number) &&
                               reinterpret_cast<std::uintptr_t>(memory) % alignof(Number) == 0;
        const shared_array<Number> values =
            is_cached ? shared_array<Number>({reinterpret_cast<const Number*>(memory), count},
                                             std::make_shared<const byte_range>(stored->bytes))
                      : make();
        const std::lock_guard one_at_a_time(adding_);
        report_.hit = report_.hit && is_cached;
        all_.push_back({name, {type, {count}, byte_range(std::as_bytes(values.values()))}});
        owners_.push_back(values.owner());
        return values;
    }

    /// Whether all arrays so far were in the file, and a warning if it could not be used.
    const cache_report& report() const noexcept { return report_; }

    /// Writes all arrays so far, unless they were read from the file, and releases them.
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
