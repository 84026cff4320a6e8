/// \file The towers, instantiated once for zeroshot::compiled.

#include <zeroshot/model/clip_model.hpp>
#include <zeroshot/model/text_encoder.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

template class image_encoder<float>;
template class image_encoder<double>;
template class text_encoder<float>;
template class text_encoder<double>;

}}  // namespace zeroshot::ZEROSHOT_ABI
