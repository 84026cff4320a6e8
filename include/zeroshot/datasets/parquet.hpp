#pragma once
/// \file Parquet files with embedded images, the format of Hugging Face's data sets. Needs Apache Arrow.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iterator>
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

#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/datasets/splits.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

namespace detail {

/// The columns of images and labels: from the metadata under "huggingface", else by the usual names.
struct parquet_columns {
    int image = -1;
    int label = -1;
    std::vector<std::string> classes{};
};

/// \throws data_set_error FORMAT with Arrow's message
inline void check(const arrow::Status& status, const std::string& location) {
    if (!status.ok()) throw_format_error(location, "Arrow cannot read it: " + quoted(status.message()));
}

/// The value of a result of Arrow.
/// \throws as check()
template <class Value>
Value checked(arrow::Result<Value> result, const std::string& location) {
    check(result.status(), location);
    return std::move(result).ValueUnsafe();
}

/// Calls a function; exceptions of Arrow and Parquet become ours.
template <class Function>
void convert_exceptions(const std::string& location, const Function& function) {
    try {
        function();
    } catch (const error&) {
        throw;
    } catch (const std::exception& fault) {
        throw_format_error(location, "Arrow cannot read it: " + quoted(fault.what()));
    }
}

/// The names of a ClassLabel, or of a sequence of them; nothing for another feature.
inline std::optional<std::vector<std::string>> class_label_names(const json& feature) {
    if (!feature.is_object()) return std::nullopt;
    if (const std::optional<json> element = feature.find("feature")) return class_label_names(*element);
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

/// \throws data_set_error FORMAT for a schema without a column of images or labels
inline parquet_columns columns_of(const arrow::Schema& schema, const std::string& location) {
    parquet_columns columns;
    std::optional<json> features;
    if (schema.metadata() != nullptr) {
        const int key = schema.metadata()->FindKey("huggingface");
        if (key >= 0) {
            const json metadata = json::parse(schema.metadata()->value(key), location + ": huggingface");
            if (const std::optional<json> info = metadata.find("info")) features = info->find("features");
        }
    }
    constexpr std::array<std::string_view, 3> usual{"label", "labels", "fine_label"};
    std::size_t rank = usual.size() + 1;  // of the label's column: usual names come before others with class names
    for (int i = 0; i < schema.num_fields(); ++i) {
        const arrow::Field& field = *schema.field(i);
        if (columns.image < 0 && is_image(*field.type())) columns.image = i;
        if (!is_label(*field.type())) continue;
        std::optional<std::vector<std::string>> names;
        if (features) {
            if (const std::optional<json> feature = features->find(field.name())) names = class_label_names(*feature);
        }
        const auto position = static_cast<std::size_t>(std::ranges::find(usual, field.name()) - usual.begin());
        if (position == usual.size() && !names) continue;
        if (position >= rank) continue;
        rank = position;
        columns.label = i;
        columns.classes = names.value_or(std::vector<std::string>{});
    }
    if (columns.image < 0)
        throw_format_error(location, "no column of images", "a column {bytes, path}, as Hugging Face writes them");
    if (columns.label < 0) throw_format_error(location, "no column of labels", "a column \"label\" of integers");
    return columns;
}

/// The bytes of a string or binary cell; nothing for a cell of another type.
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

/// The Parquet files of a folder.
inline std::vector<std::filesystem::path> list_parquet(const std::filesystem::path& folder) {
    return list_folder(folder, [](const auto& entry) { return entry.path().extension() == ".parquet"; });
}

}  // namespace detail

/// Images in a column {bytes, path}, labels in a column of integers or of lists of integers, class names in the
/// metadata; without names, labels are numbers. A few rows are in memory at a time.
class parquet_files final : public data_set {
   public:
    /// \param path a file, a folder of files, or a folder with a folder "data" of files
    /// \param split that is read, where the names of the files begin with those of splits; by default test, else
    /// validation
    /// \throws file_error; data_set_error FORMAT for a folder without files, or a damaged file
    explicit parquet_files(const std::filesystem::path& path, const std::string& split = "")
        : data_set(path_text(path)), files_(detail::files_of_split(files_at(path), location_, split, notes_)) {
        if (files_.empty())
            detail::throw_format_error(location_, "contains no Parquet files, nor does its folder data");
        open_next();
        classes_ = columns_.classes;
    }

    /// Known for a single file.
    std::optional<std::size_t> count() const noexcept override {
        return files_.size() == 1 ? std::optional(rows_in_file_) : std::nullopt;
    }

