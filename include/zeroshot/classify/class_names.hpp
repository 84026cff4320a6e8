#pragma once
/// \file Names of classes as words: the identifiers of ImageNet's classes by a table, and names like "golden_retriever"
/// or "AnnualCrop" with spaces.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

#include <zeroshot/classify/tables/wnids.inc>

/// The digits of an identifier of WordNet, "n01440764"; nothing for other text.
inline std::optional<std::uint32_t> wnid_number(std::string_view text) {
    constexpr std::size_t digits = 8;
    if (text.size() != 1 + digits || text.front() != 'n') return std::nullopt;
    std::uint32_t number = 0;
    const auto [end, failed] = std::from_chars(text.data() + 1, text.data() + text.size(), number);
    if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// The letters of ASCII; others are neither.
constexpr bool is_upper(char letter) {
    return letter >= 'A' && letter <= 'Z';
}
constexpr bool is_lower(char letter) {
    return letter >= 'a' && letter <= 'z';
}
constexpr bool is_digit(char letter) {
    return letter >= '0' && letter <= '9';
}

/// A name after a number or an identifier, as in "001.Albatross" and "n02085620-Chihuahua"; empty for other names.
inline std::string_view after_number(std::string_view name) {
    const std::size_t digits = name.starts_with('n') ? 1 : 0;
    const std::size_t end = name.find_first_not_of("0123456789", digits);
    const bool is_prefix = end != std::string_view::npos && end > digits && (digits == 0 || end == 9) &&
                           (name[end] == '.' || name[end] == '-' || name[end] == '_') && end + 1 < name.size() &&
                           !is_digit(name[end + 1]);  // "707-320" is a name
    return is_prefix ? name.substr(end + 1) : std::string_view();
}

/// Whether a name is words that begin with capitals, without anything between them: "AnnualCrop", "River".
inline bool is_camel_case(std::string_view name) {
    for (std::size_t i = 0; i < name.size(); ++i) {
        const bool begins = is_upper(name[i]) && i + 1 < name.size() && is_lower(name[i + 1]);
        if (!begins && !is_lower(name[i])) return false;
    }
    return !name.empty() && is_upper(name.front());
}

/// "AnnualCrop" as "Annual Crop".
inline std::string with_spaces(std::string_view name) {
    std::string words;
    for (const char letter : name) {
        if (is_upper(letter) && !words.empty()) words += ' ';
        words += letter;
    }
    return words;
}

template <class Names, class Predicate>
bool all_names(const Names& names, const Predicate& accepts) {
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) { return accepts(name); });
}
template <class Names, class Predicate>
bool any_name(const Names& names, const Predicate& accepts) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return accepts(name); });
}

}  // namespace detail

/// The label of ImageNet's class with an identifier, "n01440764"; nothing for other text.
inline std::optional<std::size_t> imagenet_label(std::string_view wnid) {
    const std::optional<std::uint32_t> number = detail::wnid_number(wnid);
    const auto* const begin = std::begin(detail::imagenet_wnids);
    const auto* const end = std::end(detail::imagenet_wnids);
    const auto* const position = number ? std::lower_bound(begin, end, *number) : end;
    if (position == end || *position != *number) return std::nullopt;
    return static_cast<std::size_t>(position - begin);
}

/// Names of classes for prompts.
struct class_names {
    std::vector<std::string> names;
    std::string note{};     ///< what was changed; empty if nothing
    std::string warning{};  ///< names that are no words and could not be changed
};

/// Names of classes, of folders or files, as words. Identifiers of ImageNet's classes become their names. Where every
/// name allows it, numbers before names are left out, and underscores and inner capitals become spaces.
inline class_names names_in_words(std::span<const std::string> classes) {
    class_names result{{classes.begin(), classes.end()}};
    std::vector<std::string>& names = result.names;
    const auto example = [&](std::size_t i) { return quoted(classes[i]) + " as " + quoted(names[i]); };
    const auto add_note = [&](const std::string& change) {
        std::size_t first = 0;
        while (first + 1 < names.size() && names[first] == classes[first]) ++first;
        result.note = change + ": " + example(first);
        if (first + 1 < names.size() && names.back() != classes.back()) result.note += ", " + example(names.size() - 1);
    };
    const auto is_identifier = [](const std::string& name) { return detail::wnid_number(name).has_value(); };
    if (detail::any_name(names, is_identifier)) {
        std::size_t known = 0;
        std::string unknown;
        for (std::string& name : names) {
            if (const std::optional<std::size_t> label = imagenet_label(name)) {
                name = detail::imagenet_classes[*label];
                ++known;
            } else if (is_identifier(name) && unknown.empty()) {
                unknown = name;
            }
        }
        if (known > 0) add_note("identifiers of ImageNet's classes are read by their names");
        if (!unknown.empty())
            result.warning = "class " + quoted(unknown) + " is an identifier and no word, and none of ImageNet's 1,000";
        return result;
    }
    if (names.empty()) return result;
    std::string changes;
    const auto count = [](const auto& each) { return std::set<std::string>(each.begin(), each.end()).size(); };
    const auto change = [&](const std::string& what, const auto& changed) {  // of all, unless it makes names equal
        std::vector<std::string> after;
        for (const std::string& name : names) after.push_back(std::string(changed(name)));
        if (count(after) < count(names)) return;
        names = std::move(after);
        changes += (changes.empty() ? "" : ", ") + what;
    };
    if (detail::all_names(names, [](const std::string& name) { return !detail::after_number(name).empty(); }))
        change("numbers before names are left out", [](const std::string& name) { return detail::after_number(name); });
    const auto contains = [](const char* letter) {
        return [letter](const std::string& name) { return name.find(letter) != std::string::npos; };
    };
    const bool has_spaces = detail::any_name(names, contains(" "));
    if (!has_spaces && detail::any_name(names, contains("_"))) {
        change("underscores are read as spaces", [](std::string name) {
            std::ranges::replace(name, '_', ' ');
            return name;
        });
    } else if (!has_spaces && detail::all_names(names, detail::is_camel_case) &&
               detail::any_name(names, [](const std::string& name) { return detail::with_spaces(name) != name; })) {
        change("inner capitals begin words", detail::with_spaces);
    }
    if (!changes.empty()) add_note(changes);
    const auto is_number = [](const std::string& name) {
        return !name.empty() && std::ranges::all_of(name, [](char letter) { return detail::is_digit(letter); });
    };
    const auto may_be_words = [&](const std::string& name) {
        return contains("_")(name) || (detail::is_camel_case(name) && detail::with_spaces(name) != name);
    };
    if (const auto odd = std::ranges::find_if(names, may_be_words); odd != names.end() && changes.empty())
        result.warning = "class " + quoted(*odd) + " may be several words, and is read as it is";
    if (detail::all_names(names, is_number))
        result.warning = "the classes are numbers, as " + quoted(names.front()) + ", and no words";
    return result;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
