#pragma once
/// \file Weights walked like a path, `weights / "visual" / "conv1"`, and read as checked tensors.

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/checkpoint/tensor_names.hpp>
#include <zeroshot/checkpoint/tensor_values.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/nn/number_format.hpp>
#include <zeroshot/nn/packed_weight_cache.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Whether reading weights looks for NaN and infinity.
enum class finite_check { checked, unchecked };

/// How the matrices of a model are kept in memory.
enum class weight_storage {
    full,    ///< as wide as the model computes
    compact  ///< those stored in 16 bits stay so, and are widened when they are used: the same numbers in half the
             ///< memory
};

/// How weights are read, and what for.
struct weight_options {
    finite_check check = finite_check::checked;
    weight_storage storage = weight_storage::full;
    executor* threads = nullptr;  ///< those that read and pack; null: the calling thread alone
    precision arithmetic = precision::f32;
    std::shared_ptr<packed_weight_cache> cache{};  ///< of packed weights; null: none
};

namespace detail {

/// How many steps of insertion, deletion and replacement lie between two texts.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
        }
    }
    return row.back();
}

}  // namespace detail

/// A path into a checkpoint's tensors, under OpenAI's names whatever the layout of the file:
///
///     const weights all(checkpoint::open("ViT-B-32.safetensors"));
///     const weights block = all / "visual" / "transformer" / "resblocks" / 0;
///     const matrix<float> fc = block.read<float, 2>("mlp.c_fc.weight", {3072, 768});
///
/// A cheap handle: paths share the checkpoint and keep it alive.
class weights {
   public:
    // Copies share, and moving copies: no handle is ever empty.
    weights(const weights&) = default;
    weights& operator=(const weights&) = default;

    /// \throws checkpoint_error where the checkpoint's layout is not known
    explicit weights(checkpoint file, const weight_options& options = {})
        : shared_(std::make_shared<const contents>(std::move(file), options)) {}

    weights operator/(std::string_view child) const { return weights(shared_, joined(child), at_least_16_bits_); }
    weights operator/(std::size_t child) const { return *this / std::string_view(std::to_string(child)); }

    /// Where this is: "visual.transformer.resblocks.0"; empty at the root.
    const std::string& path() const noexcept { return path_; }

    /// The file, as the sentences name it.
    const std::string& place() const noexcept { return shared_->file.place(); }
    const checkpoint& file() const noexcept { return shared_->file; }
    checkpoint_layout layout() const noexcept { return shared_->all.layout; }

    /// The threads that read and pack; null for the calling thread alone.
    executor* threads() const noexcept { return shared_->options.threads; }

    /// What these matrices are to be multiplied in.
    precision arithmetic() const noexcept { return shared_->options.arithmetic; }

    /// The same tensors for a layer that 8 bits would harm.
    weights at_least_16_bits() const { return weights(shared_, path_, true); }

    /// How the tensor of that name is packed.
    packing packing_of(std::string_view name) const {
        return {.arithmetic = arithmetic(),
                .threads = threads(),
                .cache = shared_->options.cache,
                .name = joined(name),
                .at_least_16_bits = at_least_16_bits_};
    }

    /// The file of packed weights, if they are kept.
    const std::shared_ptr<packed_weight_cache>& cache() const noexcept { return shared_->options.cache; }

    /// Whether a tensor stands at path.name; with "", at the path itself.
    bool has(std::string_view name) const { return shared_->all.tensors.contains(joined(name)); }

    /// How many of path.0, path.1, ... there are.
    /// \throws checkpoint_error SHAPE where one is missing before the last
    std::size_t children() const {
        std::vector<std::size_t> numbers;
        const std::string beginning = path_ + ".";
        for (auto at = shared_->all.tensors.lower_bound(beginning);
             at != shared_->all.tensors.end() && at->first.starts_with(beginning); ++at) {
            std::size_t number = 0;
            const char* const end = at->first.data() + at->first.size();
            const auto digits = std::from_chars(at->first.data() + beginning.size(), end, number);
            if (digits.ec == std::errc() && (digits.ptr == end || *digits.ptr == '.')) numbers.push_back(number);
        }
        std::ranges::sort(numbers, std::less<>());
        std::size_t count = 0;
        for (const std::size_t number : numbers) {
            if (count != 0 && number == count - 1) continue;  // another tensor of the same
            if (number != count) {
                throw checkpoint_error(error_code::shape,
                                       {place(), "tensors of " + (*this / count).path_ + " are missing", "",
                                        "there are some of " + (*this / number).path_});
            }
            ++count;
        }
        return count;
    }

