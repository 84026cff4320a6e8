#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/load.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"
#include "tests/random_images.hpp"

using namespace zeroshot;
using zeroshot_tests::random_image;

namespace {

constexpr std::array every_precision{precision::f32, precision::bf16, precision::int8};

/// Both kinds of image tower, and in each precision one whose rows are long enough for 8 bits.
std::vector<clip> both_towers() {
    std::vector<clip> all{load(testing::random_checkpoint().bytes()),
                          load(testing::random_checkpoint(testing::tiny_modified_resnet()).bytes())};
    clip_config wide = testing::tiny_vision_transformer();
    wide.image = vision_transformer_config{32, 16, {512, 2, 8, 64, activation::quick_gelu, 1e-5}};
    wide.text.transformer = {512, 1, 8, 64, activation::quick_gelu, 1e-5};
    const std::vector<std::byte> bytes = testing::random_checkpoint(wide).bytes();
    for (const precision how : every_precision) all.push_back(load(bytes, {.precision = how}));
    return all;
}

std::vector<image> images(std::size_t count) {
    std::vector<image> all;
    for (unsigned i = 0; i < count; ++i) all.push_back(random_image(30 + i, 50 - i, i));
    return all;
}

std::vector<std::string> prompts(std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) {
        std::string text = "a dog";
        for (std::size_t word = 0; word < i; ++word) text += " and cat";
        all.push_back(text);
    }
    return all;
}

/// Encoding some of the items at a time, on any number of threads, gives the bits of encoding all at once on one.
template <class Item, class Encode>
void check_batches(std::span<const Item> all, const Encode& encode) {
    const matrix<float> expected = encode(all, run_options{});
    for (const std::size_t threads : {1u, 2u, 4u}) {
        thread_pool pool(threads);
        for (const std::size_t batch : {1u, 3u, 8u}) {
            for (std::size_t first = 0; first < all.size(); first += batch) {
                const std::size_t count = std::min(batch, all.size() - first);
                const matrix<float> got = encode(all.subspan(first, count), run_options{.threads = &pool});
                CHECK(std::ranges::equal(got.values(), expected.values().subspan(first * got.columns(), got.size())));
            }
        }
    }
}

}  // namespace

TEST_CASE("the same image gives the same bits in batches of 1, 3 and 8 and on 1, 2 and 4 threads", "[threads]") {
    const std::vector<image> eight = images(8);
    for (const clip& model : both_towers()) {
        check_batches<image>(eight, [&](std::span<const image> batch, const run_options& run) {
            return model.encode_image(batch, run);
        });
    }
}

TEST_CASE("prompts of mixed lengths give the same bits in batches of 1, 3 and 8 and on 1, 2 and 4 threads",
          "[threads]") {
    const std::vector<std::string> eight = prompts(8);
    for (const clip& model : both_towers()) {
        check_batches<std::string>(eight, [&](std::span<const std::string> batch, const run_options& run) {
            return model.encode_text(batch, run);
        });
    }
}

TEST_CASE("a model that several threads load gives the same bits", "[threads]") {
    thread_pool pool(3);
    load_options shared;
    shared.threads = &pool;
    const std::vector<image> some = images(1);
    const std::vector<std::string> texts = prompts(2);
    for (const auto& checkpoint :
         {testing::random_checkpoint(), testing::random_checkpoint(testing::tiny_modified_resnet())}) {
        const clip alone = load(checkpoint.bytes()), together = load(checkpoint.bytes(), shared);
        CHECK(together.encode_image(some) == alone.encode_image(some));
        CHECK(together.encode_text(texts) == alone.encode_text(texts));
    }
}

TEST_CASE("16 threads that use one model at once get the bits of one thread", "[threads]") {
    const clip model = both_towers().front();
    const std::vector<image> some = images(4);
    const std::vector<std::string> texts = prompts(4);
    const matrix<float> images = model.encode_image(some), sentences = model.encode_text(texts);
    std::vector<int> equal(16);
    {
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < equal.size(); ++t) {
            threads.emplace_back([&, t] {
                const clip own = model;
                equal[t] = own.encode_image(some) == images && own.encode_text(texts) == sentences;
            });
        }
    }
    CHECK(std::ranges::count(equal, 1) == 16);
}

TEST_CASE("encoding images equals encoding their preprocessed pixels") {
    const clip model = both_towers().front();
    const image image = random_image(64, 48, 7);
    const tensor<float, 3> pixels = model.preprocess(image);
    tensor<float, 4> batch(1, 3, pixels.extent(1), pixels.extent(2));
    std::ranges::copy(pixels.values(), batch.data());
    CHECK(model.encode_pixels(batch) == model.encode_image(image));
}

TEST_CASE("texts, images and lists of prompts are encoded alike one by one, in spans and in braces") {
    const clip model = both_towers().front();
    const std::vector<std::string> two{"a dog", "a cat"};
    CHECK(model.encode_text({"a dog", "a cat"}) == model.encode_text(two));
    CHECK(model.tokenize({"a dog", "a cat"}) == model.tokenize(two));
    CHECK(model.encode_tokens(model.tokenize(two)) == model.encode_text(two));
    thread_pool pool(2);
    const run_options run{.threads = &pool};
    CHECK(std::ranges::equal(model.encode_text("a cat", run).row(0), model.encode_text(two).row(1)));
    CHECK(std::ranges::equal(model.encode_tokens(model.tokenize("a cat"), run).row(0), model.encode_text(two).row(1)));
    const std::vector<image> pair = images(2);
    CHECK(model.encode_image({pair[0], pair[1]}, run) == model.encode_image(pair));
    CHECK(std::ranges::equal(model.encode_image(pair[1], run).row(0), model.encode_image(pair).row(1)));
    CHECK(model.encode_pixels(model.preprocess(pair, run)) == model.encode_image(pair));
}

TEST_CASE("a handle that was moved from still works") {
    clip first = both_towers().front();
    const clip second = std::move(first);
    CHECK(first.encode_text("a dog") == second.encode_text("a dog"));
}

TEST_CASE("no images and no texts give no embeddings") {
    const clip model = both_towers().front();
    CHECK(model.encode_image(std::span<const image>{}).rows() == 0);
    CHECK(model.encode_text(std::span<const std::string>{}).rows() == 0);
}

TEST_CASE("pixels of another shape, or not finite, are refused") {
    const clip model = both_towers().front();
    CHECK_THROWS_WITH(model.encode_pixels(tensor<float, 4>(1, 3, 8, 8)),
                      Catch::Contains("shape [1, 3, 8, 8], expected [1, 3, 32, 32]"));
    tensor<float, 4> pixels(1, 3, 32, 32);
    for (const float value :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(), 1e30f}) {
        pixels(0, 1, 2, 3) = value;
        CHECK_THROWS_AS(model.encode_pixels(pixels), numeric_error);
    }
}

TEST_CASE("a long call reports its progress, and stops when it is cancelled") {
    const clip model = both_towers().front();
    std::atomic<bool> stop{false};
    run_options options;
    options.stop = &stop;
    std::size_t reported = 0;
    options.report = [&](progress now) {
        reported = now.done;
        stop = true;
    };
    CHECK_THROWS_AS(model.encode_image(images(30), options), cancelled_error);
    CHECK(reported == 1);
}
