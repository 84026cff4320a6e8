#include <functional>
#include <random>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/checkpoint/tensor_values.hpp>

#include "tests/checkpoint/archives.hpp"
#include "tests/support/stored_values.hpp"

using namespace zeroshot;
using support::raw;

namespace {

using file_bytes = std::vector<std::byte>;

std::vector<file_bytes> sound_files() {
    using namespace support::pickles;
    const std::string numbers = raw<float>({0, 1, 2, 3, 4, 5});
    const std::string module = global("__torch__", "M") + empty + newobj +
                               state({{"w", saved_tensor({}, 0, {3, 2}, {1, 3})}, {"training", no}}) + build;
    support::zip_file scripted = support::torch_file(module, {numbers});
    scripted.items.push_back({"archive/constants.pkl", ""});
    support::zip_file wide = support::torch_file(
        state({{"state_dict", state({{"module.a", saved_tensor({}, 2, {2}, {1})}})}, {"epoch", integer(1)}}),
        {numbers});
    wide.zip64 = true;
    return {support::file_builder().add("a", "[2]", raw<float>({1, 2})).add("b", "[]", raw<float>({3})).bytes(),
            scripted.bytes(), wide.bytes()};
}

/// Small numbers from one sequence: how the library's own distributions draw them, each library decides for itself.
class dice {
   public:
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }

   private:
    std::mt19937_64 engine_{20'240};
};

file_bytes truncated(file_bytes file, dice& draw) {
    file.resize(draw.below(file.size()));
    return file;
}
file_bytes with_flipped_bits(file_bytes file, dice& draw) {
    for (std::size_t flips = 1 + draw.below(3); flips > 0; --flips)
        file[draw.below(file.size())] ^= static_cast<std::byte>(1u << draw.below(8));
    return file;
}
/// A piece of one file in the place of a piece of another, which may be longer or shorter.
file_bytes spliced(const file_bytes& file, const file_bytes& other, dice& draw) {
    const auto at = [](const file_bytes& bytes, std::size_t offset) {
        return bytes.begin() + static_cast<std::ptrdiff_t>(offset);
    };
    const std::size_t begin = draw.below(file.size()), end = begin + draw.below(file.size() - begin);
    const std::size_t from = draw.below(other.size()), to = from + draw.below(other.size() - from);
    file_bytes joined(file.begin(), at(file, begin));
    joined.insert(joined.end(), at(other, from), at(other, to));
    joined.insert(joined.end(), at(file, end), file.end());
    return joined;
}

/// Opens a file and reads all of it. Whether that goes well; errors of another kind than ours go through.
bool is_read(const file_bytes& bytes) {
    try {
        const checkpoint file = checkpoint::from_bytes(bytes, "mutation");
        for (const named_tensor& each : file.tensors()) {
            if (is_floating(each.tensor.type))
                support::stored_values<float>(each.tensor);
            else
                each.tensor.bytes.bytes();
        }
        return true;
    } catch (const checkpoint_error&) {
        return false;
    }
}

}  // namespace

TEST_CASE("500 mutated containers are read or refused with an error") {
    const std::vector<file_bytes> sound = sound_files();
    for (const file_bytes& file : sound) REQUIRE(is_read(file));
    dice draw;
    std::size_t read = 0;
    constexpr std::size_t mutations = 500;
    for (std::size_t i = 0; i < mutations; ++i) {
        const file_bytes& file = sound[i % sound.size()];
        const file_bytes& other = sound[draw.below(sound.size())];
        const std::size_t kind = draw.below(3);
        INFO("mutation " << i);
        bool whole = false;
        REQUIRE_NOTHROW(whole = is_read(kind == 0   ? truncated(file, draw)
                                        : kind == 1 ? with_flipped_bits(file, draw)
                                                    : spliced(file, other, draw)));
        read += whole ? 1 : 0;
    }
    CHECK(read < mutations / 3);  // only flips, a third of them, can leave a file sound
}

TEST_CASE("every flipped bit of a pickle in an archive without checksum is read or refused") {
    using namespace support::pickles;
    const std::string numbers = raw<float>({0, 1, 2, 3, 4, 5});
    const support::zip_file sound = support::torch_file(state({{"a", saved_tensor({}, 0, {3, 2}, {1, 3})}}), {numbers});
    for (std::size_t bit = 0; bit < 8 * sound.items[0].data.size(); ++bit) {
        support::zip_file file = sound;
        char& byte = file.items[0].data[bit / 8];
        byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1u << bit % 8));
        INFO("bit " << bit);
        CHECK_NOTHROW(is_read(file.bytes()));
    }
}
