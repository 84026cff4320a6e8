#pragma once
/// \file Labelled features that are read a part at a time, stratified splits and few-shot samples of them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <zeroshot/error.hpp>
#include <zeroshot/support/random.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace probe {

/// Rows of features with a class for each.
struct labelled_features {
    std::size_t columns = 0;
    std::vector<std::uint32_t> labels{};  ///< one for each row
    /// Fills [count, columns] with the rows from `first` on. Called from several threads at the same time.
    std::function<void(std::size_t first, matrix<double>& rows)> read{};

    std::size_t rows() const noexcept { return labels.size(); }

    /// Reads consecutive rows: [count, columns].
    /// \throws numeric_error for NaN and infinite numbers
    matrix<double> load(std::size_t first, std::size_t count) const {
        matrix<double> part(count, columns);
        read(first, part);
        for (std::size_t row = 0; row < count; ++row) {
            if (all_finite(part.row(row))) continue;
            throw numeric_error(
                error_code::numeric,
                {"features", "row " + std::to_string(first + row) + " contains NaN or infinity", "finite numbers", ""});
        }
        return part;
    }
};

/// Features in memory.
/// \param features matrix<float> or matrix<double> [rows, columns], which the result shares
/// \param labels [rows]
/// \throws argument_error SHAPE unless there is a label for each row
template <class Matrix>
labelled_features labelled(std::shared_ptr<Matrix> features, std::vector<std::uint32_t> labels) {
    if (features->rows() != labels.size()) {
        throw argument_error(
            error_code::shape,
            {"features", shape_text(features->shape()) + " with " + std::to_string(labels.size()) + " labels",
             "a label for each row", ""});
    }
    const std::size_t columns = features->columns();
    return {columns, std::move(labels), [features = std::move(features)](std::size_t first, matrix<double>& rows) {
                const auto index = [](std::size_t value) { return static_cast<Eigen::Index>(value); };
                rows.eigen() = features->eigen().middleRows(index(first), index(rows.rows())).template cast<double>();
            }};
}

/// A copy of an Eigen matrix as features.
/// \param features [rows, columns], in any storage order
/// \param labels [rows]
/// \throws argument_error SHAPE unless there is a label for each row
template <class Features>
labelled_features labelled(const Eigen::MatrixBase<Features>& features, std::vector<std::uint32_t> labels) {
    return labelled(std::make_shared<const matrix<typename Features::Scalar>>(features), std::move(labels));
}

/// Scores of linear classes: features . weights + intercept.
/// \param features [rows, columns]
/// \param weights [classes, columns]
/// \return [rows, classes]
inline matrix<double> linear_scores(const matrix<double>& features, const matrix<double>& weights,
                                    std::span<const double> intercepts) {
    matrix<double> scores = features.eigen() * weights.eigen().transpose();
    scores.eigen().rowwise() += Eigen::Map<const Eigen::RowVectorXd>(intercepts.data(), std::ssize(intercepts));
    return scores;
}

/// The rows with the given indices, in that order.
inline labelled_features subset(const labelled_features& all, std::vector<std::size_t> indices) {
    std::vector<std::uint32_t> labels;
    for (const std::size_t row : indices) labels.push_back(all.labels[row]);
    const auto read = [from = all.read, indices = std::move(indices)](std::size_t first, matrix<double>& rows) {
        matrix<double> row(std::size_t{1}, rows.columns());
        for (std::size_t i = 0; i < rows.rows(); ++i) {
            from(indices[first + i], row);
            std::ranges::copy(row.values(), rows.row(i).begin());
        }
    };
    return {all.columns, std::move(labels), read};
}

/// Indices of rows, in ascending order.
struct split {
    std::vector<std::size_t> training, validation;
};

/// Draws a share of each class for validation; at least one row of each class stays for training.
inline split stratified_split(std::span<const std::uint32_t> labels, double share, std::uint64_t seed) {
    std::map<std::uint32_t, std::size_t> rest;  // rows of each class still to be drawn
    for (const std::uint32_t label : labels) ++rest[label];
    for (auto& [label, count] : rest) count = static_cast<std::size_t>(share * static_cast<double>(count));
    std::vector<bool> is_validation(labels.size(), false);
    for (const std::size_t row : shuffled(labels.size(), seed)) {
        if (rest[labels[row]] == 0) continue;
        --rest[labels[row]];
        is_validation[row] = true;
    }
    split parts;
    for (std::size_t row = 0; row < labels.size(); ++row)
        (is_validation[row] ? parts.validation : parts.training).push_back(row);
    return parts;
}

/// Draws `shots` rows of each class, or all rows of a class that has fewer.
/// \return indices in ascending order
inline std::vector<std::size_t> few_shot_sample(std::span<const std::uint32_t> labels, std::size_t shots,
                                                std::uint64_t seed) {
    std::map<std::uint32_t, std::size_t> drawn;
    std::vector<std::size_t> rows;
    for (const std::size_t row : shuffled(labels.size(), seed)) {
        if (drawn[labels[row]]++ < shots) rows.push_back(row);
    }
    std::ranges::sort(rows);
    return rows;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::probe
