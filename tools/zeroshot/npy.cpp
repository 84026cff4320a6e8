#include "npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/half.hpp>
#include <zeroshot/support/file.hpp>

#include "console.hpp"

namespace program {

namespace {

// The format of numpy/lib/format.py: magic, version, length of the header, the header as a Python dictionary, numbers.
constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t length_offset = 8;  // after magic and version
constexpr std::size_t alignment = 64;

static_assert(std::endian::native == std::endian::little, "numbers are copied without swapping bytes");

[[noreturn]] void refuse(zeroshot::error_code code, const std::filesystem::path& path, std::string what,
                         std::string expected = "") {
    throw zeroshot::file_error(code, {zeroshot::path_text(path), std::move(what), std::move(expected), ""});
}

/// "2, 3" or "2,": a Python tuple without its parentheses.
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
    const std::size_t size = length_offset + 2 + dictionary.size() + 1;
    dictionary.append((alignment - size % alignment) % alignment, ' ');
    dictionary += '\n';
    std::string header(magic);
    header += '\x01';  // version 1.0
    header += '\0';
    header += static_cast<char>(dictionary.size() & 0xFF);
    header += static_cast<char>(dictionary.size() >> 8);
    return header + dictionary;
}

/// Parser of the header's dictionary as NumPy writes it, not of Python in general.
class dictionary_reader {
   public:
    dictionary_reader(std::string_view text, const std::filesystem::path& path) : text_(text), path_(path) {}

    struct description {
        std::string type;
        bool fortran = false;
        std::vector<std::size_t> shape;
    };

    description read() {
        description header;
        bool has_type = false, has_order = false, has_shape = false;
        expect('{');
        while (!is_next('}')) {
            const std::string key = string();
            expect(':');
            if (key == "descr" && !std::exchange(has_type, true))
                header.type = type();
            else if (key == "fortran_order" && !std::exchange(has_order, true))
                header.fortran = boolean();
            else if (key == "shape" && !std::exchange(has_shape, true))
                header.shape = tuple();
            else
                fail();
            if (!is_next('}')) expect(',');
        }
        expect('}');
        skip_spaces();
        if (!text_.empty() || !has_type || !has_order || !has_shape) fail();
        return header;
    }

   private:
    [[noreturn]] void fail() const { refuse(zeroshot::error_code::format, path_, "invalid NumPy header"); }

    void skip_spaces() { text_.remove_prefix(std::min(text_.find_first_not_of(" \n"), text_.size())); }
    bool is_next(char expected) { return skip_spaces(), text_.starts_with(expected); }
    void expect(char expected) {
        if (!is_next(expected)) fail();
        text_.remove_prefix(1);
    }

    std::string string() {
        const char quote = is_next('"') ? '"' : '\'';
        expect(quote);
        const std::size_t end = text_.find(quote);
        if (end == std::string_view::npos) fail();
        std::string value(text_.substr(0, end));
        text_.remove_prefix(end + 1);
        return value;
    }

    /// A structured type is a list, which is not supported.
    std::string type() {
        if (is_next('['))
            refuse(zeroshot::error_code::unsupported, path_, "an array of structures", "float32 numbers ('<f4')");
        return string();
    }

    bool boolean() {
        skip_spaces();
        for (const auto& [word, value] : {std::pair("True", true), std::pair("False", false)}) {
            if (!text_.starts_with(word)) continue;
            text_.remove_prefix(std::string_view(word).size());
            return value;
        }
        fail();
    }

    std::vector<std::size_t> tuple() {
        constexpr std::size_t max_rank = 32;  // the limit of NumPy 1
        std::vector<std::size_t> numbers;
        expect('(');
        while (!is_next(')')) {
            std::size_t number = 0;
            const auto end = std::from_chars(text_.data(), text_.data() + text_.size(), number);
            if (end.ec != std::errc() || numbers.size() == max_rank) fail();
            text_.remove_prefix(static_cast<std::size_t>(end.ptr - text_.data()));
            numbers.push_back(number);
            if (!is_next(')')) expect(',');
        }
        expect(')');
        return numbers;
    }