    /// The shape of a tensor, in OpenAI's order of axes.
    /// \throws checkpoint_error SHAPE where it is missing, with the nearest names
    std::vector<std::size_t> shape(std::string_view name) const { return find(joined(name)).shape; }

    /// The type a tensor is stored in.
    /// \throws checkpoint_error SHAPE where it is missing, with the nearest names
    dtype type(std::string_view name) const { return find(joined(name)).parts.front().stored.type; }

    /// Whether a matrix is to be kept in the 16 bits it is stored in.
    /// \throws as type
    bool stays_compact(std::string_view name) const {
        return shared_->options.storage == weight_storage::compact && is_narrow(name);
    }

    /// Whether all of a tensor is stored in the same 16 bits: then it can be read as tensor<half, Rank> where type()
    /// says F16, and as tensor<bfloat16, Rank> where it says BF16.
    /// \throws as type
    bool is_narrow(std::string_view name) const {
        const dtype first = type(name);
        const auto same = [first](const tensor_part& part) { return part.stored.type == first; };
        return (first == dtype::f16 || first == dtype::bf16) && std::ranges::all_of(find(joined(name)).parts, same);
    }

    /// A tensor of the expected shape, converted from F16, BF16, F32 or F64; as half or bfloat16 only where it is
    /// stored so. Subnormal numbers and tensors of zeros are weights like any other. \throws checkpoint_error SHAPE
    /// where it is missing or has another shape, UNSUPPORTED where it holds other numbers; numeric_error where one of
    /// them is not finite, unless that is not to be checked
    template <class Scalar, std::size_t Rank>
    tensor<Scalar, Rank> read(std::string_view name, const std::array<std::size_t, Rank>& expected) const {
        const std::string full = joined(name);
        const canonical_tensor& found = expect(full, expected);
        auto values = tensor<Scalar, Rank>::for_overwrite(expected);
        fill(full, found, values.values());
        return values;
    }

    /// The same a few rows at a time, so that they are still in the cache when they are used.
    /// \return read_rows(first, count, into): reads `count` rows from `first` on to [count, the other axes], from any
    /// thread; it throws as read
    /// \throws checkpoint_error as read; the tensor then counts as one that was read
    template <class Scalar, std::size_t Rank>
    auto rows(std::string_view name, const std::array<std::size_t, Rank>& expected) const {
        const std::string full = joined(name);
        const canonical_tensor& found = expect(full, expected);
        shared_->touched[found.index].store(true, std::memory_order_relaxed);
        const bool whole = found.transposed || !lies_in_order(found);
        return [self = *this, full, &found, row_size = element_count(expected) / std::max<std::size_t>(expected[0], 1),
                all = whole ? read<Scalar, Rank>(name, expected) : tensor<Scalar, Rank>()](
                   std::size_t first, std::size_t count, Scalar* into) {
            const std::size_t begin = first * row_size, size = count * row_size;
            if (!all.empty()) return void(std::ranges::copy(all.values().subspan(begin, size), into));
            self.fill_shared(full, found, begin, std::span(into, size));
        };
    }

    /// A tensor of one axis.
    /// \throws as read
    template <class Scalar>
    aligned_vector<Scalar> read_vector(std::string_view name, std::size_t expected) const {
        const std::string full = joined(name);
        const canonical_tensor& found = expect(full, std::array{expected});
        aligned_vector<Scalar> values(expected);
        fill(full, found, std::span<Scalar>(values));
        return values;
    }

    /// All numbers of a tensor of any shape, in OpenAI's order of axes.
    /// \throws as read
    template <class Scalar>
    aligned_vector<Scalar> read_all(std::string_view name) const {
        const std::string full = joined(name);
        const canonical_tensor& found = find(full);
        aligned_vector<Scalar> values(element_count(found.shape));
        fill(full, found, std::span<Scalar>(values));
        return values;
    }

