// Model files: what is written comes back, and what does not fit is refused by name.
#include "daemon/model/model_file.hpp"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <limits>

#include "daemon/model/npz.hpp"
#include "daemon/model/sealed_model.hpp"
#include "tests/daemon/model_samples.hpp"
#include "tests/daemon/temporary_directory.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::test;

namespace {

struct Bench {
    learner::Network network = sample_network();
    ModelLayout layout = ModelLayout::of(network);
    ModelFile model = sample_model(layout);
    TemporaryDirectory directory;

    std::filesystem::path write(const std::string& name) {
        const auto written = write_model(directory / name, model, layout, IfExists::refuse);
        BOOST_REQUIRE_MESSAGE(written, (written ? "" : written.error().message));
        return directory / name;
    }
    // Of reading a file with this content.
    std::string refusal(const std::string& name, const std::string& content) {
        write_text(directory / name, content);
        return refusal(directory / name);
    }
    std::string refusal(const std::filesystem::path& file) {
        const auto read = read_model(file, layout);
        BOOST_REQUIRE_MESSAGE(!read, "was read");
        BOOST_TEST(read.error().message.find(file.string()) != std::string::npos, read.error().message);
        return read.error().message;
    }
    // An .npz in which `change` has changed the arrays, or what is wrong with it.
    template <class Change>
    Result<ModelFile> changed_npz(Change change) {
        auto entries = entries_of(*encode_npz(model, layout));
        change(entries);
        return decode_npz(*write_zip(entries), layout);
    }
};

void check_refused(const Result<ModelFile>& result, const std::string& why) {
    BOOST_REQUIRE(!result);
    BOOST_TEST(result.error().message.find(why) != std::string::npos,
               "\"" << result.error().message << "\" does not say \"" << why << "\"");
}
void check_says(const std::string& message, const std::string& why) {
    BOOST_TEST(message.find(why) != std::string::npos,
               "\"" << message << "\" does not say \"" << why << "\"");
}

FileBytes floats(const NpyShape& shape, std::vector<float> values) {
    return encode_npy("<f4", shape, std::as_bytes(std::span(values)));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_sealed_model_comes_back_whole) {
    Bench bench;
    for (const bool with_normalisation : {true, false}) {
        bench.model = sample_model(bench.layout, with_normalisation);
        const auto file = bench.write(with_normalisation ? "a.parley" : "b.parley");
        const auto read = read_model(file, bench.layout);
        BOOST_REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
        BOOST_TEST(difference(*read, bench.model) == "");
    }
}

BOOST_AUTO_TEST_CASE(an_npz_comes_back_with_the_batches_of_its_provenance_alone) {
    Bench bench;
    for (const bool with_normalisation : {true, false}) {
        bench.model = sample_model(bench.layout, with_normalisation);
        const auto read = read_model(bench.write(with_normalisation ? "a.npz" : "b.npz"), bench.layout);
        BOOST_REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
        ModelFile expected = bench.model;
        expected.loss = "";
        expected.provenance = {};
        expected.provenance.batches = bench.model.provenance.batches;
        BOOST_TEST(difference(*read, expected) == "");
    }
}

BOOST_AUTO_TEST_CASE(equal_models_are_equal_files) {
    Bench bench;
    BOOST_TEST((*encode_npz(bench.model, bench.layout) == *encode_npz(bench.model, bench.layout)));
    BOOST_TEST((encode_model(bench.model, bench.layout) == encode_model(bench.model, bench.layout)));
}

BOOST_AUTO_TEST_CASE(another_ending_is_refused_and_the_two_are_named) {
    Bench bench;
    for (const char* name : {"model.bin", "model", "model.NPZ", ".npz"}) {
        const auto written =
            write_model(bench.directory / name, bench.model, bench.layout, IfExists::replace);
        BOOST_REQUIRE(!written);
        check_says(written.error().message, ".parley");
        check_says(written.error().message, ".npz");
        BOOST_TEST(!read_model(bench.directory / name, bench.layout));
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_there_is_replaced_only_on_request) {
    Bench bench;
    for (const char* name : {"a.parley", "a.npz"}) {
        const auto file = bench.write(name);
        const std::string before = read_text(file);
        ModelFile other = bench.model;
        other.parameters[0] = 77;
        BOOST_TEST(!write_model(file, other, bench.layout, IfExists::refuse));
        BOOST_TEST((read_text(file) == before));
        BOOST_REQUIRE(write_model(file, other, bench.layout, IfExists::replace));
        const auto read = read_model(file, bench.layout);
        BOOST_REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
        BOOST_TEST(read->parameters[0] == 77);
    }
}

BOOST_AUTO_TEST_CASE(a_model_that_has_diverged_is_not_written) {
    Bench bench;
    bench.model.parameters[13] = std::numeric_limits<float>::quiet_NaN();
    for (const char* name : {"a.parley", "a.npz"}) {
        const auto written = write_model(bench.directory / name, bench.model, bench.layout, IfExists::refuse);
        BOOST_REQUIRE(!written);
        check_says(written.error().message, bench.layout.blocks[1].name + "[1] is nan");
        BOOST_TEST(!std::filesystem::exists(bench.directory / name));
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_absent_empty_or_something_else_is_refused) {
    Bench bench;
    check_says(bench.refusal(bench.directory / "none.parley"), "there is no such file");
    check_says(bench.refusal(bench.directory / "none.npz"), "there is no such file");
    bench.refusal("empty.parley", "");
    bench.refusal("empty.npz", "");
    const std::string text =
        "a text that is long enough to have the header of a sealed file in it, and a bit more";
    check_says(bench.refusal("text.parley", text), "it does not begin with PARLEYMD");
    check_says(bench.refusal("text.npz", text), "it is damaged or no .npz file");
    // The one under the other's name.
    check_says(bench.refusal("x.parley", read_text(bench.write("a.npz"))), "it does not begin with PARLEYMD");
    check_says(bench.refusal("x.npz", read_text(bench.write("a.parley"))), "it is damaged or no .npz file");
}

BOOST_AUTO_TEST_CASE(a_changed_bit_or_length_anywhere_in_a_sealed_model_is_noticed) {
    Bench bench;
    const std::string good = read_text(bench.write("a.parley"));
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 4);
        bench.refusal("b.parley", bad);
        bench.refusal("b.parley", good.substr(0, at));
    }
}

BOOST_AUTO_TEST_CASE(another_models_file_is_refused_with_both_descriptions) {
    Bench bench;
    const ModelLayout other = ModelLayout::of(sample_network(2));
    BOOST_REQUIRE(other.description != bench.layout.description);
    for (const char* name : {"a.parley", "a.npz"}) {
        const auto read = read_model(bench.write(name), other);
        BOOST_REQUIRE(!read);
        check_says(read.error().message, bench.layout.description);
        check_says(read.error().message, other.description);
    }
}

BOOST_AUTO_TEST_CASE(a_sealed_model_that_contradicts_itself_is_refused) {
    Bench bench;
    const FileBytes good = encode_model(bench.model, bench.layout);
    BOOST_REQUIRE(decode_model(good, bench.layout));
    ModelFile bad = bench.model;
    bad.parameters.pop_back();
    check_refused(decode_model(encode_model(bad, bench.layout), bench.layout),
                  "parameters, but the model has");
    bad = bench.model;
    bad.parameters[2] = std::numeric_limits<float>::infinity();
    check_refused(decode_model(encode_model(bad, bench.layout), bench.layout),
                  bench.layout.blocks[0].name + "[2] is inf");
    bad = bench.model;
    bad.normalisation->mean[1] = std::numeric_limits<double>::quiet_NaN();
    check_refused(decode_model(encode_model(bad, bench.layout), bench.layout), "normalisation.mean[1]");
    bad = bench.model;
    bad.normalisation->deviation[2] = -1;
    check_refused(decode_model(encode_model(bad, bench.layout), bench.layout), "normalisation.deviation[2]");
    bad = bench.model;
    bad.normalisation->deviation.pop_back();
    check_refused(decode_model(encode_model(bad, bench.layout), bench.layout),
                  "but the model has 3 features");
    ModelLayout other = bench.layout;
    other.target = learner::value_target(2);
    check_refused(decode_model(encode_model(bench.model, other), bench.layout), "contradict");
    FileBytes longer = good;
    longer.push_back(std::byte{0});
    check_refused(decode_model(longer, bench.layout), "malformed");
    for (std::size_t length = 0; length < good.size(); ++length)
        BOOST_TEST(!decode_model(ByteSpan(good).first(length), bench.layout));
}

BOOST_AUTO_TEST_CASE(what_numpy_may_have_written_is_accepted) {
    Bench bench;
    const std::string first = bench.layout.blocks[0].name;
    // Without our description and version, in double precision, and under a header of version 2.
    const auto foreign = bench.changed_npz([&](std::vector<ZipEntry>& entries) {
        std::erase_if(
            entries, [](const ZipEntry& e) { return e.name == "description.npy" || e.name == "format.npy"; });
        std::vector<double> values(
            bench.model.parameters.begin(),
            bench.model.parameters.begin() + static_cast<std::ptrdiff_t>(bench.layout.blocks[0].count));
        entry_of(entries, first).bytes =
            encode_npy("<f8", bench.layout.blocks[0].shape, std::as_bytes(std::span(values)));
        FileBytes& second = entry_of(entries, bench.layout.blocks[1].name).bytes;
        second[6] = std::byte{2};
        second.insert(second.begin() + 10, 2, std::byte{0});
    });
    BOOST_REQUIRE_MESSAGE(foreign, (foreign ? "" : foreign.error().message));
    BOOST_TEST((foreign->parameters == bench.model.parameters));
}

BOOST_AUTO_TEST_CASE(every_array_must_be_there_once_under_its_name) {
    Bench bench;
    const std::string name = bench.layout.blocks[1].name;
    check_refused(bench.changed_npz([&](auto& entries) {
        std::erase_if(entries, [&](const ZipEntry& entry) { return entry.name == name + ".npy"; });
    }),
                  "the array " + name + " is missing");
    check_refused(
        bench.changed_npz([&](auto& entries) { entry_of(entries, name).name = "2.dense.bias.npy"; }),
        "there is no array 2.dense.bias in this model; it has " + bench.layout.blocks[0].name);
    check_refused(bench.changed_npz([&](auto& entries) { entry_of(entries, name).name = name; }),
                  "there is no array");
    check_refused(bench.changed_npz([&](auto& entries) {
        for (int i = 0; i < 10; ++i)
            entries.push_back({std::to_string(i), {}});
    }),
                  "arrays, at most");
    check_refused(bench.changed_npz([&](auto& entries) {
        std::erase_if(entries,
                      [](const ZipEntry& entry) { return entry.name == "normalisation.deviation.npy"; });
    }),
                  "normalisation.deviation is missing");
}

BOOST_AUTO_TEST_CASE(a_name_that_is_there_twice_is_refused) {
    Bench bench;
    // libzip writes no such archive: the names of two arrays of equal length are made equal in the bytes.
    auto npz = *encode_npz(bench.model, bench.layout);
    const std::string from = "normalisation.mean.npy", to = "1.dense.weights.npy";
    auto entries = entries_of(npz);
    entry_of(entries, bench.layout.blocks[0].name).name = "normalisation.meen.npy";
    npz = *write_zip(entries);
    std::string text(reinterpret_cast<const char*>(npz.data()), npz.size());
    for (std::size_t at = 0; (at = text.find("normalisation.meen", at)) != std::string::npos; ++at)
        text.replace(at, 18, "normalisation.mean");
    check_refused(decode_npz(bytes_of_text(text), bench.layout), "normalisation.mean.npy is there twice");
}

BOOST_AUTO_TEST_CASE(arrays_of_another_shape_type_or_order_are_refused_and_named) {
    Bench bench;
    const auto& block = bench.layout.blocks[0];
    const auto with_first = [&](FileBytes bytes) {
        return bench.changed_npz(
            [&](auto& entries) { entry_of(entries, block.name).bytes = std::move(bytes); });
    };
    check_refused(with_first(floats({4, 3}, std::vector<float>(12))),
                  block.name + ": its shape is (4, 3), expected (3, 4)");
    check_refused(with_first(floats({12}, std::vector<float>(12))), "its shape is (12,), expected (3, 4)");
    const FileBytes half(24);
    check_refused(with_first(encode_npy("<f2", {3, 4}, half)), "its type is <f2, expected <f4 or <f8");
    const FileBytes big(48);
    check_refused(with_first(encode_npy(">f4", {3, 4}, big)), "its type is >f4");
    check_refused(with_first(encode_npy("|O", {3, 4}, FileBytes(96))), "its type is not one that is read");
    std::string fortran(reinterpret_cast<const char*>(floats({3, 4}, std::vector<float>(12)).data()),
                        128 + 48);
    fortran.replace(fortran.find("False"), 5, "True ");
    check_refused(with_first(bytes_of_text(fortran)), block.name + ": it is in Fortran order");
    check_refused(bench.changed_npz([&](auto& entries) {
        const std::int64_t two = 2;
        entry_of(entries, "format").bytes = encode_npy("<i8", {}, std::as_bytes(std::span(&two, 1)));
    }),
                  "its format is 2, this program reads 1");
}

BOOST_AUTO_TEST_CASE(headers_that_lie_are_refused) {
    Bench bench;
    const auto& block = bench.layout.blocks[0];
    const auto with_header = [&](const std::string& dictionary, std::uint8_t major = 1) {
        std::string text = "\x93NUMPY";
        text += static_cast<char>(major);
        text += '\0';
        text += static_cast<char>(dictionary.size() & 0xff);
        text += static_cast<char>(dictionary.size() >> 8);
        text += dictionary + std::string(48, '\0');
        return bench.changed_npz(
            [&](auto& entries) { entry_of(entries, block.name).bytes = bytes_of_text(text); });
    };
    const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }";
    BOOST_TEST(with_header(good).has_value());
    BOOST_TEST(with_header("{\"shape\":(3,4),\"fortran_order\":False,\"descr\":\"<f4\"}\n").has_value());
    const std::pair<std::string, std::string> bad[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }", "but 48 bytes follow"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
         "but 48 bytes follow"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 4), }",
         "no tuple of sizes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 4), }", "no tuple of sizes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (12), }", "no tuple of sizes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 12, }", "the shape is no tuple"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 4), }", "descr is not the name"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (3, 4), }", "neither True nor False"},
        {"{'descr': '<f4', 'fortran_order': False}", "is missing"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}", "there twice"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), 'x': 1}", "a key is unknown"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)} import os", "something follows"},
        {"{'descr': '<f99999999999999999999', 'fortran_order': False, 'shape': (3, 4)}",
         "descr is not the name"},
        {"{'descr': '<f4", "descr is not the name"},
        {"", "it is no dictionary"}};
    for (const auto& [header, why] : bad)
        BOOST_TEST_CONTEXT(header) {
            check_refused(with_header(header), why);
        }
    check_refused(with_header(good, 9), "its format 9.0 is none of");
    check_refused(with_header(std::string(5000, ' ')), "bytes, at most");
}

