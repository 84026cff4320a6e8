#pragma once
/// \file What the two units of one program give each other.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/zeroshot.hpp>

namespace other {

zeroshot::matrix<float> rows(std::size_t count);
double sum_of(zeroshot::matrix<float> rows);
std::vector<zeroshot::tensor<double, 3>> grown(std::vector<zeroshot::tensor<double, 3>> tensors);
zeroshot::image sample_image();
std::unique_ptr<zeroshot::classifier> classifier_of(zeroshot::clip clip);
std::vector<float> probabilities(const zeroshot::classifier& classifier, const zeroshot::image& sample);
const char* version();
void fail();

}  // namespace other
