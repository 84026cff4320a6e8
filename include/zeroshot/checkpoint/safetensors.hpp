#pragma once
/// \file The safetensors container: strict reading, deterministic writing.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/limits.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/atomic_file.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/support/utf8.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

inline constexpr std::size_t length_bytes = 8;  // the header's length stands before it
inline constexpr std::string_view metadata_key = "__metadata__";

/// The range of a tensor in the data, as its data_offsets state it.
struct tensor_range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint32_t index = 0;  // of the tensor in the list
};

/// SAX handler that builds the list of tensors from a header, without a tree of JSON values in between. Fields of an
/// entry other than dtype, shape and data_offsets are ignored, and `"__metadata__": null` means none, as in
/// safetensors.
class safetensors_header final : public json_handler {
   public:
    safetensors_header(const json_text& text, const safetensors_limits& limits, tensor_list& list)
        : json_handler(text, max_depth, error_code::format), limits_(limits), list_(list) {}

    std::deque<tensor_range> ranges;

    bool null() override { return expected_ == expects::metadata || value("null"); }
    bool boolean(bool) override { return value("a truth value"); }
    bool number_integer(std::int64_t) override { return value("a negative number"); }
    bool real(double) override { return value("a number with a fraction, an exponent or too many digits"); }
    bool number_unsigned(std::uint64_t number) override {
        if (expected_ == expects::extent) {
            add_extent(number);
        } else if (expected_ == expects::offset) {
            if (offsets_ < 2) (offsets_ == 0 ? ranges.back().begin : ranges.back().end) = number;
            ++offsets_;
        } else {
            value("a number");
        }
        return true;
    }
    bool string(std::string& text) override {
        if (expected_ == expects::text) {
            metadata_at_->second = std::move(text);
        } else if (expected_ == expects::type) {
            read_type(text);
        } else {
            value("a string");
        }
        return true;
    }

    bool start_object(std::size_t) override {
        enter();
        if (expected_ == expects::header) {
            level_ = level::header;
        } else if (expected_ == expects::metadata) {
            level_ = level::metadata;
        } else if (expected_ == expects::entry) {
            level_ = level::entry;
            has_type_ = has_shape_ = has_offsets_ = false;
        } else if (expected_ == expects::anything) {
            ++ignored_;
        } else {
            value("an object");
        }
        return true;
    }
    bool start_array(std::size_t) override {
        enter();
        if (expected_ == expects::shape) {
            expected_ = expects::extent;
        } else if (expected_ == expects::offsets) {
            expected_ = expects::offset;
            offsets_ = 0;
        } else if (expected_ == expects::anything) {
            ++ignored_;
        } else {
            value("an array");
        }
        return true;
    }
    bool end_object() override {
        leave();
        if (ignored_ > 0) {
            --ignored_;
        } else {
            if (level_ == level::entry) finish_entry();
            level_ = level::header;
        }
        return true;
    }
    bool end_array() override {
        leave();
        if (ignored_ > 0) {
            --ignored_;
        } else if (expected_ == expects::offset && offsets_ != 2) {
            refuse(error_code::format, "data_offsets of " + tensor() + " has " + std::to_string(offsets_) + " numbers",
                   "2");
        } else {
            expected_ = expects::nothing;
        }
        return true;
    }
    bool key(std::string& name) override {
        if (ignored_ > 0) return true;
        if (level_ == level::header) return begin_entry(std::move(name));
        if (level_ == level::metadata) return begin_metadata(std::move(name));
        if (name == "dtype") return begin_field(has_type_, expects::type, name);
        if (name == "shape") return begin_field(has_shape_, expects::shape, name);
        if (name == "data_offsets") return begin_field(has_offsets_, expects::offsets, name);
        expected_ = expects::anything;
        return true;
    }

   private:
    static constexpr std::size_t max_depth = 4;  // header, entry, list, and one more for fields that are ignored

    enum class level { header, metadata, entry };
    enum class expects { header, metadata, text, entry, type, shape, extent, offsets, offset, anything, nothing };

    static const char* name_of_expected(expects wanted) {
        switch (wanted) {
            case expects::header:
                return "an object: the header must be a JSON object";
            case expects::metadata:
                return "an object of strings";
            case expects::text:
            case expects::type:
                return "a string";
            case expects::entry:
                return "an object";
            case expects::shape:
            case expects::offsets:
                return "an array of unsigned integers";
            case expects::extent:
            case expects::offset:
                return "an unsigned integer";
            default:
                return "nothing";
        }
    }

