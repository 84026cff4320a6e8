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
#include <zeroshot/support/atomic_file.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/support/utf8.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

inline constexpr std::size_t length_bytes = 8;  // the header's length stands before it
inline constexpr std::string_view metadata_key = "__metadata__";

/// The data_offsets of a tensor.
struct tensor_range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint32_t index = 0;  // of the tensor in the list

    auto operator<=>(const tensor_range&) const = default;
};

/// SAX handler that builds the list of tensors from a header, without a tree of JSON values in between. Fields of an
/// entry other than dtype, shape and data_offsets are ignored, and `"__metadata__": null` means none, as in
/// safetensors.
class safetensors_header final : public json_handler {
   public:
    safetensors_header(const json_text& text, const safetensors_limits& limits, tensor_list& list)
        : json_handler(text, max_depth, error_code::format), limits_(limits), list_(list) {}

    std::deque<tensor_range> ranges;

    bool scalar(nlohmann::ordered_json value) override {
        if (expected_ == expects::text && value.is_string()) {
            metadata_at_->second = std::move(value.get_ref<std::string&>());
        } else if (expected_ == expects::type && value.is_string()) {
            read_type(value.get_ref<const std::string&>());
        } else if (expected_ == expects::extent && value.is_number_unsigned()) {
            add_extent(value.get<std::uint64_t>());
        } else if (expected_ == expects::offset && value.is_number_unsigned()) {
            if (offsets_ < 2) (offsets_ == 0 ? ranges.back().begin : ranges.back().end) = value.get<std::uint64_t>();
            ++offsets_;
        } else if (expected_ != expects::metadata || !value.is_null()) {
            expect_ignored(type_name(value));
        }
        return true;
    }
    bool start_object(std::size_t) override {
        enter();
        if (expected_ != expects::header && expected_ != expects::metadata && expected_ != expects::entry)
            expect_ignored("an object");
        return true;
    }
    bool start_array(std::size_t) override {
        enter();
        if (expected_ == expects::shape)
            expected_ = expects::extent;
        else if (expected_ == expects::offsets)
            expected_ = expects::offset;
        else
            expect_ignored("an array");
        return true;
    }
    bool end_object() override {
        leave();
        if (depth() == 1 && !in_metadata_) finish_entry();
        return true;
    }
    bool end_array() override {
        leave();
        if (expected_ == expects::offset && offsets_ != 2)
            refuse("data_offsets of " + tensor() + " has " + std::to_string(offsets_) + " numbers", "2");
        return true;
    }
    bool key(std::string& name) override {
        if (depth() == 1) {
            begin_entry(std::move(name));
        } else if (depth() == 2 && in_metadata_) {
            begin_metadata(std::move(name));
        } else if (depth() == 2) {
            begin_field(name);
        }
        return true;  // deeper keys are inside an ignored field
    }

   private:
    static constexpr std::size_t max_depth = 4;  // header, entry, array, and one more for fields that are ignored

    /// The next value.
    enum class expects { header, metadata, text, entry, type, shape, extent, offsets, offset, ignored };

    /// Refuses a value of this type, unless its field is ignored.
    void expect_ignored(const char* type) const {
        if (expected_ == expects::ignored) return;
        if (expected_ == expects::header) refuse(type, "an object: the header must be a JSON object");
        struct field {
            const char* name;
            const char* expected;
        };
        static constexpr std::array<field, 9> fields{{{"", ""},
                                                      {"__metadata__", "an object of strings"},
                                                      {"__metadata__", "a string"},
                                                      {"", "an object"},
                                                      {"dtype of ", "a string"},
                                                      {"shape of ", "an array of unsigned integers"},
                                                      {"shape of ", "an unsigned integer"},
                                                      {"data_offsets of ", "an array of unsigned integers"},
                                                      {"data_offsets of ", "an unsigned integer"}}};
        const auto& [name, expected] = fields[static_cast<std::size_t>(expected_)];
        refuse(name + (in_metadata_ ? "" : tensor()) + " holds " + type, expected);
    }

    std::string tensor() const { return "tensor " + quoted(list_.tensors.back().name); }
    std::string typed_tensor() const {
        const auto& [type, shape, bytes, strides] = list_.tensors.back().tensor;
        return tensor() + " of " + std::string(name_of(type)) + " " + shape_text(shape);
    }

