#pragma once
/// \file Path into the tensors of a checkpoint, `weights / "visual" / "conv1"`, that reads them with checks.

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <memory>
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
#include <zeroshot/nn/weight_options.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/support/edit_distance.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace nn {

/// [rows, columns] to [columns, rows], in place.
template <class Scalar>
void transpose(std::size_t rows, std::size_t columns, std::span<Scalar> values) {
    const std::vector<Scalar> before(values.begin(), values.end());
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t column = 0; column < columns; ++column)
            values[column * rows + row] = before[row * columns + column];
    }
}

}  // namespace nn

template <class Scalar>
class row_reader;

/// A path into a checkpoint's tensors, under OpenAI's names whatever the layout of the file:
///
///     const weights all(checkpoint::open("ViT-B-32.safetensors"));
///     const weights block = all / "visual" / "transformer" / "resblocks" / 0;
///     const matrix<float> fc = block.read<float, 2>("mlp.c_fc.weight", {3072, 768});
///
/// A cheap handle: paths share the checkpoint and keep it alive.
class weights {
   public:
    // Without a move: no handle is ever empty.
    weights(const weights&) = default;
    weights& operator=(const weights&) = default;

    /// \throws checkpoint_error if the checkpoint's layout is unknown
    explicit weights(checkpoint file, const weight_options& options = {})
        : shared_(std::make_shared<const contents>(std::move(file))), options_(options) {}

    weights operator/(std::string_view child) const { return weights(shared_, joined(child), options_); }
    weights operator/(std::size_t child) const { return *this / std::string_view(std::to_string(child)); }

    /// The same path with other options.
    weights with(const weight_options& options) const { return weights(shared_, path_, options); }

    /// The path itself, "visual.transformer.resblocks.0"; empty at the root.
    const std::string& path() const noexcept { return path_; }

    /// The full name of a tensor below the path.
    std::string path_of(std::string_view name) const { return joined(name); }

    /// The file, for messages.
    const std::string& place() const noexcept { return shared_->file.place(); }
    const checkpoint& file() const noexcept { return shared_->file; }
    checkpoint_layout layout() const noexcept { return shared_->all.layout; }

    const weight_options& options() const noexcept { return options_; }
    executor* threads() const noexcept { return options_.threads; }

    /// Whether there is a tensor path.name, or path if the name is empty.
    bool has(std::string_view name) const { return shared_->all.tensors.contains(joined(name)); }

