#pragma once
/// \file Evaluation in one include: data sets as they lie on disk, and what a classifier's answers are worth. Beside the
/// umbrella, so that who only classifies does not pay for it.

#include <zeroshot/evaluate/data_set.hpp>       // pictures with labels
#include <zeroshot/evaluate/open_data_set.hpp>  // as they lie on disk

#include <zeroshot/evaluate/class_scores.hpp>   // embeddings -> logits
#include <zeroshot/evaluate/answer.hpp>         // logits -> what was said of a picture
#include <zeroshot/evaluate/metrics.hpp>        // how good the answers are
#include <zeroshot/evaluate/calibration.hpp>    // whether they are as often right as they say
#include <zeroshot/evaluate/rejection.hpp>      // what it is worth to say nothing
#include <zeroshot/evaluate/bootstrap.hpp>      // how sure all that is
#include <zeroshot/evaluate/confusion_groups.hpp>  // which classes are taken for one another
#include <zeroshot/evaluate/evaluation.hpp>     // all of it, and its JSON
#include <zeroshot/evaluate/summary.hpp>        // answers -> evaluation
#include <zeroshot/evaluate/template_choice.hpp>  // which prompts are worth having
