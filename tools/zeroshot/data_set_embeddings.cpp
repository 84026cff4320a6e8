#include "data_set_embeddings.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <mutex>
#include <system_error>
#include <utility>
#include <variant>

#include <zeroshot/image/decode.hpp>
#include <zeroshot/support/batch_cache.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/sha256.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "image_files.hpp"
#include "interrupt.hpp"
#include "model_setup.hpp"
#include "ordered_steps.hpp"

namespace program {

namespace {

constexpr std::size_t batch_size = 16;  // images that a thread takes at a time, and that a killed run may lose

using zeroshot::reading_failure;

/// What is known of an image beside its embedding.
struct embedded_image {
    std::string name;
    zeroshot::label_list labels;  // as the data set has them
    std::optional<reading_failure> failed{};
};

zeroshot::label_list labels_of(const zeroshot::datasets::example& one) {
    return std::vector<std::uint32_t>(one.labels.begin(), one.labels.end());
}

/// Some consecutive images of the data set.
struct batch {
    std::size_t number = 0;
    std::vector<zeroshot::datasets::example> examples;
};

/// What became of them.
struct outcome {
    std::vector<embedded_image> images;
    std::vector<float> rows;  // of those that did not fail
    std::string note{};       // something a user should know
};

reading_failure as_reading(failure found) {
    return {found.code, std::move(found.sentence)};
}

/// The failure in flight, of an image of that name.
reading_failure failure_of(const std::string& name) {
    failure found = current_failure();
    if (!found.sentence.starts_with(name)) found.sentence = name + ": " + found.sentence;
    return as_reading(std::move(found));
}

/// The encoded bytes of an image, where it is not pixels already.
std::span<const std::byte> bytes_of(const zeroshot::datasets::stored_image& image, std::vector<std::byte>& read) {
    if (const auto* path = std::get_if<std::filesystem::path>(&image)) {
        constexpr std::size_t largest = INT_MAX;  // bytes; stb_image counts in int
        read = zeroshot::read_file(*path, largest);
        return read;
    }
    return std::get<std::vector<std::byte>>(image);
}

zeroshot::image image_of(const zeroshot::datasets::stored_image& image) {
    if (const auto* pixels = std::get_if<zeroshot::image>(&image)) return *pixels;
    if (const auto* path = std::get_if<std::filesystem::path>(&image)) return zeroshot::read_image(*path);
    return zeroshot::decode(std::get<std::vector<std::byte>>(image));
}

std::string sentence_place(const zeroshot::datasets::example& one) {
    if (const auto* path = std::get_if<std::filesystem::path>(&one.image)) return zeroshot::path_text(*path);
    return one.name;
}

/// Encodes pixels, one image after the other where the numbers of one of them fail.
void encode(outcome& to, const std::vector<std::size_t>& places, const zeroshot::tensor<float, 4>& pixels,
            const image_encoder& rows_of) {
    const auto add = [&](const zeroshot::matrix<float>& rows) {
        to.rows.insert(to.rows.end(), rows.values().begin(), rows.values().end());
    };
    try {
        add(rows_of(pixels));
    } catch (const zeroshot::numeric_error&) {
        for (std::size_t i = 0; i < places.size(); ++i) {
            zeroshot::tensor<float, 4> one(std::size_t{1}, pixels.extent(1), pixels.extent(2), pixels.extent(3));
            std::ranges::copy(pixels.row(i), one.row(0).begin());
            try {
                add(rows_of(one));
            } catch (const zeroshot::numeric_error&) {
                to.images[places[i]].failed = failure_of(to.images[places[i]].name);
            }
        }
    }
}

outcome compute(const batch& some, const image_encoder& rows_of) {
    const zeroshot::preprocessing& how = rows_of.clip.preprocessing();
    outcome found;
    std::vector<std::size_t> good;
    zeroshot::tensor<float, 4> pixels(some.examples.size(), std::size_t{3}, how.size, how.size);
    for (const zeroshot::datasets::example& one : some.examples) {
        found.images.push_back({one.name, labels_of(one), std::nullopt});
        try {
            zeroshot::preprocess_into(image_of(one.image), how, pixels.row(good.size()));
            good.push_back(found.images.size() - 1);
        } catch (...) {
            found.images.back().failed = failure_of(sentence_place(one));
        }
    }
    if (good.empty()) return found;
    if (good.size() < some.examples.size()) {
        zeroshot::tensor<float, 4> kept(good.size(), std::size_t{3}, how.size, how.size);
        std::ranges::copy(pixels.values().first(kept.size()), kept.values().begin());
        pixels = std::move(kept);
    }
    encode(found, good, pixels, rows_of);
    return found;
}

/// What the embeddings of a batch depend on, and nothing else.
std::string key_of(const batch& some, const std::string& model) {
    zeroshot::sha256 digest;
    digest.add(model);
    for (const zeroshot::datasets::example& one : some.examples) {
        zeroshot::sha256 image;
        if (const auto* pixels = std::get_if<zeroshot::image>(&one.image)) {
            image.add(std::to_string(pixels->width()) + "x" + std::to_string(static_cast<int>(pixels->mode())) + ":");
            for (std::size_t y = 0; y < pixels->height(); ++y) image.add(std::as_bytes(pixels->row(y)));
        } else {
            std::vector<std::byte> read;
            try {
                image.add(bytes_of(one.image, read));
            } catch (const zeroshot::error&) {
                image.add("cannot be read");
            }
        }
        digest.add(image.digits());
    }
    return digest.digits();
}

/// What was kept, if it is what would be computed now: an image that failed must fail again, and says why.
std::optional<outcome> from_kept(const batch& some, const zeroshot::kept_batch& kept, const image_encoder& rows_of) {
    outcome found;
    found.rows = kept.rows;
    for (std::size_t i = 0; i < some.examples.size(); ++i) {
        const zeroshot::datasets::example& one = some.examples[i];
        found.images.push_back({one.name, labels_of(one), std::nullopt});
        if (kept.is_good[i]) continue;
        outcome again = compute({some.number, {one}}, rows_of);
        if (!again.images.front().failed) return std::nullopt;
        found.images.back() = std::move(again.images.front());
    }
    return found;
}

/// As kept from a run before, or computed now and kept.
outcome kept_or_computed(const batch& some, const image_encoder& rows_of, const kept_embeddings* keep) {
    if (keep == nullptr) return compute(some, rows_of);
    const std::string key = key_of(some, keep->model);
    const std::filesystem::path file = keep->folder / (key + ".embeddings");
    std::string note;
    try {
        if (const auto kept = zeroshot::read_kept_batch(file, key, some.examples.size(), rows_of.columns())) {
            if (std::optional<outcome> found = from_kept(some, *kept, rows_of)) return *std::move(found);
        }
    } catch (const zeroshot::error& fault) {
        note = std::string(fault.what()) + "; it is computed again";
    }
    outcome found = compute(some, rows_of);
    found.note = std::move(note);
    zeroshot::kept_batch kept{{}, found.rows};
    for (const embedded_image& one : found.images) kept.is_good.push_back(!one.failed);
    const defer_interrupts no_partial_file;
    zeroshot::write_kept_batch(file, key, kept);
    return found;
}

/// Batches go out to the threads as they ask, and come back in order.
class conveyor {
   public:
    conveyor(zeroshot::datasets::data_set& from, const image_encoder& rows_of, command_context& context,
             const kept_embeddings* keep, std::size_t threads)
        : from_(from),
          rows_of_(rows_of),
          context_(context),
          keep_(keep),
          to_{{}, {}, {}, row_file(rows_of.columns())},
          steps_(4 * threads) {
        constexpr std::size_t most_expected = 1'000'000;  // a data set may say anything
        to_.labels.reserve(std::min(from.count().value_or(0), most_expected));
    }