    /// The number of children path.0, path.1, ...
    /// \throws checkpoint_error SHAPE if one before the last is missing
    std::size_t children() const {
        std::vector<std::size_t> numbers;
        const std::string prefix = path_ + ".";
        for (auto each = shared_->all.tensors.lower_bound(prefix);
             each != shared_->all.tensors.end() && each->first.starts_with(prefix); ++each) {
            std::size_t number = 0;
            const char* const end = each->first.data() + each->first.size();
            const auto digits = std::from_chars(each->first.data() + prefix.size(), end, number);
            if (digits.ec == std::errc() && (digits.ptr == end || *digits.ptr == '.')) numbers.push_back(number);
        }
        std::ranges::sort(numbers);
        numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            if (numbers[i] == i) continue;
            throw checkpoint_error(error_code::shape, {place(), "tensors of " + (*this / i).path_ + " are missing", "",
                                                       "there are tensors of " + (*this / numbers[i]).path_});
        }
        return numbers.size();
    }

    /// The shape of a tensor, in OpenAI's order of axes.
    /// \throws checkpoint_error SHAPE if it is missing, with the nearest names
    std::vector<std::size_t> shape(std::string_view name) const { return find(joined(name)).shape; }

    /// The type of a tensor's elements in the file.
    /// \throws checkpoint_error SHAPE if it is missing, with the nearest names
    dtype type(std::string_view name) const { return find(joined(name)).parts.front().stored.type; }

    /// Whether all elements of a tensor are stored as F16, or all as BF16: it can be read as tensor<half, Rank> or
    /// tensor<bfloat16, Rank>, depending on type().
    /// \throws checkpoint_error SHAPE if it is missing, with the nearest names
    bool has_16_bits(std::string_view name) const {
        const dtype first = type(name);
        const auto same = [first](const tensor_part& part) { return part.stored.type == first; };
        return (first == dtype::f16 || first == dtype::bf16) && std::ranges::all_of(find(joined(name)).parts, same);
    }

    /// A tensor converted from F16, BF16, F32 or F64; to half or bfloat16 only if it is stored so.
    /// \throws checkpoint_error SHAPE if it is missing or has another shape, UNSUPPORTED for other types of elements
    /// \throws numeric_error for a number that is not finite, if checked
    template <class Scalar, std::size_t Rank>
    tensor<Scalar, Rank> read(std::string_view name, const std::array<std::size_t, Rank>& expected) const {
        const std::string full = joined(name);
        auto values = tensor<Scalar, Rank>::for_overwrite(expected);
        fill(full, expect(full, expected), values.values());
        return values;
    }

    /// A tensor of one axis; as read.
    template <class Scalar>
    aligned_vector<Scalar> read_vector(std::string_view name, std::size_t expected) const {
        const std::string full = joined(name);
        return elements<Scalar>(full, expect(full, std::array{expected}));
    }

    /// All elements of a tensor of any shape, in OpenAI's order of axes; as read.
    template <class Scalar>
    aligned_vector<Scalar> read_all(std::string_view name) const {
        const std::string full = joined(name);
        return elements<Scalar>(full, find(full));
    }

    /// One number, stored as [] or as [1]; as read.
    template <class Scalar>
    Scalar read_scalar(std::string_view name) const {
        const std::string full = joined(name);
        const canonical_tensor& stored = find(full);
        if (!stored.shape.empty() && stored.shape != std::vector<std::size_t>{1})
            throw wrong_shape(full, stored, "[] or [1]");
        return elements<Scalar>(full, stored)[0];
    }

    /// A reader of a few rows at a time, which are still in the cache when they are used. The tensor counts as read.
    /// \throws checkpoint_error SHAPE if it is missing or has another shape
    template <class Scalar, std::size_t Rank>
    row_reader<Scalar> rows(std::string_view name, const std::array<std::size_t, Rank>& expected) const {
        std::string full = joined(name);
        const canonical_tensor& tensor = expect(full, expected);
        shared_->touched[tensor.index].store(true, std::memory_order_relaxed);
        return row_reader<Scalar>(*this, std::move(full), tensor);
    }

    /// The full names of the tensors below this path.
    std::vector<std::string> names() const {
        return names_where([&](const std::string& name, const canonical_tensor&) { return is_below(name); });
    }

    /// The prefix in the file before the names of its layout, such as "module.".
    const std::string& prefix() const noexcept { return shared_->all.prefix; }

    /// The first name in the file with wrappers of training inside it, such as "visual._orig_mod.proj"; empty for none.
    const std::string& wrapped_name() const noexcept { return shared_->all.wrapped; }

    /// The full names of the tensors read so far through any path into this checkpoint.
    std::vector<std::string> read_names() const {
        return names_where([&](const std::string&, const canonical_tensor& tensor) { return was_read(tensor); });
    }

    /// The names in the file of the tensors not read so far through any path into this checkpoint, and of those that
    /// the layout does not know.
    std::vector<std::string> unread() const {
        std::vector<std::string> names = shared_->all.unknown;
        for (const auto& [name, tensor] : shared_->all.tensors) {
            if (!was_read(tensor)) names.push_back(tensor.parts.front().name);
        }
        return names;
    }

   private:
    template <class Scalar>
    friend class row_reader;

    struct contents {
        explicit contents(checkpoint from) : file(std::move(from)), all(canonical(file)), touched(all.tensors.size()) {}

        checkpoint file;
        canonical_tensors all;
        mutable std::vector<std::atomic<bool>> touched;  // by canonical_tensor::index; set by whichever thread reads
    };

    weights(std::shared_ptr<const contents> shared, std::string path, const weight_options& options)
        : shared_(std::move(shared)), path_(std::move(path)), options_(options) {}

    std::string joined(std::string_view name) const {
        return path_ + (path_.empty() || name.empty() ? "" : ".") + std::string(name);
    }

    bool is_below(std::string_view name) const {
        return path_.empty() || name == path_ || (name.starts_with(path_) && name[path_.size()] == '.');
    }
    bool was_read(const canonical_tensor& tensor) const {
        return shared_->touched[tensor.index].load(std::memory_order_relaxed);
    }

    template <class Condition>
    std::vector<std::string> names_where(const Condition& holds) const {
        std::vector<std::string> names;
        for (const auto& [name, tensor] : shared_->all.tensors) {
            if (holds(name, tensor)) names.push_back(name);
        }
        return names;
    }

    const canonical_tensor& find(const std::string& name) const {
        const auto entry = shared_->all.tensors.find(name);
        if (entry == shared_->all.tensors.end()) throw missing(name);
        return entry->second;
    }

    checkpoint_error missing(const std::string& name) const {
        constexpr std::size_t longest = 200, most = 5'000;  // bounds the time for hostile files
        std::vector<std::pair<std::size_t, std::string_view>> nearest;
        for (const auto& [other, tensor] : shared_->all.tensors) {
            if (nearest.size() == most) break;
            if (other.size() <= longest) nearest.emplace_back(detail::edit_distance(name, other), other);
        }
        std::ranges::sort(nearest);
        nearest.resize((std::min)(nearest.size(), std::size_t{3}));
        std::string hint;
        for (const auto& [distance, other] : nearest)
            hint += (hint.empty() ? "the nearest are " : ", ") + quoted(other);
        return checkpoint_error(error_code::shape, {place(), "tensor " + name + " is missing", "", hint});
    }

    template <std::size_t Rank>
    const canonical_tensor& expect(const std::string& name, const std::array<std::size_t, Rank>& expected) const {
        const canonical_tensor& tensor = find(name);
        if (!std::ranges::equal(tensor.shape, expected)) throw wrong_shape(name, tensor, shape_text(expected));
        return tensor;
    }

    checkpoint_error wrong_shape(const std::string& name, const canonical_tensor& tensor,
                                 const std::string& expected) const {
        return checkpoint_error(
            error_code::shape,
            {place(), label(name, tensor.parts.front()) + " is " + shape_text(tensor.shape), expected, ""});
    }

    /// "tensor visual.proj", with its name in the file if that differs.
    static std::string label(const std::string& name, const tensor_part& part) {
        return "tensor " + name + (part.name == name ? "" : " (in the file: " + quoted(part.name) + ")");
    }

    template <class Scalar>
    aligned_vector<Scalar> elements(const std::string& name, const canonical_tensor& stored) const {
        aligned_vector<Scalar> values(element_count(stored.shape));
        fill(name, stored, std::span<Scalar>(values));
        return values;
    }

    /// Reads a whole tensor in OpenAI's order of axes.
    template <class Scalar>
    void fill(const std::string& name, const canonical_tensor& tensor, std::span<Scalar> values) const {
        fill_range(name, tensor, 0, values);
        if (tensor.transposed) nn::transpose(tensor.shape[1], tensor.shape[0], values);
        shared_->touched[tensor.index].store(true, std::memory_order_relaxed);
    }

    /// Reads elements from `first` on in the order of the file, on several threads if they are many.
    template <class Scalar>
    void fill_range(const std::string& name, const canonical_tensor& tensor, std::size_t first,
                    std::span<Scalar> values) const {
        constexpr std::size_t min_parallel = 1 << 18;  // elements: for fewer, waking a thread costs more than it saves
        const bool parallel = values.size() >= min_parallel && is_contiguous(tensor);
        const std::size_t ranges = parallel ? concurrency_of(threads()) : 1;
        parallel_for(threads(), ranges, [&](std::size_t index) {
            const std::size_t begin = values.size() * index / ranges, end = values.size() * (index + 1) / ranges;
            fill_parts(name, tensor, first + begin, values.subspan(begin, end - begin));
        });
    }

    static bool is_contiguous(const canonical_tensor& tensor) {
        return std::ranges::all_of(tensor.parts, [](const tensor_part& part) { return part.stored.strides.empty(); });
    }

    /// Reads elements from `begin` on in the order of the file; all of them if the tensor is not contiguous.
    template <class Scalar>
    void fill_parts(const std::string& name, const canonical_tensor& tensor, std::size_t begin,
                    std::span<Scalar> values) const {
        std::size_t passed = 0;
        for (const tensor_part& part : tensor.parts) {
            if (!is_floating(part.stored.type)) {
                throw checkpoint_error(
                    error_code::unsupported,
                    {place(), label(name, part) + " has dtype " + std::string(name_of(part.stored.type)),
                     "one of F16 BF16 F32 F64", ""});
            }
            const std::size_t count = element_count(part.stored.shape);
            const std::size_t first = (std::max)(begin, passed);
            const std::size_t end = (std::min)(begin + values.size(), passed + count);
            if (first < end) fill_part(name, part, first - passed, values.subspan(first - begin, end - first));
            passed += count;
        }
    }

    /// Converts and checks elements of a part from `first` on.
    template <class Scalar>
    void fill_part(const std::string& name, const tensor_part& part, std::size_t first,
                   std::span<Scalar> values) const {
        std::size_t done = 0;
        const bool contiguous = part.stored.strides.empty();
        in_chunks(contiguous ? elements_of(part.stored, first, values.size()) : part.stored,
                  [&](const stored_numbers& chunk) {
                      const std::span<Scalar> converted = values.subspan(done, chunk.count);
                      detail::convert(chunk, converted);
                      if (options_.check == finite_check::checked && !all_finite(converted))
                          throw not_finite(name, part, first + done, converted);
                      done += chunk.count;
                  });
    }

    template <class Scalar>
    numeric_error not_finite(const std::string& name, const tensor_part& part, std::size_t begin,
                             std::span<Scalar> values) const {
        const auto bad = std::ranges::find_if_not(values, [](Scalar value) { return is_finite(value); });
        std::size_t rest = begin + static_cast<std::size_t>(bad - values.begin());
        std::vector<std::size_t> position(part.stored.shape.size());
        for (std::size_t axis = position.size(); axis-- > 0;) {
            position[axis] = rest % part.stored.shape[axis];
            rest /= part.stored.shape[axis];
        }
        return numeric_error(
            error_code::numeric,
            {place(), label(name, part) + " is not finite at " + shape_text(position), "", "is the file damaged?"});
    }

    std::shared_ptr<const contents> shared_;
    std::string path_{};
    weight_options options_;
};

