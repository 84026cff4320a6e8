#include <string>
#include <vector>

#include <zeroshot/classify/class_names.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

std::string words(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names_in_words(names).names) text += (text.empty() ? "" : "; ") + name;
    return text;
}

bool unchanged(const std::vector<std::string>& names) {
    const class_names result = names_in_words(names);
    return result.names == names && result.note.empty();
}

}  // namespace

TEST_CASE("ImageNet's identifiers have the labels of its classes") {
    CHECK(imagenet_label("n01440764") == 0);
    CHECK(imagenet_label("n02102040") == 217);  // English springer
    CHECK(imagenet_label("n15075141") == 999);  // toilet tissue
    CHECK_FALSE(imagenet_label("n00000001"));
    CHECK_FALSE(imagenet_label("n99999999"));
    CHECK_FALSE(imagenet_label("n0144076"));
    CHECK_FALSE(imagenet_label("01440764"));
    CHECK_FALSE(imagenet_label("n0144076x"));
    CHECK(imagenet_classes().at(imagenet_label("n02099601").value()) == "Golden Retriever");
}

TEST_CASE("identifiers become the names of ImageNet's classes, and unknown ones are warned of") {
    CHECK(words({"n01440764", "n02102040"}) == "tench; English Springer Spaniel");
    CHECK(names_in_words(std::vector<std::string>{"n01440764", "n02102040"}).note ==
          "identifiers of ImageNet's classes are read by their names: 'n01440764' as 'tench', 'n02102040' as 'English "
          "Springer Spaniel'");
    const class_names result = names_in_words(std::vector<std::string>{"n01440764", "n04524313"});  // of ImageNet-21k
    CHECK(result.names == std::vector<std::string>{"tench", "n04524313"});
    CHECK(result.warning == "class 'n04524313' is an identifier and no word, and none of ImageNet's 1,000");
    CHECK(words({"n02085620-Chihuahua", "n02110185-Siberian_husky"}) == "Chihuahua; Siberian husky");
}

TEST_CASE("underscores and inner capitals become spaces where every name allows it") {
    CHECK(words({"golden_retriever", "beagle"}) == "golden retriever; beagle");
    CHECK(words({"AnnualCrop", "HerbaceousVegetation", "River"}) == "Annual Crop; Herbaceous Vegetation; River");
    CHECK(words({"001.Black_footed_Albatross", "002.Laysan_Albatross"}) == "Black footed Albatross; Laysan Albatross");
    CHECK(words({"01-cat", "02-dog"}) == "cat; dog");
    CHECK(words({"3_series", "5_series"}) == "3 series; 5 series");  // equal without their numbers
    CHECK(unchanged({"707-320", "747-400"}));
    CHECK(unchanged({"red circle", "blue_circle"}));  // not every name
    CHECK(unchanged({"AnnualCrop", "river"}));
    CHECK(unchanged({"McDonald", "iPhone"}));
    CHECK(unchanged({"BMW", "Audi"}));
    CHECK(unchanged({"River", "Forest"}));
    CHECK(unchanged({"T-shirt", "trouser"}));
    CHECK(unchanged({"1.a", "2.a"}));  // equal without their numbers
    CHECK(unchanged({"\xe7\x8c\xab", "caf\xc3\xa9"}));
    CHECK(unchanged({}));
}

TEST_CASE("names that may be several words, where not every name is, are warned of") {
    const auto warning = [](const std::vector<std::string>& names) { return names_in_words(names).warning; };
    CHECK(warning({"red circle", "blue_circle"}) == "class 'blue_circle' may be several words, and is read as it is");
    CHECK(warning({"AnnualCrop", "river"}) == "class 'AnnualCrop' may be several words, and is read as it is");
    CHECK(warning({"red circle", "BlueCircle"}) == "class 'BlueCircle' may be several words, and is read as it is");
    CHECK(warning({"blue_circle", "red_circle"}).empty());
    CHECK(warning({"cat", "dog"}).empty());
    CHECK(warning({"Cat", "BMW"}).empty());
}

TEST_CASE("names that are numbers are warned of") {
    CHECK(names_in_words(std::vector<std::string>{"0", "1", "10"}).warning ==
          "the classes are numbers, as '0', and no words");
    CHECK(names_in_words(std::vector<std::string>{"7", "seven"}).warning.empty());
}
