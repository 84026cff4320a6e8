#include <limits>
#include <thread>

#include <zeroshot/nn/weights.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::file_builder;
using support::has;
using support::raw;
using support::thrown;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

weights weights_of(const file_builder& builder, finite_check check = finite_check::checked) {
    return weights(checkpoint::from_bytes(builder.bytes(), "a.safetensors"), {check, weight_storage::full});
}

std::string halves(std::initializer_list<float> values) {
    std::string text;
    for (const float value : values) text += raw<std::uint16_t>({half_from_float(value)});
    return text;
}
std::string bfloats(std::initializer_list<float> values) {
    std::string text;
    for (const float value : values) text += raw<std::uint16_t>({bfloat_from_float(value)});
    return text;
}

using extents = std::array<std::size_t, 2>;

}  // namespace

TEST_CASE("children are counted, and a gap among them is refused") {
    const auto counted = [](std::size_t left_out) {
        file_builder builder;
        for (std::size_t block = 0; block < 12; ++block) {
            if (block != left_out)
                builder.add("visual.layer1." + std::to_string(block) + ".bias", "[1]", raw<float>({1}));
        }
        return (weights_of(builder) / "visual" / "layer1").children();
    };
    CHECK(counted(12) == 12);
    CHECK(counted(11) == 11);
    CHECK_THROWS_WITH(counted(2),
                      Catch::Contains("tensors of visual.layer1.2 are missing; there are tensors of visual.layer1.3"));
}

TEST_CASE("weights are walked like a path") {
    file_builder builder;
    builder.add("visual.proj", "[1,2]", raw<float>({1, 2}));
    builder.add("visual.transformer.resblocks.0.ln_1.weight", "[1]", raw<float>({3}));
    builder.add("visual.transformer.resblocks.1.ln_1.weight", "[1]", raw<float>({4}));
    builder.add("visual.transformer.resblocks.2.ln_1.weight", "[1]", raw<float>({5}));
    builder.add("visual.transformer.resblocks.3.ln_1.weight", "[1]", raw<float>({6}));
    builder.add("visualizer", "[1]", raw<float>({7}));
    const weights all = weights_of(builder);
    const weights blocks = all / "visual" / "transformer" / "resblocks";
    CHECK(blocks.path() == "visual.transformer.resblocks");
    CHECK(blocks.children() == 4);
    CHECK((blocks / 1 / "ln_1").read_vector<float>("weight", 1)[0] == 4);
    CHECK((all / "visual" / "proj").has(""));
    CHECK((all / "visual").has("proj"));
    CHECK_FALSE((all / "visual").has(""));
    CHECK_FALSE(all.has("proj"));
    CHECK(all.shape("visual.proj") == std::vector<std::size_t>{1, 2});
    CHECK(all.type("visual.proj") == dtype::f32);
    CHECK((all / "visual").names().size() == 5);
    CHECK(all.names().size() == 6);
    CHECK(all.place() == "a.safetensors");
    CHECK(all.layout() == checkpoint_layout::openai);
}

TEST_CASE("F16, BF16, F32 and F64 are read as float and as double") {
    file_builder builder;
    builder.add("visual.f16", "[2,2]", halves({1.5f, -2, 0x1p-24f, 65504}), "F16");
    builder.add("visual.bf16", "[2,2]", bfloats({1.5f, -2, 0x1p-133f, 0}), "BF16");
    builder.add("visual.f32", "[2,2]", raw<float>({0.1f, -2, 0x1p-149f, 3e38f}));
    builder.add("visual.f64", "[2,2]", raw<double>({0.1, -2, 1e-300, 7}), "F64");
    const weights visual = weights_of(builder) / "visual";
    const auto f16 = visual.read<float>("f16", extents{2, 2});
    CHECK(f16(0, 0) == 1.5f);
    CHECK(f16(1, 0) == 0x1p-24f);
    CHECK(f16(1, 1) == 65504);
    CHECK(visual.read<double>("f16", extents{2, 2})(1, 0) == 0x1p-24);
    const auto bf16 = visual.read<float>("bf16", extents{2, 2});
    CHECK(bf16(0, 1) == -2);
    CHECK(bf16(1, 0) == 0x1p-133f);
    CHECK(visual.read<double>("f32", extents{2, 2})(0, 0) == double{0.1f});
    CHECK(visual.read<float>("f32", extents{2, 2})(1, 0) == 0x1p-149f);
    CHECK(visual.read<double>("f64", extents{2, 2})(0, 0) == 0.1);
    CHECK(visual.read<float>("f64", extents{2, 2})(0, 0) == 0.1f);
    CHECK(visual.read<float>("f64", extents{2, 2})(1, 0) == 0);
}

