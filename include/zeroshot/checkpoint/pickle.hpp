#pragma once
/// \file Python pickles of protocol 2, read as data: globals are names, and nothing is called.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/limits.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/byte_source.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The kind of a node, and its items.
enum class pickle_kind : std::uint8_t {
    none,
    boolean,
    integer,
    real,
    text,
    global,      ///< a class or function of Python, by its name
    tuple,       ///< items: as written
    list,        ///< items: as written
    dictionary,  ///< items: keys and values in turn
    call,        ///< items: the function, the tuple of its arguments, and the state if it was given one
    object,      ///< items: the class, and the state if it has one
    reference,   ///< items: a persistent id, a tuple that names data outside of the pickle
    other        ///< a value of a class that is not known, which is never made; its class is the text, it has no items
};

/// The kind in messages.
inline std::string_view name_of(pickle_kind kind) {
    constexpr std::array<std::string_view, 13> names{
        "None",     "a truth value", "an integer",   "a number", "a string",  "a name",
        "a tuple",  "a list",        "a dictionary", "a call",   "an object", "a persistent reference",
        "an object"};
    return names[static_cast<std::size_t>(kind)];
}

/// A value of a pickle. Nodes refer to each other by index, so sharing is free and nothing recurses.
struct pickle_node {
    pickle_kind kind = pickle_kind::none;
    std::size_t position = 0;  ///< the byte of its opcode
    std::int64_t integer = 0;  ///< of an integer or truth value
    std::string_view text{};   ///< of a text, a global as "module name", or the global that made another value
    std::vector<std::uint32_t> items{};  ///< indices, see pickle_kind
};

/// The permitted use of a global.
enum class pickle_role {
    other,       ///< none: what is made of it is pickle_kind::other
    name,        ///< as a value only
    function,    ///< to be called
    dictionary,  ///< to be called without arguments, which makes an empty dictionary
    object       ///< to be made an object of
};

/// The role of a global by its name, "module name".
using pickle_globals = pickle_role (*)(std::string_view name);

/// A pickle as an acyclic graph of limited depth.
struct pickle_document {
    std::string place;
    std::vector<std::byte> bytes;     ///< of the pickle: texts lie in them
    std::deque<std::string> names{};  ///< of the globals
    std::vector<pickle_node> nodes{};
    std::uint32_t root = 0;

    const pickle_node& operator[](std::uint32_t index) const { return nodes[index]; }
};

namespace detail {

/// The opcodes of protocol 2 that torch.save and TorchScript write: those of PyTorch's weights_only machine
/// (torch/_weights_only_unpickler.py), less the one that belongs to protocol 4; and those that values beside the
/// tensors need.
enum class opcode : std::uint8_t {
    mark = '(',
    stop = '.',
    pop = '0',
    pop_mark = '1',
    binint = 'J',
    binint1 = 'K',
    binint2 = 'M',
    none = 'N',
    binpersid = 'Q',
    reduce = 'R',
    short_binstring = 'U',
    binstring = 'T',  // Python 2's: a string longer than 255 bytes, as arrays of NumPy
    binunicode = 'X',
    append = 'a',
    build = 'b',
    global = 'c',
    appends = 'e',
    binget = 'h',
    long_binget = 'j',
    binput = 'q',
    long_binput = 'r',
    setitem = 's',
    tuple = 't',
    setitems = 'u',
    binfloat = 'G',
    empty_list = ']',
    empty_dictionary = '}',
    empty_tuple = ')',
    proto = 0x80,
    newobj = 0x81,
    tuple1 = 0x85,
    tuple2 = 0x86,
    tuple3 = 0x87,
    newtrue = 0x88,
    newfalse = 0x89,
    long1 = 0x8a,
    long4 = 0x8b
};

/// Interprets the opcodes with a stack of node indices.
class pickle_machine {
   public:
    pickle_machine(pickle_document& document, pickle_globals roles, const pickle_limits& limits)
        : document_(document), bytes_(document.bytes), roles_(roles), limits_(limits) {}

    void run() {
        expect_protocol();
        for (std::size_t operations = 1;; ++operations) {
            begin_ = at_;
            expect_at_most(limits_.operations, operations, "operations");
            const auto code = static_cast<opcode>(number<std::uint8_t>());
            if (code == opcode::stop) break;
            step(code);
        }
        document_.root = pop();
        if (!stack_.empty() || !marks_.empty()) refuse("the pickle stops with values left over");
        if (at_ != bytes_.size()) refuse("the pickle stops before its last byte");
        expect_shallow();
    }

