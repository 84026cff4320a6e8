// Classifies pixels in memory, from a camera or a decoder of your own, without an image decoder in the program.
//
//     own_pixels models/pictograms.safetensors
#define ZEROSHOT_NO_DECODER  // leaves stb_image out
#include <cstdint>
#include <iostream>
#include <vector>

#include <zeroshot/zeroshot.hpp>

/// A red disc on white as OpenCV's imread holds it: size x size pixels of blue, green and red bytes.
std::vector<std::uint8_t> red_disc(int size) {
    std::vector<std::uint8_t> pixels;
    for (int y = 0; y < size; ++y) {
        for (int x = 0; x < size; ++x) {
            const int dx = 2 * x - size, dy = 2 * y - size;
            const bool inside = dx * dx + dy * dy < size * size / 2;
            pixels.push_back(inside ? 40 : 255);
            pixels.push_back(inside ? 30 : 255);
            pixels.push_back(inside ? 220 : 255);
        }
    }
    return pixels;
}

int main(int count, char** arguments) {
    if (count != 2) return std::cerr << "usage: own_pixels MODEL\n", 2;
    try {
        const std::vector<std::uint8_t> pixels = red_disc(96);
        // Of a cv::Mat: image::view(mat.data, mat.cols, mat.rows, pixel_mode::bgr, mat.step); also rgb, rgba and bgra.
        const auto image = zeroshot::image::view(pixels, 96, 96, zeroshot::pixel_mode::bgr);
        const zeroshot::classifier classifier(zeroshot::load(arguments[1]),
                                              {"red circle", "blue circle", "green tree"});
        for (const auto& [label, probability] : classifier(image)) std::cout << label << ": " << probability << '\n';
    } catch (const zeroshot::error& fault) {
        std::cerr << fault.what() << '\n';
        return 1;
    }
}