TEST_CASE("a transposed projection is read in OpenAI's order of axes, square or not") {
    file_builder builder;
    builder.add("vision_model.post_layernorm.weight", "[1]", raw<float>({0}));
    builder.add("visual_projection.weight", "[2,3]", raw<float>({1, 2, 3, 4, 5, 6}));
    builder.add("text_projection.weight", "[2,2]", raw<float>({1, 2, 3, 4}));
    const weights all = weights_of(builder);
    const auto proj = all.read<float>("visual.proj", extents{3, 2});
    CHECK(proj(0, 0) == 1);
    CHECK(proj(0, 1) == 4);
    CHECK(proj(2, 0) == 3);
    CHECK(proj(2, 1) == 6);
    CHECK(all.read<float>("text_projection", extents{2, 2})(0, 1) == 3);
}

TEST_CASE("query, key and value become one matrix, each converted from its own type") {
    const std::string block = "text_model.encoder.layers.0.self_attn.";
    file_builder builder;
    builder.add(block + "v_proj.weight", "[1,2]", raw<float>({5, 6}));
    builder.add(block + "q_proj.weight", "[1,2]", halves({1, 2}), "F16");
    builder.add(block + "k_proj.weight", "[1,2]", bfloats({3, 4}), "BF16");
    const auto joined = weights_of(builder).read<float>("transformer.resblocks.0.attn.in_proj_weight", extents{3, 2});
    const std::vector<float> expected{1, 2, 3, 4, 5, 6};
    CHECK(std::equal(joined.values().begin(), joined.values().end(), expected.begin(), expected.end()));
}

TEST_CASE("rows read a few at a time equal the whole tensor, joined and transposed ones too") {
    const std::string block = "text_model.encoder.layers.0.self_attn.";
    file_builder builder;
    builder.add(block + "q_proj.weight", "[2,2]", halves({1, 2, 3, 4}), "F16");
    builder.add(block + "k_proj.weight", "[2,2]", bfloats({5, 6, 7, 8}), "BF16");
    builder.add(block + "v_proj.weight", "[2,2]", raw<float>({9, 10, 11, not_a_number}));
    builder.add("visual_projection.weight", "[2,3]", raw<float>({1, 2, 3, 4, 5, 6}));
    const weights all = weights_of(builder);
    const std::string in_proj = "transformer.resblocks.0.attn.in_proj_weight";
    const auto joined = all.rows<float>(in_proj, extents{6, 2});
    std::vector<float> rows(6);
    joined(1, 3, rows.data());
    CHECK(rows == std::vector<float>{3, 4, 5, 6, 7, 8});
    CHECK(has(thrown<numeric_error>([&] { joined(5, 1, rows.data()); }), "v_proj.weight') is not finite at [1, 1]"));
    const auto transposed = all.rows<float>("visual.proj", extents{3, 2});
    transposed(1, 2, rows.data());
    CHECK(std::vector(rows.begin(), rows.begin() + 4) == std::vector<float>{2, 5, 3, 6});
    CHECK(all.unread().empty());
    CHECK(has(thrown<checkpoint_error>([&] {
                  all.rows<float>(in_proj, extents{5, 2});
              }),
              "is [6, 2], expected [5, 2]"));
}

