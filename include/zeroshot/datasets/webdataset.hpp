#pragma once
/// \file WebDataset: shards of tar archives, as CLIP_benchmark writes them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/datasets/byte_stream.hpp>
#include <zeroshot/datasets/class_names.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/datasets/multi_hot.hpp>
#include <zeroshot/datasets/tar.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// "test/s0001.seg.png" to "test/s0001" and "seg.png": base_plus_ext in webdataset/tariterators.py. Nothing for a name
/// without an extension.
inline std::optional<std::pair<std::string, std::string>> key_and_extension(const std::string& name) {
    const std::size_t slash = name.rfind('/'), begin = slash == std::string::npos ? 0 : slash + 1;
    const std::size_t dot = name.find('.', begin);
    if (dot == std::string::npos || dot == begin) return std::nullopt;
    std::string extension = name.substr(dot + 1);
    for (char& letter : extension) {
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    }
    return std::pair(name.substr(0, dot), std::move(extension));
}

inline bool is_shard(const std::filesystem::path& file) {
    const std::string name = file.filename().string();
    return !name.starts_with('.') && (name.ends_with(".tar") || name.ends_with(".tar.gz"));
}

/// The shards of a folder, by number where their names are numbers of different lengths.
inline std::vector<std::filesystem::path> shards_in(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> found;
    std::error_code failed;
    std::filesystem::directory_iterator at(folder, failed), end;
    for (; !failed && at != end; at.increment(failed)) {
        if (is_shard(at->path())) found.push_back(at->path());
    }
    if (failed)
        throw file_error(error_code::io, {path_text(folder), "cannot list the folder: " + failed.message(), "", ""});
    const auto place = [](const std::filesystem::path& file) {
        std::string name = file.filename().string();
        const std::size_t length = std::min(name.find_first_not_of("0123456789"), name.size());
        return std::pair(length, std::move(name));
    };
    const bool numbered = std::ranges::all_of(found, [&](const auto& file) { return place(file).first > 0; });
    std::ranges::sort(found, [&](const auto& a, const auto& b) {
        return numbered ? place(a) < place(b) : a.filename().string() < b.filename().string();
    });
    return found;
}

}  // namespace detail

/// A data set of shards: images under jpg, jpeg, png or webp, the number of their class under cls, or several as a
/// vector of 0 and 1 under npy. Class names and
/// templates come from classnames.txt and zeroshot_classification_templates.txt, beside the shards or in the folder
/// above.
class web_shards final : public data_set {
   public:
    /// \param folder with shards; or with a folder of that split's name, which has them
    /// \throws file_error; data_set_error FORMAT where there are no shards
    explicit web_shards(const std::filesystem::path& folder, const std::string& split = "test",
                        stream_opener open = open_plain)
        : place_(path_text(folder)), open_(std::move(open)) {
        std::filesystem::path home = folder;
        shards_ = detail::shards_in(folder);
        std::error_code unknown;
        if (shards_.empty() && std::filesystem::is_directory(folder / split, unknown)) {
            shards_ = detail::shards_in(folder / split);
        } else if (!std::filesystem::exists(folder / names_file, unknown) &&
                   std::filesystem::exists(folder / ".." / names_file, unknown)) {
            home = folder / "..";
        }
        if (shards_.empty()) {
            throw data_set_error(error_code::format, {place_, "no shards in it, nor in a folder '" + split + "' of it",
                                                      "000000.tar, 000001.tar, ...", ""});
        }
        if (std::filesystem::exists(home / names_file, unknown)) classes_ = detail::lines_of(home / names_file);
        if (std::filesystem::exists(home / templates_file, unknown)) {
            for (std::string& line : detail::lines_of(home / templates_file)) {
                const std::size_t at = line.find("{c}");  // CLIP_benchmark's place for the class
                if (at != std::string::npos) line.replace(at, 3, "{}");
                templates_.push_back(std::move(line));
            }
        }
    }

    const std::string& place() const noexcept override { return place_; }

    /// Empty where there is no classnames.txt: labels are numbers then.
    const std::vector<std::string>& classes() const noexcept override { return classes_; }
    const std::vector<std::string>& templates() const noexcept override { return templates_; }

