#pragma once
/// \file Cache of class embeddings, and the key they are stored under.

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <zeroshot/checkpoint/cache_file.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/support/crc32.hpp>
#include <zeroshot/support/sha256.hpp>
#include <zeroshot/tensor.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The key of class embeddings: a digest of everything that decides their bits. The text tower's packed weights (so the
/// number format and the kernels), its configuration, the tokenizer's merges, labels and templates in order, the policy
/// for long prompts, the scalar type and the version of the library; and the embedding of one prompt, for what remains:
/// the compiler's rounding.
/// \param first the embedding of a prompt, of length 1
template <class Scalar>
std::string class_key(const basic_clip<Scalar>& model, std::span<const std::string> labels,
                      std::span<const prompt_template> templates, overflow fit, std::span<const Scalar> first) {
    sha256 key;
    // With its length before it, a text cannot run into the next.
    const auto add = [&](std::string_view text) { key.add(std::to_string(text.size()) + ":").add(text); };
    const auto add_all = [&](const auto& texts, const auto& text_of) {
        add(std::to_string(texts.size()));
        for (const auto& each : texts) add(text_of(each));
    };
    const auto itself = [](const std::string& text) -> const std::string& { return text; };
    clip_config text_alone = model.config();
    text_alone.towers = clip_towers::text;
    detail::crc32 weights;
    model.model().text().parameters([&](std::span<const std::byte> bytes) { weights.add(bytes); });
    add(version);
    add(std::to_string(weights.value()));
    add(loading::model_text(text_alone));
    add_all(model.tokenizer().vocabulary().merge_lines(), itself);
    add_all(labels, itself);
    add_all(templates, [](const prompt_template& each) { return each.sentence(); });
    add(fit == overflow::refuse ? "refuse" : "truncate");
    add(std::to_string(sizeof(Scalar)));
    key.add(std::as_bytes(first));
    return key.digits();
}

/// Cache of class embeddings in a folder: a file for each key.
template <class Scalar>
class class_embedding_cache {
   public:
    /// \param shape [classes, embedding]
    class_embedding_cache(const std::filesystem::path& folder, const std::string& key, std::array<std::size_t, 2> shape)
        : file_(folder / (key + ".classes"), key), shape_(shape) {}

    /// The embeddings [classes, embedding], if they are in the cache.
    std::optional<matrix<Scalar>> read(cache_report& report) const {
        auto embeddings = matrix<Scalar>::for_overwrite(shape_);
        const auto bytes = std::as_writable_bytes(std::span(embeddings.values()));
        const std::optional<tensor_list> list = file_.read(bytes.size(), report);
        const stored_tensor* const stored = list ? list->find(tensor_name) : nullptr;
        if (stored == nullptr || stored->type != detail::dtype_of<Scalar>() || stored->bytes.size() != bytes.size()) {
            return std::nullopt;
        }
        stored->bytes.read(0, bytes);
        report.hit = true;
        return embeddings;
    }

    /// \param embeddings [classes, embedding]
    void write(const matrix<Scalar>& embeddings, cache_report& report) const {
        const named_tensor tensor{
            tensor_name,
            {detail::dtype_of<Scalar>(), {shape_[0], shape_[1]}, byte_range(std::as_bytes(embeddings.values()))}};
        file_.write(std::span(&tensor, 1), report);
    }

   private:
    static constexpr const char* tensor_name = "embeddings";

    cache_file file_;
    std::array<std::size_t, 2> shape_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