    void begin_entry(std::string&& name) {
        expect_at_most<checkpoint_error>(limits_.name_bytes, name.size(), "bytes of a tensor's name", text_.name);
        in_metadata_ = name == metadata_key;
        if (in_metadata_) {
            if (std::exchange(has_metadata_, true)) refuse("duplicate key " + quoted(name));
            expected_ = expects::metadata;
            return;
        }
        ranges.push_back({0, 0, static_cast<std::uint32_t>(list_.tensors.size())});
        list_.tensors.push_back({std::move(name), {}});
        expected_ = expects::entry;
        has_type_ = has_shape_ = has_offsets_ = false;
        offsets_ = 0;
    }

    void begin_metadata(std::string&& name) {
        bool is_new = false;
        std::tie(metadata_at_, is_new) = list_.metadata.try_emplace(std::move(name));
        if (!is_new) refuse("duplicate key " + quoted(metadata_at_->first) + " in __metadata__");
        expect_at_most<checkpoint_error>(limits_.metadata_entries, list_.metadata.size(), "entries of __metadata__",
                                         text_.name);
        expected_ = expects::text;
    }

    void begin_field(const std::string& name) {
        const auto begin = [&](bool& seen, expects value) {
            if (std::exchange(seen, true)) refuse("duplicate key " + quoted(name) + " in " + tensor());
            expected_ = value;
        };
        if (name == "dtype") return begin(has_type_, expects::type);
        if (name == "shape") return begin(has_shape_, expects::shape);
        if (name == "data_offsets") return begin(has_offsets_, expects::offsets);
        expected_ = expects::ignored;
    }

    void read_type(std::string_view name) {
        const auto type = std::ranges::find(dtypes, name, &dtype_traits::name);
        if (type != dtypes.end()) {
            list_.tensors.back().tensor.type = static_cast<dtype>(type - dtypes.begin());
            return;
        }
        std::string known = "one of";
        for (const dtype_traits& each : dtypes) known += " " + std::string(each.name);
        refuse(tensor() + " has dtype " + quoted(name), known, error_code::unsupported);
    }

    void add_extent(std::uint64_t extent) {
        std::vector<std::size_t>& shape = list_.tensors.back().tensor.shape;
        if (shape.size() == limits_.rank)
            refuse(tensor() + " has too many axes", "at most " + std::to_string(limits_.rank), error_code::limit);
        if (extent > (std::numeric_limits<std::size_t>::max)())
            refuse(tensor() + " is too large", "", error_code::limit);
        shape.push_back(static_cast<std::size_t>(extent));
    }

    void finish_entry() const {
        const char* missing = !has_type_ ? "dtype" : !has_shape_ ? "shape" : !has_offsets_ ? "data_offsets" : nullptr;
        if (missing != nullptr) refuse(tensor() + " has no " + missing);
        const auto& [begin, end, index] = ranges.back();
        if (begin > end) {
            refuse("data_offsets [" + std::to_string(begin) + ", " + std::to_string(end) + "] of " + tensor() +
                   " run backwards");
        }
        const stored_tensor& stored = list_.tensors.back().tensor;
        const std::optional<std::size_t> size = stored_size(stored.type, stored.shape);
        if (!size) refuse(typed_tensor() + " has no size in bytes", "a product that fits 64 bits");
        if (*size != end - begin) {
            refuse(typed_tensor() + " lies in " + std::to_string(end - begin) + " bytes", std::to_string(*size),
                   error_code::shape);
        }
    }

    [[noreturn]] void refuse(std::string what, std::string expected = "", error_code code = error_code::format) const {
        throw checkpoint_error(code, {text_.name, std::move(what), std::move(expected)});
    }

    const safetensors_limits& limits_;
    tensor_list& list_;
    expects expected_ = expects::header;
    std::size_t offsets_ = 0;  // numbers seen in data_offsets
    bool has_metadata_ = false, in_metadata_ = false;
    bool has_type_ = false, has_shape_ = false, has_offsets_ = false;
    tensor_metadata::iterator metadata_at_;
};

