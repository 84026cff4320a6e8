// The program of tools/demo: classifies the images of a folder among the labels of its labels.json.
//
//     demo models/pictograms.safetensors examples/images
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <unistd.h>

#include <zeroshot/zeroshot.hpp>

namespace {

/// An image, candidate labels, and the correct one.
struct labelled_image {
    std::filesystem::path file;
    std::vector<std::string> labels;
    std::string answer;
};

std::vector<labelled_image> read_labels(const std::filesystem::path& folder) {
    std::vector<labelled_image> images;
    for (const auto& [name, entry] : zeroshot::read_json(folder / "labels.json").members()) {
        images.push_back({folder / name, entry.at("labels").texts(), entry.at("answer").as_string()});
    }
    return images;
}

/// Styles of text, if the output is a terminal and NO_COLOR is not set.
class terminal {
   public:
    terminal() : has_colours_(isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr) {}

    bool has_colours() const { return has_colours_; }
    std::string bold(const std::string& text) const { return styled(text, "1"); }
    std::string green(const std::string& text) const { return styled(text, "32"); }
    std::string red(const std::string& text) const { return styled(text, "31"); }
    std::string dim(const std::string& text) const { return styled(text, "2"); }

   private:
    std::string styled(const std::string& text, const char* code) const {
        return has_colours_ ? "\033[" + std::string(code) + "m" + text + "\033[0m" : text;
    }

    bool has_colours_;
};

/// A thumbnail in half blocks: `rows` lines of 2 * rows characters, each of two pixels on top of each other.
std::vector<std::string> thumbnail(const zeroshot::image& image, std::size_t rows) {
    zeroshot::preprocessing preprocessing;
    preprocessing.size = 2 * rows;
    const zeroshot::image scaled = zeroshot::encoder_square(image, preprocessing);
    const auto colour = [&](std::size_t x, std::size_t y) {
        const auto pixel = scaled.row(y).subspan(3 * x, 3);
        return std::to_string(pixel[0]) + ";" + std::to_string(pixel[1]) + ";" + std::to_string(pixel[2]) + "m";
    };
    std::vector<std::string> lines(rows);
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t x = 0; x < preprocessing.size; ++x) {
            lines[row] += "\033[38;2;" + colour(x, 2 * row) + "\033[48;2;" + colour(x, 2 * row + 1) + "\u2580";
        }
        lines[row] += "\033[0m";
    }
    return lines;
}

/// A bar of block characters, rounded to an eighth of a column.
std::string bar(double share, std::size_t width) {
    constexpr const char* eighths[] = {"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
    const auto filled = static_cast<std::size_t>(std::lround(share * static_cast<double>(width) * 8));
    std::string text;
    for (std::size_t i = 0; i < filled / 8; ++i) text += "\u2588";
    return text + eighths[filled % 8];
}

std::string percent(double share) {
    char text[16];
    std::snprintf(text, sizeof text, "%5.1f %%", 100 * share);
    return text;
}

/// Classifies and prints one image; returns whether the most probable label is correct.
bool classify(const labelled_image& input, const zeroshot::clip& clip, const terminal& screen,
              std::size_t label_width) {
    constexpr std::size_t bar_width = 30;
    const zeroshot::image image = zeroshot::read_image(input.file);
    const zeroshot::classification result = zeroshot::classifier(clip, input.labels)(image);
    const bool right = result.best().label == input.answer;
    const std::vector<std::string> lines = screen.has_colours() ? thumbnail(image, input.labels.size() + 1)
                                                                : std::vector<std::string>(input.labels.size() + 1);

    const std::string name = input.file.filename().string();
    std::cout << lines[0] << "  " << screen.bold(name) << "  "
              << (right ? screen.green("correct") : screen.red("wrong: the label is " + input.answer)) << '\n';
    for (std::size_t i = 0; i < result.size(); ++i) {
        const auto& [label, probability] = result.top(result.size())[i];
        const std::string padded = label + std::string(label_width - label.size(), ' ');
        const std::string shown = percent(probability) + "  " + padded + "  " + bar(probability, bar_width);
        std::cout << lines[i + 1] << "  " << (i == 0 ? shown : screen.dim(shown)) << '\n';
    }
    std::cout << '\n';
    return right;
}

int run(const std::filesystem::path& model, const std::filesystem::path& folder) {
    const auto began = std::chrono::steady_clock::now();
    const zeroshot::clip clip = zeroshot::load(model);
    const std::vector<labelled_image> images = read_labels(folder);
    std::size_t label_width = 0;
    for (const labelled_image& each : images) {
        for (const std::string& label : each.labels) label_width = std::max(label_width, label.size());
    }
    const terminal screen;
    std::size_t correct = 0;
    for (const labelled_image& each : images) correct += classify(each, clip, screen, label_width) ? 1 : 0;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.2f", took.count());
    std::cout << screen.bold(std::to_string(correct) + " of " + std::to_string(images.size()) + " correct") << ", "
              << seconds << " s including loading. These two drawing styles were not in the training set; "
              << "see models/pictograms.md.\n";
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) return std::cerr << "usage: demo MODEL FOLDER\n", 2;
    try {
        return run(arguments[1], arguments[2]);
    } catch (const std::exception& fault) {
        std::cerr << "demo: " << fault.what() << '\n';
        return 1;
    }
}