TEST_CASE("other types than F16, BF16, F32 and F64 are refused") {
    for (const char* type : {"BOOL", "I8", "F8_E4M3"}) {
        file_builder builder;
        builder.add("visual.x", "[2]", "ab", type);
        CHECK(thrown<checkpoint_error>([&] { weights_of(builder).read_vector<float>("visual.x", 2); }) ==
              "UNSUPPORTED a.safetensors: tensor visual.x has dtype " + std::string(type) +
                  ", expected one of F16 BF16 F32 F64");
    }
    file_builder builder;
    builder.add("visual.i64", "[2]", raw<std::int64_t>({1, 2}), "I64");
    builder.add("visual.c64", "[2]", raw<double>({1, 2}), "C64");
    builder.add("visual.f4", "[2]", "a", "F4");
    builder.add("visual.f4_none", "[0]", "", "F4");
    for (const char* name : {"visual.i64", "visual.c64", "visual.f4"}) {
        CHECK(has(thrown<checkpoint_error>([&] { weights_of(builder).read_vector<double>(name, 2); }), "UNSUPPORTED"));
    }
    CHECK(has(thrown<checkpoint_error>([&] { weights_of(builder).read_vector<float>("visual.f4_none", 0); }),
              "UNSUPPORTED"));
}

TEST_CASE("a tensor at an odd byte is read correctly") {
    for (const char* type : {"F32", "F16", "BF16", "F64"}) {
        file_builder builder;
        builder.add("visual.byte", "[1]", "x", "U8");
        const std::string name = type;
        builder.add("visual.x", "[2]",
                    name == "F32"    ? raw<float>({1.5f, -2})
                    : name == "F16"  ? halves({1.5f, -2})
                    : name == "BF16" ? bfloats({1.5f, -2})
                                     : raw<double>({1.5, -2}),
                    name);
        const auto values = weights_of(builder).read_vector<float>("visual.x", 2);
        CHECK(values[0] == 1.5f);
        CHECK(values[1] == -2);
    }
}

TEST_CASE("a missing tensor is named in full, with the nearest names; unread ones are listed") {
    file_builder builder;
    builder.add("visual.conv1.weight", "[1]", raw<float>({1}));
    builder.add("visual.ln_pre.weight", "[1]", raw<float>({1}));
    builder.add("logit_scale", "[]", raw<float>({1}));
    builder.add("something.else", "[1]", raw<float>({1}));
    const weights all = weights_of(builder);
    CHECK(thrown<checkpoint_error>([&] { (all / "visual" / "conv1").read_vector<float>("bias", 1); }) ==
          "SHAPE a.safetensors: tensor visual.conv1.bias is missing; the nearest are 'visual.conv1.weight', "
          "'visual.ln_pre.weight', 'something.else'");
    CHECK(has(thrown<checkpoint_error>([&] { all.shape("visual.proj"); }), "tensor visual.proj is missing"));
    CHECK(has(thrown<checkpoint_error>([&] { all.type("visual.proj"); }), "tensor visual.proj is missing"));
    CHECK(has(thrown<checkpoint_error>([&] { all.read_scalar<float>("logit_bias"); }),
              "tensor logit_bias is missing; the nearest are 'logit_scale'"));
    CHECK(all.unread().size() == 4);
    all.read_scalar<float>("logit_scale");
    (all / "visual").read_vector<float>("conv1.weight", 1);
    CHECK(all.unread() == std::vector<std::string>{"something.else", "visual.ln_pre.weight"});
}

