#pragma once
/// \file Evaluation in one include: data sets as they lie on disk, and what a classifier's answers are worth. Beside the
/// umbrella, so that who only classifies does not pay for it.

#include <zeroshot/evaluate/data_set.hpp>    // pictures with labels
#include <zeroshot/evaluate/answer.hpp>      // what was said of one
#include <zeroshot/evaluate/evaluation.hpp>  // all that was found, and its JSON