    std::string tensor() const { return "tensor " + quoted(list_.tensors.back().name); }

    /// A value of a type that is not allowed here, unless the field is ignored.
    bool value(const char* type) const {
        if (expected_ == expects::anything) return true;
        std::string what;
        if (expected_ == expects::metadata || expected_ == expects::text)
            what = "__metadata__";
        else if (expected_ != expects::header)
            what = tensor();
        if (expected_ == expects::type) what = "dtype of " + what;
        if (expected_ == expects::shape || expected_ == expects::extent) what = "shape of " + what;
        if (expected_ == expects::offsets || expected_ == expects::offset) what = "data_offsets of " + what;
        refuse(error_code::format, what + (what.empty() ? "" : " holds ") + type, name_of_expected(expected_));
    }

    bool begin_entry(std::string&& name) {
        if (name.size() > limits_.name_bytes) {
            refuse(error_code::limit, "a tensor's name has " + std::to_string(name.size()) + " bytes",
                   "at most " + std::to_string(limits_.name_bytes));
        }
        if (name == metadata_key) return begin_field(has_metadata_, expects::metadata, name);
        ranges.push_back({0, 0, static_cast<std::uint32_t>(list_.tensors.size())});
        list_.tensors.push_back({std::move(name), {}});
        expected_ = expects::entry;
        return true;
    }

    bool begin_metadata(std::string&& name) {
        bool is_new = false;
        std::tie(metadata_at_, is_new) = list_.metadata.try_emplace(std::move(name));
        if (!is_new)
            refuse(error_code::format, "duplicate key " + quoted(metadata_at_->first) + " in __metadata__", "");
        if (list_.metadata.size() > limits_.metadata_entries) {
            refuse(error_code::limit, "__metadata__ has too many entries",
                   "at most " + std::to_string(limits_.metadata_entries));
        }
        expected_ = expects::text;
        return true;
    }

    bool begin_field(bool& seen, expects wanted, std::string_view name) {
        if (seen) {
            refuse(error_code::format,
                   "duplicate key " + quoted(name) + (level_ == level::entry ? " in " + tensor() : ""), "");
        }
        seen = true;
        expected_ = wanted;
        return true;
    }

    void read_type(std::string_view spelled) {
        for (std::size_t i = 0; i < dtypes.size(); ++i) {
            if (dtypes[i].name == spelled) {
                list_.tensors.back().tensor.type = static_cast<dtype>(i);
                return;
            }
        }
        std::string known;
        for (const dtype_traits& type : dtypes) known += (known.empty() ? "one of " : " ") + std::string(type.name);
        refuse(error_code::unsupported, tensor() + " has dtype " + quoted(spelled), known);
    }

    void add_extent(std::uint64_t extent) {
        std::vector<std::size_t>& shape = list_.tensors.back().tensor.shape;
        if (shape.size() == limits_.rank) {
            refuse(error_code::limit, tensor() + " has too many axes", "at most " + std::to_string(limits_.rank));
        }
        if (extent > (std::numeric_limits<std::size_t>::max)())
            refuse(error_code::limit, tensor() + " is too large", "");
        shape.push_back(static_cast<std::size_t>(extent));
    }

    void finish_entry() const {
        const char* missing = !has_type_ ? "dtype" : !has_shape_ ? "shape" : !has_offsets_ ? "data_offsets" : nullptr;
        if (missing != nullptr) refuse(error_code::format, tensor() + " has no " + missing, "");
        const tensor_range& range = ranges.back();
        const stored_tensor& stored = list_.tensors.back().tensor;
        const std::string offsets = "[" + std::to_string(range.begin) + ", " + std::to_string(range.end) + "]";
        if (range.begin > range.end) {
            refuse(error_code::format, "data_offsets " + offsets + " of " + tensor() + " run backwards", "");
        }
        const std::optional<std::size_t> size = stored_size(stored.type, stored.shape);
        if (!size) {
            refuse(error_code::format,
                   tensor() + " of " + std::string(name_of(stored.type)) + " " + shape_text(stored.shape) +
                       " has no size in bytes",
                   "a product that fits 64 bits");
        }
        if (*size != range.end - range.begin) {
            refuse(error_code::shape,
                   tensor() + " of " + std::string(name_of(stored.type)) + " " + shape_text(stored.shape) +
                       " lies in " + std::to_string(range.end - range.begin) + " bytes",
                   std::to_string(*size));
        }
    }

    [[noreturn]] void refuse(error_code code, std::string what, std::string expected) const {
        throw checkpoint_error(code, {text_.name, std::move(what), std::move(expected)});
    }

