/// \file A loaded CLIP and its classifiers, instantiated once for zeroshot::compiled.

#include <zeroshot/classify/classify.hpp>
#include <zeroshot/load/encode.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

template class basic_clip<float>;
template class basic_clip<double>;
template class basic_classification<float>;
template class basic_classification<double>;
template class basic_classifier<float>;
template class basic_classifier<double>;

}}  // namespace zeroshot::ZEROSHOT_ABI
