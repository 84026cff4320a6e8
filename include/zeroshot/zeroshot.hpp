#pragma once
/// \file The whole library in one include, in the order of the pipeline: bytes, pixels, embedding; text, ids,
/// embedding; similarity, probabilities. zeroshot/testing.hpp is for tests and comes extra.

#include <zeroshot/error.hpp>        // what is thrown
#include <zeroshot/image/image.hpp>  // pixels, owned or viewed
#include <zeroshot/parallel.hpp>     // threads, progress, stopping
#include <zeroshot/tensor.hpp>       // the numbers everything works on
#include <zeroshot/version.hpp>      // the version
#if !defined(ZEROSHOT_NO_DECODER)
#include <zeroshot/image/decode.hpp>  // JPEG and PNG -> pixels
#endif
#include <zeroshot/classify/classifier.hpp>  // labels -> classifier -> probabilities
#include <zeroshot/classify/similarity.hpp>  // embeddings -> logits
#include <zeroshot/image/preprocess.hpp>     // pixels -> what the image encoder gets
#include <zeroshot/load/clip.hpp>            // towers, tokenizer and preprocessing together
#include <zeroshot/load/load.hpp>            // checkpoint -> clip
#include <zeroshot/model/clip_model.hpp>     // both towers
#include <zeroshot/text/tokenizer.hpp>       // text -> ids