   private:
    [[noreturn]] void refuse(std::string what, std::string expected = "", std::string hint = "",
                             error_code code = error_code::format) const {
        throw checkpoint_error(code, {document_.place + ": byte " + std::to_string(begin_), std::move(what),
                                      std::move(expected), std::move(hint)});
    }
    [[noreturn]] void refuse_unsupported(std::string what, std::string expected = "", std::string hint = "") const {
        refuse(std::move(what), std::move(expected), std::move(hint), error_code::unsupported);
    }
    void expect_at_most(std::size_t limit, std::size_t number, const char* things) const {
        if (number > limit)
            refuse(std::string("the pickle has too many ") + things, "at most " + std::to_string(limit), "",
                   error_code::limit);
    }

    void expect_protocol() {
        constexpr unsigned supported = 2;  // the default of torch.save
        if (bytes_.empty()) refuse("the pickle is empty");
        if (static_cast<opcode>(number<std::uint8_t>()) != opcode::proto)
            refuse_unsupported("not a pickle of protocol 2");
        const unsigned protocol = number<std::uint8_t>();
        if (protocol != supported) {
            refuse_unsupported("the pickle has protocol " + std::to_string(protocol), "2",
                               "save it with pickle_protocol=2");
        }
    }

    void step(opcode code) {
        switch (code) {
            case opcode::mark:
                marks_.push_back(stack_.size());
                return expect_at_most(limits_.stack, marks_.size(), "marks");
            case opcode::none:
                return push({pickle_kind::none});
            case opcode::newtrue:
            case opcode::newfalse:
                return push({pickle_kind::boolean, 0, code == opcode::newtrue});
            case opcode::binint:
                return push_integer(static_cast<std::int32_t>(number<std::uint32_t>()));
            case opcode::binint1:
                return push_integer(number<std::uint8_t>());
            case opcode::binint2:
                return push_integer(number<std::uint16_t>());
            case opcode::long1:
                return push_long(number<std::uint8_t>());
            case opcode::long4:
                return push_long(number<std::uint32_t>());
            case opcode::pop:
                pop();
                return;
            case opcode::pop_mark:
                pop_to_mark();
                return;
            case opcode::binfloat:
                bytes(sizeof(double));
                return push({pickle_kind::real});
            case opcode::binunicode:
            case opcode::binstring:
                return push({pickle_kind::text, 0, 0, bytes(number<std::uint32_t>())});
            case opcode::short_binstring:
                return push({pickle_kind::text, 0, 0, bytes(number<std::uint8_t>())});
            case opcode::global:
                return push_global();
            case opcode::empty_tuple:
                return push({pickle_kind::tuple});
            case opcode::empty_list:
                return push({pickle_kind::list});
            case opcode::empty_dictionary:
                return push({pickle_kind::dictionary});
            case opcode::tuple1:
            case opcode::tuple2:
            case opcode::tuple3:
                return push(pickle_kind::tuple,
                            pop_last(1 + static_cast<std::size_t>(code) - static_cast<std::size_t>(opcode::tuple1)));
            case opcode::tuple:
                return push(pickle_kind::tuple, pop_to_mark());
            case opcode::append:
                return extend(pickle_kind::list, pop_last(1));
            case opcode::appends:
                return extend(pickle_kind::list, pop_to_mark());
            case opcode::setitem:
                return extend(pickle_kind::dictionary, pop_last(2));
            case opcode::setitems:
                return set_items(pop_to_mark());
            case opcode::binpersid:
                return push(pickle_kind::reference, pop_last(1));
            case opcode::reduce:
                return reduce();
            case opcode::newobj:
                return new_object();
            case opcode::build:
                return build();
            case opcode::binget:
                return push_from_memo(number<std::uint8_t>());
            case opcode::long_binget:
                return push_from_memo(number<std::uint32_t>());
            case opcode::binput:
                return store_in_memo(number<std::uint8_t>());
            case opcode::long_binput:
                return store_in_memo(number<std::uint32_t>());
            default:
                refuse_unsupported("opcode " + std::to_string(static_cast<unsigned>(code)) +
                                   " is not written by torch.save");
        }
    }

    // Reading of operands.

    std::string_view bytes(std::size_t count) {
        if (count > bytes_.size() - at_) {
            refuse("the pickle ends within a value of " + std::to_string(count) + " bytes");
        }
        const char* const begin = reinterpret_cast<const char*>(bytes_.data()) + at_;
        at_ += count;
        return {begin, count};
    }

