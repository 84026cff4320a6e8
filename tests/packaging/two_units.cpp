// The first unit: takes what the second makes, and hands over what it made itself. The numbers may differ in their last
// bits where the units are compiled for different machines; the memory may not.
#include "tests/packaging/two_units.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>

#include <zeroshot/testing.hpp>

namespace {

int failures = 0;

void check(bool holds, const char* claim) {
    if (holds) return;
    std::fprintf(stderr, "not so: %s\n", claim);
    ++failures;
}

/// Allocated here and freed there, and the other way around, at many sizes.
void exchange_memory() {
    for (std::size_t count = 1; count < 40; ++count) {
        check(other::rows(count).rows() == count, "the other unit's rows are freed here");
        zeroshot::matrix<float> mine(count, 1000);
        mine.eigen().setConstant(0.5f);
        check(other::sum_of(std::move(mine)) == 250.0 * static_cast<double>(count * count), "my rows are freed there");
    }
    std::vector<zeroshot::tensor<double, 3>> tensors;
    for (std::size_t size = 1; size < 50; ++size) tensors.emplace_back(size, size, std::size_t{3});
    check(other::grown(std::move(tensors)).size() == 98, "a vector that grew in both units");
}

void exchange_models() {
    const zeroshot::clip clip = zeroshot::load(zeroshot::testing::random_checkpoint().bytes());
    const std::unique_ptr<zeroshot::classifier> theirs = other::classifier_of(clip);
    const zeroshot::classifier mine(clip, {"one", "two", "three"});
    const zeroshot::image sample = other::sample_image();
    const std::vector<float> here = mine(sample).probabilities(), there = other::probabilities(*theirs, sample);
    const std::vector<float> crossed = other::probabilities(mine, sample);
    for (std::size_t label = 0; label < 3; ++label) {
        check(std::abs(here[label] - there[label]) < 1e-4f, "both units classify alike");
        check(std::abs(here[label] - crossed[label]) < 1e-4f, "my classifier works in the other unit");
    }
}

void exchange_errors() {
    try {
        other::fail();
        check(false, "the other unit throws");
    } catch (const zeroshot::error& caught) {
        check(caught.code() == zeroshot::error_code::argument, "an error keeps its code between units");
    }
}

}  // namespace

int main(int count, char** arguments) {
#if defined(__x86_64__) || defined(__i386__)
    if (count > 1 &&
        !(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) {
        std::fprintf(stderr, "skipped: this machine lacks %s\n", arguments[1]);
        return 77;
    }
#endif
    check(std::strcmp(other::version(), zeroshot::version) == 0, "both units see one version");
    exchange_memory();
    exchange_models();
    exchange_errors();
    return failures == 0 ? 0 : 1;
}
