#include "data_set_embeddings.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>

#include <zeroshot/checkpoint/cache_file.hpp>
#include <zeroshot/image/decode.hpp>
#include <zeroshot/model/clip_model.hpp>
#include <zeroshot/support/checksum.hpp>
#include <zeroshot/support/file.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "image_files.hpp"
#include "interrupt.hpp"
#include "ordered_steps.hpp"

namespace program {

namespace {

constexpr std::size_t batch_size = 16;  // images per thread and step, and the most that an interrupted run loses

using zeroshot::datasets::example;
using zeroshot::datasets::stored_image;
using zeroshot::metrics::reading_failure;

/// Consecutive images of the data set.
struct example_batch {
    std::size_t number = 0;
    std::vector<example> examples;
};

/// An image without its embedding.
struct embedded_image {
    std::string name;
    std::vector<std::uint32_t> labels;  // as in the data set
    std::optional<reading_failure> failed{};
};

/// A batch with its embeddings.
struct embedded_batch {
    std::vector<embedded_image> images;
    std::vector<float> rows;           // of the images without failure
    std::vector<std::string> notes{};  // messages for the user
};

embedded_image describe(const example& one) {
    return {one.name, std::vector<std::uint32_t>(one.labels.begin(), one.labels.end()), std::nullopt};
}

/// The exception in flight as a failure of an image.
reading_failure failure_of(const std::string& name) {
    failure error = current_failure();
    if (!error.message.starts_with(name)) error.message = name + ": " + error.message;
    return {error.code, std::move(error.message)};
}

/// Name of an image in messages.
std::string display_name(const example& one) {
    if (const auto* path = std::get_if<std::filesystem::path>(&one.image)) return zeroshot::path_text(*path);
    return one.name;
}

zeroshot::image decode(const stored_image& image, const zeroshot::decode_options& options) {
    if (const auto* pixels = std::get_if<zeroshot::image>(&image)) return *pixels;
    if (const auto* path = std::get_if<std::filesystem::path>(&image)) return zeroshot::read_image(*path, options);
    return zeroshot::decode(std::get<std::vector<std::byte>>(image), options);
}

/// Encodes the images of a batch; one by one if an embedding is not finite.
/// \param indices in the batch of the images in `pixels`
void encode(embedded_batch& batch, const std::vector<std::size_t>& indices, const zeroshot::tensor<float, 4>& pixels,
            const image_encoder& encoder) {
    const auto append = [&](const zeroshot::matrix<float>& rows) {
        batch.rows.insert(batch.rows.end(), rows.values().begin(), rows.values().end());
    };
    try {
        append(encoder(pixels));
    } catch (const zeroshot::numeric_error&) {
        for (std::size_t i = 0; i < indices.size(); ++i) {
            zeroshot::tensor<float, 4> one(std::size_t{1}, pixels.extent(1), pixels.extent(2), pixels.extent(3));
            std::ranges::copy(pixels.row(i), one.row(0).begin());
            embedded_image& image = batch.images[indices[i]];
            try {
                append(encoder(one));
            } catch (const zeroshot::numeric_error&) {
                image.failed = failure_of(image.name);
            }
        }
    }
}

/// Decodes, preprocesses and encodes a batch.
embedded_batch embed(const example_batch& batch, const image_encoder& encoder) {
    const zeroshot::preprocessing& preprocessing = encoder.clip.preprocessing();
    const std::size_t size = preprocessing.size;
    embedded_batch result;
    std::vector<std::size_t> read;  // indices of the images without failure
    zeroshot::tensor<float, 4> pixels(batch.examples.size(), std::size_t{3}, size, size);
    for (const example& one : batch.examples) {
        result.images.push_back(describe(one));
        std::vector<std::string> warnings;
        zeroshot::decode_options decoding = encoder.decoding;
        decoding.warnings = &warnings;
        try {
            zeroshot::preprocess_into(decode(one.image, decoding), preprocessing, pixels.row(read.size()));
            for (const std::string& warning : warnings)
                result.notes.push_back("warning: " + (warning.starts_with(display_name(one)) ? "" : one.name + ": ") +
                                       warning);
            read.push_back(result.images.size() - 1);
        } catch (...) {
            result.images.back().failed = failure_of(display_name(one));
        }
    }
    if (read.empty()) return result;
    if (read.size() < batch.examples.size()) {
        zeroshot::tensor<float, 4> filled(read.size(), std::size_t{3}, size, size);
        std::ranges::copy(pixels.values().first(filled.size()), filled.values().begin());
        pixels = std::move(filled);
    }
    encode(result, read, pixels, encoder);
    return result;
}

void hash_pixels(zeroshot::sha256& hash, const zeroshot::image& pixels) {
    hash.add(std::to_string(pixels.width()) + "x" + std::to_string(static_cast<int>(pixels.mode())) + ":");
    for (std::size_t y = 0; y < pixels.height(); ++y) hash.add(std::as_bytes(pixels.row(y)));
}

/// SHA-256 of a file or of pixels.
std::string digest_of(const stored_image& image) {
    zeroshot::sha256 hash;
    if (const auto* pixels = std::get_if<zeroshot::image>(&image)) {
        hash_pixels(hash, *pixels);
    } else if (const auto* path = std::get_if<std::filesystem::path>(&image)) {
        constexpr std::size_t max_file_size = INT_MAX;  // bytes; stb_image counts in int
        try {
            hash.add(zeroshot::read_file(*path, max_file_size));
        } catch (const zeroshot::error&) {
            hash.add("cannot be read");
        }
    } else {
        hash.add(std::get<std::vector<std::byte>>(image));
    }
    return hash.digits();
}

/// SHA-256 of all that the embeddings of a batch depend on.
std::string cache_key(const example_batch& batch, const std::string& model, const zeroshot::decode_options& decoding) {
    zeroshot::sha256 hash;
    hash.add(model);
    hash.add(" " + std::to_string(decoding.max_pixels) + (decoding.apply_exif_orientation ? " upright " : " "));
    for (const example& one : batch.examples) hash.add(digest_of(one.image));
    return hash.digits();
}

constexpr const char* readable_name = "readable";  // U8 [images]: 1, or 0 for a failure
constexpr const char* rows_name = "embeddings";    // F32 [readable images, columns]

/// A cached batch. An image that failed is read again for its message; nothing if it does not fail now.
std::optional<embedded_batch> restore(const example_batch& batch, const zeroshot::tensor_list& cached,
                                      const image_encoder& encoder) {
    const zeroshot::stored_tensor *const readable = cached.find(readable_name), *const rows = cached.find(rows_name);
    if (readable == nullptr || rows == nullptr || rows->type != zeroshot::dtype::f32) return std::nullopt;
    const std::vector<std::byte> flags = readable->bytes.bytes();
    const auto count = static_cast<std::size_t>(std::ranges::count(flags, std::byte{1}));
    if (flags.size() != batch.examples.size() || rows->shape != std::vector{count, encoder.columns()}) {
        return std::nullopt;
    }
    embedded_batch result;
    result.rows.resize(count * encoder.columns());
    rows->bytes.read(0, std::as_writable_bytes(std::span(result.rows)));
    for (std::size_t i = 0; i < batch.examples.size(); ++i) {
        result.images.push_back(describe(batch.examples[i]));
        if (flags[i] == std::byte{1}) continue;
        embedded_batch again = embed({batch.number, {batch.examples[i]}}, encoder);
        if (!again.images.front().failed) return std::nullopt;
        result.images.back() = std::move(again.images.front());
    }
    return result;
}

void write_batch(const zeroshot::cache_file& file, const embedded_batch& batch, std::size_t columns) {
    std::vector<std::byte> flags;
    for (const embedded_image& one : batch.images) flags.push_back(std::byte{!one.failed});
    const std::array<zeroshot::named_tensor, 2> tensors{
        zeroshot::named_tensor{readable_name, {zeroshot::dtype::u8, {flags.size()}, flags}},
        zeroshot::named_tensor{
            rows_name,
            {zeroshot::dtype::f32, {batch.rows.size() / columns, columns}, std::as_bytes(std::span(batch.rows))}}};
    const defer_interrupts no_partial_file;
    file.write(tensors);
}

/// The batch from the cache or, if it is not in it, computed and written to it.
embedded_batch embed_with_cache(const example_batch& batch, const image_encoder& encoder,
                                const embedding_cache& cache) {
    const std::string key = cache_key(batch, cache.model, encoder.decoding);
    const zeroshot::cache_file file(cache.folder / (key + ".embeddings"), key);
    const std::size_t bytes = batch.examples.size() * (1 + encoder.columns() * sizeof(float));
    zeroshot::cache_report report;
    if (const std::optional<zeroshot::tensor_list> cached = file.read(bytes, report)) {
        if (std::optional<embedded_batch> result = restore(batch, *cached, encoder)) return *std::move(result);
    }
    embedded_batch result = embed(batch, encoder);
    if (!report.warning.empty()) result.notes.push_back("warning: " + report.warning);
    write_batch(file, result, encoder.columns());
    return result;
}

/// Hands batches of the data set to threads, and collects the results in order.
class embedding_job {
   public:
    embedding_job(zeroshot::datasets::data_set& images, const image_encoder& encoder, command_context& context,
                  const embedding_cache* cache, std::size_t threads)
        : images_(images),
          encoder_(encoder),
          context_(context),
          cache_(cache),
          result_{{}, {}, {}, row_file(encoder.columns())},
          steps_(4 * threads) {
        constexpr std::size_t max_reserved = 1'000'000;  // the count is that of a possibly damaged file
        result_.labels.reserve(std::min(images.count().value_or(0), max_reserved));
    }

