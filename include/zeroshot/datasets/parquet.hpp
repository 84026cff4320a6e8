#pragma once
/// \file Parquet with the images in it, as Hugging Face data sets come. The one header that needs Apache Arrow.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>

#include <zeroshot/datasets/class_names.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// Which column is what: as the metadata under "huggingface" says, else by the usual names.
struct parquet_columns {
    int image = -1;
    int label = -1;
    std::vector<std::string> classes{};
};

[[noreturn]] inline void throw_parquet_error(const std::string& place, std::string what, std::string expected = "") {
    throw data_set_error(error_code::format, {place, std::move(what), std::move(expected), ""});
}

/// What Arrow gave, or its complaint as ours.
template <class Value>
Value arrow_value(arrow::Result<Value> given, const std::string& place) {
    if (!given.ok()) throw_parquet_error(place, "Arrow cannot read it: " + quoted(given.status().message()));
    return std::move(given).ValueUnsafe();
}

/// The names of a ClassLabel, or of a list of them; nothing for another feature.
inline std::optional<std::vector<std::string>> class_label_names(const json& feature) {
    if (!feature.is_object()) return std::nullopt;
    if (const std::optional<json> of_each = feature.find("feature")) return class_label_names(*of_each);
    const std::optional<json> names = feature.find("names");
    if (!names) return std::nullopt;
    return names->texts();
}

inline bool is_image(const arrow::DataType& type) {
    if (type.id() != arrow::Type::STRUCT) return false;
    return static_cast<const arrow::StructType&>(type).GetFieldIndex("bytes") >= 0;
}

inline bool is_label(const arrow::DataType& type) {
    if (type.id() == arrow::Type::LIST) return is_label(*static_cast<const arrow::ListType&>(type).value_type());
    return arrow::is_integer(type.id());
}

/// \throws data_set_error FORMAT where there is no image or no label
inline parquet_columns columns_of(const arrow::Schema& schema, const std::string& place) {
    parquet_columns found;
    std::optional<json> features;
    if (schema.metadata() != nullptr) {
        const int key = schema.metadata()->FindKey("huggingface");
        if (key >= 0) {
            const json said = json::parse(schema.metadata()->value(key), place + ": huggingface");
            if (const std::optional<json> info = said.find("info")) features = info->find("features");
        }
    }
    constexpr std::array<std::string_view, 3> usual{"label", "labels", "fine_label"};
    std::size_t rank = usual.size() + 1;  // of the label: a usual name before any other that has class names
    for (int i = 0; i < schema.num_fields(); ++i) {
        const arrow::Field& field = *schema.field(i);
        if (found.image < 0 && is_image(*field.type())) found.image = i;
        if (!is_label(*field.type())) continue;
        std::optional<std::vector<std::string>> names;
        if (features) {
            if (const std::optional<json> feature = features->find(field.name())) names = class_label_names(*feature);
        }
        const auto place_in_usual = static_cast<std::size_t>(std::ranges::find(usual, field.name()) - usual.begin());
        if (place_in_usual == usual.size() && !names) continue;
        if (place_in_usual >= rank) continue;
        rank = place_in_usual;
        found.label = i;
        found.classes = names.value_or(std::vector<std::string>{});
    }
    if (found.image < 0)
        throw_parquet_error(place, "no column of images", "a column {bytes, path}, as Hugging Face writes them");
    if (found.label < 0) throw_parquet_error(place, "no column of labels", "a column \"label\" of integers");
    return found;
}

/// The bytes of a string or binary cell, or nothing.
inline std::optional<std::string_view> cell_bytes(const arrow::Array& column, std::int64_t row) {
    if (column.IsNull(row)) return std::nullopt;
    switch (column.type_id()) {
        case arrow::Type::BINARY:
        case arrow::Type::STRING:
            return static_cast<const arrow::BinaryArray&>(column).GetView(row);
        case arrow::Type::LARGE_BINARY:
        case arrow::Type::LARGE_STRING:
            return static_cast<const arrow::LargeBinaryArray&>(column).GetView(row);
        default:
            return std::nullopt;
    }
}