TEST_CASE("a tensor of another shape is refused with both shapes") {
    file_builder builder;
    builder.add("visual.conv1.weight", "[2,3]", raw<float>({1, 2, 3, 4, 5, 6}));
    const weights all = weights_of(builder);
    CHECK(thrown<checkpoint_error>([&] {
              all.read<float>("visual.conv1.weight", extents{3, 2});
          }) == "SHAPE a.safetensors: tensor visual.conv1.weight is [2, 3], expected [3, 2]");
    CHECK(has(thrown([&] {
                  all.read<float>("visual.conv1.weight", std::array<std::size_t, 3>{1, 2, 3});
              }),
              "is [2, 3], expected [1, 2, 3]"));
    CHECK(has(thrown([&] { all.read_vector<float>("visual.conv1.weight", 6); }), "is [2, 3], expected [6]"));
    CHECK(has(thrown([&] { all.read_scalar<float>("visual.conv1.weight"); }), "is [2, 3], expected [] or [1]"));
    file_builder other;
    other.add("vision_model.x", "[1]", raw<float>({1}));
    other.add("visual_projection.weight", "[2,3]", raw<float>({1, 2, 3, 4, 5, 6}));
    CHECK(has(thrown([&] {
                  weights_of(other).read<float>("visual.proj", extents{2, 3});
              }),
              "tensor visual.proj (in the file: 'visual_projection.weight') is [3, 2], expected [2, 3]"));
}

TEST_CASE("a tensor read by several threads equals one read by a single thread") {
    constexpr std::size_t rows = 1001, columns = 997;
    thread_pool pool(3);
    std::string text;
    for (std::size_t i = 0; i < rows * columns; ++i) text += raw<float>({static_cast<float>(i)});
    const auto read = [&](const std::string& numbers, executor* threads) {
        file_builder builder;
        builder.add("visual.proj", shape_text(std::array{rows, columns}), numbers);
        const weights all(checkpoint::from_bytes(builder.bytes(), "a.safetensors"), {.threads = threads});
        return all.read<float, 2>("visual.proj", {rows, columns});
    };
    const matrix<float> alone = read(text, nullptr), shared = read(text, &pool);
    CHECK(std::ranges::equal(alone.values(), shared.values()));
    CHECK(shared(1000, 996) == static_cast<float>(rows * columns - 1));
    text.replace(4 * (900 * columns + 7), 4, raw<float>({not_a_number}));
    CHECK(has(thrown<numeric_error>([&] { read(text, &pool); }), "not finite at [900, 7]"));
}