    /// The work of each thread.
    void run() {
        try {
            while (const std::optional<example_batch> batch = next_batch()) {
                if (context_.stop) {
                    throw zeroshot::cancelled_error(zeroshot::error_code::cancelled,
                                                    {"", "stopped on request", "", ""});
                }
                embedded_batch embedded =
                    cache_ == nullptr ? embed(*batch, encoder_) : embed_with_cache(*batch, encoder_, *cache_);
                steps_.add(batch->number, [this, embedded = std::move(embedded)]() mutable { append(embedded); });
            }
        } catch (...) {
            steps_.cancel();
            throw;
        }
    }

    data_set_embeddings result() && { return std::move(result_); }

   private:
    std::optional<example_batch> next_batch() {
        const std::lock_guard lock(reading_);
        example_batch batch{next_number_, {}};
        while (!steps_.cancelled() && batch.examples.size() < batch_size) {
            std::optional<example> one = images_.next();
            if (!one) break;
            batch.examples.push_back(*std::move(one));
        }
        if (batch.examples.empty()) return std::nullopt;
        ++next_number_;
        return batch;
    }

    void append(embedded_batch& batch) {
        for (const std::string& note : batch.notes) context_.out.note(note);
        for (embedded_image& each : batch.images) {
            if (each.failed) {
                context_.out.error(each.failed->sentence);
                result_.failures.emplace(result_.labels.size(), *std::move(each.failed));
            }
            result_.labels.push_back(std::move(each.labels));
            result_.names.add(each.name);
        }
        result_.rows.add(batch.rows);
        const std::size_t done = result_.labels.size();
        const std::lock_guard lock(reading_);
        context_.out.progress("images", done, std::max(done, images_.count().value_or(done)));
    }

