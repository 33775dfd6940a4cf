#include "learner/steering.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>

#include "tests/learner/files.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

const Bytes frames = idx(8, {3, 1, 2}, {0, 51, 102, 153, 204, 255});
const Bytes angles = idx_numbers({-1, 0.5f, 0.25f});

}  // namespace

BOOST_AUTO_TEST_CASE(frames_and_angles_are_read_under_any_name_of_the_frames) {
    for (const char* name : {"frames-luma-2x1-idx3-ubyte", "frames-x-idx3-ubyte.gz"}) {
        const Folder folder;
        folder.write(name, std::string_view(name).ends_with(".gz") ? gzip(frames) : frames);
        folder.write("angles-idx1-float.gz", gzip(angles));
        const Dataset dataset = unwrap(load_steering_directory(folder.path()));
        BOOST_TEST((dataset.input == Shape{1, 2, 1}));
        BOOST_TEST((dataset.target == value_target(1)));
        BOOST_TEST((dataset.targets == std::vector<float>{-1, 0.5f, 0.25f}));
        BOOST_TEST((dataset.pixels == Bytes{0, 51, 102, 153, 204, 255}));
    }
}

BOOST_AUTO_TEST_CASE(the_same_frames_plain_and_gzip_are_one_file_and_others_are_not) {
    const Folder folder;
    folder.write("angles-idx1-float", angles);
    folder.write("frames-a-idx3-ubyte", frames);
    folder.write("frames-a-idx3-ubyte.gz", gzip(frames));
    BOOST_TEST(load_steering_directory(folder.path()).has_value());
    folder.write("frames-b-idx3-ubyte.gz", gzip(frames));
    check_refused(load_steering_directory(folder.path()),
                  "there are 2 files of frames (frames-a-idx3-ubyte, frames-b-idx3-ubyte); leave one");
}

BOOST_AUTO_TEST_CASE(what_is_missing_or_wrong_in_a_steering_directory_is_named) {
    const Folder folder;
    check_refused(load_steering_directory(folder.path() / "nowhere"), "nowhere: cannot be listed");
    check_refused(load_steering_directory(folder.path()), "there is no frames-NAME-idx3-ubyte");
    folder.write("frames-a-idx3-ubyte", frames);
    check_refused(load_steering_directory(folder.path()), "there is no angles-idx1-float");
    folder.write("angles-idx1-float", idx_numbers({1, 2}));
    check_refused(load_steering_directory(folder.path()), "3 images, but");
    folder.write("angles-idx1-float", idx_numbers({1, 2, std::nanf("")}));
    check_refused(load_steering_directory(folder.path()), "angles-idx1-float: the number of sample 2");
    folder.write("angles-idx1-float", angles);
    folder.write("frames-a-idx3-ubyte", idx(8, {3, 2, 2}, {0, 51, 102, 153, 204, 255}));
    check_refused(load_steering_directory(folder.path()), "declares 12 values, but 6");
    folder.write("frames-a-idx3-ubyte", frames);
    BOOST_TEST(load_steering_directory(folder.path()).has_value());
}
