/// \file zeroshot embed: images or texts into embeddings.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "image_files.hpp"
#include "model_setup.hpp"
#include "npy.hpp"
#include "options.hpp"
#include "text_files.hpp"

namespace program {

namespace {

/// Embeddings one below the other, with the names of what they are of, and what is to be said of what failed.
struct embedding_rows {
    std::vector<std::string> names{};
    std::vector<float> numbers{};  // [names, embedding]
    std::vector<std::string> complaints{};
};

/// What a command in progress holds.
struct work {
    const embed_options& options;
    const zeroshot::clip& clip;
    worker_pool& workers;
    command_context& context;
    embedding_rows rows{};
    std::string place{};  // stands before a name, for the message: "x.npy: image "

    void add(const embedding_rows& some) {
        for (const std::string& sentence : some.complaints) context.out.error(sentence);
        rows.names.insert(rows.names.end(), some.names.begin(), some.names.end());
        rows.numbers.insert(rows.numbers.end(), some.numbers.begin(), some.numbers.end());
    }
};

/// Encodes some inputs together, and one by one where the numbers of one of them fail.
/// \param encode (first, count, run) to [count, embedding]
template <class Encode>
embedding_rows encoded(const work& now, const std::vector<std::string>& names, const zeroshot::run_options& run,
                       const Encode& encode) {
    embedding_rows found;
    const auto add = [&](std::size_t first, std::size_t count, const zeroshot::run_options& how) {
        zeroshot::matrix<float> rows = encode(first, count, how);
        if (now.options.normalize) rows = zeroshot::normalized(std::move(rows));
        found.numbers.insert(found.numbers.end(), rows.values().begin(), rows.values().end());
        for (std::size_t i = first; i < first + count; ++i) found.names.push_back(names[i]);
    };
    try {
        add(0, names.size(), run);
    } catch (const zeroshot::numeric_error&) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            try {
                add(i, 1, {run.threads, run.stop, {}});
            } catch (const zeroshot::numeric_error& fault) {
                found.complaints.push_back(now.place + names[i] + ": " + fault.what());
            }
        }
    }
    return found;
}

zeroshot::tensor<float, 4> slice(const zeroshot::tensor<float, 4>& all, std::size_t first, std::size_t count) {
    zeroshot::tensor<float, 4> some(count, all.extent(1), all.extent(2), all.extent(3));
    std::ranges::copy(all.values().subspan(first * all.row_size(), some.size()), some.values().begin());
    return some;
}

embedding_rows encoded_pixels(const work& now, const std::vector<std::string>& names, const zeroshot::run_options& run,
                              const zeroshot::tensor<float, 4>& pixels) {
    return encoded(now, names, run, [&](std::size_t first, std::size_t count, const zeroshot::run_options& how) {
        return count == pixels.rows() ? now.clip.encode_pixels(pixels, how)
                                      : now.clip.encode_pixels(slice(pixels, first, count), how);
    });
}

void embed_images(work& now) {
    const std::vector<image_source> images = list_images(now.options.images);
    preprocess_images(images, now.clip.preprocessing(), now.workers.run_options(now.context),
                      [&](image_batch batch, const zeroshot::run_options& run) {
                          std::vector<std::string> names, complaints;
                          for (std::size_t i = 0; i < batch.failures.size(); ++i) {
                              if (batch.failures[i])
                                  complaints.push_back(batch.failures[i]->sentence);
                              else
                                  names.push_back(images[batch.first + i].name);
                          }
                          embedding_rows rows =
                              names.empty() ? embedding_rows{} : encoded_pixels(now, names, run, batch.pixels);
                          rows.complaints.insert(rows.complaints.begin(), complaints.begin(), complaints.end());
                          return [&, rows = std::move(rows), done = batch.first + batch.failures.size()] {
                              now.add(rows);
                              now.context.out.progress("images", done, images.size());
                          };
                      });
}

