#include <limits>

#include <zeroshot/checkpoint/pickle.hpp>

#include "tests/checkpoint/archives.hpp"

using namespace zeroshot;
using namespace support::pickles;
using support::bytes_of_number;
using support::has;
using support::thrown;

namespace {

pickle_role roles(std::string_view name) {
    if (name == "m name") return pickle_role::name;
    if (name == "m function") return pickle_role::function;
    if (name == "m dictionary") return pickle_role::dictionary;
    if (name == "m object") return pickle_role::object;
    return pickle_role::other;
}

pickle_document read(const std::string& pickle, const pickle_limits& limits = {}) {
    return read_pickle(memory_source(support::bytes_of(pickle), "data.pkl"), roles, limits);
}

/// The document of a value, with what stands around it.
pickle_document value(const std::string& text) {
    return read(begin + text + stop);
}

std::string refusal(const std::string& pickle, const pickle_limits& limits = {}) {
    return thrown<checkpoint_error>([&] { read(pickle, limits); });
}
std::string value_refusal(const std::string& text) {
    return refusal(begin + text + stop);
}

std::string repeated(const std::string& text, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += text;
    return out;
}

const std::string function = global("m", "function");
const std::string object = global("m", "object");

}  // namespace

TEST_CASE("pickled values are read") {
    const auto kind = [](const std::string& text) {
        const pickle_document document = value(text);
        return document[document.root].kind;
    };
    CHECK(kind(none) == pickle_kind::none);
    CHECK(kind(yes) == pickle_kind::boolean);
    CHECK(kind("G" + std::string(8, '\0')) == pickle_kind::real);
    CHECK(kind(global("m", "name")) == pickle_kind::global);
    CHECK(kind(global("m", "dictionary") + empty + reduce) == pickle_kind::dictionary);
    CHECK(kind(function + empty + reduce) == pickle_kind::call);
    CHECK(kind(object + empty + newobj) == pickle_kind::object);
    CHECK(kind(text("x") + persistent) == pickle_kind::reference);
    const pickle_document list_of_two = value(list + mark + text("a") + integer(2) + appends);
    const pickle_node& root = list_of_two[list_of_two.root];
    REQUIRE(root.items.size() == 2);
    CHECK(list_of_two[root.items[0]].text == "a");
    CHECK(list_of_two[root.items[1]].integer == 2);
}

