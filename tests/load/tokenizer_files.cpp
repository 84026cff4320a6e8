#include <filesystem>
#include <string>
#include <vector>

#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/tokenizer_files.hpp>

#include "tests/catch.hpp"
#include "tests/support/files.hpp"

using namespace zeroshot;
using namespace zeroshot::loading;
using support::has;

namespace {

const std::filesystem::path recorded = std::filesystem::path(ZEROSHOT_SOURCE_DIR) / "tests/golden/tokenizers";

tokenizer tokenizer_of_folder(const std::filesystem::path& folder) {
    return *tokenizer_beside(folder)->tokenizer;
}

std::string text_of(const std::filesystem::path& file) {
    const std::vector<std::byte> bytes = read_file(file);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What is stated of a tokenizer.json after a change of its text.
settings changed(const std::string& from, const std::string& to) {
    std::string text = text_of(recorded / "trained/tokenizer.json");
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    const support::scratch_folder folder;
    write_file(folder / "tokenizer.json", text.replace(at, from.size(), to));
    return *tokenizer_beside(folder.path());
}

}  // namespace

TEST_CASE("tokenizers as people train and publish them give the ids of Hugging Face's tokenizers") {
    for (const char* name : {"trained", "some_bytes", "cased", "template", "added", "vocabulary_and_merges"}) {
        const tokenizer own = tokenizer_of_folder(recorded / name);
        for (const json& pair : read_json(recorded / name / "ids.json").items()) {
            std::vector<token_id> expected;
            for (const json& id : pair.at(1).items()) expected.push_back(as_token_id(id));
            INFO(name << ": " << pair.at(0).as_string());
            CHECK(own.encode(pair.at(0).as_string()) == expected);
        }
    }
}

TEST_CASE(
    "the padding is the pad_token of tokenizer_config.json, by the added tokens of this file or of tokenizer.json") {
    const support::scratch_folder folder;
    const auto padding = [&](const char* config, const char* tokenizer = nullptr) {
        const support::scratch_folder place;
        write_file(place / "tokenizer_config.json", config);
        if (tokenizer != nullptr) write_file(place / "tokenizer.json", tokenizer);
        const auto stated = padding_beside(place.path());
        return stated ? stated->padding : std::nullopt;
    };
    const char* const tokens = R"({"added_tokens": [{"content": "<eos>", "id": 1}, {"content": "<pad>", "id": 0}]})";
    CHECK(padding(R"({"pad_token": "</s>",
                      "added_tokens_decoder": {"0": {"content": "<pad>"}, "1": {"content": "</s>"}}})") == 1u);
    CHECK(padding(R"({"pad_token": {"content": "<pad>"}})", tokens) == 0u);
    CHECK(padding(R"({"pad_token": "<unk>"})", tokens) == std::nullopt);
    CHECK(padding(R"({"pad_token": "<pad>"})") == std::nullopt);
    CHECK(padding(R"({"pad_token": null})", tokens) == std::nullopt);
    CHECK_FALSE(padding_beside(folder.path()));
    CHECK_THROWS_AS(padding(R"({"pad_token": "a", "added_tokens_decoder": {"x": {"content": "a"}}})"),
                    checkpoint_error);
}

TEST_CASE("ids of a tokenizer with an order of its own are shown as their text") {
    const tokenizer own = tokenizer_of_folder(recorded / "added");
    const std::vector<token_id> ids = own.encode("a photo <cat-toy> of");
    CHECK(own.start() == 0);
    CHECK(own.end() == 1);
    CHECK(own.pieces(ids) ==
          std::vector<std::string>{"<|startoftext|>", "a</w>", "photo</w>", "<cat-toy>", "of</w>", "<|endoftext|>"});
    CHECK(has(own.decode(ids), "a photo <cat-toy> of"));
    CHECK_THROWS_AS(own.decode(std::vector<token_id>{5000}), text_error);
    CHECK(own.has_special("x <|endoftext|>"));
    CHECK_FALSE(own.has_special("x <cat-toy>"));
}

TEST_CASE("the converted form keeps a tokenizer's rules and ids") {
    for (const char* name : {"some_bytes", "cased", "added"}) {
        const tokenizer own = tokenizer_of_folder(recorded / name);
        settings read;
        read_converted_tokenizer(json::parse(tokenizer_text(own, {}), "t"), read);
        CHECK(read.tokenizer->rules() == own.rules());
        CHECK(read.tokenizer->encode("A photo of <dog>s ½") == own.encode("A photo of <dog>s ½"));
    }
}

TEST_CASE("a component that CLIP's tokenizer does not have is named, and the model takes token ids") {
    const auto refusal = [](const std::string& from, const std::string& to) {
        const settings stated = changed(from, to);
        CHECK_FALSE(stated.tokenizer);
        return stated.other_tokenizer.value_or("");
    };
    CHECK(has(refusal(R"({"type":"NFC"})", R"({"type":"NFKC"})"), "a normalizer 'NFKC'"));
    CHECK(has(refusal(R"([\\p{N}]|)", R"([\\p{N}]+|)"), "pre_tokenizer"));
    CHECK(has(refusal(R"("type":"RobertaProcessing")", R"("type":"ByteLevel")"), "a post_processor 'ByteLevel'"));
    CHECK(has(refusal(R"("type":"BPE")", R"("type":"Unigram")"), "'Unigram'"));
    CHECK(has(refusal(R"("single_word":false)", R"("single_word":true)"), "is set"));
    CHECK(has(refusal(R"("dropout":null)", R"("dropout":0.1)"), "at random"));
}

TEST_CASE("a tokenizer.json that lacks a part, or contradicts itself, is named, and the model takes token ids") {
    const auto reason = [](const std::string& from, const std::string& to) {
        return changed(from, to).other_tokenizer.value_or("read");
    };
    CHECK(has(reason(R"("merges":[)", R"("merges":[["q","q"],)"), "'qq' is not in the vocabulary"));
    CHECK(has(reason(R"("merges":[)", R"("merges":[["zz","q"],)"), "'zz'"));
    CHECK(has(reason(R"("model":)", R"("models":)"), "/model is missing"));
    CHECK(has(reason(R"("unk_token":"<|endoftext|>")", R"("unk_token":"<unk>")"), "'<unk>' is not in the vocabulary"));
    CHECK(has(reason(R"("id":0)", R"("id":-1)"), "an unsigned integer"));
}

TEST_CASE("a tokenizer.json that is not JSON is refused, and none is none") {
    const support::scratch_folder folder;
    write_file(folder / "tokenizer.json", "{");
    CHECK_THROWS_AS(tokenizer_beside(folder.path()), checkpoint_error);
    CHECK_FALSE(tokenizer_beside(support::scratch_folder().path()).has_value());
}

TEST_CASE("tokens added to the older files are found in the normalised text") {
    const support::scratch_folder folder;
    for (const char* name : {"vocab.json", "merges.txt"})
        std::filesystem::copy_file(recorded / "vocabulary_and_merges" / name, folder / name);
    write_file(folder / "added_tokens.json", R"({"<Cat Toy>": 900})");
    CHECK(tokenizer_of_folder(folder.path()).encode("a <cat  toy>")[2] == 900);
}

TEST_CASE("byte pairs of GPT-2, whose words do not end in a mark, are named, also with CLIP's start and end token") {
    const support::scratch_folder folder;
    write_file(folder / "vocab.json", R"({"a": 0, "t": 1, "at": 2, "<|startoftext|>": 3, "<|endoftext|>": 4})");
    write_file(folder / "merges.txt", "#version: 0.2\na t\n");
    const settings stated = *tokenizer_beside(folder.path());
    CHECK_FALSE(stated.tokenizer);
    CHECK(has(stated.other_tokenizer.value_or(""), "no symbol ends a word, as in the byte pairs of GPT-2"));
}

TEST_CASE("ids of the converted form that do not fit the merges are refused") {
    const tokenizer own = tokenizer_of_folder(recorded / "added");
    const std::string text = tokenizer_text(own, {});
    const std::size_t ids = text.find("\"ids\":[");
    REQUIRE(ids != std::string::npos);
    settings read;
    CHECK_THROWS_AS(read_converted_tokenizer(json::parse(text.substr(0, ids) + R"("ids":[1,2,3]}})", "t"), read),
                    checkpoint_error);
    CHECK_THROWS_AS(tokenizer(vocabulary::from_merges({}), tokenizer_rules{.ids = {1, 2, 3}}), argument_error);
}