    /// What each thread does.
    void work() {
        try {
            while (const std::optional<batch> some = take()) {
                if (context_.stop)
                    throw zeroshot::cancelled_error(zeroshot::error_code::cancelled,
                                                    {"", "stopped on request", "", ""});
                steps_.add(some->number,
                           [this, what = kept_or_computed(*some, rows_of_, keep_)]() mutable { add(what); });
            }
        } catch (...) {
            steps_.cancel();
            throw;
        }
    }

    embedded_set result() && { return std::move(to_); }

   private:
    std::optional<batch> take() {
        const std::lock_guard lock(taking_);
        batch some{taken_, {}};
        while (!steps_.cancelled() && some.examples.size() < batch_size) {
            std::optional<zeroshot::datasets::example> one = from_.next();
            if (!one) break;
            some.examples.push_back(*std::move(one));
        }
        if (some.examples.empty()) return std::nullopt;
        ++taken_;
        return some;
    }

    void add(outcome& what) {
        if (!what.note.empty()) context_.out.note(what.note);
        for (embedded_image& each : what.images) {
            if (each.failed) {
                context_.out.error(each.failed->sentence);
                to_.failures.emplace(to_.labels.size(), *std::move(each.failed));
            }
            to_.labels.push_back(std::move(each.labels));
            to_.names.add(each.name);
        }
        to_.rows.add(what.rows);
        const std::size_t done = to_.labels.size();
        const std::lock_guard lock(taking_);
        context_.out.progress("images", done, std::max(done, from_.count().value_or(done)));
    }

