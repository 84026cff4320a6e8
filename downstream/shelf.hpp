#pragma once
// Sorts images by the best matching name.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/zeroshot.hpp>

class shelves {
   public:
    shelves(zeroshot::clip clip, std::vector<std::string> names) : which_(std::move(clip), std::move(names)) {}

    /// Puts an image away and says where.
    const std::string& put(const zeroshot::image& image) {
        const zeroshot::classification shelf = which_(image);
        const auto place = contents_.try_emplace(shelf.best().label).first;
        place->second.push_back(image);
        return place->first;
    }

    std::size_t count(const std::string& name) const {
        const auto shelf = contents_.find(name);
        return shelf == contents_.end() ? 0 : shelf->second.size();
    }

   private:
    zeroshot::classifier which_;
    std::map<std::string, std::vector<zeroshot::image>> contents_;
};
