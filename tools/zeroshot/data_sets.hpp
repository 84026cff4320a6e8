#pragma once
/// \file Data sets as the command line names them, and the classes they are evaluated against.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>

namespace program {

/// A data set that was opened.
struct opened_data {
    std::unique_ptr<zeroshot::datasets::data_set> images;
    std::string format;  ///< as --format names it
};

/// \param format as --format names it; else it is recognised
/// \param split train or test, where both lie together
/// \throws zeroshot::error where there is no data set, or it is damaged
opened_data open_data(const std::string& place, const std::optional<std::string>& format, const std::string& split);

/// A data set as Parquet: in a unit of its own, which is there where Arrow is.
std::unique_ptr<zeroshot::datasets::data_set> open_parquet(const std::string& place, const std::string& split);

/// The classes of an evaluation, and which of them a data set's own are.
struct class_list {
    std::vector<std::string> names;
    std::vector<std::optional<std::uint32_t>>
        of_label;  ///< for each class of the data set, nothing for an unknown one;
                   ///< empty where the data set names none, and labels stand as they are

    /// The labels of an image among `names`.
    /// \throws zeroshot::data_set_error for one that has no name
    std::vector<std::uint32_t> labels_of(const std::vector<std::uint32_t>& own) const;
};

/// The classes of a data set, or those of a file (or a built-in list): the same names in any order, or else as many,
/// one for each class of the data set in its order. \param unknown classes of the data set that are none of the list
/// \throws zeroshot::error where the names do not fit
class_list classes_for(const zeroshot::datasets::data_set& images, const std::optional<std::string>& file,
                       const std::vector<std::string>& unknown);

/// The names of a list: a file, or imagenet.
/// \throws zeroshot::error
std::vector<std::string> class_names_in(const std::string& list);

/// The templates of a list: a file, openai80 or openai7.
/// \throws zeroshot::error
std::vector<std::string> templates_in(const std::string& list);

}  // namespace program