TEST_CASE("integers of every opcode have their sign") {
    const auto number = [](const std::string& text) {
        const pickle_document document = value(text);
        return document[document.root].integer;
    };
    CHECK(number("K\xff") == 255);
    CHECK(number("M\xff\xff") == 65'535);
    CHECK(number("J\xff\xff\xff\xff") == -1);
    CHECK(number(std::string("\x8a\0", 2)) == 0);
    CHECK(number("\x8a\x01\x80") == -128);
    CHECK(number(std::string("\x8a\x02\x80\0", 4)) == 128);
    CHECK(number(integer(std::numeric_limits<std::int64_t>::min())) == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("the state of objects is read, that of dictionaries and calls dropped") {
    const pickle_document document = value(object + empty + newobj + dictionary + build);
    const pickle_node& root = document[document.root];
    REQUIRE(root.items.size() == 2);
    CHECK(document[root.items[0]].text == "m object");
    CHECK(document[root.items[1]].kind == pickle_kind::dictionary);
    CHECK_NOTHROW(value(dictionary + dictionary + build));
    CHECK_NOTHROW(value(function + empty + reduce + none + build));
    CHECK(has(value_refusal(object + empty + newobj + none + build + none + build), "UNSUPPORTED"));
    CHECK(has(value_refusal(list + none + build), "wants to give a state to a list"));
}

TEST_CASE("what an unknown global would make is data without contents, and nothing is executed") {
    const std::string call = global("os", "system") + text("echo") + "\x85" + reduce;
    const std::string made = global("argparse", "Namespace") + empty + newobj + state({{"lr", none}}) + build;
    const std::string counter = global("collections", "Counter") + empty + reduce + text("a") + integer(1) + setitem;
    for (const std::string& data : {call, made, counter, call + none + append}) {
        const pickle_document document = value(data);
        const pickle_node& root = document[document.root];
        CHECK(root.kind == pickle_kind::other);
        CHECK(root.items.empty());
    }
    const pickle_document document = value(call);
    CHECK(document[document.root].text == "os system");
    CHECK_NOTHROW(value(global("builtins", "eval")));
    CHECK_NOTHROW(value(call + empty + reduce));  // of what such a call would return
    CHECK(has(value_refusal("cm\nfunction"), "a name does not end"));
    CHECK(has(value_refusal("c" + std::string(2'000, 'm') + "\nx\n"), "a name does not end"));
}

TEST_CASE("integers of more than 8 bytes, values that are dropped, and marks that are dropped, are read") {
    const pickle_document large = value("\x8a\x0a" + std::string(10, 'x'));
    CHECK(large[large.root].kind == pickle_kind::other);
    const pickle_document four = value(std::string("\x8b\x02\0\0\0\x01\x01", 7));
    CHECK(four[four.root].integer == 257);
    CHECK(value(none + list + "0").root == 0);
    CHECK(value(none + mark + list + list + "1").root == 0);
}

TEST_CASE("only permitted globals are called, constructed or given a state") {
    CHECK(has(value_refusal(global("m", "name") + empty + reduce),
              "UNSUPPORTED data.pkl: byte 11: the pickle wants to call 'm name'"));
    CHECK(has(value_refusal(object + empty + reduce), "wants to call 'm object'"));
    CHECK(has(value_refusal(text("m function") + empty + reduce), "wants to call a string"));
    CHECK(has(value_refusal(function + empty + newobj), "wants to make an object of 'm function'"));
    CHECK(has(value_refusal(function + none + build), "wants to give a state to 'm function'"));
    CHECK(has(value_refusal(function + none + reduce), "the arguments are None"));
    CHECK(has(value_refusal(object + list + newobj), "the arguments are a list"));
    CHECK(has(value_refusal(global("m", "dictionary") + none + "\x85" + reduce), "a dictionary is made of arguments"));
    CHECK(has(value_refusal(mark + "im\nfunction\n"), "opcode 105"));  // INST
    CHECK(has(value_refusal(mark + function + "o"), "opcode 111"));    // OBJ
}

TEST_CASE("every byte as the first opcode is read or refused") {
    for (unsigned byte = 0; byte < 256; ++byte) {
        const std::string code(1, static_cast<char>(static_cast<unsigned char>(byte)));
        for (const std::string& behind : {std::string(), std::string(20, '\0'), std::string(20, '\xff')}) {
            const std::string answer = refusal(begin + code + behind);
            CHECK((has(answer, "FORMAT") || has(answer, "UNSUPPORTED") || has(answer, "LIMIT")));
            CHECK(refusal(code + behind) != "nothing");
        }
    }
}

TEST_CASE("an opcode that finds too little on the stack, or no mark, is refused at its byte") {
    for (const std::string& code : {std::string("."), reduce, build, persistent, std::string("\x85"),
                                    std::string("\x86"), std::string("\x87"), newobj, append, setitem, put(1)}) {
        CHECK(has(value_refusal(code), "FORMAT data.pkl: byte 2: the stack of the pickle is empty"));
        CHECK(has(value_refusal(none + mark + code), "FORMAT data.pkl: byte 4: the stack of the pickle is empty"));
    }
    for (const std::string& code : {tuple, appends, setitems})
        CHECK(has(value_refusal(none + code), "FORMAT data.pkl: byte 3: the stack of the pickle has no mark"));
    CHECK(has(value_refusal(none + mark + none + "\x86"), "byte 5: the stack of the pickle is empty"));
    CHECK(has(value_refusal(mark + appends), "byte 3: the stack of the pickle is empty"));
}

TEST_CASE("lengths beyond the end are refused") {
    CHECK(has(value_refusal("X\xff\xff\xff\xff"),
              "FORMAT data.pkl: byte 2: the pickle ends within a value of 4294967295"));
    CHECK(has(value_refusal("X" + bytes_of_number(std::uint64_t{1} << 31, 4)), "2147483648 bytes"));
    CHECK(has(value_refusal("\x8a\xff"), "255 bytes"));
    CHECK(has(value_refusal("\x8b\xff\xff\xff\xff"), "4294967295 bytes"));
    CHECK(has(value_refusal("U\xff"), "255 bytes"));
    CHECK(has(value_refusal("G1"), "8 bytes"));
    CHECK(has(value_refusal("\x8d" + support::little_endian(~std::uint64_t{0})), "opcode 141"));  // BINUNICODE8
}

TEST_CASE("an unset memo slot is refused, and a large slot number costs no memory") {
    CHECK(has(value_refusal(get(3)), "FORMAT data.pkl: byte 2: its memo has no slot 3"));
    CHECK(has(value_refusal("j\xff\xff\xff\xff"), "no slot 4294967295"));
    CHECK_NOTHROW(value(none + "r\xff\xff\xff\xff" + "j\xff\xff\xff\xff" + "\x86"));
    pickle_limits few;
    few.memo = 1;
    CHECK(has(refusal(begin + none + put(1) + put(2) + stop, few), "LIMIT"));
}

TEST_CASE("memo doubling stays bounded, and cycles are refused") {
    std::string doubled = list + put(0);
    for (std::uint8_t level = 0; level < 40; ++level)
        doubled += get(level) + get(level) + "\x86" + put(static_cast<std::uint8_t>(level + 1));
    CHECK(has(value_refusal(doubled), "values left over"));
    std::string shared = empty + put(0);
    for (int level = 0; level < 40; ++level) shared += put(0) + get(0) + "\x86";
    CHECK(value(shared).nodes.size() == 41);
    CHECK(has(value_refusal(list + put(0) + get(0) + append), "FORMAT data.pkl: byte 2: a list holds itself"));
    CHECK(has(value_refusal(dictionary + put(0) + text("a") + get(0) + setitem), "a dictionary holds itself"));
    CHECK(has(value_refusal(list + put(0) + get(0) + "\x85" + append), "holds itself"));
}

TEST_CASE("depth is limited, without recursion") {
    CHECK(has(value_refusal(none + repeated("\x85", 1'000'000)),
              "LIMIT data.pkl: byte 1000003: the pickle has too many values inside each other"));
    CHECK_NOTHROW(value(none + repeated("\x85", 255)));
    CHECK(has(value_refusal(none + repeated("\x85", 256)), "at most 256"));
    // a list that is filled after it was put into another
    CHECK(has(value_refusal(list + put(0) + repeated("\x85", 200) + put(1) + get(0) + none + repeated("\x85", 200) +
                            append + "\x86"),
              "at most 256"));
    CHECK(has(value_refusal(repeated(mark, 1'000'001)), "too many marks"));
    CHECK(has(value_refusal(repeated(none, 1'000'001)), "too many values on its stack"));
    pickle_limits few;
    few.operations = 3;
    CHECK(has(refusal(begin + none + none + "\x86" + stop, few),
              "LIMIT data.pkl: byte 5: the pickle has too many operations"));
}

TEST_CASE("items are put into lists and dictionaries only") {
    const std::string call = function + empty + reduce;
    for (const std::string& no_container : {none, integer(1), call, text("a"), empty}) {
        CHECK(has(value_refusal(no_container + none + append), "FORMAT"));
        CHECK(has(value_refusal(no_container + mark + none + appends), "items are put into"));
        CHECK(has(value_refusal(no_container + none + none + setitem), "items are put into"));
        CHECK(has(value_refusal(no_container + mark + none + none + setitems), "expected a dictionary"));
    }
    CHECK(has(value_refusal(dictionary + mark + none + setitems), "a key has no value"));
}

TEST_CASE("other protocols, a pickle without end and bytes behind it are refused") {
    CHECK(has(refusal(""), "FORMAT data.pkl: byte 0: the pickle is empty"));
    for (const char protocol : {'\0', '\1', '\3', '\4', '\5', '\xff'}) {
        CHECK(has(refusal(std::string("\x80") + protocol + none + stop),
                  "UNSUPPORTED data.pkl: byte 0: the pickle has protocol"));
    }
    CHECK(has(refusal("(dp0\n."), "not a pickle of protocol 2"));
    CHECK(has(refusal(begin + none), "FORMAT data.pkl: byte 3: the pickle ends within a value"));
    CHECK(has(refusal(begin + none + stop + begin + none + stop), "stops before its last byte"));
    CHECK(has(refusal(begin + none + none + stop), "values left over"));
    CHECK(has(refusal(begin + none + mark + none + stop), "values left over"));
}

TEST_CASE("a pickle larger than the limit is not read") {
    pickle_limits small;
    small.bytes = 3;
    CHECK(has(refusal(begin + none + stop, small), "LIMIT data.pkl: 4 bytes of the pickle, expected at most 3"));
}