    const safetensors_limits& limits_;
    tensor_list& list_;
    level level_ = level::header;
    expects expected_ = expects::header;
    std::size_t ignored_ = 0;  // how deep inside a value that is ignored
    std::size_t offsets_ = 0;  // numbers seen in data_offsets
    bool has_metadata_ = false, has_type_ = false, has_shape_ = false, has_offsets_ = false;
    tensor_metadata::iterator metadata_at_;
};

/// Sets the byte range of each tensor, after a check that they tile the data: no overlap, no hole, no trailing bytes.
/// \param data offset of the data in the source
inline void place_tensors(tensor_list& found, std::deque<tensor_range>& ranges,
                          const std::shared_ptr<const byte_source>& source, std::size_t data, bool allow_trailing) {
    const std::string& place = source->place();
    const std::size_t data_bytes = source->size() - data;
    std::ranges::sort(ranges, [](const tensor_range& a, const tensor_range& b) {
        return a.begin != b.begin ? a.begin < b.begin : a.end != b.end ? a.end < b.end : a.index < b.index;
    });
    std::uint64_t reached = 0;
    for (const tensor_range& range : ranges) {
        if (range.begin != reached) {
            throw checkpoint_error(error_code::format,
                                   {place,
                                    "tensor " + quoted(found.tensors[range.index].name) + " begins at byte " +
                                        std::to_string(range.begin) + " of the data, which " +
                                        (range.begin < reached ? "overlaps another tensor" : "leaves a hole"),
                                    std::to_string(reached)});
        }
        reached = range.end;
    }
    const auto count = [](std::uint64_t bytes) { return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes"); };
    if (reached > data_bytes) {
        throw checkpoint_error(error_code::format, {place, "the file is " + count(reached - data_bytes) + " short", "",
                                                    "incomplete download?"});
    }
    if (reached < data_bytes && !allow_trailing) {
        throw checkpoint_error(error_code::format, {place, "the file is " + count(data_bytes - reached) + " too long",
                                                    "", "set allow_trailing to read it"});
    }
    for (const tensor_range& range : ranges) {
        found.tensors[range.index].tensor.bytes = byte_range(source, data + static_cast<std::size_t>(range.begin),
                                                             static_cast<std::size_t>(range.end - range.begin));
    }
}

}  // namespace detail

/// Reads the header and lists the tensors without reading them. Time is O(n log n) and memory at most four times the
/// header (five where one string is nearly all of it, ten where that one is not JSON)
inline tensor_list parse_safetensors(const std::shared_ptr<const byte_source>& source,
                                     const safetensors_limits& limits = {}) {
    const std::string& place = source->place();
    const std::size_t size = source->size();
    if (size == 0) {
        throw checkpoint_error(error_code::format, {place, "empty file", "", "was the download interrupted?"});
    }
    if (size < detail::length_bytes) {
        throw checkpoint_error(error_code::format, {place, std::to_string(size) + " bytes, at least 8 needed", "",
                                                    "was the download interrupted?"});
    }
    const std::vector<std::byte> stated = byte_range(source, 0, detail::length_bytes).bytes();
    const std::uint64_t length = detail::little_endian<std::uint64_t>(stated);
    if (length > size - detail::length_bytes) {
        throw checkpoint_error(
            error_code::format,
            {place, "header claims " + std::to_string(length) + " bytes, file has " + std::to_string(size), "",
             "incomplete download?"});
    }
    detail::expect_at_most<checkpoint_error>(limits.header_bytes, length, "bytes of the header", place,
                                             "raise limits.header_bytes if it is meant");
    if (length == 0) {
        throw checkpoint_error(error_code::format, {place, "header is empty", "", "header must be a JSON object"});
    }
    const byte_range stored_header(source, detail::length_bytes, static_cast<std::size_t>(length));
    std::vector<std::byte> read_header;
    if (source->memory().empty()) read_header = stored_header.bytes();
    const std::span<const std::byte> header_bytes =
        read_header.empty() ? source->memory().subspan(detail::length_bytes, stored_header.size()) : read_header;
    const detail::json_text text{
        {reinterpret_cast<const char*>(header_bytes.data()), header_bytes.size()}, place, detail::length_bytes};
    tensor_list found;
    detail::safetensors_header header(text, limits, found);
    detail::parse_json(text, header);
    if (const auto twins = found.sort_names()) {
        throw checkpoint_error(error_code::format,
                               {place, "duplicate key " + quoted(found.tensors[twins->first].name)});
    }
    detail::place_tensors(found, header.ranges, source, detail::length_bytes + header_bytes.size(),
                          limits.allow_trailing);
    return found;
}