    std::optional<example> next() override {
        sample parts;
        while (true) {
            std::optional<named_part> part = next_part();
            const bool ends = !part || (!parts.key.empty() && part->key != parts.key);
            if (ends && !parts.key.empty()) {
                ahead_ = std::move(part);
                return finished(std::move(parts));
            }
            if (!part) return std::nullopt;
            add(parts, *std::move(part));
        }
    }

   private:
    static constexpr const char* names_file = "classnames.txt";
    static constexpr const char* templates_file = "zeroshot_classification_templates.txt";

    /// A member of a shard.
    struct named_part {
        std::string key;  // with the shard's name before it
        std::string extension;
        std::vector<std::byte> bytes;
    };

    /// What lies under one key.
    struct sample {
        std::string key{};
        std::optional<std::vector<std::byte>> image{};
        std::optional<std::vector<std::size_t>> labels{};
    };

    std::optional<named_part> next_part() {
        if (ahead_) return std::exchange(ahead_, std::nullopt);
        while (true) {
            if (open_shard_ == nullptr) {
                if (opened_ == shards_.size()) return std::nullopt;
                open_shard_ = std::make_unique<tar_reader>(open_(shards_[opened_++]));
            }
            std::optional<tar_member> member = open_shard_->next();
            if (!member) {
                open_shard_.reset();
                continue;
            }
            auto name = detail::key_and_extension(member->name);
            if (!name) continue;
            return named_part{shards_[opened_ - 1].filename().string() + "/" + name->first, std::move(name->second),
                              std::move(member->bytes)};
        }
    }

    void add(sample& to, named_part part) const {
        constexpr std::array<std::string_view, 4> images{"jpg", "jpeg", "png", "webp"};
        to.key = part.key;
        if (std::ranges::find(images, part.extension) != images.end())
            to.image = std::move(part.bytes);
        else if (part.extension == "cls")
            to.labels = {label_of(part)};
        else if (part.extension == "npy")
            to.labels = several_of(part);
    }

    std::size_t label_of(const named_part& part) const {
        constexpr std::size_t most = 1'000'000'000;
        std::string_view text(reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size());
        while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
            text.remove_suffix(1);
        std::size_t label = 0;
        bool good = !text.empty();
        for (const char digit : text) {
            good = good && digit >= '0' && digit <= '9' && label < most;
            if (good) label = label * 10 + static_cast<std::size_t>(digit - '0');
        }
        if (!good)
            throw data_set_error(error_code::format,
                                 {place_ + ": " + part.key + ".cls", "the class is " + quoted(text), "a number", ""});
        if (!classes_.empty() && label >= classes_.size())
            detail::throw_no_such_label(place_ + ": " + part.key, label, classes_.size());
        return label;
    }

    std::vector<std::size_t> several_of(const named_part& part) const {
        const std::string where = place_ + ": " + part.key + ".npy";
        std::vector<std::size_t> labels = labels_of_multi_hot(part.bytes, where);
        if (!classes_.empty() && !labels.empty() && labels.back() >= classes_.size())
            detail::throw_no_such_label(where, labels.back(), classes_.size());
        return labels;
    }

    example finished(sample parts) const {
        const std::string where = place_ + ": " + parts.key;
        if (!parts.image)
            throw data_set_error(error_code::format,
                                 {where, "there is no image", "one under jpg, jpeg, png or webp", ""});
        if (!parts.labels) {
            throw data_set_error(error_code::format,
                                 {where, "there is no class", "one under cls, or several under npy", ""});
        }
        return {std::move(parts.key), *std::move(parts.image), *std::move(parts.labels)};
    }

    std::string place_;
    stream_opener open_;
    std::vector<std::filesystem::path> shards_;
    std::vector<std::string> classes_;
    std::vector<std::string> templates_;
    std::unique_ptr<tar_reader> open_shard_;
    std::size_t opened_ = 0;
    std::optional<named_part> ahead_;  // the first of the next sample
};

}}  // namespace zeroshot::ZEROSHOT_ABI
