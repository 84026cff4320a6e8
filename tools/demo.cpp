// What tools/demo shows: each image of a folder against the labels that its labels.json gives.
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

/// An image, five labels, and the one that is right.
struct question {
    std::filesystem::path image;
    std::vector<std::string> labels;
    std::string answer;
};

std::vector<question> questions_in(const std::filesystem::path& folder) {
    std::vector<question> all;
    for (const auto& [name, entry] : zeroshot::read_json(folder / "labels.json").members()) {
        question next{folder / name, {}, entry.at("answer").as_string()};
        for (const zeroshot::json& label : entry.at("labels").items()) next.labels.push_back(label.as_string());
        all.push_back(std::move(next));
    }
    return all;
}

/// How this terminal is spoken to.
class terminal {
   public:
    terminal() : colourful_(isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr) {}

    bool colourful() const { return colourful_; }
    std::string bold(const std::string& text) const { return painted(text, "1"); }
    std::string green(const std::string& text) const { return painted(text, "32"); }
    std::string red(const std::string& text) const { return painted(text, "31"); }
    std::string dim(const std::string& text) const { return painted(text, "2"); }

   private:
    std::string painted(const std::string& text, const char* code) const {
        return colourful_ ? "\033[" + std::string(code) + "m" + text + "\033[0m" : text;
    }

    bool colourful_;
};

/// The image in coloured half blocks: `rows` lines of 2 * rows characters, each character two pixels high.
std::vector<std::string> thumbnail(const zeroshot::image& image, std::size_t rows) {
    zeroshot::preprocessing how;
    how.size = 2 * rows;
    const zeroshot::image small = zeroshot::crop_of(image, how);
    const auto colour = [&](std::size_t x, std::size_t y) {
        const auto pixel = small.row(y).subspan(3 * x, 3);
        return std::to_string(pixel[0]) + ";" + std::to_string(pixel[1]) + ";" + std::to_string(pixel[2]) + "m";
    };
    std::vector<std::string> lines(rows);
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t x = 0; x < how.size; ++x) {
            lines[row] += "\033[38;2;" + colour(x, 2 * row) + "\033[48;2;" + colour(x, 2 * row + 1) + "\u2580";
        }
        lines[row] += "\033[0m";
    }
    return lines;
}

/// A bar of eighths of blocks.
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

/// Shows one image and its labels; tells whether the first is the right one.
bool answer(const question& asked, const zeroshot::clip& clip, const terminal& screen, std::size_t label_width) {
    constexpr std::size_t bar_width = 30;
    const zeroshot::image image = zeroshot::read_image(asked.image);
    const zeroshot::classification result = zeroshot::classifier(clip, asked.labels)(image);
    const bool right = result.best().label == asked.answer;
    const std::vector<std::string> small = screen.colourful() ? thumbnail(image, asked.labels.size() + 1)
                                                              : std::vector<std::string>(asked.labels.size() + 1);

    const std::string name = asked.image.filename().string();
    std::cout << small[0] << "  " << screen.bold(name) << "  "
              << (right ? screen.green("right") : screen.red("wrong: it is " + asked.answer)) << '\n';
    for (std::size_t i = 0; i < result.size(); ++i) {
        const auto& [label, probability] = result.top(result.size())[i];
        const std::string padded = label + std::string(label_width - label.size(), ' ');
        const std::string shown = percent(probability) + "  " + padded + "  " + bar(probability, bar_width);
        std::cout << small[i + 1] << "  " << (i == 0 ? shown : screen.dim(shown)) << '\n';
    }
    std::cout << '\n';
    return right;
}

int run(const std::filesystem::path& model, const std::filesystem::path& folder) {
    const auto began = std::chrono::steady_clock::now();
    const zeroshot::clip clip = zeroshot::load(model);
    const std::vector<question> all = questions_in(folder);
    std::size_t label_width = 0;
    for (const question& each : all) {
        for (const std::string& label : each.labels) label_width = std::max(label_width, label.size());
    }
    const terminal screen;
    std::size_t right = 0;
    for (const question& each : all) right += answer(each, clip, screen, label_width) ? 1 : 0;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.2f", took.count());
    std::cout << screen.bold(std::to_string(right) + " of " + std::to_string(all.size()) + " right")
              << ", loading and all in " << seconds << " s. The model never saw these two drawing styles; "
              << "models/pictograms.md says what it can and cannot do.\n";
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
