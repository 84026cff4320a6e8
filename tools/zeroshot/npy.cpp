#include "npy.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

#include <zeroshot/error.hpp>

#include "console.hpp"

namespace program {

namespace {

// The format: numpy/lib/format.py. Magic, version, length of the header, a Python dictionary, the numbers.
constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t before_length = 8;  // magic and version
constexpr std::size_t alignment = 64;

static_assert(std::endian::native == std::endian::little, "the numbers are copied as they lie in memory");

[[noreturn]] void refuse(zeroshot::error_code code, const std::filesystem::path& path, std::string what,
                         std::string expected = "") {
    throw zeroshot::file_error(code, {zeroshot::path_text(path), std::move(what), std::move(expected), ""});
}

/// "2, 3" or "2,", as Python has it between the brackets.
std::string shape_tuple(std::span<const std::size_t> shape) {
    std::string text;
    for (const std::size_t extent : shape) {
        if (!text.empty()) text += ' ';
        text.append(std::to_string(extent)).append(",");
    }
    if (shape.size() > 1) text.pop_back();
    return text;
}

std::string header_of(std::span<const std::size_t> shape) {
    std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
    dictionary.append(shape_tuple(shape)).append("), }");
    const std::size_t taken = before_length + 2 + dictionary.size() + 1;
    dictionary.append((alignment - taken % alignment) % alignment, ' ');
    dictionary += '\n';
    std::string header(magic);
    header += '\x01';  // version 1.0
    header += '\0';
    header += static_cast<char>(dictionary.size() & 0xFF);
    header += static_cast<char>(dictionary.size() >> 8);
    return header + dictionary;
}

/// Reads the dictionary as NumPy writes it, and nothing else of Python.
class dictionary_reader {
   public:
    dictionary_reader(std::string_view text, const std::filesystem::path& path) : text_(text), path_(path) {}

    struct description {
        std::string type;
        bool fortran = false;
        std::vector<std::size_t> shape;
    };

    description read() {
        description found;
        bool has_type = false, has_order = false, has_shape = false;
        take('{');
        while (!is_next('}')) {
            const std::string key = string();
            take(':');
            if (key == "descr" && !std::exchange(has_type, true))
                found.type = type();
            else if (key == "fortran_order" && !std::exchange(has_order, true))
                found.fortran = boolean();
            else if (key == "shape" && !std::exchange(has_shape, true))
                found.shape = tuple();
            else
                fail();
            if (!is_next('}')) take(',');
        }
        take('}');
        skip_spaces();
        if (!text_.empty() || !has_type || !has_order || !has_shape) fail();
        return found;
    }

   private:
    [[noreturn]] void fail() const { refuse(zeroshot::error_code::format, path_, "the header is not NumPy's"); }

    void skip_spaces() { text_.remove_prefix(std::min(text_.find_first_not_of(" \n"), text_.size())); }
    bool is_next(char wanted) { return skip_spaces(), text_.starts_with(wanted); }
    void take(char wanted) {
        if (!is_next(wanted)) fail();
        text_.remove_prefix(1);
    }

    std::string string() {
        const char quote = is_next('"') ? '"' : '\'';
        take(quote);
        const std::size_t end = text_.find(quote);
        if (end == std::string_view::npos) fail();
        std::string found(text_.substr(0, end));
        text_.remove_prefix(end + 1);
        return found;
    }

    /// A structured type is a list: not ours, whatever it says.
    std::string type() {
        if (is_next('['))
            refuse(zeroshot::error_code::unsupported, path_, "an array of structures", "float32 numbers ('<f4')");
        return string();
    }

    bool boolean() {
        skip_spaces();
        for (const auto& [word, truth] : {std::pair("True", true), std::pair("False", false)}) {
            if (!text_.starts_with(word)) continue;
            text_.remove_prefix(std::string_view(word).size());
            return truth;
        }
        fail();
    }

    std::vector<std::size_t> tuple() {
        constexpr std::size_t highest_rank = 32;  // NumPy's own limit was 32 for long
        std::vector<std::size_t> numbers;
        take('(');
        while (!is_next(')')) {
            std::size_t number = 0;
            const auto end = std::from_chars(text_.data(), text_.data() + text_.size(), number);
            if (end.ec != std::errc() || numbers.size() == highest_rank) fail();
            text_.remove_prefix(static_cast<std::size_t>(end.ptr - text_.data()));
            numbers.push_back(number);
            if (!is_next(')')) take(',');
        }
        take(')');
        return numbers;
    }

