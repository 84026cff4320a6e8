/// \file Loading, instantiated once for zeroshot::compiled.

#include <zeroshot/load/load.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace loading {
template basic_clip<float> load_verified(const weights&, const model_location&, load_options);
template basic_clip<double> load_verified(const weights&, const model_location&, load_options);
}  // namespace loading
template basic_clip<float> load(const model_location&, const load_options&);
template basic_clip<float> load(const std::filesystem::path&, const load_options&);
template basic_clip<float> load(checkpoint, const load_options&);
template basic_clip<float> load(std::span<const std::byte>, const load_options&);
template basic_clip<double> load(const model_location&, const load_options&);
template basic_clip<double> load(const std::filesystem::path&, const load_options&);
template basic_clip<double> load(checkpoint, const load_options&);
template basic_clip<double> load(std::span<const std::byte>, const load_options&);

}}  // namespace zeroshot::ZEROSHOT_ABI