    /// One number, stored as [] or as [1].
    /// \throws as read
    template <class Scalar>
    Scalar read_scalar(std::string_view name) const {
        const std::string full = joined(name);
        const canonical_tensor& found = find(full);
        if (!found.shape.empty() && found.shape != std::vector<std::size_t>{1})
            throw wrong_shape(full, found, "[] or [1]");
        Scalar value{};
        fill(full, found, std::span<Scalar>(&value, 1));
        return value;
    }

    /// The tensors under this path, by their full names.
    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& [name, each] : shared_->all.tensors) {
            if (below(name)) found.push_back(name);
        }
        return found;
    }

    /// The tensors that were read so far through any path into this checkpoint, by their full names.
    std::vector<std::string> read_names() const {
        std::vector<std::string> found;
        for (const auto& [name, each] : shared_->all.tensors) {
            if (shared_->touched[each.index].load(std::memory_order_relaxed)) found.push_back(name);
        }
        return found;
    }

    /// The tensors nobody read so far through any path into this checkpoint, and those the layout does not know: what a
    /// model that is complete did not need. They are listed, and not an error.
    std::vector<std::string> unread() const {
        std::vector<std::string> left = shared_->all.unknown;
        for (const auto& [name, each] : shared_->all.tensors) {
            if (!shared_->touched[each.index].load(std::memory_order_relaxed)) left.push_back(each.parts.front().name);
        }
        return left;
    }

   private:
    struct contents {
        contents(checkpoint from, const weight_options& how)
            : file(std::move(from)), all(canonical(file)), options(how), touched(all.tensors.size()) {}

        checkpoint file;
        canonical_tensors all;
        weight_options options;
        mutable std::vector<std::atomic<bool>> touched;  // by canonical_tensor::index; set by whichever thread reads
    };

    weights(std::shared_ptr<const contents> shared, std::string path, bool at_least_16_bits)
        : shared_(std::move(shared)), path_(std::move(path)), at_least_16_bits_(at_least_16_bits) {}

    std::string joined(std::string_view name) const {
        return path_ + (path_.empty() || name.empty() ? "" : ".") + std::string(name);
    }

    bool below(std::string_view name) const {
        return path_.empty() || name == path_ || (name.starts_with(path_) && name[path_.size()] == '.');
    }

    const canonical_tensor& find(const std::string& name) const {
        const auto at = shared_->all.tensors.find(name);
        if (at == shared_->all.tensors.end()) throw missing(name);
        return at->second;
    }

    checkpoint_error missing(const std::string& name) const {
        constexpr std::size_t longest = 200, most = 5'000;  // hostile files must not make the sentence slow
        std::vector<std::pair<std::size_t, std::string_view>> nearest;
        for (const auto& [other, each] : shared_->all.tensors) {
            if (nearest.size() == most) break;
            if (other.size() <= longest) nearest.emplace_back(detail::edit_distance(name, other), other);
        }
        const std::size_t shown = std::min<std::size_t>(nearest.size(), 3);
        std::ranges::sort(nearest, [](const auto& a, const auto& b) {
            return a.first != b.first ? a.first < b.first : a.second < b.second;
        });
        std::string hint;
        for (std::size_t i = 0; i < shown; ++i)
            hint += (i == 0 ? "the nearest are " : ", ") + quoted(nearest[i].second);
        return checkpoint_error(error_code::shape, {place(), "tensor " + name + " is missing", "", hint});
    }

    template <std::size_t Rank>
    const canonical_tensor& expect(const std::string& name, const std::array<std::size_t, Rank>& expected) const {
        const canonical_tensor& found = find(name);
        if (!std::equal(found.shape.begin(), found.shape.end(), expected.begin(), expected.end())) {
            throw wrong_shape(name, found, shape_text(expected));
        }
        return found;
    }

    checkpoint_error wrong_shape(const std::string& name, const canonical_tensor& found,
                                 const std::string& expected) const {
        return checkpoint_error(
            error_code::shape,
            {place(), label(name, found.parts.front()) + " is " + shape_text(found.shape), expected, ""});
    }

    /// "tensor visual.proj", with the file's own name where that is another one.
    static std::string label(const std::string& name, const tensor_part& part) {
        const std::string& own = part.name;
        return "tensor " + name + (own == name ? "" : " (in the file: " + quoted(own) + ")");
    }

    /// Converts the parts one after the other, checks them, and turns the whole where the file has it the other way
    /// round.
    template <class Scalar>
    void fill(const std::string& name, const canonical_tensor& found, std::span<Scalar> into) const {
        fill_shared(name, found, 0, into);
        if (found.transposed) transpose(found.shape[1], found.shape[0], into);
        shared_->touched[found.index].store(true, std::memory_order_relaxed);
    }

    /// fill_some, by as many threads as it is worth.
    template <class Scalar>
    void fill_shared(const std::string& name, const canonical_tensor& found, std::size_t first,
                     std::span<Scalar> into) const {
        constexpr std::size_t worth_sharing = 1 << 18;  // numbers; waking a thread costs as much as reading some
        const bool shared = into.size() >= worth_sharing && lies_in_order(found);
        const std::size_t shares = shared ? concurrency_of(threads()) : 1;
        parallel_for(threads(), shares, [&](std::size_t share) {
            const std::size_t begin = into.size() * share / shares, end = into.size() * (share + 1) / shares;
            fill_some(name, found, first + begin, into.subspan(begin, end - begin));
        });
    }

    static bool lies_in_order(const canonical_tensor& found) {
        return std::ranges::all_of(found.parts, [](const tensor_part& part) { return part.stored.strides.empty(); });
    }

    /// Some of a tensor's numbers in the order of the file, from the number `begin` on; all where it lies in no order.
    template <class Scalar>
    void fill_some(const std::string& name, const canonical_tensor& found, std::size_t begin,
                   std::span<Scalar> into) const {
        std::size_t passed = 0;
        for (const tensor_part& part : found.parts) {
            if (!is_floating(part.stored.type)) {
                throw checkpoint_error(
                    error_code::unsupported,
                    {place(), label(name, part) + " has dtype " + std::string(name_of(part.stored.type)),
                     "one of F16 BF16 F32 F64", ""});
            }
            const std::size_t count = element_count(part.stored.shape);
            const std::size_t first = std::max(begin, passed), end = std::min(begin + into.size(), passed + count);
            if (first < end) read_checked(name, part, first - passed, into.subspan(first - begin, end - first));
            passed += count;
        }
    }

    /// Some numbers of a part, from the number `first` on.
    template <class Scalar>
    void read_checked(const std::string& name, const tensor_part& part, std::size_t first,
                      std::span<Scalar> into) const {
        std::size_t done = 0;
        const bool in_order = part.stored.strides.empty();
        in_blocks(in_order ? some_of(part.stored, first, into.size()) : part.stored, [&](const stored_numbers& block) {
            const std::span<Scalar> piece = into.subspan(done, block.count);
            detail::convert(block, piece);
            if (shared_->options.check == finite_check::checked && !all_finite(piece))
                throw not_finite(name, part, first + done, piece);
            done += block.count;
        });
    }

    template <class Scalar>
    numeric_error not_finite(const std::string& name, const tensor_part& part, std::size_t begin,
                             std::span<Scalar> piece) const {
        std::size_t index = 0;
        while (is_finite(piece[index])) ++index;
        std::vector<std::size_t> position(part.stored.shape.size());
        std::size_t rest = begin + index;
        for (std::size_t axis = position.size(); axis-- > 0;) {
            position[axis] = rest % part.stored.shape[axis];
            rest /= part.stored.shape[axis];
        }
        return numeric_error(
            error_code::numeric,
            {place(), label(name, part) + " is not finite at " + shape_text(position), "", "is the file damaged?"});
    }

    /// [rows, columns] becomes [columns, rows].
    template <class Scalar>
    static void transpose(std::size_t rows, std::size_t columns, std::span<Scalar> values) {
        const std::vector<Scalar> before(values.begin(), values.end());
        for (std::size_t row = 0; row < rows; ++row) {
            for (std::size_t column = 0; column < columns; ++column) {
                values[column * rows + row] = before[row * columns + column];
            }
        }
    }

    std::shared_ptr<const contents> shared_;
    std::string path_{};
    bool at_least_16_bits_ = false;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
