#pragma once
/// \file Any readable checkpoint into one self-contained file: weights, configuration, preprocessing, tokenizer,
/// origin.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/checkpoint/safetensors.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/half.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/load.hpp>
#include <zeroshot/load/self_check.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/support/sha256.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// How to convert.
struct convert_options {
    /// The type of matrices and kernels: F32, F16 or BF16; as they are stored where nothing is said. Vectors (biases,
    /// normalisations) and the temperature are F32 then: they are small, and the numbers depend on them most.
    std::optional<dtype> type{};
    load_options load{};  ///< how the checkpoint is read; what is said there is written down
};

/// What came of it.
struct conversion {
    std::string sha256;       ///< of the checkpoint that was read
    std::size_t tensors = 0;  ///< how many were written
    std::size_t bytes = 0;    ///< of the new file
    double image_drift = 0;   ///< how far the embedding of a fixed image moved, relative to its length
    double text_drift = 0;    ///< and that of a fixed prompt
    std::vector<std::string> warnings{};
};

namespace detail {

/// One of OpenAI's tensors, made from a checkpoint's when it is read: parts joined, turned, in another type.
class rewritten_tensor final : public byte_source {
   public:
    rewritten_tensor(weights from, std::string name, dtype type)
        : from_(std::move(from)), name_(std::move(name)), type_(type) {
        size_ = *stored_size(type_, from_.shape(name_));
    }

    const std::string& place() const noexcept override { return from_.place(); }
    std::size_t size() const noexcept override { return size_; }

    /// The tensor is made when its first byte is asked for, and forgotten after its last.
    void read(std::size_t offset, std::span<std::byte> into) const override {
        const std::lock_guard one_at_a_time(making_);
        if (made_.empty()) made_ = made();
        std::ranges::copy(std::span(made_).subspan(offset, into.size()), into.begin());
        if (offset + into.size() == size_) made_ = {};
    }

   private:
    std::vector<std::byte> made() const {
        if (type_ == from_.type(name_)) {
            if (type_ == dtype::f16) return bytes_of<half>(from_.template read_all<half>(name_));
            if (type_ == dtype::bf16) return bytes_of<bfloat16>(from_.template read_all<bfloat16>(name_));
        }
        const aligned_vector<float> values = from_.template read_all<float>(name_);
        if (type_ == dtype::f32) return bytes_of<float>(values);
        std::vector<std::uint16_t> narrow;
        narrow.reserve(values.size());
        for (const float value : values) {
            narrow.push_back(type_ == dtype::f16 ? half_from_float(value) : bfloat_from_float(value));
            const bool fits = type_ == dtype::f16 ? is_finite(half{narrow.back()}) : is_finite(bfloat16{narrow.back()});
            if (!fits) throw too_large(value);
        }
        return bytes_of<std::uint16_t>(narrow);
    }

    numeric_error too_large(float value) const {
        return numeric_error(error_code::numeric,
                             {place(), "tensor " + name_ + " holds " + number_text(value),
                              "numbers that fit " + std::string(name_of(type_)), "convert to bf16 or f32"});
    }

    template <class Number>
    static std::vector<std::byte> bytes_of(std::span<const Number> numbers) {
        const auto bytes = std::as_bytes(numbers);
        return {bytes.begin(), bytes.end()};
    }

    weights from_;
    std::string name_;
    dtype type_;
    std::size_t size_ = 0;
    mutable std::mutex making_;
    mutable std::vector<std::byte> made_;
};

/// The type a tensor is written in.
inline dtype written_type(const weights& w, const std::string& name, std::optional<dtype> wanted) {
    const bool is_matrix = w.shape(name).size() >= 2;
    if (wanted) return is_matrix ? *wanted : dtype::f32;
    const dtype stored = w.type(name);
    return stored == dtype::f64 ? dtype::f32 : stored;
}

/// The tensors a model needs, under OpenAI's names; none of them is read yet.
inline tensor_list rewritten(const weights& w, const std::vector<std::string>& names, std::optional<dtype> type) {
    tensor_list list;
    for (const std::string& name : names) {
        const dtype written = written_type(w, name, type);
        const auto source = std::make_shared<rewritten_tensor>(w, name, written);
        list.tensors.push_back({name, {written, w.shape(name), byte_range(source, 0, source->size())}});
    }
    list.sort_names();
    return list;
}

/// The lines of a table that is not CLIP's own.
inline std::optional<std::vector<std::string>> own_merges(const clip& model) {
    if (!model.takes_texts()) return std::nullopt;
    const std::vector<std::string> lines = model.tokenizer().vocabulary().merge_lines();
    if (lines == vocabulary::clip().merge_lines()) return std::nullopt;
    return lines;
}

inline std::string origin_text(const provenance& origin, const std::filesystem::path& from, const conversion& made) {
    return json_text_of({{"file", from.filename().string()},
                         {"sha256", made.sha256},
                         {"layout", origin.layout},
                         {"zeroshot", version},
                         {"image_drift", json_number(made.image_drift)},
                         {"text_drift", json_number(made.text_drift)}});
}

}  // namespace detail

/// Converts a checkpoint: reads it as load() does, and writes a file that needs nothing beside it. The same input gives
/// the same bytes. The new file carries a record of what its model gives for a fixed input (load_options::verify).
/// \throws as load; numeric_error where a number does not fit the type; file_error where the file cannot be written,
/// the old one then keeps its bytes
inline conversion convert(const std::filesystem::path& from, const std::filesystem::path& to,
                          const convert_options& options = {}) {
    load_options as_floats = options.load;
    as_floats.precision = precision::f32;  // its record is one of floats
    const opened_checkpoint input = open_checkpoint(from, as_floats);
    conversion made;
    std::optional<self_record> before;
    std::vector<std::string> needed;
    std::optional<provenance> origin;
    tensor_metadata metadata;
    {
        const clip original = detail::build<float>(input.tensors, input.place, as_floats);
        before = record_of(original);
        needed = input.tensors.read_names();
        origin = original.provenance();
        const preprocessing how = original.config().has_image() ? original.preprocessing() : preprocessing{};
        metadata = converted_metadata(original.config(), how, detail::own_merges(original), origin->tokenizer);
    }  // the weights are gone before they are read again
    tensor_list tensors = detail::rewritten(input.tensors, needed, options.type);
    tensors.metadata = metadata;
    const self_record after = record_of(load(checkpoint::from_tensors(tensors, to.filename().string())));
    made.sha256 = input.tensors.file().sha256();
    made.tensors = tensors.tensors.size();
    made.image_drift = relative_difference(before->image, after.image);
    made.text_drift = relative_difference(before->text, after.text);
    made.warnings = origin->warnings;
    metadata.emplace(self_check_key, self_record_text(after));
    metadata.emplace(origin_key, detail::origin_text(*origin, from, made));
    const std::vector<named_tensor> written(tensors.tensors.begin(), tensors.tensors.end());
    made.bytes = write_safetensors(to, written, metadata);
    return made;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
