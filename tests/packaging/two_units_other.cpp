// The second unit: makes things for the first, and ends the life of what the first made.
#include "tests/packaging/two_units.hpp"

namespace other {

zeroshot::matrix<float> rows(std::size_t count) {
    zeroshot::matrix<float> made(count, 1000);
    made.eigen().setConstant(0.5f);
    return made;
}

double sum_of(zeroshot::matrix<float> rows) {
    return static_cast<double>((rows.eigen() * rows.eigen().transpose()).sum());
}

std::vector<zeroshot::tensor<double, 3>> grown(std::vector<zeroshot::tensor<double, 3>> tensors) {
    for (std::size_t size = 1; size < 50; ++size) tensors.emplace_back(size, size + 1, std::size_t{3});
    return tensors;
}

zeroshot::image sample_image() {
    std::vector<std::uint8_t> pixels(40 * 30 * 3);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7);
    return zeroshot::image(std::move(pixels), 40, 30, zeroshot::pixel_mode::rgb);
}

std::unique_ptr<zeroshot::classifier> classifier_of(zeroshot::clip clip) {
    return std::make_unique<zeroshot::classifier>(std::move(clip), std::vector<std::string>{"one", "two", "three"});
}

std::vector<float> probabilities(const zeroshot::classifier& classifier, const zeroshot::image& sample) {
    return classifier(sample).probabilities();
}

const char* version() {
    return zeroshot::version;
}

void fail() {
    throw zeroshot::argument_error(zeroshot::error_code::argument,
                                   {"a label", "thrown in one unit, caught in the other", "", ""});
}

}  // namespace other