namespace detail {

inline constexpr std::size_t copied_at_once = 1 << 20;  // bytes

/// The tensors in the order of the file, and its header.
struct safetensors_plan {
    std::string header;  // with its length before it, padded with spaces so that the data begin with a cache line
    std::vector<const stored_tensor*> order;
    std::size_t size = 0;  // of the whole file
};

inline safetensors_plan plan_safetensors(std::span<const named_tensor> tensors, const tensor_metadata& metadata) {
    const auto refuse = [](std::string_view name, const char* what) {
        throw argument_error(error_code::argument, {"tensor " + quoted(name), what});
    };
    std::vector<const named_tensor*> sorted;
    for (const named_tensor& each : tensors) sorted.push_back(&each);
    std::ranges::sort(sorted, [](const named_tensor* a, const named_tensor* b) {
        const std::size_t bits_a = bits_of(a->tensor.type), bits_b = bits_of(b->tensor.type);
        return bits_a != bits_b ? bits_a > bits_b : a->name < b->name;  // the widest first keeps all of them aligned
    });
    std::string text = "{";
    const auto add = [&text](std::string_view key, const nlohmann::ordered_json& value) {
        text += (text.size() == 1 ? "" : ",") + json_text_of(key) + ":" + json_text_of(value);
    };
    if (!metadata.empty()) add(metadata_key, metadata);
    safetensors_plan plan;
    std::vector<std::string_view> names;
    std::size_t offset = 0;
    for (const named_tensor* each : sorted) {
        const auto& [name, stored] = *each;
        if (name == metadata_key) refuse(name, "this name is reserved");
        if (!is_utf8(name)) refuse(name, "the name is not UTF-8");
        if (stored_size(stored.type, stored.shape) != stored.bytes.size()) refuse(name, "bytes and shape do not agree");
        if (!stored.strides.empty()) refuse(name, "it is a view with strides");
        const std::array offsets{offset, offset + stored.bytes.size()};
        offset = offsets.back();
        add(name, {{"dtype", name_of(stored.type)}, {"shape", stored.shape}, {"data_offsets", offsets}});
        names.push_back(name);
        plan.order.push_back(&stored);
    }
    std::ranges::sort(names, std::less<>());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) refuse(*twice, "there are two of this name");
    text += '}';

    constexpr std::size_t line = 64;
    text.resize((length_bytes + text.size() + line - 1) / line * line - length_bytes, ' ');
    for (std::size_t i = 0; i < length_bytes; ++i) {
        plan.header += static_cast<char>(static_cast<unsigned char>(std::uint64_t{text.size()} >> (8 * i)));
    }
    plan.header += text;
    plan.size = plan.header.size() + offset;
    return plan;
}

}  // namespace detail

/// Tensors and metadata as the bytes of a safetensors file: the widest types first, then by name, so that the bytes do
/// not depend on the order of the arguments.
/// \throws argument_error where two tensors have one name, or bytes and shape of one do not agree
inline std::vector<std::byte> safetensors_bytes(std::span<const named_tensor> tensors,
                                                const tensor_metadata& metadata = {}) {
    const detail::safetensors_plan plan = detail::plan_safetensors(tensors, metadata);
    std::vector<std::byte> bytes;
    bytes.reserve(plan.size);
    const auto header = detail::bytes_of(plan.header);
    bytes.insert(bytes.end(), header.begin(), header.end());
    for (const stored_tensor* stored : plan.order)
        stored->bytes.in_blocks(detail::copied_at_once, [&](std::span<const std::byte> piece) {
            bytes.insert(bytes.end(), piece.begin(), piece.end());
        });
    return bytes;
}

/// Writes the bytes of safetensors_bytes to a file atomically.
/// \return the number of bytes
/// \throws argument_error likewise; file_error IO, an existing file then keeps its bytes
inline std::size_t write_safetensors(const std::filesystem::path& path, std::span<const named_tensor> tensors,
                                     const tensor_metadata& metadata = {}) {
    const detail::safetensors_plan plan = detail::plan_safetensors(tensors, metadata);
    atomic_file file(path, plan.size);
    file.write(plan.header);
    for (const stored_tensor* stored : plan.order) {
        stored->bytes.in_blocks(detail::copied_at_once, [&](std::span<const std::byte> piece) { file.write(piece); });
    }
    file.commit();
    return plan.size;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
