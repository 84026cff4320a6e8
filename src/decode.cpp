/// \file The image decoders, compiled once for zeroshot::compiled.

#include <zeroshot/image/decoders.hpp>
