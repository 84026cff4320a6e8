#pragma once
/// \file Metrics in one include: what the predictions of a classifier are worth.

#include <zeroshot/metrics/accuracy.hpp>          // top-k accuracy, recall, confusion, average precision
#include <zeroshot/metrics/bootstrap.hpp>         // confidence intervals
#include <zeroshot/metrics/calibration.hpp>       // reliability, expected calibration error, temperature
#include <zeroshot/metrics/class_scores.hpp>      // embeddings -> logits
#include <zeroshot/metrics/confusion_groups.hpp>  // groups of classes that are confused with one another
#include <zeroshot/metrics/evaluation.hpp>        // all results, and their JSON
#include <zeroshot/metrics/prediction.hpp>        // logits -> prediction
#include <zeroshot/metrics/rejection.hpp>         // accuracy versus coverage
#include <zeroshot/metrics/summary.hpp>           // predictions -> evaluation
#include <zeroshot/metrics/template_choice.hpp>   // comparison of prompt templates
