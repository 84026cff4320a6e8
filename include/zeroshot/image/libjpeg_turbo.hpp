#pragma once
/// \file JPEG by libjpeg-turbo, as Pillow calls it.

#include <algorithm>
#include <array>
#include <climits>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <jerror.h>
#include <jpeglib.h>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/image/jpeg.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// Decodes a JPEG with libjpeg-turbo. Mirrors JpegDecode.c of Pillow: warnings are not errors, and what is missing
/// after the last row is not missed.
class turbo_decoder {
   public:
    turbo_decoder(std::span<const std::byte> bytes, decoding& about) : bytes_(bytes), about_(about) {
        state_.err = jpeg_std_error(&errors_);
        errors_.error_exit = [](j_common_ptr state) { std::longjmp(of(state).failure_, 1); };
        errors_.output_message = [](j_common_ptr) {};
        errors_.emit_message = [](j_common_ptr state, int level) {
            if (level < 0 && state->err->num_warnings++ == 0) of(state).keep_message(of(state).warning_);
        };
        progress_.progress_monitor = [](j_common_ptr state) {
            turbo_decoder& self = of(state);
            self.too_many_scans_ = static_cast<std::size_t>(self.state_.input_scan_number) > self.max_scans();
            if (self.too_many_scans_) std::longjmp(self.failure_, 1);
        };
        state_.client_data = this;
        source_.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
        source_.bytes_in_buffer = bytes.size();
        source_.init_source = source_.term_source = [](j_decompress_ptr) {};
        source_.resync_to_restart = jpeg_resync_to_restart;
        source_.fill_input_buffer = [](j_decompress_ptr) -> boolean { return FALSE; };  // nothing follows
        source_.skip_input_data = [](j_decompress_ptr state, long count) {
            const std::size_t size =
                (std::min)(static_cast<std::size_t>((std::max)(count, 0L)), state->src->bytes_in_buffer);
            state->src->next_input_byte += size;
            state->src->bytes_in_buffer -= size;
        };
    }
    turbo_decoder(const turbo_decoder&) = delete;
    turbo_decoder& operator=(const turbo_decoder&) = delete;
    ~turbo_decoder() { jpeg_destroy_decompress(&state_); }

    image operator()() {
        check(read_header());
        read_orientation();
        const std::size_t width = state_.image_width, height = state_.image_height;
        const auto components = static_cast<std::size_t>(state_.num_components);
        if (components != 1 && components != 3 && components != 4)
            throw_at_byte(error_code::format, 0, std::to_string(components) + " components", "1, 3 or 4");
        refuse_pixels(0, width, height, about_.options.max_pixels);
        const std::size_t samples = width * height * components;
        refuse_memory(0, 2 * samples, about_.options.memory_budget);  // the image and its planes
        state_.mem->max_memory_to_use =
            static_cast<long>((std::min)(about_.options.memory_budget - samples, static_cast<std::size_t>(LONG_MAX)));
        std::vector<std::uint8_t> pixels(samples);
        check(read_rows(pixels.data(), width * components));
        if (components == 4)  // Pillow takes the inks for inverted, as Adobe writes them
            for (std::uint8_t& ink : pixels) ink = static_cast<std::uint8_t>(255 - ink);
        if (errors_.num_warnings > 0) about_.warnings.push_back("the JPEG is damaged: " + std::string(warning_.data()));
        return image(std::move(pixels), width, height, jpeg_mode(components));
    }

   private:
    using message = std::array<char, JMSG_LENGTH_MAX>;
    enum class outcome { done, suspended, failed };

    static turbo_decoder& of(j_common_ptr state) { return *static_cast<turbo_decoder*>(state->client_data); }

    std::size_t max_scans() const { return about_.options.max_scans; }

    void keep_message(message& text) { errors_.format_message(reinterpret_cast<j_common_ptr>(&state_), text.data()); }

    // These leave by longjmp after an error: nothing in them may have a destructor.

    outcome read_header() {
        if (setjmp(failure_) != 0) return outcome::failed;
        jpeg_create_decompress(&state_);
        state_.src = &source_;
        state_.progress = &progress_;
        jpeg_save_markers(&state_, jpeg_marker::app1, 0xffff);
        int found = JPEG_HEADER_TABLES_ONLY;
        while (found == JPEG_HEADER_TABLES_ONLY) found = jpeg_read_header(&state_, FALSE);
        return found == JPEG_SUSPENDED ? outcome::suspended : outcome::done;
    }

    outcome read_rows(std::uint8_t* pixels, std::size_t row_size) {
        if (setjmp(failure_) != 0) return outcome::failed;
        if (jpeg_start_decompress(&state_) == FALSE) return outcome::suspended;
        while (state_.output_scanline < state_.output_height) {
            JSAMPROW row = pixels + state_.output_scanline * row_size;
            if (jpeg_read_scanlines(&state_, &row, 1) != 1) return outcome::suspended;
        }
        jpeg_finish_decompress(&state_);
        return outcome::done;
    }

    void check(outcome result) {
        if (result == outcome::done) return;
        if (result == outcome::suspended) throw_ends_early(bytes_.size());
        const std::size_t position = bytes_.size() - source_.bytes_in_buffer;
        if (too_many_scans_) throw_too_many_scans(position, max_scans());
        if (errors_.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
        if (errors_.msg_code == JERR_NO_BACKING_STORE) throw_out_of_budget(about_.options.memory_budget);
        message reason{};
        keep_message(reason);
        constexpr std::array unsupported{JERR_BAD_PRECISION, JERR_SOF_UNSUPPORTED, JERR_ARITH_NOTIMPL,
                                         JERR_NOT_COMPILED, JERR_CONVERSION_NOTIMPL};
        if (std::ranges::count(unsupported, errors_.msg_code) > 0)
            throw_at_byte(error_code::unsupported, 0, std::string("a JPEG of a rare kind: ") + reason.data(),
                          "8 bits per sample in a baseline or progressive JPEG", "save it as such");
        throw_at_byte(error_code::format, position, std::string("the JPEG is damaged: ") + reason.data());
    }

    void read_orientation() {
        std::span<const std::byte> exif;
        std::string_view xmp;
        for (auto* marker = state_.marker_list; marker != nullptr; marker = marker->next)
            read_app1(std::as_bytes(std::span(marker->data, marker->data_length)), exif, xmp);
        about_.orientation = orientation_of(exif, xmp);
    }

    std::span<const std::byte> bytes_;
    decoding& about_;
    jpeg_decompress_struct state_{};
    jpeg_error_mgr errors_{};
    jpeg_source_mgr source_{};
    jpeg_progress_mgr progress_{};
    std::jmp_buf failure_{};
    bool too_many_scans_ = false;
    message warning_{};  // the first
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
