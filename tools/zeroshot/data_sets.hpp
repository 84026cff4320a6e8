#pragma once
/// \file Data sets of the command line, and the classes they are evaluated with.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/datasets/list_columns.hpp>

namespace program {

class console;

/// An open data set.
struct opened_data {
    std::unique_ptr<zeroshot::datasets::data_set> images;
    std::string format;  ///< name of its format, as given to --format
};

/// Opens a data set, and prints how it was understood.
/// \param format as given to --format; detected if empty
/// \param split as given to --split; by default test, else validation
/// \throws zeroshot::error if there is no data set, or it is damaged
opened_data open_data(const std::string& path, const std::optional<std::string>& format, const std::string& split,
                      const zeroshot::datasets::list_columns& columns, console& out);

/// Opens a data set in Parquet. Defined only in programs built with Apache Arrow.
std::unique_ptr<zeroshot::datasets::data_set> open_parquet(const std::string& path, const std::string& split);

/// The classes of an evaluation.
struct class_list {
    std::vector<std::string> names;

    /// The class of each label of the data set, or none if it is out of distribution. Empty if the data set does not
    /// name its classes: its labels are then those of `names`.
    std::vector<std::optional<std::uint32_t>> class_of_label;

    /// The classes of an image.
    /// \param labels of the image in the data set
    /// \throws zeroshot::data_set_error for a label without a class name
    std::vector<std::uint32_t> classes_of(const std::vector<std::uint32_t>& labels) const;
};

/// The classes to evaluate a data set with. A list is matched by name, by the numbers that the data set's classes are
/// named after or, if it has as many names as the data set has classes, by position. The list "imagenet" also names
/// folders called by ImageNet's identifiers.
/// \param list a file, or imagenet; the data set's own classes if empty
/// \param unknown classes of the data set that are out of distribution
/// \param in_words whether names of folders, and labels of lists, are read as words
/// \param out gets notes about the names
/// \throws zeroshot::error if the list does not match
class_list classes_for(const opened_data& data, const std::optional<std::string>& list,
                       const std::vector<std::string>& unknown, bool in_words, console& out);

/// The names of a data set's classes for prompts: words, where they are those of folders or of a list.
std::vector<std::string> names_for_prompts(const opened_data& data, console& out);

/// Class names of a list.
/// \param list a file as read_label_list() reads it, or imagenet
/// \throws zeroshot::error
std::vector<std::string> read_class_names(const std::string& list, console& out);

/// Class names of a list, for labels that are indices.
/// \param location of the data set with these labels
/// \throws zeroshot::error where the list numbers its names otherwise than from 0
std::vector<std::string> read_names_of_indices(const std::string& list, const std::string& location, console& out);

}  // namespace program
