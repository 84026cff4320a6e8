// Embeds images and a text, and prints the cosines between the images and the text, and between each two images.
//
//     embed_and_compare models/pictograms.safetensors "something to eat" a.png b.png c.png
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include <zeroshot/zeroshot.hpp>

int main(int count, char** arguments) {
    if (count < 4) return std::cerr << "usage: embed_and_compare MODEL TEXT IMAGE...\n", 2;
    try {
        const auto clip = zeroshot::load(arguments[1]);
        const std::string text = arguments[2];
        std::vector<zeroshot::image> images;
        for (int i = 3; i < count; ++i) images.push_back(zeroshot::read_image(arguments[i]));

        zeroshot::thread_pool threads;
        const auto embeddings =
            zeroshot::normalized(clip.encode_image(images, {.threads = &threads}));  // [images, embedding]
        const auto sentence = zeroshot::normalized(clip.encode_text(text));          // [1, embedding]
        const auto to_text = zeroshot::similarity(embeddings, sentence, 1.0f);       // cosines
        const auto to_each_other = zeroshot::similarity(embeddings, embeddings, 1.0f);

        std::cout << std::fixed << std::setprecision(3);
        for (std::size_t i = 0; i < images.size(); ++i) {
            std::cout << arguments[3 + i] << ": " << to_text(i, 0) << " to \"" << text << "\", to the images";
            for (const float cosine : to_each_other.row(i)) std::cout << ' ' << cosine;
            std::cout << '\n';
        }
    } catch (const zeroshot::error& fault) {
        std::cerr << fault.what() << '\n';
        return 1;
    }
}