BOOST_AUTO_TEST_CASE(values_that_are_not_finite_floats_are_refused_with_array_and_index) {
    Bench bench;
    const auto& block = bench.layout.blocks[0];
    std::vector<double> values(block.count, 1.0);
    const auto with_value = [&](double value) {
        values[7] = value;
        return bench.changed_npz([&](auto& entries) {
            entry_of(entries, block.name).bytes =
                encode_npy("<f8", block.shape, std::as_bytes(std::span(values)));
        });
    };
    check_refused(with_value(std::numeric_limits<double>::quiet_NaN()), block.name + "[7] is nan");
    check_refused(with_value(-std::numeric_limits<double>::infinity()), block.name + "[7] is -inf");
    check_refused(with_value(1e300), block.name + "[7] is inf, not a finite 32-bit number");
}

BOOST_AUTO_TEST_CASE(an_array_that_is_larger_than_the_model_needs_is_refused_unread) {
    Bench bench;
    const std::string name = bench.layout.blocks[0].name;
    check_refused(bench.changed_npz([&](auto& entries) { entry_of(entries, name).bytes.resize(1 << 20); }),
                  name + ".npy has 1048576 bytes, at most");
    // The directory says less than there is.
    auto entries = entries_of(*encode_npz(bench.model, bench.layout));
    entry_of(entries, name).bytes.resize(1 << 20);
    auto npz = *write_zip(entries);
    const std::uint32_t truth = 1 << 20, lie = 1000;
    for (std::size_t at = 0; at + 4 <= npz.size(); ++at)
        if (std::memcmp(npz.data() + at, &truth, 4) == 0) std::memcpy(npz.data() + at, &lie, 4);
    BOOST_TEST(!decode_npz(npz, bench.layout));
    write_text(bench.directory / "huge.npz", "");
    std::filesystem::resize_file(bench.directory / "huge.npz", std::uintmax_t{1} << 40);
    check_says(bench.refusal(bench.directory / "huge.npz"), "bytes, at most");
}