    zeroshot::datasets::data_set& from_;
    image_encoder rows_of_;
    command_context& context_;
    const kept_embeddings* keep_;
    embedded_set to_;
    ordered_steps steps_;
    std::mutex taking_;      // guards what is read from
    std::size_t taken_ = 0;  // batches that went out
};

[[noreturn]] void throw_row_error(const char* doing) {
    throw zeroshot::file_error(zeroshot::error_code::io,
                               {"temporary file", std::string(doing) + ": " + std::generic_category().message(errno),
                                "", "is the disk full?"});
}

}  // namespace

std::size_t image_encoder::columns() const {
    return output == image_output::embedding ? clip.embedding_size() : clip.model().visual().features();
}

zeroshot::matrix<float> image_encoder::operator()(const zeroshot::tensor<float, 4>& pixels) const {
    return output == image_output::embedding ? clip.encode_pixels(pixels) : clip.encode_features(pixels);
}

name_file::name_file() : file_(std::tmpfile()) {
    if (!file_) throw_row_error("cannot create");
}

void name_file::add(const std::string& name) {
    if (is_reading_ && std::fseek(file_.get(), 0, SEEK_END) != 0) throw_row_error("cannot write");
    is_reading_ = false;
    const std::size_t size = name.size();
    const bool written =
        std::fwrite(&size, sizeof size, 1, file_.get()) == 1 && std::fwrite(name.data(), 1, size, file_.get()) == size;
    if (!written) throw_row_error("cannot write");
}

std::string name_file::operator[](std::size_t place) const {
    if (!is_reading_ || place < at_) {
        if (std::fseek(file_.get(), 0, SEEK_SET) != 0) throw_row_error("cannot read");
        is_reading_ = true;
        at_ = 0;
    }
    while (at_ < place) next();
    return next();
}

std::string name_file::next() const {
    std::size_t size = 0;
    if (std::fread(&size, sizeof size, 1, file_.get()) != 1) throw_row_error("cannot read");
    std::string name(size, '\0');
    if (std::fread(name.data(), 1, size, file_.get()) != size) throw_row_error("cannot read");
    ++at_;
    return name;
}

row_file::row_file(std::size_t columns) : columns_(columns), file_(std::tmpfile()) {
    if (!file_) throw_row_error("cannot create");
}

void row_file::add(std::span<const float> numbers) {
    if (numbers.empty()) return;
    const bool written = std::fseek(file_.get(), 0, SEEK_END) == 0 &&
                         std::fwrite(numbers.data(), sizeof(float), numbers.size(), file_.get()) == numbers.size() &&
                         std::fflush(file_.get()) == 0;
    if (!written) throw_row_error("cannot write");
    rows_ += numbers.size() / columns_;
}

void row_file::read(const std::function<void(std::size_t, std::span<const float>)>& take) const {
    constexpr std::size_t at_once = 256;
    if (std::fseek(file_.get(), 0, SEEK_SET) != 0) throw_row_error("cannot read");
    std::vector<float> some(at_once * columns_);
    for (std::size_t first = 0; first < rows_; first += at_once) {
        const std::size_t count = std::min(at_once, rows_ - first);
        if (std::fread(some.data(), sizeof(float), count * columns_, file_.get()) != count * columns_)
            throw_row_error("cannot read");
        for (std::size_t i = 0; i < count; ++i) take(first + i, std::span(some).subspan(i * columns_, columns_));
    }
}

void embedded_set::read(const std::function<void(std::size_t, std::span<const float>)>& take) const {
    std::size_t place = 0;
    auto failed = failures.begin();
    rows.read([&](std::size_t, std::span<const float> row) {
        for (; failed != failures.end() && failed->first == place; ++failed) ++place;
        take(place++, row);
    });
}

embedded_set embed_all(zeroshot::datasets::data_set& from, const image_encoder& rows_of, worker_pool& workers,
                       command_context& context, const kept_embeddings* keep) {
    const zeroshot::run_options run = workers.run_options(context);
    const std::size_t threads = run.threads->concurrency();
    conveyor belt(from, rows_of, context, keep, threads);
    run.threads->parallel_for(threads, [&](std::size_t) { belt.work(); });
    context.out.end_progress();
    return std::move(belt).result();
}

}  // namespace program