TEST_CASE("numbers that are not finite are refused with tensor and position, unless unchecked") {
    for (const float bad : {infinity, -infinity, not_a_number}) {
        file_builder builder;
        builder.add("visual.f32", "[2,2]", raw<float>({1, 2, bad, 4}));
        builder.add("visual.f16", "[2,2]", halves({1, 2, 3, bad}), "F16");
        builder.add("visual.bf16", "[2,2]", bfloats({bad, 2, 3, 4}), "BF16");
        builder.add("visual.f64", "[2,2]", raw<double>({1, double{bad}, 3, 4}), "F64");
        const weights all = weights_of(builder);
        const auto refusal = [&](const char* name) {
            return thrown<numeric_error>([&] { all.read<float>(name, extents{2, 2}); });
        };
        CHECK(refusal("visual.f32") ==
              "NUMERIC a.safetensors: tensor visual.f32 is not finite at [1, 0]; is the file damaged?");
        CHECK(has(refusal("visual.f16"), "not finite at [1, 1]"));
        CHECK(has(refusal("visual.bf16"), "not finite at [0, 0]"));
        CHECK(has(refusal("visual.f64"), "not finite at [0, 1]"));
        CHECK(has(thrown<numeric_error>([&] {
                      all.read<double>("visual.f64", extents{2, 2});
                  }),
                  "not finite at [0, 1]"));
        const weights unchecked = weights_of(builder, finite_check::unchecked);
        CHECK_FALSE(is_finite(unchecked.read<float>("visual.f32", extents{2, 2})(1, 0)));
    }
    file_builder wide;
    wide.add("visual.x", "[1]", raw<double>({1e300}), "F64");
    CHECK(has(thrown<numeric_error>([&] { weights_of(wide).read_vector<float>("visual.x", 1); }), "not finite"));
    CHECK(weights_of(wide).read_vector<double>("visual.x", 1)[0] == 1e300);
    std::string many(10'000 * 4, '\0');
    const std::string nan = raw<float>({not_a_number});
    many.replace(9'999 * 4, 4, nan);
    file_builder late;
    late.add("visual.x", "[10000]", many);
    CHECK(has(thrown<numeric_error>([&] { weights_of(late).read_vector<float>("visual.x", 10'000); }),
              "not finite at [9999]"));
}

TEST_CASE("subnormal numbers and tensors of zeros are accepted") {
    file_builder builder;
    builder.add("visual.zeros", "[2]", raw<float>({0, -0.0f}));
    builder.add("visual.tiny", "[1]", raw<float>({0x1p-149f}));
    CHECK(weights_of(builder).read_vector<float>("visual.zeros", 2)[0] == 0);
    CHECK(weights_of(builder).read_vector<float>("visual.tiny", 1)[0] == 0x1p-149f);
}

TEST_CASE("a scalar is read from [] and from [1], and must be finite") {
    file_builder builder;
    builder.add("visual.x", "[]", raw<float>({0}));
    builder.add("logit_scale", "[]", raw<float>({4.5f}));
    builder.add("logit_bias", "[1]", halves({-10}), "F16");
    CHECK(weights_of(builder).read_scalar<float>("logit_scale") == 4.5f);
    CHECK(weights_of(builder).read_scalar<double>("logit_bias") == -10);
    for (const float bad : {infinity, not_a_number}) {
        file_builder broken;
        broken.add("visual.x", "[]", raw<float>({0}));
        broken.add("logit_scale", "[]", raw<float>({bad}));
        CHECK(thrown<numeric_error>([&] { weights_of(broken).read_scalar<float>("logit_scale"); }) ==
              "NUMERIC a.safetensors: tensor logit_scale is not finite at []; is the file damaged?");
    }
    file_builder rank;
    rank.add("visual.x", "[]", raw<float>({0}));
    rank.add("logit_scale", "[1,1]", raw<float>({0}));
    rank.add("logit_bias", "[0]", "");
    CHECK(has(thrown([&] { weights_of(rank).read_scalar<float>("logit_scale"); }), "is [1, 1], expected [] or [1]"));
    CHECK(has(thrown([&] { weights_of(rank).read_scalar<float>("logit_bias"); }), "is [0], expected [] or [1]"));
}

TEST_CASE("tensors without elements are read as empty") {
    file_builder builder;
    builder.add("visual.none", "[0,3]", "");
    CHECK(weights_of(builder).read<float>("visual.none", extents{0, 3}).empty());
}

TEST_CASE("a path keeps its checkpoint alive, and many threads may read", "[threads]") {
    const weights visual = [] {
        file_builder builder;
        for (int i = 0; i < 50; ++i)
            builder.add("visual." + std::to_string(i), "[2]", raw<float>({static_cast<float>(i), 1}));
        return weights_of(builder) / "visual";
    }();
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> readers;
        for (int reader = 0; reader < 4; ++reader) {
            readers.emplace_back([&] {
                for (int i = 0; i < 50; ++i)
                    wrong += visual.read_vector<float>(std::to_string(i), 2)[0] == static_cast<float>(i) ? 0 : 1;
            });
        }
    }
    CHECK(wrong == 0);
    CHECK(visual.unread().empty());
}

TEST_CASE("many long names do not make the error of a missing one slow") {
    file_builder builder;
    for (int i = 0; i < 20'000; ++i)
        builder.add("visual." + std::string(180, 'x') + std::to_string(i), "[]", "1", "U8");
    const weights all = weights_of(builder);
    // 5,000 names of at most 200 bytes: 200 million steps, a fraction of a second. All of every name would be many
    // times that.
    CHECK(has(thrown<checkpoint_error>([&] { all.shape("visual." + std::string(180, 'y')); }),
              "is missing; the nearest are"));
}
