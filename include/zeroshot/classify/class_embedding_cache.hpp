#pragma once
/// \file Class embeddings on disk: what they are known by, and what becomes of those that cannot be read or kept.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/support/batch_cache.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/murmur3.hpp>
#include <zeroshot/support/sha256.hpp>
#include <zeroshot/tensor.hpp>
#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What became of a folder that class embeddings are kept in.
struct keeping {
    bool found = false;     ///< they were there; else they were computed
    std::string trouble{};  ///< why what was there was no good, or what was computed could not be kept; empty if all
                            ///< went well
};

/// What class embeddings are known by: a digest of all that decides their bits. The text tower's weights as they lie in
/// memory (so, whatever file they came from, in the precision and for the kernels that multiply them), its
/// configuration, the tokenizer's table, labels and templates in their order, what becomes of long prompts, the type of
/// the numbers, the version of the library; and the embedding of one prompt, which shows what this list forgot: how the
/// compiler rounds.
/// \param first the embedding of a prompt, of length 1
template <class Scalar>
std::string class_key(const basic_clip<Scalar>& model, std::span<const std::string> labels,
                      std::span<const prompt_template> templates, overflow fit, std::span<const Scalar> first) {
    sha256 key;
    // With its length before it, a text cannot run into the next.
    const auto add = [&](std::string_view text) { key.add(std::to_string(text.size()) + ":").add(text); };
    const auto add_all = [&](const auto& texts, const auto& text_of) {
        murmur3 sum;
        for (const auto& each : texts) {
            const std::string& text = text_of(each);
            sum.add(std::to_string(text.size()) + ":").add(text);
        }
        add(std::to_string(texts.size()) + " " + sum.digits());
    };
    const auto itself = [](const std::string& text) -> const std::string& { return text; };
    clip_config text_alone = model.config();
    text_alone.towers = clip_towers::text;
    murmur3 weights;
    model.model().text().parameters([&](std::span<const std::byte> bytes) { weights.add(bytes); });
    add(version);
    add(weights.digits());
    add(loading::model_text(text_alone));
    add_all(model.tokenizer().vocabulary().merge_lines(), itself);
    add_all(labels, itself);
    add_all(templates, [](const prompt_template& each) { return each.sentence(); });
    add(fit == overflow::refuse ? "refuse" : "truncate");
    add(std::to_string(sizeof(Scalar)));
    key.add(std::as_bytes(first));
    return key.digits();
}

/// A file in a folder: class embeddings under their key, all of them or none.
///
/// Any number of programs may share the folder: a file appears whole, under a name that says all it depends on. A file
/// that is damaged, cut off or another's is computed anew and replaced. Files may be deleted at any time.
template <class Scalar>
class kept_classes {
   public:
    /// \param classes, columns of how many classes, and the size of an embedding
    kept_classes(std::filesystem::path folder, std::string key, std::size_t classes, std::size_t columns)
        : folder_(std::move(folder)), key_(std::move(key)), classes_(classes), columns_(columns) {}

    std::filesystem::path file() const { return folder_ / (key_ + ".classes"); }

    /// The embeddings [classes, columns], if they are there and sound.
    std::optional<matrix<Scalar>> read(keeping& what) const {
        try {
            const auto kept = read_kept_batch<Scalar>(file(), key_, classes_, columns_);
            if (!kept || kept->rows.size() != classes_ * columns_) return std::nullopt;
            auto embeddings = matrix<Scalar>::for_overwrite({classes_, columns_});
            std::ranges::copy(kept->rows, embeddings.data());
            what.found = true;
            return embeddings;
        } catch (const error& fault) {
            add_to(what, std::string(fault.what()) + "; it is computed again");
            return std::nullopt;
        }
    }

    /// \param embeddings [classes, columns]
    void write(const matrix<Scalar>& embeddings, keeping& what) const {
        try {
            std::error_code reported_below;
            std::filesystem::create_directories(folder_, reported_below);
            const auto numbers = embeddings.values();
            write_kept_batch<Scalar>(file(), key_,
                                     {std::vector<bool>(classes_, true), {numbers.begin(), numbers.end()}});
        } catch (const error& fault) {
            add_to(what, std::string(fault.what()) + "; the class embeddings are not kept");
        }
    }

   private:
    static void add_to(keeping& what, const std::string& sentence) {
        what.trouble += (what.trouble.empty() ? "" : "; ") + sentence;
    }

    std::filesystem::path folder_;
    std::string key_;
    std::size_t classes_;
    std::size_t columns_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