    std::string_view text_;
    const std::filesystem::path& path_;
};

/// Number of bytes of an array.
std::size_t size_in_bytes(std::span<const std::size_t> shape, const std::filesystem::path& path,
                          std::size_t element_size = sizeof(float)) {
    std::size_t size = element_size;
    for (const std::size_t extent : shape) {
        if (extent != 0 && size > (std::numeric_limits<std::size_t>::max)() / extent) {
            refuse(zeroshot::error_code::format, path,
                   "shape " + zeroshot::shape_text(shape) + " has too many elements");
        }
        size *= extent;
    }
    return size;
}

/// A number type in NumPy's notation, and the conversion of an element.
struct number_type {
    std::string_view name;
    std::size_t size;  ///< in bytes
    bool is_float;
    double (*read)(const std::byte* element);
};

template <class Number>
double read_number(const std::byte* element) {
    Number number;
    std::memcpy(&number, element, sizeof number);
    return static_cast<double>(number);
}

double read_half(const std::byte* element) {
    std::uint16_t bits;
    std::memcpy(&bits, element, sizeof bits);
    return static_cast<double>(zeroshot::float_from_half(bits));
}

template <class Number>
constexpr number_type make_type(std::string_view name) {
    return {name, sizeof(Number), std::is_floating_point_v<Number>, read_number<Number>};
}

constexpr std::array number_types{
    make_type<float>("f4"),         make_type<double>("f8"),        number_type{"f2", 2, true, read_half},
    make_type<std::uint8_t>("b1"),  make_type<std::int8_t>("i1"),   make_type<std::uint8_t>("u1"),
    make_type<std::int16_t>("i2"),  make_type<std::uint16_t>("u2"), make_type<std::int32_t>("i4"),
    make_type<std::uint32_t>("u4"), make_type<std::int64_t>("i8"),  make_type<std::uint64_t>("u8"),
};

const number_type* find_type(std::string_view name) {
    const auto type = std::ranges::find(number_types, name, &number_type::name);
    return type == number_types.end() ? nullptr : &*type;
}

/// Elements in C order, of an array that is stored in Fortran order.
std::vector<std::byte> in_c_order(std::span<const std::byte> elements, std::span<const std::size_t> shape,
                                  std::size_t size) {
    std::vector<std::byte> result(elements.size());
    std::vector<std::size_t> index(shape.size());
    for (std::size_t to = 0; to < elements.size(); to += size) {
        std::size_t from = 0;
        for (std::size_t axis = shape.size(); axis-- > 0;) from = from * shape[axis] + index[axis];
        std::memcpy(result.data() + to, elements.data() + from * size, size);
        for (std::size_t axis = shape.size(); axis-- > 0 && ++index[axis] == shape[axis];) index[axis] = 0;
    }
    return result;
}

struct header_position {
    std::size_t begin, size;  ///< of the dictionary in the file
};

header_position locate_header(std::span<const std::byte> bytes, const std::filesystem::path& path) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!text.starts_with(magic)) refuse(zeroshot::error_code::format, path, "not a NumPy file", "a .npy file");
    const auto byte = [&](std::size_t at) {
        if (at >= bytes.size()) refuse(zeroshot::error_code::format, path, "the file ends in its header");
        return std::to_integer<std::size_t>(bytes[at]);
    };
    const std::size_t version = byte(magic.size());
    if (version < 1 || version > 3)
        refuse(zeroshot::error_code::unsupported, path, "format version " + std::to_string(version), "1, 2 or 3");
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    std::size_t size = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) size |= byte(length_offset + i) << (8 * i);
    const std::size_t begin = length_offset + length_bytes;
    if (size > bytes.size() - begin) refuse(zeroshot::error_code::format, path, "the file ends in its header");
    return {begin, size};
}

}  // namespace

npy_array::npy_array(const std::filesystem::path& path, npy_types accepted) {
    numbers_ = zeroshot::read_file(path);
    const header_position position = locate_header(numbers_, path);
    const std::string_view text(reinterpret_cast<const char*>(numbers_.data()) + position.begin, position.size);
    auto header = dictionary_reader(text, path).read();
    const char order = header.type.empty() ? '?' : header.type.front();
    const bool has_order = order == '<' || order == '>' || order == '|' || order == '=';
    type_ = header.type.substr(has_order ? 1 : 0);
    const number_type* const type = find_type(type_);
    if (type == nullptr || (accepted == npy_types::real && !type->is_float)) {
        refuse(zeroshot::error_code::unsupported, path, "dtype " + zeroshot::quoted(header.type),
               accepted == npy_types::real ? "float16, float32 or float64" : "floating-point numbers or integers");
    }
    shape_ = std::move(header.shape);
    numbers_.erase(numbers_.begin(), numbers_.begin() + static_cast<std::ptrdiff_t>(position.begin + position.size));
    const std::size_t expected = size_in_bytes(shape_, path, type->size);
    if (numbers_.size() != expected) {
        refuse(zeroshot::error_code::format, path, std::to_string(numbers_.size()) + " bytes of data",
               std::to_string(expected) + " for shape " + zeroshot::shape_text(shape_));
    }
    if (header.fortran) numbers_ = in_c_order(numbers_, shape_, type->size);
    if (order != '>') return;
    for (std::size_t at = 0; at < numbers_.size(); at += type->size)
        std::ranges::reverse(std::span(numbers_).subspan(at, type->size));
}

void npy_array::copy(std::size_t first, std::span<float> target) const {
    const number_type& type = *find_type(type_);
    if (type_ == "f4") {
        std::memcpy(target.data(), numbers_.data() + first * type.size, target.size_bytes());
        return;
    }
    for (std::size_t i = 0; i < target.size(); ++i)
        target[i] = static_cast<float>(type.read(numbers_.data() + (first + i) * type.size));
}

std::vector<double> npy_array::numbers() const {
    const number_type& type = *find_type(type_);
    std::vector<double> numbers;
    numbers.reserve(numbers_.size() / type.size);
    for (std::size_t at = 0; at < numbers_.size(); at += type.size) numbers.push_back(type.read(numbers_.data() + at));
    return numbers;
}

npy_writer::npy_writer(const std::filesystem::path& path, const std::vector<std::size_t>& shape)
    : file_(path, header_of(shape).size() + size_in_bytes(shape, path)) {
    file_.write(header_of(shape));
}

void npy_writer::add(std::span<const float> numbers) {
    file_.write(std::as_bytes(numbers));
}

void check_output_path(const std::filesystem::path& output, std::span<const std::filesystem::path> inputs) {
    std::error_code ignored;
    for (const std::filesystem::path& input : inputs) {
        if (std::filesystem::equivalent(output, input, ignored)) {
            throw usage_error("--output " + zeroshot::path_text(output) + " is one of the inputs");
        }
    }
    if (std::filesystem::is_directory(output, ignored)) {
        throw zeroshot::file_error(zeroshot::error_code::io,
                                   {zeroshot::path_text(output), "is a folder", "a file", ""});
    }
    const std::filesystem::path folder = output.has_parent_path() ? output.parent_path() : ".";
    if (!std::filesystem::is_directory(folder, ignored)) {
        throw zeroshot::file_error(zeroshot::error_code::io,
                                   {zeroshot::path_text(output), "no folder " + zeroshot::path_text(folder), "", ""});
    }
}

}  // namespace program