/// Reads rows of one tensor. Rows of a tensor that is stored transposed or with strides are read once, as a whole.
template <class Scalar>
class row_reader {
   public:
    /// Reads `count` rows from `first` on. From any thread.
    /// \param rows [count, the other axes]
    /// \throws checkpoint_error UNSUPPORTED for types other than F16, BF16, F32 and F64
    /// \throws numeric_error for a number that is not finite, if checked
    void operator()(std::size_t first, std::size_t count, Scalar* rows) const {
        const std::span<Scalar> values(rows, count * row_size_);
        if (whole_.empty())
            source_.fill_range(name_, *tensor_, first * row_size_, values);
        else
            std::copy_n(whole_.begin() + static_cast<std::ptrdiff_t>(first * row_size_), values.size(), rows);
    }

   private:
    friend class weights;

    row_reader(const weights& source, std::string name, const canonical_tensor& tensor)
        : source_(source),
          name_(std::move(name)),
          tensor_(&tensor),
          row_size_(element_count(tensor.shape) / (std::max)(tensor.shape.front(), std::size_t{1})) {
        if (!tensor.transposed && weights::is_contiguous(tensor)) return;
        whole_.resize(element_count(tensor.shape));
        source_.fill(name_, tensor, std::span<Scalar>(whole_));
    }

    weights source_;
    std::string name_;
    const canonical_tensor* tensor_;  // in source_
    std::size_t row_size_;
    uninitialized_vector<Scalar> whole_{};  // of a tensor whose rows cannot be read alone
};

}}  // namespace zeroshot::ZEROSHOT_ABI