/// Sets the byte range of each tensor, after a check that they tile the data: no overlap, no hole, no trailing bytes.
/// \param data offset of the data in the source
inline void place_tensors(tensor_list& list, std::deque<tensor_range>& ranges,
                          const std::shared_ptr<const byte_source>& source, std::size_t data, bool allow_trailing) {
    const auto refuse = [&](std::string what, std::string expected, std::string hint) {
        throw checkpoint_error(error_code::format,
                               {source->place(), std::move(what), std::move(expected), std::move(hint)});
    };
    std::ranges::sort(ranges);
    std::uint64_t reached = 0;
    for (const auto& [begin, end, index] : ranges) {
        if (begin != reached) {
            refuse("tensor " + quoted(list.tensors[index].name) + " begins at byte " + std::to_string(begin) +
                       " of the data, which " + (begin < reached ? "overlaps another tensor" : "leaves a hole"),
                   std::to_string(reached), "");
        }
        reached = end;
    }
    const std::size_t data_bytes = source->size() - data;
    const auto count = [](std::uint64_t bytes) { return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes"); };
    if (reached > data_bytes)
        refuse("the file is " + count(reached - data_bytes) + " short", "", "incomplete download?");
    if (reached < data_bytes && !allow_trailing)
        refuse("the file is " + count(data_bytes - reached) + " too long", "", "set allow_trailing to read it");
    for (const auto& [begin, end, index] : ranges) {
        list.tensors[index].tensor.bytes =
            byte_range(source, data + static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    }
}

}  // namespace detail

/// Reads the header and lists the tensors without reading them. Time is O(n log n) and memory at most four times the
/// header (five where one string is nearly all of it, ten where that one is not JSON).
/// \throws checkpoint_error FORMAT, SHAPE, UNSUPPORTED or LIMIT
inline tensor_list parse_safetensors(const std::shared_ptr<const byte_source>& source,
                                     const safetensors_limits& limits = {}) {
    const auto refuse = [&](std::string what, std::string hint) {
        throw checkpoint_error(error_code::format, {source->place(), std::move(what), "", std::move(hint)});
    };
    const std::size_t size = source->size();
    if (size == 0) refuse("empty file", "was the download interrupted?");
    if (size < detail::length_bytes)
        refuse(std::to_string(size) + " bytes, at least 8 needed", "was the download interrupted?");
    const auto length = detail::little_endian<std::uint64_t>(byte_range(source, 0, detail::length_bytes).bytes());
    if (length > size - detail::length_bytes) {
        refuse("header claims " + std::to_string(length) + " bytes, file has " + std::to_string(size),
               "incomplete download?");
    }
    detail::expect_at_most<checkpoint_error>(limits.header_bytes, length, "bytes of the header", source->place(),
                                             "raise limits.header_bytes if it is meant");
    if (length == 0) refuse("header is empty", "header must be a JSON object");
    const byte_range stored_header(source, detail::length_bytes, static_cast<std::size_t>(length));
    const std::vector<std::byte> copied =
        stored_header.memory().empty() ? stored_header.bytes() : std::vector<std::byte>();
    const std::span<const std::byte> bytes = copied.empty() ? stored_header.memory() : copied;
    const detail::json_text text{
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, source->place(), detail::length_bytes};
    tensor_list list;
    detail::safetensors_header header(text, limits, list);
    detail::parse_json(text, header);
    if (const auto duplicates = list.sort_names())
        refuse("duplicate key " + quoted(list.tensors[duplicates->first].name), "");
    detail::place_tensors(list, header.ranges, source, detail::length_bytes + bytes.size(), limits.allow_trailing);
    return list;
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
    std::ranges::sort(sorted, {}, [](const named_tensor* each) {
        constexpr std::size_t widest = 64;  // bits; the widest first keeps all of them aligned
        return std::pair(widest - bits_of(each->tensor.type), std::string_view(each->name));
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
    std::ranges::sort(names);
    const auto duplicate = std::ranges::adjacent_find(names);
    if (duplicate != names.end()) refuse(*duplicate, "there are two of this name");
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
        stored->bytes.in_chunks(detail::copied_at_once, [&](std::span<const std::byte> piece) {
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
        stored->bytes.in_chunks(detail::copied_at_once, [&](std::span<const std::byte> piece) { file.write(piece); });
    }
    file.commit();
    return plan.size;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
