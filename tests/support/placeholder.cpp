#include <string>
#include <string_view>

#include <zeroshot/support/placeholder.hpp>

#include "tests/catch.hpp"

using zeroshot::detail::placeholder_of;

TEST_CASE("what stands in the place of a file is known by its first bytes") {
    const auto what_of = [](std::string_view beginning) {
        const auto* const found = placeholder_of(beginning);
        return std::string(found == nullptr ? "" : found->what);
    };
    CHECK(what_of("version https://git-lfs.github.com/spec/v1\noid sha256:0\n") ==
          "a Git LFS pointer, not the file it stands for");
    for (const char* page :
         {"<!DOCTYPE html>", "<!doctype html>", "<html lang=\"en\">", "\n\r\n <HTML>", "\xef\xbb\xbf<html>"})
        CHECK(what_of(page) == "an HTML page");
    CHECK(what_of("{\"error\":\"Repository not found\"}") == "an error message in JSON");
    for (const char* other : {"", " ", "version 2", "<?xml version=\"1.0\"?>", "{}"}) CHECK(what_of(other).empty());
}