void embed_pixel_file(work& now) {
    const npy_array file(now.options.pixels);
    const std::size_t size = now.clip.preprocessing().size;
    const std::vector<std::size_t>& shape = file.shape();
    if (shape.size() != 4 || shape[1] != 3 || shape[2] != size || shape[3] != size) {
        throw zeroshot::argument_error(
            zeroshot::error_code::shape,
            {zeroshot::path_text(now.options.pixels), "shape " + zeroshot::shape_text(shape),
             "[n, 3, " + std::to_string(size) + ", " + std::to_string(size) + "] as this model reads", ""});
    }
    now.place = zeroshot::path_text(now.options.pixels) + ": image ";
    constexpr std::size_t at_once = 32;  // images copied out of the file together
    const std::size_t total = shape[0];
    for (std::size_t first = 0; first < total; first += at_once) {
        const std::size_t count = std::min(at_once, total - first);
        zeroshot::tensor<float, 4> pixels(count, std::size_t{3}, size, size);
        file.copy(first * pixels.row_size(), pixels.values());
        std::vector<std::string> names;
        for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(first + i));
        now.add(
            encoded_pixels(now, names, now.workers.run_options(now.context, "images", first, count, total), pixels));
    }
}

using prompt = std::vector<zeroshot::token>;

/// Prompts and what they are called. One that fails is told, and left out.
class prompt_list {
   public:
    explicit prompt_list(console& out) : out_(out) {}

    /// \param place where it stands, for the message
    template <class Read>
    void add(const std::string& name, const std::string& place, const Read& read) {
        try {
            ids_.push_back(read());
            names_.push_back(name);
        } catch (const zeroshot::error& fault) {
            const std::string_view why = fault.what();
            out_.error(why.starts_with(place) ? std::string(why) : place + ": " + std::string(why));
        }
    }

    std::span<const prompt> ids() const { return ids_; }
    std::span<const std::string> names() const { return names_; }

   private:
    console& out_;
    std::vector<std::string> names_;
    std::vector<prompt> ids_;
};

void embed_prompts(work& now, const prompt_list& prompts) {
    constexpr std::size_t at_once = 256;  // so that one bad prompt costs no more than these again
    const std::size_t total = prompts.ids().size();
    for (std::size_t begin = 0; begin < total; begin += at_once) {
        const std::size_t here = std::min(at_once, total - begin);
        const auto ids = prompts.ids().subspan(begin, here);
        const auto names = prompts.names().subspan(begin, here);
        now.add(encoded(now, {names.begin(), names.end()},
                        now.workers.run_options(now.context, "prompts", begin, here, total),
                        [&](std::size_t first, std::size_t count, const zeroshot::run_options& how) {
                            return now.clip.encode_tokens(ids.subspan(first, count), how);
                        }));
    }
}

void embed_texts(work& now) {
    const std::string name =
        now.options.texts_from == "-" ? "standard input" : zeroshot::path_text(now.options.texts_from);
    const auto fit = now.options.truncate ? zeroshot::overflow::truncate : zeroshot::overflow::refuse;
    prompt_list prompts(now.context.out);
    const std::vector<text_line> lines = read_lines(now.options.texts_from);
    if (lines.empty())
        throw zeroshot::text_error(zeroshot::error_code::format, {name, "no texts in it", "one on each line", ""});
    for (const text_line& line : lines) {
        prompts.add(line.text, name + ": line " + std::to_string(line.number),
                    [&] { return now.clip.tokenizer().tokenize(line.text, now.clip.config().text.context, fit); });
    }
    embed_prompts(now, prompts);
}

/// One prompt out of JSON, cut to the context where that is asked for.
prompt prompt_of(const zeroshot::json& ids, const work& now) {
    const std::size_t context = now.clip.config().text.context, vocabulary = now.clip.config().text.vocabulary;
    prompt found;
    for (const zeroshot::json& each : ids.items()) {
        const std::size_t id = each.as_size();
        if (id >= vocabulary) {
            throw zeroshot::text_error(zeroshot::error_code::argument,
                                       {each.where(), "id " + std::to_string(id),
                                        "below " + std::to_string(vocabulary) + ", the size of the vocabulary", ""});
        }
        found.push_back(static_cast<zeroshot::token>(id));
    }
    if (found.empty())
        throw zeroshot::text_error(zeroshot::error_code::argument,
                                   {ids.where(), "no ids", "the start token, the text's, and the end token", ""});
    if (found.size() <= context) return found;
    if (!now.options.truncate) {
        throw zeroshot::text_error(
            zeroshot::error_code::limit,
            {ids.where(),
             std::to_string(found.size()) + " ids, " + std::to_string(found.size() - context) + " too many",
             "at most " + std::to_string(context), "--truncate cuts them"});
    }
    const zeroshot::token end = found.back();
    found.resize(context);
    found.back() = end;
    return found;
}

