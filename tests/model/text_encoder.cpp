#include <set>
#include <string>
#include <vector>

#include <zeroshot/model/text_encoder.hpp>
#include <zeroshot/support/checksum.hpp>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

clip_config openai_vit(std::size_t vocabulary) {
    clip_config config;
    config.embedding = 32;
    config.text = {16, vocabulary, {64, 1, 1, 256, activation::quick_gelu, 1e-5}};
    return config;
}

template <class Scalar>
text_encoder<Scalar> tiny_encoder() {
    const weights w(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    return text_encoder<Scalar>(w, openai_vit(w.shape("token_embedding.weight").front()));
}

template <class Scalar>
void check_text_stages(double bound) {
    const reference_model reference("openai_vit");
    const auto encoder = tiny_encoder<Scalar>();
    const auto prompts = reference.prompts();
    REQUIRE(prompts.size() == 4);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        std::set<std::string> seen;
        const auto observe = [&](std::string_view stage, const matrix<Scalar>& activations) {
            const std::string name(stage);
            seen.insert(name);
            const std::string recorded =
                "text." + std::to_string(i) + "." + (name == "text.embedding" ? "embedding" : name);
            check_close<Scalar>(recorded, activations.values(), reference.numbers(recorded), bound);
        };
        const std::span<const std::int32_t> one(prompts[i]);
        encoder(std::span(&one, 1), observe);
        CHECK(seen == std::set<std::string>{"text.embedding", "transformer.resblocks.0", "ln_final"});
    }
    const std::vector<std::span<const std::int32_t>> views(prompts.begin(), prompts.end());
    check_close<Scalar>("embedding.text", encoder(views).values(), reference.numbers("embedding.text"), bound);
}

}  // namespace

TEST_CASE("a text encoder in double equals the reference at every stage") {
    check_text_stages<double>(stage_bound<double>());
}
TEST_CASE("a text encoder in float equals the reference at every stage") {
    check_text_stages<float>(stage_bound<float>());
}

TEST_CASE("an embedding does not depend on the other prompts nor on padding after the end token") {
    const auto encoder = tiny_encoder<float>();
    const auto prompts = reference_model("openai_vit").prompts();
    const std::vector<std::span<const std::int32_t>> views(prompts.begin(), prompts.end());
    const matrix<float> together = encoder(views);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        std::vector<std::int32_t> padded = prompts[i];
        padded.resize(16, 0);
        const std::span<const std::int32_t> one(padded);
        const matrix<float> alone = encoder(std::span(&one, 1));
        CHECK(std::ranges::equal(alone.row(0), together.row(i)));
    }
}

TEST_CASE("prompts with shared prefixes and equal prompts have the bits of each prompt alone") {
    const auto encoder = tiny_encoder<float>();
    std::vector<std::int32_t> ids = reference_model("openai_vit").prompts().front();
    const std::int32_t end = *std::ranges::max_element(ids);
    const std::vector<std::vector<std::int32_t>> prompts{{1, 2, 3, 4, end}, {1, 2, 3, 4, end}, {1, 2, 3, 5, 6, end},
                                                         {1, 2, end},       {1, 2, 3, 5, end}, {2, 2, 3, 5, end}};
    const std::vector<std::span<const std::int32_t>> views(prompts.begin(), prompts.end());
    const matrix<float> together = encoder(views);
    for (std::size_t i = 0; i < prompts.size(); ++i)
        CHECK(std::ranges::equal(encoder(std::span(&views[i], 1)).row(0), together.row(i)));
}

TEST_CASE("pooling at the first token ignores the others, pooling at the last includes the padding") {
    const weights w(checkpoint::open(model_folder("openai_vit") + "/model.safetensors"));
    clip_config config = openai_vit(w.shape("token_embedding.weight").front());
    const auto encode = [&](const std::vector<std::int32_t>& ids) {
        const std::span<const std::int32_t> one(ids);
        return text_encoder<float>(w, config)(std::span(&one, 1));
    };
    config.text.pool = text_pool::first;
    CHECK(encode({5, 6, 7}) == encode({5}));
    config.text.pool = text_pool::last;
    std::vector<std::int32_t> padded{5, 6, 7};
    padded.resize(16, 9);
    config.text.padding = 9;
    CHECK(encode({5, 6, 7}) == encode(padded));
    config.text.padding = 8;
    CHECK_FALSE(encode({5, 6, 7}) == encode(padded));
}

TEST_CASE("parameters change with every weight of the text tower and with none of the image tower") {
    const checkpoint file = checkpoint::open(model_folder("openai_vit") + "/model.safetensors");
    const auto digest_of = [&](const checkpoint& from, const weight_options& options = {}) {
        const weights w(from, options);
        detail::crc32 sum;
        text_encoder<float>(w, openai_vit(w.shape("token_embedding.weight").front()))
            .parameters([&](std::span<const std::byte> bytes) { sum.add(bytes); });
        return sum.value();
    };
    const std::uint32_t whole = digest_of(file);
    CHECK(digest_of(file) == whole);
    for (std::size_t which = 0; which < file.tensors().size(); ++which) {
        tensor_list changed{file.tensors(), {}, file.metadata()};
        changed.sort_names();
        const std::string& name = changed.tensors[which].name;
        std::vector<std::byte> bytes = changed.tensors[which].tensor.bytes.bytes();
        bytes[bytes.size() / 8 * 4] ^= std::byte{1};  // the lowest of a float in the middle
        changed.tensors[which].tensor.bytes = bytes;
        INFO(name);
        const bool is_of_text = !name.starts_with("visual.") && !changed.tensors[which].tensor.shape.empty();
        CHECK((digest_of(checkpoint::from_tensors(changed, "changed")) != whole) == is_of_text);
    }
    std::set<std::uint32_t> all{whole};
    for (const zeroshot::precision precision : {precision::bf16, precision::int8}) {
        all.insert(digest_of(file, {.precision = precision}));
    }
    CHECK(all.size() == 3);
}

TEST_CASE("ids outside the vocabulary and prompts beyond the context are refused") {
    const auto encoder = tiny_encoder<float>();
    const auto encode = [&](std::vector<std::int32_t> ids) {
        const std::span<const std::int32_t> one(ids);
        encoder(std::span(&one, 1));
    };
    CHECK_THROWS_WITH(encode({}), Catch::Contains("a prompt without ids"));
    CHECK_THROWS_WITH(encode({1, -1, 2}), Catch::Contains("id -1 at position 1"));
    CHECK_THROWS_WITH(encode({1, 1'000'000}), Catch::Contains("id 1000000 at position 1"));
    std::vector<std::int32_t> long_prompt(17, 1);
    long_prompt.back() = 2;
    CHECK_THROWS_WITH(encode(long_prompt), Catch::Contains("17 ids, expected at most 16"));
}
