/// \file Subcommand embed: embeddings of images, pixels, texts and token ids.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/classify/similarity.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/model/clip_model.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "image_files.hpp"
#include "label_lists.hpp"
#include "model_setup.hpp"
#include "npy.hpp"
#include "options.hpp"
#include "text_files.hpp"

namespace program {

namespace {

/// Embeddings with the names of their inputs, and the errors of the inputs that failed.
struct embedding_rows {
    std::vector<std::string> names{};
    std::vector<float> values{};  // [names, embedding]
    std::vector<std::string> errors{};
};

/// A running command and its results.
struct embedding_job {
    const embed_options& options;
    const zeroshot::clip& clip;
    worker_pool& workers;
    command_context& context;
    std::vector<image_source> images{};
    embedding_rows rows{};
    std::string name_prefix{};  // of inputs in messages, as "x.npy: image "

    void add(const embedding_rows& more) {
        for (const std::string& message : more.errors) context.out.error(message);
        rows.names.insert(rows.names.end(), more.names.begin(), more.names.end());
        rows.values.insert(rows.values.end(), more.values.begin(), more.values.end());
    }
};

/// Encodes inputs together; one by one if an embedding is not finite.
/// \param encode (first, count, run options) to [count, embedding]
template <class Encode>
embedding_rows encode_inputs(const embedding_job& job, const std::vector<std::string>& names,
                             const zeroshot::run_options& run, const Encode& encode) {
    embedding_rows result;
    const auto add = [&](std::size_t first, std::size_t count, const zeroshot::run_options& part) {
        zeroshot::matrix<float> rows = encode(first, count, part);
        if (job.options.normalize) rows = zeroshot::normalized(std::move(rows));
        result.values.insert(result.values.end(), rows.values().begin(), rows.values().end());
        for (std::size_t i = first; i < first + count; ++i) result.names.push_back(names[i]);
    };
    try {
        add(0, names.size(), run);
    } catch (const zeroshot::numeric_error&) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            try {
                add(i, 1, {run.threads, run.stop, {}});
            } catch (const zeroshot::numeric_error& fault) {
                result.errors.push_back(job.name_prefix + names[i] + ": " + fault.what());
            }
        }
    }
    return result;
}

zeroshot::tensor<float, 4> slice(const zeroshot::tensor<float, 4>& pixels, std::size_t first, std::size_t count) {
    zeroshot::tensor<float, 4> part(count, pixels.extent(1), pixels.extent(2), pixels.extent(3));
    std::ranges::copy(pixels.values().subspan(first * pixels.row_size(), part.size()), part.values().begin());
    return part;
}

embedding_rows encode_pixels(const embedding_job& job, const std::vector<std::string>& names,
                             const zeroshot::run_options& run, const zeroshot::tensor<float, 4>& pixels) {
    return encode_inputs(job, names, run, [&](std::size_t first, std::size_t count, const auto& part) {
        return count == pixels.rows() ? job.clip.encode_pixels(pixels, part)
                                      : job.clip.encode_pixels(slice(pixels, first, count), part);
    });
}

/// Embeds a batch of images; its failures come first among the errors.
embedding_rows embed_batch(const embedding_job& job, const image_batch& batch, std::span<const image_source> images,
                           const zeroshot::run_options& run) {
    std::vector<std::string> names, errors;
    for (std::size_t i = 0; i < batch.failures.size(); ++i) {
        if (batch.failures[i])
            errors.push_back(batch.failures[i]->message);
        else
            names.push_back(images[batch.first + i].name);
    }
    embedding_rows rows = names.empty() ? embedding_rows{} : encode_pixels(job, names, run, batch.pixels);
    rows.errors.insert(rows.errors.begin(), errors.begin(), errors.end());
    return rows;
}

void embed_images(embedding_job& job) {
    const std::vector<image_source>& images = job.images;
    const auto embed_and_add = [&](image_batch batch, const zeroshot::run_options& run) {
        return [&, rows = embed_batch(job, batch, images, run), done = batch.first + batch.failures.size()] {
            job.add(rows);
            job.context.out.progress("images", done, images.size());
        };
    };
    preprocess_images(images, {job.clip.preprocessing(), decode_options_of(job.options.reading), job.context.out},
                      job.workers.run_options(job.context), embed_and_add);
}

