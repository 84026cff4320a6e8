#include "checkpoint_check.hpp"

#include <zeroshot/checkpoint/tensor_values.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/build.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/load/load.hpp>

#include "console.hpp"
#include "model_setup.hpp"

namespace program {

namespace {

/// Message about suspicious elements of a tensor; empty if there are none.
std::string diagnostic_of(const zeroshot::named_tensor& each) {
    const zeroshot::tensor_health health = zeroshot::health_of(each.tensor);
    const std::string name = "tensor " + zeroshot::quoted(each.name);
    if (health.not_finite > 0) return name + " has " + counted(health.not_finite, "NaN or infinite element");
    if (health.count > 1 && health.zero == health.count) return name + " has only zeros";
    if (health.subnormal > health.count / 100)
        return name + " has " + counted(health.subnormal, "subnormal element") + " of " + std::to_string(health.count);
    return {};
}

std::string record_of(const zeroshot::checkpoint& file, const zeroshot::model_location& location,
                      zeroshot::load_options load) {
    if (!file.metadata().contains(zeroshot::loading::self_check_key)) return "none";
    try {
        load.verify = true;
        zeroshot::load(location, load);
        return "fits";
    } catch (const zeroshot::error& fault) {
        return fault.what();
    }
}

}  // namespace

checkpoint_check check_checkpoint(const model_options& options, console& out) {
    const zeroshot::model_location location = zeroshot::find_model(locate_model(options.model, out));
    const zeroshot::load_options load = load_options_of(options);
    const zeroshot::checkpoint file = zeroshot::loading::open_checkpoint(location, load).tensors.file();
    checkpoint_check result;
    for (const zeroshot::named_tensor& each : file.tensors()) {
        ++result.tensors;
        if (!zeroshot::is_floating(each.tensor.type)) continue;
        if (std::string message = diagnostic_of(each); !message.empty())
            result.diagnostics.push_back(std::move(message));
    }
    result.record = record_of(file, location, load);
    return result;
}

}  // namespace program