/// The files of a split: names begin with it, as in train-00000-of-00002.parquet; all where none does.
inline std::vector<std::filesystem::path> parquet_files_in(const std::filesystem::path& folder,
                                                           const std::string& split) {
    std::vector<std::filesystem::path> all, of_split;
    std::error_code failed;
    std::filesystem::directory_iterator at(folder, failed), end;
    for (; !failed && at != end; at.increment(failed)) {
        if (at->path().extension() != ".parquet") continue;
        all.push_back(at->path());
        if (at->path().filename().string().starts_with(split)) of_split.push_back(at->path());
    }
    std::ranges::sort(all);
    std::ranges::sort(of_split);
    return of_split.empty() ? all : of_split;
}

}  // namespace detail

/// Parquet files, one after the other: images in a column {bytes, path}, labels in a column of integers or of lists
/// of them, class names in the metadata. A few rows are in memory at a time.
class parquet_files final : public data_set {
   public:
    /// \param place a file; or a folder of them, or one with a folder "data" of them
    /// \throws file_error; data_set_error FORMAT where there are none, or one is damaged
    explicit parquet_files(const std::filesystem::path& place, const std::string& split = "test")
        : place_(path_text(place)), files_(files_at(place, split)) {
        if (files_.empty()) detail::throw_parquet_error(place_, "no Parquet files in it, nor in a folder data of it");
        open_next();
    }

    const std::string& place() const noexcept override { return place_; }

    /// Empty where the metadata name none: labels are numbers then.
    const std::vector<std::string>& classes() const noexcept override { return columns_.classes; }

    /// Known where there is one file.
    std::optional<std::size_t> count() const noexcept override {
        return files_.size() == 1 ? std::optional(rows_in_file_) : std::nullopt;
    }

    std::optional<example> next() override {
        while (rows_ == nullptr || row_ == rows_->num_rows()) {
            rows_ = next_rows();
            row_ = 0;
            if (rows_ != nullptr) continue;
            if (opened_ == files_.size()) return std::nullopt;
            open_next();
        }
        const std::string file = files_[opened_ - 1].filename().string();
        std::string name = file + "/" + std::to_string(row_in_file_++);
        std::vector<std::size_t> labels = labels_in(*rows_->column(columns_.label), name);
        stored_image image = image_in(*rows_->column(columns_.image), name);
        ++row_;
        return example{std::move(name), std::move(image), std::move(labels)};
    }

   private:
    static constexpr std::int64_t rows_at_once = 64;

    static std::vector<std::filesystem::path> files_at(const std::filesystem::path& place, const std::string& split) {
        std::error_code unknown;
        if (!std::filesystem::exists(place, unknown))
            throw file_error(error_code::io, {path_text(place), "there is no such file or folder", "", ""});
        if (!std::filesystem::is_directory(place, unknown)) return {place};
        std::vector<std::filesystem::path> found = detail::parquet_files_in(place, split);
        return found.empty() ? detail::parquet_files_in(place / "data", split) : found;
    }

    void open_next() {
        const std::filesystem::path& file = files_[opened_++];
        at_ = path_text(file);
        rows_reader_.reset();
        try {
            parquet::ArrowReaderProperties how;
            how.set_batch_size(rows_at_once);
            how.set_pre_buffer(false);  // or a whole group of rows would be in memory
            parquet::ReaderProperties reading;
            reading.enable_buffered_stream();
            parquet::arrow::FileReaderBuilder builder;
            check(builder.Open(detail::arrow_value(arrow::io::ReadableFile::Open(file.string()), at_), reading));
            builder.properties(how);
            check(builder.Build(&reader_));
            std::shared_ptr<arrow::Schema> schema;
            check(reader_->GetSchema(&schema));
            detail::parquet_columns columns = detail::columns_of(*schema, at_);
            if (opened_ > 1 && columns.classes != columns_.classes)
                detail::throw_parquet_error(at_, "its classes are others", "those of " + path_text(files_.front()));
            columns_ = std::move(columns);
            rows_in_file_ = static_cast<std::size_t>(reader_->parquet_reader()->metadata()->num_rows());
            rows_reader_ = detail::arrow_value(reader_->GetRecordBatchReader(), at_);
        } catch (const error&) {
            throw;
        } catch (const std::exception& fault) {  // Parquet throws some of its complaints
            detail::throw_parquet_error(at_, "Arrow cannot read it: " + quoted(fault.what()));
        }
        row_in_file_ = 0;
    }

