#include <zeroshot/load/load.hpp>
#include <zeroshot/load/self_check.hpp>
#include <zeroshot/testing.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

const clip& tiny() {
    static const clip model = load(testing::random_checkpoint().bytes());
    return model;
}

}  // namespace

TEST_CASE("a record survives being written and read, and its model passes") {
    const self_record record = record_of(tiny());
    CHECK(record.image.size() == tiny().embedding_size());
    CHECK(record.text.size() == tiny().embedding_size());
    const self_record read = read_self_record(json::parse(self_record_text(record), "record"));
    CHECK(read.image == record.image);  // floats, to the bit
    CHECK(read.text == record.text);
    verify(tiny(), read);
    verify(load<double>(testing::random_checkpoint().bytes()), read);
}

TEST_CASE("another model does not pass, nor does one that moved by more than the bound") {
    const self_record record = record_of(tiny());
    const clip other = load(testing::random_checkpoint(testing::tiny_vision_transformer(), 2).bytes());
    CHECK_THROWS_WITH(verify(other, record), Catch::Contains("does not give what it gave when it was converted"));
    self_record moved = record;
    for (float& value : moved.text) value *= 1.0002f;
    CHECK_THROWS_AS(verify(tiny(), moved), numeric_error);
    moved = record;
    for (float& value : moved.text) value *= 1.00005f;
    verify(tiny(), moved);
    moved.image.pop_back();
    CHECK_THROWS_AS(verify(tiny(), moved), numeric_error);
}

TEST_CASE("a difference is relative to the longer vector") {
    CHECK(relative_difference({3, 4}, {3, 4}) == 0);
    CHECK(relative_difference({0, 0}, {0, 0}) == 0);
    CHECK(relative_difference({3, 4}, {0, 0}) == 1);
    CHECK(relative_difference({1, 0}, {0.5, 0}) == 0.5);
}

TEST_CASE("a checkpoint without a record says how to get one") {
    load_options options;
    options.verify = true;
    CHECK_THROWS_WITH(load(testing::random_checkpoint().bytes(), options),
                      Catch::Contains("it carries no record to verify the model by; convert it first"));
}