    std::optional<example> next() override {
        while (batch_ == nullptr || row_ == batch_->num_rows()) {
            read_batch();
            if (batch_ != nullptr) continue;
            if (opened_ == files_.size()) return std::nullopt;
            open_next();
        }
        const std::string file = files_[opened_ - 1].filename().string();
        std::string name = file + "/" + std::to_string(row_in_file_++);
        std::vector<std::size_t> labels = labels_in(*batch_->column(columns_.label), name);
        stored_image image = image_in(*batch_->column(columns_.image), name);
        ++row_;
        return example{std::move(name), std::move(image), std::move(labels)};
    }

   private:
    static constexpr std::int64_t rows_per_batch = 64;

    static std::vector<std::filesystem::path> files_at(const std::filesystem::path& path) {
        std::error_code unknown;
        if (!std::filesystem::exists(path, unknown))
            throw file_error(error_code::io, {path_text(path), "no such file or folder", "", ""});
        if (!std::filesystem::is_directory(path, unknown)) return {path};
        std::vector<std::filesystem::path> files = detail::list_parquet(path);
        if (files.empty() && std::filesystem::is_directory(path / "data", unknown))
            return detail::list_parquet(path / "data");
        return files;
    }

    void open_next() {
        const std::filesystem::path& file = files_[opened_++];
        file_location_ = path_text(file);
        batches_.reset();
        detail::convert_exceptions(file_location_, [&] {
            ::parquet::ArrowReaderProperties arrow_properties;
            arrow_properties.set_batch_size(rows_per_batch);
            arrow_properties.set_pre_buffer(false);  // it would hold a whole row group in memory
            ::parquet::ReaderProperties properties;
            properties.enable_buffered_stream();
            ::parquet::arrow::FileReaderBuilder builder;
            check(builder.Open(checked(arrow::io::ReadableFile::Open(file.string())), properties));
            builder.properties(arrow_properties);
            check(builder.Build(&reader_));
            std::shared_ptr<arrow::Schema> schema;
            check(reader_->GetSchema(&schema));
            detail::parquet_columns columns = detail::columns_of(*schema, file_location_);
            if (opened_ > 1 && columns.classes != columns_.classes) {
                detail::throw_format_error(file_location_, "its classes differ",
                                           "those of " + path_text(files_.front()));
            }
            columns_ = std::move(columns);
            rows_in_file_ = static_cast<std::size_t>(reader_->parquet_reader()->metadata()->num_rows());
            batches_ = checked(reader_->GetRecordBatchReader());
        });
        row_in_file_ = 0;
    }

    /// Reads the next rows of the open file: null after the last.
    void read_batch() {
        detail::convert_exceptions(file_location_, [&] { check(batches_->ReadNext(&batch_)); });
        row_ = 0;
    }

    void check(const arrow::Status& status) const { detail::check(status, file_location_); }

    template <class Value>
    Value checked(arrow::Result<Value> result) const {
        return detail::checked(std::move(result), file_location_);
    }

    /// The bytes of an image, or else the path of its file.
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
        detail::throw_format_error(location_ + ": " + name, "there is no image", "bytes, or the path of a file");
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
        constexpr std::int64_t largest = 1'000'000'000;
        const std::shared_ptr<arrow::Scalar> cell = checked(column.GetScalar(row));
        const std::shared_ptr<arrow::Scalar> wide = checked(cell->CastTo(arrow::int64()));
        const std::int64_t label = static_cast<const arrow::Int64Scalar&>(*wide).value;
        if (!wide->is_valid || label < 0 || label > largest)
            detail::throw_format_error(location_ + ": " + name, "label " + wide->ToString(), "a class, counted from 0");
        if (!classes_.empty())
            detail::check_label(location_ + ": " + name, static_cast<std::size_t>(label), classes_.size());
        return static_cast<std::size_t>(label);
    }

    std::vector<std::filesystem::path> files_;
    std::size_t opened_ = 0;  // number of files opened so far
    // The open file:
    std::string file_location_;
    detail::parquet_columns columns_;
    std::unique_ptr<::parquet::arrow::FileReader> reader_;
    std::shared_ptr<arrow::RecordBatchReader> batches_;  // of reader_, which outlives it
    std::shared_ptr<arrow::RecordBatch> batch_;
    std::int64_t row_ = 0;  // of the batch
    std::size_t row_in_file_ = 0;
    std::size_t rows_in_file_ = 0;
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