    template <class Number>
    Number number() {
        return little_endian<Number>(std::as_bytes(std::span(bytes(sizeof(Number)))));
    }

    /// An integer in two's complement, the lowest byte first; one of more than 8 bytes is no number of a tensor.
    void push_long(std::size_t size) {
        const std::string_view digits = bytes(size);
        if (digits.size() > sizeof(std::int64_t)) return push({pickle_kind::other, 0, 0, "a large integer"});
        const bool negative = !digits.empty() && static_cast<unsigned char>(digits.back()) >= 0x80;
        std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
        for (std::size_t i = digits.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(digits[i]);
        push_integer(static_cast<std::int64_t>(value));
    }

    std::string_view line() {
        constexpr std::size_t longest = 1000;  // no name of a class is as long
        const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_, bytes_.size() - at_);
        const std::size_t length = rest.substr(0, longest).find('\n');
        if (length == std::string_view::npos) refuse("a name does not end");
        return bytes(length + 1).substr(0, length);
    }

    // The stack.

    void push(pickle_node node) {
        node.position = begin_;
        document_.nodes.push_back(std::move(node));
        push_index(static_cast<std::uint32_t>(document_.nodes.size() - 1));
    }
    void push(pickle_kind kind, std::vector<std::uint32_t> items) { push({kind, 0, 0, {}, std::move(items)}); }
    void push_integer(std::int64_t value) { push({pickle_kind::integer, 0, value}); }

    void push_index(std::uint32_t index) {
        stack_.push_back(index);
        expect_at_most(limits_.stack, stack_.size(), "values on its stack");
    }

    /// The number of values above the last mark.
    std::size_t above_mark() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }

    std::vector<std::uint32_t> pop_last(std::size_t count) {
        if (above_mark() < count) refuse("the stack of the pickle is empty");
        const auto begin = stack_.end() - static_cast<std::ptrdiff_t>(count);
        std::vector<std::uint32_t> values(begin, stack_.end());
        stack_.erase(begin, stack_.end());
        return values;
    }
    std::uint32_t pop() { return pop_last(1).front(); }

    std::vector<std::uint32_t> pop_to_mark() {
        if (marks_.empty()) refuse("the stack of the pickle has no mark");
        std::vector<std::uint32_t> values = pop_last(above_mark());
        marks_.pop_back();
        return values;
    }

    pickle_node& top() {
        if (above_mark() == 0) refuse("the stack of the pickle is empty");
        return document_.nodes[stack_.back()];
    }

    // Operations on values.

    void extend(pickle_kind kind, const std::vector<std::uint32_t>& values) {
        pickle_node& container = top();
        if (container.kind == pickle_kind::other) return;
        if (container.kind != kind) {
            refuse("items are put into " + std::string(name_of(container.kind)), std::string(name_of(kind)));
        }
        container.items.insert(container.items.end(), values.begin(), values.end());
    }

    void set_items(const std::vector<std::uint32_t>& values) {
        if (values.size() % 2 != 0) refuse("a key has no value");
        extend(pickle_kind::dictionary, values);
    }

    void push_global() {
        const std::string_view module = line(), name = line();
        document_.names.push_back(std::string(module) + ' ' + std::string(name));
        push({pickle_kind::global, 0, 0, document_.names.back()});
    }

    pickle_role role_of(std::uint32_t index) const {
        const pickle_node& node = document_.nodes[index];
        return node.kind == pickle_kind::global ? roles_(node.text) : pickle_role::other;
    }

    [[noreturn]] void refuse_to(const char* what, std::uint32_t index) const {
        const pickle_node& node = document_.nodes[index];
        refuse_unsupported(std::string("the pickle wants to ") + what + " " +
                           (node.kind == pickle_kind::global ? quoted(node.text) : std::string(name_of(node.kind))));
    }

    void expect_arguments(std::uint32_t index) const {
        if (document_.nodes[index].kind != pickle_kind::tuple)
            refuse("the arguments are " + std::string(name_of(document_.nodes[index].kind)), "a tuple");
    }

    /// What a class or function that is not known would make: data to skip. Nothing is executed.
    void push_other(std::uint32_t made_by) {
        const pickle_node& maker = document_.nodes[made_by];
        if (maker.kind != pickle_kind::global && maker.kind != pickle_kind::other) refuse_to("call", made_by);
        push({pickle_kind::other, 0, 0, maker.text});
    }

