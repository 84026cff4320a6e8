#pragma once
/// \file An evaluation for people: a table with bars, and a file with commas.

#include <string>

#include <zeroshot/metrics/evaluation.hpp>

namespace program {

class console;

/// The figures, the classes from best to worst, and what was confused most.
void print(const zeroshot::evaluation& found, console& out);

/// A line for each class as RFC 4180 has it: class,count,unreadable,predicted,right,recall,precision,average_precision.
std::string csv_of(const zeroshot::evaluation& found);

}  // namespace program
