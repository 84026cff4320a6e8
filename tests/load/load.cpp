#include <zeroshot/load.hpp>

#include <string>
#include <vector>

#include "tests/catch.hpp"
#include "tests/reference_model.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

const std::vector<std::string> all_models{"openai_vit",         "openai_resnet",      "open_clip_gelu",   "open_clip_tanh",
                                          "open_clip_tanh_f16", "open_clip_tanh_bf16", "open_clip_resnet", "custom_text",
                                          "hugging_face_mixed", "hugging_face_older"};

template <class Scalar>
std::vector<double> logits(const basic_clip<Scalar>& clip, const matrix<Scalar>& images, const matrix<Scalar>& texts) {
    std::vector<double> all;
    const auto length = [](auto row) {
        double squares = 0;
        for (const auto x : row) squares += static_cast<double>(x) * static_cast<double>(x);
        return std::sqrt(squares);
    };
    for (std::size_t i = 0; i < images.rows(); ++i) {
        for (std::size_t t = 0; t < texts.rows(); ++t) {
            double dot = 0;
            for (std::size_t k = 0; k < images.columns(); ++k) dot += static_cast<double>(images(i, k)) * static_cast<double>(texts(t, k));
            all.push_back(static_cast<double>(clip.logit_scale()) * dot / length(images.row(i)) / length(texts.row(t)) +
                          static_cast<double>(clip.logit_bias()));
        }
    }
    return all;
}

template <class Scalar>
void check_model(const std::string& name, double bound) {
    INFO(name);
    const reference_model reference(name);
    const auto clip = load<Scalar>(model_folder(name));
    const auto images = clip.encode_pixels(reference.pixels<Scalar>());
    const auto texts = clip.encode_tokens(reference.prompts());
    check_close<Scalar>("image embeddings", images.values(), reference.numbers("embedding.image"), bound);
    check_close<Scalar>("text embeddings", texts.values(), reference.numbers("embedding.text"), bound);
    const auto found = logits(clip, images, texts);
    check_close<double>("logits", found, reference.numbers("logits_per_image"), bound);
}

}  // namespace

TEST_CASE("every layout, in double, equals the reference in double") {
    for (const std::string& name : all_models) check_model<double>(name, stage_bound<double>());
}

TEST_CASE("every layout, in float, equals the reference within float's rounding") {
    for (const std::string& name : all_models) check_model<float>(name, stage_bound<float>());
}
