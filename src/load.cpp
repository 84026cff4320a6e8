/// \file Loading, instantiated once for zeroshot::compiled.

#include <zeroshot/load/build.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

template basic_clip<float> load(const model_location&, const load_options&);
template basic_clip<float> load(const std::filesystem::path&, const load_options&);
template basic_clip<float> load(checkpoint, const load_options&);
template basic_clip<float> load(std::span<const std::byte>, const load_options&);
template basic_clip<double> load(const model_location&, const load_options&);
template basic_clip<double> load(const std::filesystem::path&, const load_options&);
template basic_clip<double> load(checkpoint, const load_options&);
template basic_clip<double> load(std::span<const std::byte>, const load_options&);

}}  // namespace zeroshot::ZEROSHOT_ABI
