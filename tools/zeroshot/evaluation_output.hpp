#pragma once
/// \file Text and CSV output of an evaluation.

#include <string>

#include <zeroshot/metrics/evaluation.hpp>

namespace program {

class console;

/// Prints the metrics, the classes from best to worst, and the most frequent confusions.
void print(const zeroshot::metrics::evaluation& result, console& out);

/// CSV (RFC 4180), a row for each class: class,count,unreadable,predicted,right,recall,precision,average_precision.
std::string csv_of(const zeroshot::metrics::evaluation& result);

}  // namespace program
