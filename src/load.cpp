/// \file Loading, instantiated once for zeroshot::compiled.

#include <zeroshot/load/load.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {
template basic_clip<float> build(const weights&, const model_place&, const load_options&);
template basic_clip<double> build(const weights&, const model_place&, const load_options&);
}  // namespace detail
template basic_clip<float> load(const std::filesystem::path&, const load_options&);
template basic_clip<float> load(checkpoint, const load_options&);
template basic_clip<float> load(std::span<const std::byte>, const load_options&);
template basic_clip<double> load(const std::filesystem::path&, const load_options&);
template basic_clip<double> load(checkpoint, const load_options&);
template basic_clip<double> load(std::span<const std::byte>, const load_options&);

}}  // namespace zeroshot::ZEROSHOT_ABI