    zeroshot::datasets::data_set& images_;
    image_encoder encoder_;
    command_context& context_;
    const embedding_cache* cache_;
    data_set_embeddings result_;
    ordered_steps steps_;
    std::mutex reading_;  // guards the data set and the number of the next batch
    std::size_t next_number_ = 0;
};

}  // namespace

std::size_t image_encoder::columns() const {
    return output == image_output::embedding ? clip.embedding_size() : clip.model().visual().features();
}

zeroshot::matrix<float> image_encoder::operator()(const zeroshot::tensor<float, 4>& pixels) const {
    return output == image_output::embedding ? clip.encode_pixels(pixels) : clip.encode_features(pixels);
}

void data_set_embeddings::read(const std::function<void(std::size_t, std::span<const float>)>& visit) const {
    std::size_t index = 0;
    auto failed = failures.begin();
    rows.read([&](std::size_t, std::span<const float> row) {
        for (; failed != failures.end() && failed->first == index; ++failed) ++index;
        visit(index++, row);
    });
}

data_set_embeddings embed_data_set(zeroshot::datasets::data_set& images, const image_encoder& encoder,
                                   worker_pool& workers, command_context& context, const embedding_cache* cache) {
    zeroshot::executor& threads = *workers.threads();
    embedding_job job(images, encoder, context, cache, threads.concurrency());
    threads.parallel_for(threads.concurrency(), [&](std::size_t) { job.run(); });
    context.out.end_progress();
    return std::move(job).result();
}

}  // namespace program