/// The whole file is one array where a second bracket follows the first, or nothing at all.
bool holds_one_array(std::string_view text) {
    constexpr std::string_view spaces = " \t\n";
    const std::size_t first = text.find_first_not_of(spaces);
    if (first == std::string_view::npos || text[first] != '[') return false;
    const std::size_t second = text.find_first_not_of(spaces, first + 1);
    if (second == std::string_view::npos || text[second] == '[') return true;
    return text[second] == ']' && text.find_first_not_of(spaces, second + 1) == std::string_view::npos;
}

/// A JSON array of id arrays, or one array on each line as tokenize prints them.
void embed_ids(work& now) {
    const std::string name = now.options.ids == "-" ? "standard input" : zeroshot::path_text(now.options.ids);
    const std::vector<text_line> lines = read_lines(now.options.ids);
    std::string text;
    for (const text_line& line : lines) text += line.text + "\n";
    prompt_list prompts(now.context.out);
    std::size_t position = 0;
    if (holds_one_array(text)) {
        for (const zeroshot::json& ids : zeroshot::json::parse(text, name).items()) {
            prompts.add(std::to_string(position++), name, [&] { return prompt_of(ids, now); });
        }
    } else {
        for (const text_line& line : lines) {
            if (line.text.find_first_not_of(" \t") == std::string::npos) continue;
            const std::string place = name + ": line " + std::to_string(line.number);
            prompts.add(std::to_string(position++), place,
                        [&] { return prompt_of(zeroshot::json::parse(line.text, place), now); });
        }
    }
    if (position == 0)
        throw zeroshot::text_error(
            zeroshot::error_code::format,
            {name, "no prompts in it", "a JSON array of id arrays, or one array on each line", ""});
    now.place = name + ": prompt ";
    embed_prompts(now, prompts);
}

void check_call(const embed_options& options) {
    const int kinds =
        !options.images.empty() + !options.pixels.empty() + !options.texts_from.empty() + !options.ids.empty();
    if (kinds == 0) throw usage_error("nothing to embed; give images, --pixels, --texts-from or --ids");
    if (kinds > 1) throw usage_error("only one of images, --pixels, --texts-from and --ids can be embedded at a time");
    std::vector<std::filesystem::path> inputs{options.pixels, options.texts_from, options.ids};
    for (const image_source& each : list_images(options.images)) inputs.push_back(each.path);
    check_output_path(options.output, inputs);
}

void write_rows(const work& now) {
    const embedding_rows& rows = now.rows;
    npy_writer file(now.options.output, {rows.names.size(), now.clip.config().embedding});
    file.add(rows.numbers);
    file.commit();
}

void tell_result(const work& now) {
    const std::vector<std::string>& names = now.rows.names;
    console& out = now.context.out;
    if (now.options.common.json) {
        const std::array shape{names.size(), now.clip.config().embedding};
        out.answer(zeroshot::json_text_of({{"output", now.options.output}, {"shape", shape}, {"names", names}}));
    } else if (now.options.skip_bad) {
        for (const std::string& name : names) out.answer(name);
    }
    out.note("wrote " + now.options.output + ": " + counted(names.size(), "embedding") + " of " +
             std::to_string(now.clip.config().embedding) + " numbers" + (now.options.normalize ? ", of length 1" : ""));
}

}  // namespace

void embed(const embed_options& options, command_context& context) {
    check_call(options);
    worker_pool workers(options.threads);
    const zeroshot::clip clip = load_model(options.model, context.out, workers.threads());
    work now{options, clip, workers, context};
    if (!options.texts_from.empty() || !options.ids.empty())
        clip.encode_tokens({}, {});  // throws where there is no text tower
    if (!options.images.empty()) embed_images(now);
    if (!options.pixels.empty()) embed_pixel_file(now);
    if (!options.texts_from.empty()) embed_texts(now);
    if (!options.ids.empty()) embed_ids(now);
    context.out.end_progress();
    if (context.out.failed() && (!options.skip_bad || now.rows.names.empty())) {
        context.out.note(options.output + " was not written" +
                         (options.skip_bad ? ": nothing is left" : "; --skip-bad leaves out what is bad"));
        return;
    }
    write_rows(now);
    tell_result(now);
}

}  // namespace program
