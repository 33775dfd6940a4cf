// A training step allocates nothing once the first ones have made room: neither does it grow with time, nor do peers
// that train for weeks fragment their memory. Every way into the heap that C++ code takes goes through operator new,
// which this program counts.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <new>

#include "learner/learner.hpp"
#include "tests/learner/support.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

std::atomic<std::size_t> allocations{0};

void* allocate(std::size_t size, std::size_t alignment) {
    ++allocations;
    const std::size_t whole = (size + alignment - 1) / alignment * alignment;
    void* const block = std::aligned_alloc(alignment, whole > 0 ? whole : alignment);
    if (!block) throw std::bad_alloc();
    return block;
}

constexpr std::size_t usual_alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

// The other forms of the standard library call these.
void* operator new(std::size_t size) {
    return allocate(size, usual_alignment);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept {
    std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
    std::free(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
    std::free(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    std::free(block);
}

namespace {

std::size_t allocations_of_20_steps(const ModelSpec& model, const OptimizerConfig& optimizer, std::size_t threads = 1) {
    LearnerConfig config;
    config.model = model;
    config.optimizer = optimizer;
    config.threads = threads;
    const auto dataset = clusters(model.input, model.target.size, 100, 3);
    auto stream = make_dataset_stream(dataset, {});  // 22 steps of 10 samples: into the third pass
    BOOST_REQUIRE(stream.has_value());
    auto learner = Learner::create(config, std::move(*stream));
    BOOST_REQUIRE(learner.has_value());
    for (int step = 0; step < 2; ++step)
        BOOST_REQUIRE(learner->train_batch().has_value());
    std::size_t failures = 0;
    const std::size_t before = allocations;
    for (int step = 0; step < 20; ++step)
        failures += !learner->train_batch().has_value();
    const std::size_t after = allocations;
    BOOST_TEST(failures == 0U);
    return after - before;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_count_sees_plain_and_aligned_allocations) {
    const std::size_t before = allocations;
    { const std::vector<int> plain(3); }
    { const AlignedFloats aligned(3); }
    BOOST_TEST(allocations - before == 2U);
}

BOOST_AUTO_TEST_CASE(a_step_of_mnist_cnn_allocates_nothing) {
    BOOST_TEST(allocations_of_20_steps({}, {}) == 0U);
    BOOST_TEST(allocations_of_20_steps({}, {.momentum = 0.9f}) == 0U);
}

BOOST_AUTO_TEST_CASE(a_step_of_an_mlp_allocates_nothing) {
    const ModelSpec mlp{.preset = "mlp", .input = feature_shape(50), .target = class_target(2), .hidden = {64, 32}};
    BOOST_TEST(allocations_of_20_steps(mlp, {}) == 0U);
    BOOST_TEST(allocations_of_20_steps(mlp, {.momentum = 0.9f}) == 0U);
}

BOOST_AUTO_TEST_CASE(a_step_of_every_kind_of_layer_and_optimizer_allocates_nothing) {
    const ModelSpec spec{.input = {16, 16, 2},
                         .target = class_target(3),
                         .layers = {{.kind = LayerKind::conv2d, .filters = 8, .kernel = 5, .padding = 2, .stride = 2},
                                    {.kind = LayerKind::layer_norm},
                                    {.kind = LayerKind::tanh},
                                    {.kind = LayerKind::dropout, .rate = 0.2f},
                                    {.kind = LayerKind::average_pool, .window = 2},
                                    {.kind = LayerKind::leaky_relu},
                                    {.kind = LayerKind::dense, .units = 3}}};
    for (const OptimizerKind kind : {OptimizerKind::adam, OptimizerKind::adamw, OptimizerKind::rmsprop})
        BOOST_TEST(allocations_of_20_steps(spec, {.kind = kind, .learning_rate = 0.001f, .clip_norm = 1.0f}) == 0U);
}

BOOST_AUTO_TEST_CASE(a_step_that_threads_share_allocates_nothing) {
    const ModelSpec small{.input = {10, 10, 1}, .target = class_target(3)};
    BOOST_TEST(allocations_of_20_steps(small, {}, 3) == 0U);
}