    std::string_view text_;
    const std::filesystem::path& path_;
};

/// Elements times the size of one, where that can be.
std::size_t size_in_bytes(std::span<const std::size_t> shape, const std::filesystem::path& path,
                          std::size_t element = sizeof(float)) {
    std::size_t size = element;
    for (const std::size_t extent : shape) {
        if (extent != 0 && size > std::numeric_limits<std::size_t>::max() / extent) {
            refuse(zeroshot::error_code::format, path,
                   "shape " + zeroshot::shape_text(shape) + " has too many elements");
        }
        size *= extent;
    }
    return size;
}

/// Is the type one of those? And what to say that it should have been.
bool is_among(npy_types wanted, std::string_view type) {
    const bool real = type == "<f4" || type == "<f8";
    const bool whole = type == "|b1" || type == "|i1" || type == "|u1" || type == "<i2" || type == "<u2" ||
                       type == "<i4" || type == "<u4" || type == "<i8" || type == "<u8";
    return wanted == npy_types::float32 ? type == "<f4"
           : wanted == npy_types::real  ? real
           : wanted == npy_types::whole ? whole
                                        : real || whole;
}

const char* expected_of(npy_types wanted) {
    switch (wanted) {
        case npy_types::float32:
            return "float32 ('<f4'); save it with .astype('float32')";
        case npy_types::real:
            return "float32 or float64 ('<f4', '<f8')";
        case npy_types::whole:
            return "whole numbers, as '<i8'";
        default:
            return "float32, float64, or whole numbers";
    }
}

template <class Number>
void append_all(std::vector<double>& to, std::span<const std::byte> bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(Number)) {
        Number number;
        std::memcpy(&number, bytes.data() + at, sizeof number);
        to.push_back(static_cast<double>(number));
    }
}

}  // namespace

npy_array::npy_array(const std::filesystem::path& path, npy_types wanted_types) : bytes_(zeroshot::read_file(path)) {
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
    if (!text.starts_with(magic))
        refuse(zeroshot::error_code::format, path, "this is no NumPy file", "a .npy file of float32");
    const auto byte = [&](std::size_t at) {
        if (at >= bytes_.size()) refuse(zeroshot::error_code::format, path, "it ends within its header");
        return std::to_integer<std::size_t>(bytes_[at]);
    };
    const std::size_t version = byte(magic.size());
    if (version < 1 || version > 3)
        refuse(zeroshot::error_code::unsupported, path, "version " + std::to_string(version) + " of the format",
               "1, 2 or 3");
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    std::size_t length = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) length |= byte(before_length + i) << (8 * i);
    data_begins_ = before_length + length_bytes + length;
    if (data_begins_ > bytes_.size()) refuse(zeroshot::error_code::format, path, "it ends within its header");

    auto found = dictionary_reader(text.substr(before_length + length_bytes, length), path).read();
    if (!is_among(wanted_types, found.type))
        refuse(zeroshot::error_code::unsupported, path, "numbers of type " + zeroshot::quoted(found.type),
               expected_of(wanted_types));
    if (found.fortran && found.shape.size() > 1) {
        refuse(zeroshot::error_code::unsupported, path, "an array in Fortran's order",
               "C order; save numpy.ascontiguousarray(...)");
    }
    shape_ = std::move(found.shape);
    type_ = std::move(found.type);
    const auto element = static_cast<std::size_t>(type_.back() - '0');
    const std::size_t wanted = size_in_bytes(shape_, path, element), there = bytes_.size() - data_begins_;
    if (there != wanted) {
        refuse(zeroshot::error_code::format, path,
               "shape " + zeroshot::shape_text(shape_) + " takes " + std::to_string(wanted) + " bytes, there are " +
                   std::to_string(there));
    }
}

void npy_array::copy(std::size_t first, std::span<float> into) const {
    std::memcpy(into.data(), bytes_.data() + data_begins_ + first * sizeof(float), into.size_bytes());
}

std::vector<double> npy_array::numbers() const {
    const std::span<const std::byte> bytes = std::span(bytes_).subspan(data_begins_);
    std::vector<double> all;
    all.reserve(bytes.size() / static_cast<std::size_t>(type_.back() - '0'));
    if (type_ == "<f4")
        append_all<float>(all, bytes);
    else if (type_ == "<f8")
        append_all<double>(all, bytes);
    else if (type_ == "|i1")
        append_all<std::int8_t>(all, bytes);
    else if (type_ == "|u1" || type_ == "|b1")
        append_all<std::uint8_t>(all, bytes);
    else if (type_ == "<i2")
        append_all<std::int16_t>(all, bytes);
    else if (type_ == "<u2")
        append_all<std::uint16_t>(all, bytes);
    else if (type_ == "<i4")
        append_all<std::int32_t>(all, bytes);
    else if (type_ == "<u4")
        append_all<std::uint32_t>(all, bytes);
    else if (type_ == "<i8")
        append_all<std::int64_t>(all, bytes);
    else
        append_all<std::uint64_t>(all, bytes);
    return all;
}

npy_writer::npy_writer(const std::filesystem::path& path, const std::vector<std::size_t>& shape)
    : file_(path, header_of(shape).size() + size_in_bytes(shape, path)) {
    file_.write(header_of(shape));
}

void npy_writer::add(std::span<const float> numbers) {
    file_.write(std::as_bytes(numbers));
}

void check_target(const std::filesystem::path& target, std::span<const std::filesystem::path> inputs) {
    std::error_code unknown;
    for (const std::filesystem::path& input : inputs) {
        if (std::filesystem::equivalent(target, input, unknown)) {
            throw usage_error("--output " + zeroshot::path_text(target) + " is one of the inputs");
        }
    }
    if (std::filesystem::is_directory(target, unknown)) {
        throw zeroshot::file_error(zeroshot::error_code::io,
                                   {zeroshot::path_text(target), "this is a folder", "a file to write", ""});
    }
    const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
    if (!std::filesystem::is_directory(folder, unknown)) {
        throw zeroshot::file_error(
            zeroshot::error_code::io,
            {zeroshot::path_text(target), "there is no folder " + zeroshot::path_text(folder), "", ""});
    }
}

}  // namespace program
