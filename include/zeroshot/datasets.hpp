#pragma once
/// \file Data sets in one include: labelled images and class names.

#include <zeroshot/datasets/data_set.hpp>       // the interface of every reader
#include <zeroshot/datasets/open_data_set.hpp>  // path -> reader