void embed_pixel_file(embedding_job& job) {
    constexpr std::size_t batch_size = 32;
    const npy_array file(job.options.pixels);
    const std::size_t size = job.clip.preprocessing().size;
    const std::vector<std::size_t>& shape = file.shape();
    const std::string name = zeroshot::path_text(job.options.pixels), side = std::to_string(size);
    if (shape.size() != 4 || shape[1] != 3 || shape[2] != size || shape[3] != size) {
        throw zeroshot::argument_error(zeroshot::error_code::shape,
                                       {name, "shape " + zeroshot::shape_text(shape),
                                        "[n, 3, " + side + ", " + side + "], the input of this model", ""});
    }
    job.name_prefix = name + ": image ";
    const std::size_t total = shape[0];
    for (std::size_t first = 0; first < total; first += batch_size) {
        const std::size_t count = std::min(batch_size, total - first);
        zeroshot::tensor<float, 4> pixels(count, std::size_t{3}, size, size);
        file.copy(first * pixels.row_size(), pixels.values());
        std::vector<std::string> names;
        for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(first + i));
        job.add(encode_pixels(job, names, job.workers.run_options(job.context, "images", first, count, total), pixels));
    }
}

using prompt = std::vector<zeroshot::token_id>;

/// Prompts and their names. A prompt that fails is reported and left out.
class prompt_list {
   public:
    explicit prompt_list(console& out) : out_(out) {}

    /// \param location of the prompt in messages
    /// \param read returns the prompt, or throws zeroshot::error
    template <class Read>
    void add(const std::string& name, const std::string& location, const Read& read) {
        try {
            ids_.push_back(read());
            names_.push_back(name);
        } catch (const zeroshot::error& fault) {
            const std::string message = fault.what();
            out_.error(message.starts_with(location) ? message : location + ": " + message);
        }
    }

    std::span<const prompt> ids() const { return ids_; }
    std::span<const std::string> names() const { return names_; }

   private:
    console& out_;
    std::vector<std::string> names_;
    std::vector<prompt> ids_;
};

void embed_prompts(embedding_job& job, const prompt_list& prompts) {
    constexpr std::size_t batch_size = 256;  // the most that are encoded again if one of them fails
    const std::size_t total = prompts.ids().size();
    for (std::size_t begin = 0; begin < total; begin += batch_size) {
        const std::size_t size = std::min(batch_size, total - begin);
        const auto ids = prompts.ids().subspan(begin, size);
        const auto names = prompts.names().subspan(begin, size);
        job.add(encode_inputs(job, {names.begin(), names.end()},
                              job.workers.run_options(job.context, "prompts", begin, size, total),
                              [&](std::size_t first, std::size_t count, const auto& part) {
                                  return job.clip.encode_tokens(ids.subspan(first, count), part);
                              }));
    }
}

std::string input_name(const std::string& file) {
    return file == "-" ? "standard input" : zeroshot::path_text(file);
}

void embed_texts(embedding_job& job) {
    const std::string name = input_name(job.options.texts_from);
    const auto fit = job.options.truncate ? zeroshot::truncation::allow : zeroshot::truncation::refuse;
    prompt_list prompts(job.context.out);
    const std::vector<text_line> lines = read_lines(job.options.texts_from);
    if (lines.empty()) throw zeroshot::text_error(zeroshot::error_code::format, {name, "no texts", "one per line", ""});
    if (is_bracketed(lines.front().text, lines.back().text))
        job.context.out.note("warning: " + name + " looks like a list, and each of its lines is read as a text");
    for (const text_line& line : lines) {
        prompts.add(line.text, name + ": line " + std::to_string(line.number),
                    [&] { return job.clip.tokenize(line.text, fit); });
    }
    embed_prompts(job, prompts);
}

prompt read_ids(const zeroshot::json& ids, std::size_t vocabulary) {
    prompt result;
    for (const zeroshot::json& each : ids.items()) {
        const std::size_t id = each.as_size();
        if (id >= vocabulary) {
            throw zeroshot::text_error(zeroshot::error_code::argument,
                                       {each.where(), "id " + std::to_string(id),
                                        "below " + std::to_string(vocabulary) + ", the size of the vocabulary", ""});
        }
        result.push_back(static_cast<zeroshot::token_id>(id));
    }
    if (result.empty()) {
        throw zeroshot::text_error(zeroshot::error_code::argument,
                                   {ids.where(), "no ids", "the start token, the text's, and the end token", ""});
    }
    return result;
}

/// A prompt from a JSON array of ids, truncated to the context with its end token if --truncate is given.
prompt prompt_of(const zeroshot::json& ids, const embedding_job& job) {
    const std::size_t context = job.clip.context();
    prompt result = read_ids(ids, job.clip.config().text.vocabulary);
    if (result.size() <= context) return result;
    if (!job.options.truncate) {
        throw zeroshot::text_error(
            zeroshot::error_code::limit,
            {ids.where(),
             std::to_string(result.size()) + " ids, " + std::to_string(result.size() - context) + " too many",
             "at most " + std::to_string(context), "--truncate shortens them"});
    }
    const zeroshot::token_id end = result.back();
    result.resize(context);
    result.back() = end;
    return result;
}

