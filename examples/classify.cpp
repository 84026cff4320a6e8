// Classifies an image with labels of your own.
//
//     classify models/pictograms.safetensors examples/images/<image>.png "a dog" "a cat"
#include <iostream>

#include <zeroshot/zeroshot.hpp>

int main(int count, char** arguments) {
    if (count < 4) return std::cerr << "usage: classify MODEL IMAGE LABEL...\n", 2;
    const auto clip = zeroshot::load(arguments[1]);
    const auto classifier = zeroshot::classifier(clip, {arguments + 3, arguments + count});
    for (const auto& [label, probability] : classifier(zeroshot::read_image(arguments[2])))
        std::cout << label << ": " << probability << '\n';
}
