#pragma once
/// \file Metrics of classification in one include.

#include <zeroshot/metrics/accuracy.hpp>         // top-k accuracy, recall, average precision
#include <zeroshot/metrics/bootstrap.hpp>        // confidence intervals
#include <zeroshot/metrics/calibration.hpp>      // reliability, expected calibration error, temperature
#include <zeroshot/metrics/confusion.hpp>        // confusion matrix, groups of confused classes
#include <zeroshot/metrics/evaluation.hpp>       // all results, and their JSON
#include <zeroshot/metrics/prediction.hpp>       // logits -> prediction
#include <zeroshot/metrics/rejection.hpp>        // accuracy versus coverage
#include <zeroshot/metrics/summary.hpp>          // predictions -> evaluation
#include <zeroshot/metrics/template_choice.hpp>  // comparison of prompt templates
