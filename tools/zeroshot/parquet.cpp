/// \file Data sets in Parquet. Compiled only if Apache Arrow is found.

#include <memory>
#include <string>

#include <zeroshot/datasets/parquet.hpp>

#include "data_sets.hpp"

namespace program {

std::unique_ptr<zeroshot::datasets::data_set> open_parquet(const std::string& path, const std::string& split) {
    return std::make_unique<zeroshot::datasets::parquet_files>(path, split);
}

}  // namespace program