/// Whether a file is one JSON array: it begins with "[[", or is "[]" or "[".
bool is_one_array(std::string_view text) {
    constexpr std::string_view spaces = " \t\n";
    const std::size_t first = text.find_first_not_of(spaces);
    if (first == std::string_view::npos || text[first] != '[') return false;
    const std::size_t second = text.find_first_not_of(spaces, first + 1);
    if (second == std::string_view::npos || text[second] == '[') return true;
    return text[second] == ']' && text.find_first_not_of(spaces, second + 1) == std::string_view::npos;
}

/// Embeds a JSON array of id arrays, or an id array per line as tokenize prints them.
void embed_ids(embedding_job& job) {
    const std::string name = input_name(job.options.ids);
    const std::vector<text_line> lines = read_lines(job.options.ids);
    std::string text;
    for (const text_line& line : lines) text += line.text + "\n";
    prompt_list prompts(job.context.out);
    std::size_t index = 0;
    if (is_one_array(text)) {
        for (const zeroshot::json& ids : zeroshot::json::parse(text, name).items())
            prompts.add(std::to_string(index++), name, [&] { return prompt_of(ids, job); });
    } else {
        for (const text_line& line : lines) {
            if (line.text.find_first_not_of(" \t") == std::string::npos) continue;
            const std::string location = name + ": line " + std::to_string(line.number);
            prompts.add(std::to_string(index++), location,
                        [&] { return prompt_of(zeroshot::json::parse(line.text, location), job); });
        }
    }
    if (index == 0) {
        throw zeroshot::text_error(zeroshot::error_code::format,
                                   {name, "no prompts", "a JSON array of id arrays, or one id array per line", ""});
    }
    job.name_prefix = name + ": prompt ";
    embed_prompts(job, prompts);
}

void check_options(const embed_options& options, const std::vector<image_source>& images) {
    const int inputs =
        !options.images.empty() + !options.pixels.empty() + !options.texts_from.empty() + !options.ids.empty();
    if (inputs == 0) throw usage_error("nothing to embed; give images, --pixels, --texts-from or --ids");
    if (inputs > 1) throw usage_error("images, --pixels, --texts-from and --ids exclude each other");
    std::vector<std::filesystem::path> paths{options.pixels, options.texts_from, options.ids};
    for (const image_source& each : images) paths.push_back(each.path);
    check_output_path(options.output, paths);
}

void write_rows(const embedding_job& job) {
    npy_writer file(job.options.output, {job.rows.names.size(), job.clip.embedding_size()});
    file.add(job.rows.values);
    file.commit();
}

void print_result(const embedding_job& job) {
    const std::vector<std::string>& names = job.rows.names;
    const std::size_t embedding = job.clip.embedding_size();
    console& out = job.context.out;
    if (job.options.common.json) {
        const std::array shape{names.size(), embedding};
        out.print(zeroshot::json_text_of({{"output", job.options.output}, {"shape", shape}, {"names", names}}));
    } else if (job.options.skip_bad) {
        for (const std::string& name : names) out.print(name);
    }
    out.note("wrote " + job.options.output + ": " + counted(names.size(), "embedding") + " of " +
             std::to_string(embedding) + " numbers" + (job.options.normalize ? ", of length 1" : ""));
}

}  // namespace

void embed(const embed_options& options, command_context& context) {
    std::vector<image_source> images = list_images(options.images, context.out);
    check_options(options, images);
    worker_pool workers(options.threads);
    const zeroshot::clip clip = load_model(options.model, context.out, workers.threads());
    embedding_job job{options, clip, workers, context, std::move(images)};
    if (!options.texts_from.empty() || !options.ids.empty()) clip.model().text();  // throws if there is no text encoder
    if (!options.images.empty()) embed_images(job);
    if (!options.pixels.empty()) embed_pixel_file(job);
    if (!options.texts_from.empty()) embed_texts(job);
    if (!options.ids.empty()) embed_ids(job);
    context.out.end_progress();
    if (context.out.failed() && (!options.skip_bad || job.rows.names.empty())) {
        context.out.note(options.output + " was not written" +
                         (options.skip_bad ? ": no input is left" : "; --skip-bad leaves out inputs that fail"));
        return;
    }
    write_rows(job);
    print_result(job);
}

}  // namespace program
