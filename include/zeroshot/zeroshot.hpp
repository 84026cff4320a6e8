#pragma once
/// \file The whole library in one include, in the order of the pipeline: bytes, pixels, embedding; text, ids,
/// embedding; similarity, probabilities. zeroshot/testing.hpp is for tests and comes extra.

// In the order of the pipeline, not of the alphabet.
// clang-format off
#include <zeroshot/version.hpp>   // the version
#if defined(ZEROSHOT_CXX20)
#include <zeroshot/error.hpp>     // what is thrown
#include <zeroshot/tensor.hpp>    // the numbers everything works on
#include <zeroshot/parallel.hpp>  // threads, progress, stopping

#include <zeroshot/image/image.hpp>  // pixels, owned or viewed
#if !defined(ZEROSHOT_NO_DECODER)
#include <zeroshot/image/decode.hpp>  // JPEG and PNG -> pixels
#endif
#include <zeroshot/image/preprocess.hpp>  // pixels -> what the image encoder gets
#include <zeroshot/text/tokenizer.hpp>    // text -> ids

#include <zeroshot/load/load.hpp>         // checkpoint -> clip
#include <zeroshot/load/clip.hpp>         // towers, tokenizer and preprocessing together

#include <zeroshot/classify/similarity.hpp>  // embeddings -> logits
#include <zeroshot/classify/classifier.hpp>  // labels -> classifier -> probabilities
#endif
// clang-format on
