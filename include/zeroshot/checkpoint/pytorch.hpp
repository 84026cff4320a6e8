#pragma once
/// \file Files of torch.save and TorchScript since PyTorch 1.6: a zip archive with a pickle.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/foreign_formats.hpp>
#include <zeroshot/checkpoint/limits.hpp>
#include <zeroshot/checkpoint/pickle.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/checkpoint/zip.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/utf8.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The contents of a PyTorch file.
struct pytorch_file {
    tensor_list tensors;
    bool scripted = false;  ///< written by TorchScript, not by torch.save
};

namespace detail {

struct typed_name {
    std::string_view name;
    dtype type;
};

inline constexpr std::array torch_storages{
    typed_name{"torch FloatStorage", dtype::f32},     typed_name{"torch HalfStorage", dtype::f16},
    typed_name{"torch BFloat16Storage", dtype::bf16}, typed_name{"torch DoubleStorage", dtype::f64},
    typed_name{"torch LongStorage", dtype::i64},      typed_name{"torch IntStorage", dtype::i32},
    typed_name{"torch ShortStorage", dtype::i16},     typed_name{"torch CharStorage", dtype::i8},
    typed_name{"torch ByteStorage", dtype::u8},       typed_name{"torch BoolStorage", dtype::boolean},
};

/// Element types of tensors with an untyped storage.
inline constexpr std::array torch_types{
    typed_name{"torch float32", dtype::f32},
    typed_name{"torch float16", dtype::f16},
    typed_name{"torch bfloat16", dtype::bf16},
    typed_name{"torch float64", dtype::f64},
    typed_name{"torch int64", dtype::i64},
    typed_name{"torch int32", dtype::i32},
    typed_name{"torch int16", dtype::i16},
    typed_name{"torch int8", dtype::i8},
    typed_name{"torch uint8", dtype::u8},
    typed_name{"torch uint16", dtype::u16},
    typed_name{"torch uint32", dtype::u32},
    typed_name{"torch uint64", dtype::u64},
    typed_name{"torch bool", dtype::boolean},
    typed_name{"torch float8_e5m2", dtype::f8_e5m2},
    typed_name{"torch float8_e4m3fn", dtype::f8_e4m3},
};

inline constexpr std::string_view torch_untyped = "torch.storage UntypedStorage";
inline constexpr std::string_view rebuild_tensor = "torch._utils _rebuild_tensor_v2";
inline constexpr std::string_view rebuild_untyped_tensor = "torch._utils _rebuild_tensor_v3";
inline constexpr std::array<std::string_view, 2> rebuild_parameter{"torch._utils _rebuild_parameter",
                                                                   "torch._utils _rebuild_parameter_with_state"};

/// Functions whose results are not tensors: permitted, and skipped.
inline constexpr std::array<std::string_view, 7> torch_functions{"torch Size",
                                                                 "torch device",
                                                                 "torch.jit._pickle restore_type_tag",
                                                                 "torch.jit._pickle build_intlist",
                                                                 "torch.jit._pickle build_doublelist",
                                                                 "torch.jit._pickle build_boollist",
                                                                 "torch.jit._pickle build_tensorlist"};

inline bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

template <std::size_t Count>
std::optional<dtype> type_of(const std::array<typed_name, Count>& names, std::string_view name) {
    const auto at = std::ranges::find(names, name, &typed_name::name);
    return at == names.end() ? std::nullopt : std::optional(at->type);
}

/// The permitted globals: a subset of PyTorch's weights_only list, and classes of TorchScript, whose code is not read.
inline pickle_role torch_role(std::string_view name) {
    if (name.starts_with("__torch__.") || name.starts_with("__torch__ ")) return pickle_role::object;
    if (name == "collections OrderedDict") return pickle_role::dictionary;
    if (type_of(torch_storages, name) || type_of(torch_types, name) || name == torch_untyped) return pickle_role::name;
    const bool function = name == rebuild_tensor || name == rebuild_untyped_tensor ||
                          is_one_of(rebuild_parameter, name) || is_one_of(torch_functions, name);
    return function ? pickle_role::function : pickle_role::other;
}

/// The root folder of the archive with its slash: "archive/".
inline std::string torch_folder(const zip_archive& archive) {
    const auto refuse = [&](const std::string& what, const char* expected) {
        throw checkpoint_error(error_code::format, {archive.place(), what, expected, "is it a PyTorch checkpoint?"});
    };
    constexpr const char* layout = "a zip archive of PyTorch: one folder with data.pkl and data/";
    if (archive.entries().empty()) refuse("the zip archive is empty", layout);
    const std::string& first = archive.entries().front().name;
    const std::string folder = first.substr(0, first.find('/') + 1);
    if (archive.find(keras_archive.mark) != nullptr) refuse_format(keras_archive, archive.place());
    if (archive.find(folder + std::string(exported_program.mark)) != nullptr)
        refuse_format(exported_program, archive.place());
    if (folder.empty() || archive.find(folder + "data.pkl") == nullptr)
        refuse("the zip archive has no data.pkl beside " + quoted(first), layout);
    for (const zip_entry& entry : archive.entries()) {
        if (!entry.name.starts_with(folder)) refuse("the zip archive has " + quoted(entry.name), layout);
    }
    return folder;
}

/// Collects the tensors of a pickle.
class torch_reader {
   public:
    torch_reader(const zip_archive& archive, const pytorch_limits& limits)
        : archive_(archive),
          limits_(limits),
          folder_(torch_folder(archive)),
          pickle_(read_pickle(*archive.contents(*archive.find(folder_ + "data.pkl")), torch_role, limits.pickle)),
          records_(archive.entries().size()) {}

