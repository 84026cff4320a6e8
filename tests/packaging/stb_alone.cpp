// A host whose stb_image is implemented in the very unit that includes us, before us or after us, with an allocator of
// its own.
#include <cstdio>
#include <cstdlib>

namespace {
int host_allocations = 0;
void* host_allocate(std::size_t size) {
    ++host_allocations;
    return std::malloc(size);
}
}  // namespace

#define STBI_NO_GIF
#define STBI_MALLOC(size) host_allocate(size)
#define STBI_REALLOC(memory, size) std::realloc(memory, size)
#define STBI_FREE(memory) std::free(memory)

#ifdef ZEROSHOT_HOST_STB_before
#include <zeroshot/image/decode.hpp>
#endif

#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

#ifdef ZEROSHOT_HOST_STB_after
#include <zeroshot/image/decode.hpp>
#endif

#include "tests/packaging/stb_both.hpp"

#ifndef STBI_NO_GIF
#error "the host's choice of formats is gone"
#endif

int main() {
    const bool ours = our_red() == 255 && host_allocations == 0;
    const bool theirs = host_red() == 255 && host_allocations > 0;
    if (!ours || !theirs) std::fprintf(stderr, "ours %d, theirs %d, allocations %d\n", ours, theirs, host_allocations);
    return ours && theirs ? 0 : 1;
}
