#pragma once
/// \file Readers of data sets in one include: images with labels, and the names of their classes.

#include <zeroshot/datasets/data_set.hpp>       // the interface of every reader
#include <zeroshot/datasets/open_data_set.hpp>  // path -> reader
