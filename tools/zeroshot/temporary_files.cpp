#include "temporary_files.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include <zeroshot/error.hpp>

namespace program {

namespace {

[[noreturn]] void throw_error(const char* action) {
    throw zeroshot::file_error(zeroshot::error_code::io,
                               {"temporary file", std::string(action) + ": " + std::generic_category().message(errno),
                                "", "is the disk full?"});
}

}  // namespace

name_file::name_file() : file_(std::tmpfile()) {
    if (!file_) throw_error("cannot create");
}

void name_file::add(const std::string& name) {
    if (is_reading_ && std::fseek(file_.get(), 0, SEEK_END) != 0) throw_error("cannot write");
    is_reading_ = false;
    const std::size_t size = name.size();
    const bool written =
        std::fwrite(&size, sizeof size, 1, file_.get()) == 1 && std::fwrite(name.data(), 1, size, file_.get()) == size;
    if (!written) throw_error("cannot write");
}

std::string name_file::operator[](std::size_t index) const {
    if (!is_reading_ || index < next_) {
        if (std::fseek(file_.get(), 0, SEEK_SET) != 0) throw_error("cannot read");
        is_reading_ = true;
        next_ = 0;
    }
    while (next_ < index) read_next();
    return read_next();
}

std::string name_file::read_next() const {
    std::size_t size = 0;
    if (std::fread(&size, sizeof size, 1, file_.get()) != 1) throw_error("cannot read");
    std::string name(size, '\0');
    if (std::fread(name.data(), 1, size, file_.get()) != size) throw_error("cannot read");
    ++next_;
    return name;
}

row_file::row_file(std::size_t columns) : columns_(columns), file_(std::tmpfile()) {
    if (!file_) throw_error("cannot create");
}

void row_file::add(std::span<const float> values) {
    if (values.empty()) return;
    const bool written = std::fseek(file_.get(), 0, SEEK_END) == 0 &&
                         std::fwrite(values.data(), sizeof(float), values.size(), file_.get()) == values.size() &&
                         std::fflush(file_.get()) == 0;
    if (!written) throw_error("cannot write");
    rows_ += values.size() / columns_;
}

void row_file::read(const std::function<void(std::size_t, std::span<const float>)>& visit) const {
    constexpr std::size_t rows_at_once = 256;
    if (std::fseek(file_.get(), 0, SEEK_SET) != 0) throw_error("cannot read");
    std::vector<float> chunk(rows_at_once * columns_);
    for (std::size_t first = 0; first < rows_; first += rows_at_once) {
        const std::size_t count = std::min(rows_at_once, rows_ - first);
        if (std::fread(chunk.data(), sizeof(float), count * columns_, file_.get()) != count * columns_)
            throw_error("cannot read");
        for (std::size_t i = 0; i < count; ++i) visit(first + i, std::span(chunk).subspan(i * columns_, columns_));
    }
}

}  // namespace program
