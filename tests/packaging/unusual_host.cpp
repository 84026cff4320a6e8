// A host with another locale, another rounding mode, denormals flushed, small thread stacks; compiled by the tests
// a second time with -ffast-math and the assertions of the standard library on.
#include <cfenv>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <limits>

#include <pthread.h>

#include <zeroshot/testing.hpp>
#include <zeroshot/zeroshot.hpp>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace {

/// Outputs of the model for a sample, and whether it refuses NaN among pixels.
struct results {
    std::vector<float> logits;
    std::vector<zeroshot::token_id> ids;
    bool refuses_nan = false;
};

results run_model() {
    const zeroshot::clip clip = zeroshot::load(zeroshot::testing::random_checkpoint().bytes());
    std::vector<std::uint8_t> pixels(50 * 40 * 3);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 31 % 251);
    const zeroshot::image sample(std::move(pixels), 50, 40, zeroshot::pixel_mode::rgb);
    results found{zeroshot::classifier(clip, {"I", "two", "3,5"})(sample).logits(), clip.tokenize("IZMIR 1.5"), false};
    const std::size_t size = clip.config().image_size();
    zeroshot::tensor<float, 4> batch(std::size_t{1}, std::size_t{3}, size, size);
    batch(0, 1, 2, 3) = std::numeric_limits<float>::quiet_NaN();
    try {
        clip.encode_pixels(batch);
    } catch (const zeroshot::numeric_error&) {
        found.refuses_nan = true;
    }
    return found;
}

/// Floating-point settings of some hosts; a thread does not inherit them, so it calls this itself.
void change_the_environment() {
    std::fesetround(FE_UPWARD);
#if defined(__SSE2__)
    _mm_setcsr(_mm_getcsr() | 0x8040);  // denormals are zero, going in and coming out
#endif
}

void* run_in_a_small_thread(void* result) {
    change_the_environment();
    *static_cast<results*>(result) = run_model();
    return nullptr;
}

bool same(const results& left, const results& right) {
    // Another rounding mode moves each of the some 200 additions behind a number by 1.2e-7 of it at most, in each of 10
    // layers: 2.4e-4 of a cosine, 0.024 of a logit at the factor 100.
    constexpr float bound = 0.024f;
    bool close = left.ids == right.ids && left.logits.size() == right.logits.size();
    for (std::size_t label = 0; close && label < left.logits.size(); ++label) {
        const float apart = std::abs(left.logits[label] - right.logits[label]);
        if (apart > bound)
            std::fprintf(stderr, "logit %zu: %g and %g\n", label, left.logits[label], right.logits[label]);
        close = apart <= bound;
    }
    return close && left.refuses_nan && right.refuses_nan;
}

}  // namespace

int main() {
    const results usual = run_model();
    for (const char* locale : {"tr_TR.UTF-8", "de_DE.UTF-8", "C.UTF-8"}) {
        if (std::setlocale(LC_ALL, locale) != nullptr) break;
    }
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    pthread_t thread;
    results changed;
    if (pthread_create(&thread, &attributes, run_in_a_small_thread, &changed) != 0) return 2;
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    return same(usual, changed) ? 0 : 1;
}
