#include <zeroshot/datasets/cifar_pickle.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace support::python2;
using support::cifar_planes;
using support::has;
using support::thrown;

namespace {

const std::string meta = whole(dictionary(text("label_names") + list(text("airplane") + text("automobile"))));
const std::string pixels = cifar_planes(1, 2, 3) + cifar_planes(4, 5, 6);

std::string batch(const std::string& labels, const std::string& data) {
    return whole(dictionary(text("batch_label") + text("testing batch 1 of 1") + text("labels") + list(labels) +
                            text("data") + data));
}

std::string pickle_refusal(const std::string& bytes) {
    const support::scratch_folder home;
    support::write(home / "batches.meta", meta);
    support::write(home / "test_batch", bytes);
    return thrown([&] { cifar_pickles(cifar::ten, {home / "test_batch"}); });
}

}  // namespace

TEST_CASE("a pickled batch is read as data, an image at a time") {
    const support::scratch_folder home;
    support::write(home / "batches.meta", meta);
    support::write(home / "test_batch", batch(number(1) + number(0), array(2, 3072, pixels)));
    support::write(home / "data_batch_2", batch(number(1), array(1, 3072, cifar_planes(7, 8, 9))));
    cifar_pickles batches(cifar::ten, {home / "test_batch", home / "data_batch_2"});
    CHECK(batches.classes() == std::vector<std::string>{"airplane", "automobile"});
    const std::vector<example> all = support::all_of(batches);
    REQUIRE(all.size() == 3);
    CHECK(all[0].labels == std::vector<std::size_t>{1});
    CHECK(support::pixels_at(all[1], 4) == std::vector<int>{4, 5, 6, 4});
    CHECK(all[2].name == "data_batch_2/0");
    CHECK(support::pixels_at(all[2], 3) == std::vector<int>{7, 8, 9});
}

TEST_CASE("a batch that wants to call something else is refused and not executed") {
    CHECK(has(pickle_refusal(whole("cos\nsystem\n" + text("true") + "\x85R")),
              "'os system', which is refused and not executed"));
}

TEST_CASE("a batch of another form is told") {
    const std::string labels = number(1) + number(0);
    CHECK(has(pickle_refusal(whole(list(labels))), "here is a list, expected a dictionary"));
    CHECK(has(pickle_refusal(whole(dictionary(text("data") + number(1)))), "there is nothing under 'labels'"));
    CHECK(has(pickle_refusal(batch(labels + number(2), array(2, 3072, pixels))), "label 2, expected below 2"));
    CHECK(has(pickle_refusal(batch(number(1), array(2, 3072, pixels))),
              "unsigned bytes [1, 3072], a row for each label"));
    CHECK(has(pickle_refusal(batch(labels, array(2, 3072, pixels, "f4"))), "the images are another array"));
    CHECK(has(pickle_refusal(batch(labels, array(2, 3072, pixels.substr(1)))), "the images are another array"));
    CHECK(has(pickle_refusal(batch(labels, number(1))), "here is an integer, expected an array of NumPy"));
    CHECK(has(pickle_refusal(batch(labels, array(2, 3072, pixels)).substr(0, 3000)), "FORMAT "));
}