    /// Nothing after the last of the open file.
    std::shared_ptr<arrow::RecordBatch> next_rows() {
        std::shared_ptr<arrow::RecordBatch> rows;
        try {
            check(rows_reader_->ReadNext(&rows));
        } catch (const error&) {
            throw;
        } catch (const std::exception& fault) {
            detail::throw_parquet_error(at_, "Arrow cannot read it: " + quoted(fault.what()));
        }
        return rows;
    }

    void check(const arrow::Status& status) const {
        if (!status.ok()) detail::throw_parquet_error(at_, "Arrow cannot read it: " + quoted(status.message()));
    }

    /// Bytes; where there are none, the file that is named.
    stored_image image_in(const arrow::Array& column, const std::string& name) const {
        const auto& both = static_cast<const arrow::StructArray&>(column);
        const auto field = [&](const char* key) -> std::optional<std::string_view> {
            const std::shared_ptr<arrow::Array> part = both.IsNull(row_) ? nullptr : both.GetFieldByName(key);
            return part == nullptr ? std::nullopt : detail::cell_bytes(*part, row_);
        };
        if (const std::optional<std::string_view> bytes = field("bytes")) {
            std::vector<std::byte> copied(bytes->size());
            std::memcpy(copied.data(), bytes->data(), bytes->size());
            return copied;
        }
        if (const std::optional<std::string_view> path = field("path"))
            return files_[opened_ - 1].parent_path() / std::filesystem::path(*path);
        detail::throw_parquet_error(place_ + ": " + name, "there is no image", "bytes, or the path of a file");
    }

    std::vector<std::size_t> labels_in(const arrow::Array& column, const std::string& name) const {
        if (column.IsNull(row_)) return {};
        if (column.type_id() != arrow::Type::LIST) return {label_at(column, row_, name)};
        const auto& lists = static_cast<const arrow::ListArray&>(column);
        std::vector<std::size_t> labels;
        for (std::int64_t i = lists.value_offset(row_); i < lists.value_offset(row_ + 1); ++i)
            labels.push_back(label_at(*lists.values(), i, name));
        std::ranges::sort(labels);
        labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
        return labels;
    }

    std::size_t label_at(const arrow::Array& column, std::int64_t row, const std::string& name) const {
        constexpr std::int64_t most = 1'000'000'000;
        const std::shared_ptr<arrow::Scalar> cell = detail::arrow_value(column.GetScalar(row), at_);
        const std::shared_ptr<arrow::Scalar> wide = detail::arrow_value(cell->CastTo(arrow::int64()), at_);
        const std::int64_t label = static_cast<const arrow::Int64Scalar&>(*wide).value;
        if (!wide->is_valid || label < 0 || label > most)
            detail::throw_parquet_error(place_ + ": " + name, "label " + wide->ToString(), "a class, counted from 0");
        if (!columns_.classes.empty() && static_cast<std::size_t>(label) >= columns_.classes.size())
            detail::throw_no_such_label(place_ + ": " + name, static_cast<std::size_t>(label), columns_.classes.size());
        return static_cast<std::size_t>(label);
    }

    std::string place_;
    std::vector<std::filesystem::path> files_;
    std::string at_;  // the open file, for sentences
    detail::parquet_columns columns_;
    std::unique_ptr<parquet::arrow::FileReader> reader_;
    std::shared_ptr<arrow::RecordBatchReader> rows_reader_;  // of reader_, which outlives it
    std::shared_ptr<arrow::RecordBatch> rows_;
    std::int64_t row_ = 0;  // of rows_
    std::size_t opened_ = 0;
    std::size_t row_in_file_ = 0;
    std::size_t rows_in_file_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
