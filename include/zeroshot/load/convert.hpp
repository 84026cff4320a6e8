#pragma once
/// \file Conversion of a checkpoint to one self-contained file: weights, configuration, preprocessing, tokenizer,
/// provenance.

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
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/half.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/build.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/load.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/support/checksum.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Options of convert().
struct convert_options {
    /// Type of matrices and convolutions: F32, F16 or BF16; empty to keep the stored one. With a type, vectors (biases,
    /// normalisations) and the logit scale are F32: they are small, and results depend on them most.
    std::optional<dtype> type{};
    load_options load{};  ///< for reading; the settings they state are written into the file
};

/// Result of convert().
struct conversion {
    std::string sha256;       ///< of the checkpoint that was read
    std::size_t tensors = 0;  ///< written
    std::size_t bytes = 0;    ///< of the new file
    double image_drift = 0;   ///< change of a fixed image's embedding, relative to its length
    double text_drift = 0;    ///< change of a fixed prompt's embedding, relative to its length
    std::vector<std::string> warnings{};
};

namespace loading {

/// One of OpenAI's tensors as the bytes of a file: parts of a checkpoint's tensors joined, transposed, in another type.
class rewritten_tensor final : public byte_source {
   public:
    rewritten_tensor(weights from, std::string name, dtype type)
        : from_(std::move(from)), name_(std::move(name)), type_(type) {
        size_ = *zeroshot::detail::stored_size(type_, from_.shape(name_));
    }

    const std::string& place() const noexcept override { return from_.place(); }
    std::size_t size() const noexcept override { return size_; }

    /// Makes the tensor when its first byte is read, and frees it after its last.
    void read(std::size_t offset, std::span<std::byte> into) const override {
        const std::lock_guard lock(mutex_);
        if (bytes_.empty()) bytes_ = rewritten();
        std::ranges::copy(std::span(bytes_).subspan(offset, into.size()), into.begin());
        if (offset + into.size() == size_) bytes_ = {};
    }

   private:
    std::vector<std::byte> rewritten() const {
        if (type_ == from_.type(name_)) {
            if (type_ == dtype::f16) return bytes_of<half>(from_.template read_all<half>(name_));
            if (type_ == dtype::bf16) return bytes_of<bfloat16>(from_.template read_all<bfloat16>(name_));
        }
        const aligned_vector<float> values = from_.template read_all<float>(name_);
        if (type_ == dtype::f32) return bytes_of<float>(values);
        std::vector<std::uint16_t> rounded;
        rounded.reserve(values.size());
        for (const float value : values) {
            rounded.push_back(type_ == dtype::f16 ? half_from_float(value) : bfloat_from_float(value));
            const bool fits =
                type_ == dtype::f16 ? is_finite(half{rounded.back()}) : is_finite(bfloat16{rounded.back()});
            if (!fits) throw too_large(value);
        }
        return bytes_of<std::uint16_t>(rounded);
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
    mutable std::mutex mutex_;
    mutable std::vector<std::byte> bytes_;
};

/// The type of a written tensor.
inline dtype written_type(const weights& w, const std::string& name, std::optional<dtype> wanted) {
    const bool is_matrix = w.shape(name).size() >= 2;
    if (wanted) return is_matrix ? *wanted : dtype::f32;
    const dtype stored = w.type(name);
    return stored == dtype::f64 ? dtype::f32 : stored;
}

/// A model's tensors under OpenAI's names, read only when they are written.
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

inline std::string origin_text(const provenance& origin, const std::filesystem::path& from, const conversion& made) {
    return json_text_of({{"file", from.filename().string()},
                         {"sha256", made.sha256},
                         {"layout", origin.layout},
                         {"zeroshot", version},
                         {"image_drift", json_number(made.image_drift)},
                         {"text_drift", json_number(made.text_drift)}});
}

}  // namespace loading

/// Converts a checkpoint: reads it as load() does, and writes a file that needs no other beside it. The same input
/// gives the same bytes. The new file carries a self-check for load_options::verify. \throws as load(); numeric_error
/// where a number does not fit the type; file_error where the file cannot be written, an old one then keeps its bytes
inline conversion convert(const model_location& from, const std::filesystem::path& to,
                          const convert_options& options = {}) {
    load_options as_floats = options.load;
    as_floats.precision = precision::f32;  // that of the self-check
    const loading::opened_checkpoint input = loading::open_checkpoint(from, as_floats);
    conversion result;
    tensor_metadata metadata;
    loading::self_record before;
    provenance origin;
    std::vector<std::string> needed;
    {
        const clip original = loading::load_verified<float>(input.tensors, input.location, as_floats);
        before = loading::record_of(original);
        needed = input.tensors.read_names();
        origin = original.provenance();
        const preprocessing images = original.config().has_image() ? original.preprocessing() : preprocessing{};
        metadata = loading::converted_metadata(
            original.config(), images, original.takes_texts() ? std::optional(original.tokenizer()) : std::nullopt,
            origin.tokenizer);
    }  // frees the weights before they are read again
    tensor_list tensors = loading::rewritten(input.tensors, needed, options.type);
    tensors.metadata = metadata;
    const auto after = loading::record_of(load(checkpoint::from_tensors(tensors, to.filename().string())));
    result.sha256 = input.tensors.file().sha256();
    result.tensors = tensors.tensors.size();
    result.image_drift = loading::relative_difference(before.image, after.image);
    result.text_drift = loading::relative_difference(before.text, after.text);
    result.warnings = origin.warnings;
    metadata.emplace(loading::self_check_key, loading::self_record_text(after));
    metadata.emplace(loading::origin_key, loading::origin_text(origin, from.path, result));
    const std::vector<named_tensor> written(tensors.tensors.begin(), tensors.tensors.end());
    result.bytes = write_safetensors(to, written, metadata);
    return result;
}

/// Converts a checkpoint file, or the checkpoint in a folder.
/// \throws as convert() of a location
inline conversion convert(const std::filesystem::path& from, const std::filesystem::path& to,
                          const convert_options& options = {}) {
    loading::expect_path(from);
    return convert(model_location{from}, to, options);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