    void reduce() {
        std::vector<std::uint32_t> call = pop_last(2);
        expect_arguments(call[1]);
        const pickle_role role = role_of(call[0]);
        if (role == pickle_role::function) return push(pickle_kind::call, std::move(call));
        if (role == pickle_role::other) return push_other(call[0]);
        if (role != pickle_role::dictionary) refuse_to("call", call[0]);
        if (!document_.nodes[call[1]].items.empty()) refuse("a dictionary is made of arguments");
        push({pickle_kind::dictionary});
    }

    void new_object() {
        const std::vector<std::uint32_t> operands = pop_last(2);
        expect_arguments(operands[1]);
        const pickle_role role = role_of(operands[0]);
        if (role == pickle_role::other) return push_other(operands[0]);
        if (role != pickle_role::object) refuse_to("make an object of", operands[0]);
        push(pickle_kind::object, {operands[0]});
    }

    /// Sets the state of an object or of a call's result. The state of dictionaries is dropped: attributes such as
    /// `_metadata`.
    void build() {
        const std::uint32_t state = pop();
        pickle_node& built = top();
        if (built.kind == pickle_kind::other) return;
        const std::size_t stateless = built.kind == pickle_kind::object ? 1 : built.kind == pickle_kind::call ? 2 : 0;
        if (stateless != 0 && built.items.size() == stateless) {
            built.items.push_back(state);
        } else if (built.kind != pickle_kind::dictionary && built.kind != pickle_kind::call) {
            refuse_to("give a state to", stack_.back());
        }
    }

    void store_in_memo(std::uint32_t slot) {
        top();  // checks that there is one
        memo_[slot] = stack_.back();
        expect_at_most(limits_.memo, memo_.size(), "values in its memo");
    }

    void push_from_memo(std::uint32_t slot) {
        const auto at = memo_.find(slot);
        if (at == memo_.end()) refuse("its memo has no slot " + std::to_string(slot));
        push_index(at->second);
    }

    /// Depth-first search that visits each node once and refuses cycles.
    void expect_shallow() {
        constexpr std::uint32_t unseen = 0, open = ~std::uint32_t{0};
        struct visit {
            std::uint32_t node;
            std::size_t next = 0;
            std::uint32_t height = 0;  // of the nodes visited so far
        };
        std::vector<std::uint32_t> heights(document_.nodes.size(), unseen);
        std::vector<visit> path{{document_.root}};
        heights[document_.root] = open;
        while (!path.empty()) {
            visit& last = path.back();
            const pickle_node& node = document_.nodes[last.node];
            if (last.next == node.items.size()) {
                const std::uint32_t height = heights[last.node] = last.height + 1;
                path.pop_back();
                expect_at_most(limits_.depth, height, "values inside each other");
                if (!path.empty()) path.back().height = (std::max)(path.back().height, height);
                continue;
            }
            const std::uint32_t child = node.items[last.next++];
            if (heights[child] == open) {
                begin_ = document_.nodes[child].position;
                refuse(std::string(name_of(document_.nodes[child].kind)) + " holds itself");
            }
            if (heights[child] == unseen) {
                heights[child] = open;
                path.push_back({child});
            } else {
                last.height = (std::max)(last.height, heights[child]);
            }
        }
    }

    pickle_document& document_;
    std::span<const std::byte> bytes_;
    pickle_globals roles_;
    const pickle_limits& limits_;
    std::size_t at_ = 0;
    std::size_t begin_ = 0;  // of the operation that runs
    std::vector<std::uint32_t> stack_;
    std::vector<std::size_t> marks_;               // heights of the stack
    std::map<std::uint32_t, std::uint32_t> memo_;  // not hashed: hostile slots would collide
};

}  // namespace detail

/// Reads a pickle of protocol 2. Nothing is executed: what other globals would make is pickle_kind::other.
/// \param role_of the known globals and their use
/// \throws checkpoint_error UNSUPPORTED for an opcode that is not allowed, another protocol; FORMAT where it is
/// damaged, cyclic, or followed by other bytes; LIMIT
inline pickle_document read_pickle(const byte_source& source, pickle_globals role_of,
                                   const pickle_limits& limits = {}) {
    detail::expect_at_most<checkpoint_error>(limits.bytes, source.size(), "bytes of the pickle", source.place());
    pickle_document document{source.place(), std::vector<std::byte>(source.size())};
    source.read(0, document.bytes);
    detail::pickle_machine(document, role_of, limits).run();
    return document;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