    pytorch_file read() {
        expect_little_endian();
        pytorch_file file;
        file.scripted = archive_.find(folder_ + "constants.pkl") != nullptr;
        const std::uint32_t state = state_dictionary();
        collect(state);
        if (list_.tensors.empty()) expect_no_object(state);
        expect_unique();
        file.tensors = std::move(list_);
        return file;
    }

   private:
    [[noreturn]] void refuse(std::string what, std::string expected = "", std::string hint = "",
                             error_code code = error_code::format) const {
        throw checkpoint_error(code, {pickle_.place, std::move(what), std::move(expected), std::move(hint)});
    }

    void expect_little_endian() const {
        const zip_entry* const entry = archive_.find(folder_ + "byteorder");
        if (entry == nullptr) return;  // PyTorch before 2.1
        constexpr std::size_t longest = 16;
        const auto record = archive_.contents(*entry);
        const std::vector<std::byte> bytes = byte_range(record, 0, (std::min)(record->size(), longest)).bytes();
        const std::string_view order(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        if (order == "little") return;
        const bool big = order == "big";
        throw checkpoint_error(big ? error_code::unsupported : error_code::format,
                               {record->place(), "the byte order is " + quoted(order), "little",
                                big ? "load and save it on a little-endian machine" : ""});
    }

    // The state dict.

    /// The dictionary of an object's attributes, or a dictionary itself.
    std::optional<std::uint32_t> attributes(std::uint32_t index) const {
        const pickle_node& node = pickle_[index];
        if (node.kind == pickle_kind::dictionary) return index;
        const bool has_state = node.kind == pickle_kind::object && node.items.size() == 2 &&
                               pickle_[node.items[1]].kind == pickle_kind::dictionary;
        return has_state ? std::optional(node.items[1]) : std::nullopt;
    }

    /// Refuses what stands in the place of a state dict, by its class.
    [[noreturn]] void refuse_object(const std::string& subject, std::uint32_t index) const {
        const pickle_node& node = pickle_[index];
        refuse(subject + std::string(name_of(node.kind)) +
                   (node.kind == pickle_kind::other ? " of " + quoted(node.text) : std::string()),
               "a dictionary of tensors", "save it with torch.save(model.state_dict(), ...)", error_code::unsupported);
    }

    /// The state dict: the saved object, or a dictionary in it; other entries are skipped.
    std::uint32_t state_dictionary() {
        std::optional<std::uint32_t> state = attributes(pickle_.root);
        if (!state) refuse_object("the file holds ", pickle_.root);
        while (const std::optional<std::uint32_t> inner = wrapped(*state)) {
            skip_others(*state, *inner);
            state = inner;
        }
        return *state;
    }

    /// Number of a dictionary's own tensors, and modules that may hold some.
    std::size_t tensors_in(std::uint32_t dictionary) const {
        const std::vector<std::uint32_t>& items = pickle_[dictionary].items;
        std::size_t count = 0;
        for (std::size_t i = 1; i < items.size(); i += 2)
            count += is_tensor(items[i]) || pickle_[items[i]].kind == pickle_kind::object ? 1 : 0;
        return count;
    }

    /// An entry of a dictionary that is a dictionary itself.
    struct ranked_entry {
        std::size_t rank;  // of its name
        std::uint32_t key, value;
    };

    /// The dictionary inside another that holds the model, with more tensors than stand beside it: of those with the
    /// names that training programs use the first, averaged weights last; else the only one with tensors; else the
    /// first of these names.
    std::optional<std::uint32_t> wrapped(std::uint32_t dictionary) const {
        constexpr std::array<std::string_view, 8> names{"state_dict", "model_state_dict", "model",     "net",
                                                        "module",     "state_dict_ema",   "model_ema", "ema"};
        const std::vector<std::uint32_t>& items = pickle_[dictionary].items;
        std::vector<ranked_entry> ranked;
        for (std::size_t i = 0; i < items.size(); i += 2) {
            const auto name = std::ranges::find(names, pickle_[items[i]].text);
            if (pickle_[items[i + 1]].kind == pickle_kind::dictionary)
                ranked.push_back({static_cast<std::size_t>(name - names.begin()), items[i], items[i + 1]});
        }
        std::ranges::stable_sort(ranked, {}, &ranked_entry::rank);
        const std::size_t beside = tensors_in(dictionary);  // losses, states of random generators, or the model itself
        std::set<std::uint32_t> seen;                       // a small pickle can hold the same dictionary very often
        std::vector<ranked_entry> others;
        for (const ranked_entry& each : ranked) {
            if (!seen.insert(each.value).second || tensors_in(each.value) <= beside) continue;
            if (each.rank < names.size()) return each.value;
            others.push_back(each);
        }
        if (others.size() == 1) return others.front().value;
        if (others.size() > 1) {
            refuse("several dictionaries of tensors: " + quoted(joined("", others[0].key)) + ", " +
                       quoted(joined("", others[1].key)),
                   "one", "save the state dict of the one you need", error_code::unsupported);
        }
        if (beside > 0) return std::nullopt;
        const bool has_named = !ranked.empty() && ranked.front().rank < names.size();
        return has_named ? std::optional(ranked.front().value) : std::nullopt;
    }

    void skip_others(std::uint32_t dictionary, std::uint32_t wanted) {
        const std::vector<std::uint32_t>& items = pickle_[dictionary].items;
        for (std::size_t i = 0; i < items.size(); i += 2) {
            if (items[i + 1] != wanted) skip(joined("", items[i]));
        }
    }

    /// Refuses a dictionary without tensors whose model was saved as an object of its class.
    void expect_no_object(std::uint32_t dictionary) const {
        const std::vector<std::uint32_t>& items = pickle_[dictionary].items;
        for (std::size_t i = 1; i < items.size(); i += 2)
            if (pickle_[items[i]].kind == pickle_kind::other)
                refuse_object("the file holds no tensors, but ", items[i]);
    }

    /// Names every tensor by its path of attributes, in the order of the file.
    void collect(std::uint32_t state) {
        struct level {
            std::string path;
            std::uint32_t dictionary;
            std::size_t next = 0;
        };
        std::vector<level> open{{"", state}};
        while (!open.empty()) {
            level& last = open.back();
            const std::vector<std::uint32_t>& items = pickle_[last.dictionary].items;
            if (last.next == items.size()) {
                open.pop_back();
                continue;
            }
            const std::uint32_t key = items[last.next], value = items[last.next + 1];
            last.next += 2;
            std::string name = joined(last.path, key);
            if (pickle_[key].kind == pickle_kind::text && is_tensor(value)) {
                add(std::move(name), value);
            } else if (pickle_[value].kind == pickle_kind::object && attributes(value)) {
                count();
                open.push_back({name + ".", *attributes(value)});
            } else {
                skip(std::move(name));
            }
        }
    }

    std::string joined(const std::string& path, std::uint32_t key) const {
        const pickle_node& node = pickle_[key];
        const std::string name =
            path + (node.kind == pickle_kind::text      ? std::string(node.text)
                    : node.kind == pickle_kind::integer ? std::to_string(node.integer)
                                                        : "(" + std::string(name_of(node.kind)) + ")");
        expect_at_most<checkpoint_error>(limits_.name_bytes, name.size(), "bytes of a name", pickle_.place);
        if (!is_utf8(name)) refuse("the name " + quoted(name) + " is not UTF-8");
        return name;
    }

    /// Shared values count each time: a small pickle can expand to very many.
    void count() { expect_at_most<checkpoint_error>(limits_.values, ++values_, "values", pickle_.place); }

    void skip(std::string name) {
        count();
        list_.skipped.push_back(std::move(name));
    }

    void expect_unique() {
        if (const auto duplicates = list_.sort_names())
            refuse("there are two tensors " + quoted(list_.tensors[duplicates->first].name));
    }

    // Tensors and their storages.

    std::string_view function_of(std::uint32_t index) const {
        const pickle_node& node = pickle_[index];
        return node.kind == pickle_kind::call ? pickle_[node.items[0]].text : std::string_view();
    }

    bool is_parameter(std::uint32_t index) const { return is_one_of(rebuild_parameter, function_of(index)); }
    bool is_tensor(std::uint32_t index) const {
        return is_parameter(index) || function_of(index) == rebuild_tensor ||
               function_of(index) == rebuild_untyped_tensor;
    }

    /// The item of a tuple, which must be of a kind.
    const pickle_node& item(const pickle_node& tuple, std::size_t index, pickle_kind kind) const {
        const pickle_node* const node = index < tuple.items.size() ? &pickle_[tuple.items[index]] : nullptr;
        if (node == nullptr || node->kind != kind) {
            refuse(subject_ + " is made of " + (node == nullptr ? "too few items" : std::string(name_of(node->kind))),
                   std::string(name_of(kind)) + " as item " + std::to_string(index));
        }
        return *node;
    }

    std::size_t unsigned_item(const pickle_node& tuple, std::size_t index) const {
        const std::int64_t value = item(tuple, index, pickle_kind::integer).integer;
        if (value < 0) refuse(subject_ + " is made of " + std::to_string(value), "no negative number");
        return static_cast<std::size_t>(value);
    }

    std::vector<std::size_t> unsigned_items(const pickle_node& tuple) const {
        expect_at_most<checkpoint_error>(limits_.rank, tuple.items.size(), "axes", pickle_.place + ": " + subject_);
        std::vector<std::size_t> values;
        for (std::size_t i = 0; i < tuple.items.size(); ++i) values.push_back(unsigned_item(tuple, i));
        return values;
    }

    void add(std::string name, std::uint32_t index) {
        count();
        subject_ = "tensor " + quoted(name);
        const pickle_node* call = &pickle_[index];
        while (is_parameter(index)) {  // torch._utils._rebuild_parameter(tensor, ...)
            const pickle_node& arguments = pickle_[call->items[1]];
            call = &item(arguments, 0, pickle_kind::call);
            index = arguments.items[0];
        }
        if (!is_tensor(index)) refuse(subject_ + " is made of " + quoted(function_of(index)));
        list_.tensors.push_back({std::move(name), tensor_of(pickle_[call->items[1]], function_of(index))});
    }

    /// A tensor's reference to its storage.
    struct storage {
        std::shared_ptr<const byte_source> bytes;
        dtype type;
        std::size_t elements;
    };

    /// \param arguments storage, offset, shape, strides, requires_grad, hooks; then the type for an untyped storage
    stored_tensor tensor_of(const pickle_node& arguments, std::string_view function) {
        std::optional<dtype> type;
        if (function == rebuild_untyped_tensor) {
            type = type_of(torch_types, item(arguments, 6, pickle_kind::global).text);
            if (!type) refuse(subject_ + " has no type");
        }
        const storage from = storage_of(item(arguments, 0, pickle_kind::reference), type);
        const std::size_t offset = unsigned_item(arguments, 1);
        stored_tensor tensor;
        tensor.type = from.type;
        tensor.shape = unsigned_items(item(arguments, 2, pickle_kind::tuple));
        tensor.strides = unsigned_items(item(arguments, 3, pickle_kind::tuple));
        const std::size_t width = bits_of(tensor.type) / 8, spanned = spanned_elements(tensor, offset, from.elements);
        tensor.bytes = byte_range(from.bytes, spanned == 0 ? 0 : offset * width, spanned * width);
        if (is_row_major(tensor)) tensor.strides.clear();
        return tensor;
    }

    /// \param type of the elements of an untyped storage, whose size is in bytes
    storage storage_of(const pickle_node& reference, std::optional<dtype> type) {
        const pickle_node& id = item(reference, 0, pickle_kind::tuple);
        const std::string_view kind = item(id, 0, pickle_kind::text).text;
        if (kind != "storage" || id.items.size() != 5)  // kind, type, key, device, size
            refuse(subject_ + " refers to " + quoted(kind), "a storage");
        const std::string_view storage_type = item(id, 1, pickle_kind::global).text;
        const std::string_view key = item(id, 2, pickle_kind::text).text;
        const std::size_t size = unsigned_item(id, 4);
        const std::optional<dtype> own = type_of(torch_storages, storage_type);
        if (own.has_value() == type.has_value() || (!own && storage_type != torch_untyped))
            refuse(subject_ + " lies in a storage of type " + quoted(storage_type));
        const std::size_t width = bits_of(own ? *own : *type) / 8;
        const std::size_t elements = own ? size : size / width;
        storage stored{record(key), own ? *own : *type, elements};
        if (elements > stored.bytes->size() / width) {
            refuse(subject_ + " lies in a storage of " + std::to_string(elements) + " elements of " +
                       std::to_string(width) + " bytes, of which the archive holds " +
                       std::to_string(stored.bytes->size()) + " bytes",
                   "", "incomplete download?");
        }
        return stored;
    }

    /// The storage of a key, checked once.
    std::shared_ptr<const byte_source> record(std::string_view key) {
        if (key.empty() || key.find_first_not_of("0123456789") != std::string_view::npos)
            refuse(subject_ + " lies in a storage with the key " + quoted(key), "a number");
        const zip_entry* const entry = archive_.find(folder_ + "data/" + std::string(key));
        if (entry == nullptr) refuse(subject_ + " lies in a storage that is missing: " + quoted(key));
        std::shared_ptr<const byte_source>& known =
            records_[static_cast<std::size_t>(entry - archive_.entries().data())];
        if (known == nullptr) known = archive_.contents(*entry);
        return known;
    }

    /// Checks that a view lies within its storage, and that its elements do not overlap.
    /// \return the number of elements from its first to its last
    std::size_t spanned_elements(const stored_tensor& view, std::size_t offset, std::size_t elements) const {
        const auto refuse_view = [&](const char* what) {
            refuse(subject_ + " of " + shape_text(view.shape) + " with strides " + shape_text(view.strides) +
                       " from element " + std::to_string(offset) + what,
                   "a part of its storage of " + std::to_string(elements) + " elements", "", error_code::shape);
        };
        if (view.shape.size() != view.strides.size()) refuse_view(" has a stride too many or too few");
        const std::optional<std::size_t> size = stored_size(view.type, view.shape);
        if (!size) refuse_view(" has no size in bytes");
        if (*size == 0) return 0;
        if (offset >= elements) refuse_view(" begins behind it");
        std::vector<std::pair<std::size_t, std::size_t>> axes;  // stride, steps
        for (std::size_t axis = 0; axis < view.shape.size(); ++axis) {
            if (view.shape[axis] > 1) axes.emplace_back(view.strides[axis], view.shape[axis] - 1);
        }
        std::ranges::sort(axes);
        std::size_t last = 0;
        for (const auto& [stride, steps] : axes) {
            if (stride <= last) refuse_view(" reaches elements twice");
            if (steps > (elements - 1 - offset - last) / stride) refuse_view(" ends behind it");
            last += stride * steps;
        }
        return last + 1;
    }

    static bool is_row_major(const stored_tensor& view) {
        std::size_t expected = 1;
        for (std::size_t axis = view.shape.size(); axis-- > 0;) {
            if (view.shape[axis] == 0) return true;
            if (view.shape[axis] > 1 && view.strides[axis] != expected) return false;
            expected *= view.shape[axis];
        }
        return true;
    }

    const zip_archive& archive_;
    const pytorch_limits& limits_;
    std::string folder_;
    pickle_document pickle_;
    tensor_list list_;
    std::size_t values_ = 0;
    std::string subject_;                                      // of messages: the current tensor
    std::vector<std::shared_ptr<const byte_source>> records_;  // by entry of the archive; null until used
};

}  // namespace detail

/// Lists the tensors of a PyTorch file without reading them. A state dict may be inside a dictionary as "state_dict",
/// "model" and the like; tensors of a TorchScript module are named by their path. Other values are skipped and listed.
/// The code of TorchScript is not read, and nothing is executed.
/// \throws checkpoint_error FORMAT, SHAPE, UNSUPPORTED or LIMIT
inline pytorch_file parse_pytorch(const std::shared_ptr<const byte_source>& source, const pytorch_limits& limits = {}) {
    const zip_archive archive(source, limits.archive);
    return detail::torch_reader(archive, limits).read();
}

}}  // namespace zeroshot::ZEROSHOT_ABI
