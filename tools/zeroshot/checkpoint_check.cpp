#include "checkpoint_check.hpp"

#include <zeroshot/checkpoint/tensor_health.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/load.hpp>

#include "console.hpp"
#include "load_options.hpp"
#include "model_place.hpp"

namespace program {

namespace {

/// What is wrong with a tensor's numbers; empty where nothing is.
std::string diagnostic_of(const zeroshot::named_tensor& each) {
    const zeroshot::tensor_health health = zeroshot::health_of(each.tensor);
    const std::string name = "tensor " + zeroshot::quoted(each.name);
    if (health.not_finite > 0)
        return name + " holds " + counted(health.not_finite, "number") + " that are NaN or infinite";
    if (health.count > 1 && health.zero == health.count) return name + " holds nothing but zeros";
    if (health.subnormal > health.count / 100)
        return name + " holds " + std::to_string(health.subnormal) + " subnormal numbers of " +
               std::to_string(health.count);
    return {};
}

std::string record_of(const zeroshot::checkpoint& file, const std::filesystem::path& place,
                      zeroshot::load_options load) {
    if (!file.metadata().contains(zeroshot::loading::self_check_key)) return "none";
    try {
        load.verify = true;
        zeroshot::load(zeroshot::find_model(place), load);
        return "fits";
    } catch (const zeroshot::error& fault) {
        return fault.what();
    }
}

}  // namespace

check_up check(const model_options& options, console& out) {
    const std::filesystem::path place = place_of_model(options.model, out);
    const zeroshot::load_options load = load_options_of(options);
    const zeroshot::checkpoint file =
        zeroshot::loading::open_checkpoint(zeroshot::find_model(place), load).tensors.file();
    check_up found;
    for (const zeroshot::named_tensor& each : file.tensors()) {
        ++found.tensors;
        if (!zeroshot::is_floating(each.tensor.type)) continue;
        if (std::string sentence = diagnostic_of(each); !sentence.empty())
            found.diagnostics.push_back(std::move(sentence));
    }
    found.record = record_of(file, place, load);
    return found;
}

}  // namespace program
