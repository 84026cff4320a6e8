#include <zeroshot/datasets/idx.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using namespace zeroshot::datasets;
using support::has;
using support::idx_head;
using support::thrown;

namespace {

struct pair_of_files {
    support::scratch_folder folder;
    std::filesystem::path images = folder / "t10k-images-idx3-ubyte";

    pair_of_files(const std::string& image_bytes, const std::string& label_bytes) {
        support::write(images, image_bytes);
        support::write(folder / "t10k-labels-idx1-ubyte", label_bytes);
    }
};

const std::string two_images = idx_head({2, 1, 3}) + "\x01\x02\x03\x04\x05\x06";
const std::string two_labels = idx_head({2}) + std::string("\x02\0", 2);

std::string idx_refusal(const std::string& images, const std::string& labels) {
    const pair_of_files files(images, labels);
    return thrown<data_set_error>([&] {
        idx pair(files.images);
        support::all_of(pair);
    });
}

}  // namespace

TEST_CASE("images and labels of an IDX pair are read together") {
    const pair_of_files files(two_images, two_labels);
    idx pair(files.images);
    CHECK(pair.count() == 2);
    CHECK(pair.classes() == std::vector<std::string>{"0", "1", "2"});
    const std::vector<example> all = support::all_of(pair);
    REQUIRE(all.size() == 2);
    CHECK(all[0].labels == std::vector<std::size_t>{2});
    CHECK(all[1].labels == std::vector<std::size_t>{0});
    CHECK(support::pixels_at(all[1], 3) == std::vector<int>{4, 5, 6});
    CHECK(std::get<image>(all[0].image).mode() == pixel_mode::grey);
}

TEST_CASE("EMNIST's classes are named after its mapping file") {
    const support::scratch_folder folder;
    support::write(folder / "emnist-letters-test-images-idx3-ubyte", two_images);
    support::write(folder / "emnist-letters-test-labels-idx1-ubyte", two_labels);
    support::write(folder / "emnist-letters-mapping.txt", "1 65 97\n2 66 98\n");
    CHECK(idx(folder / "emnist-letters-test-images-idx3-ubyte").classes() == std::vector<std::string>{"N/A", "A", "B"});
}

TEST_CASE("truncated files, and files that do not belong together, are refused") {
    CHECK(has(idx_refusal(two_images.substr(0, 20), two_labels),
              "byte 20: the file ends within image 1, expected 2 bytes more; is the file truncated?"));
    CHECK(has(idx_refusal(two_images.substr(0, 10), two_labels), "ends within its header"));
    CHECK(has(idx_refusal(two_images, two_labels.substr(0, 9)), "ends within the labels"));
    CHECK(has(idx_refusal(two_images, idx_head({3}) + "abc"), "3 labels, expected 2, the number of images"));
    CHECK(has(idx_refusal("GIF89a...", two_labels), "this is no IDX file of bytes with 3 axes"));
    CHECK(has(idx_refusal(idx_head({2, 0, 3}), two_labels), "images of 3 x 0"));
    CHECK(has(idx_refusal(idx_head({0xffffffff, 1, 3}), idx_head({0xffffffff})), "ends within the labels"));
    const support::scratch_folder folder;
    support::write(folder / "pictures", two_images);
    CHECK(has(thrown<data_set_error>([&] { idx{folder / "pictures"}; }), "the name of the file of labels is unknown"));
}
