#include <utility>

#include <zeroshot/datasets/data_set.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

class two_images final : public data_set {
   public:
    const std::string& place() const noexcept override { return place_; }
    const std::vector<std::string>& classes() const noexcept override { return classes_; }
    std::optional<example> next() override {
        if (given_ == 2) return std::nullopt;
        const std::string name = std::to_string(given_);
        return example{name, std::filesystem::path(name + ".png"), {given_++}};
    }

   private:
    std::string place_ = "two";
    std::vector<std::string> classes_{"a", "b"};
    std::size_t given_ = 0;
};

}  // namespace

TEST_CASE("a data set is read to its end, and says neither its size nor templates unless it knows them") {
    two_images photos;
    std::size_t seen = 0;
    while (const std::optional<example> one = photos.next()) {
        CHECK(one->labels == std::vector{seen});
        CHECK(std::get<std::filesystem::path>(one->picture) == std::to_string(seen) + ".png");
        ++seen;
    }
    CHECK(seen == 2);
    CHECK_FALSE(photos.count());
    CHECK(photos.templates().empty());
}
