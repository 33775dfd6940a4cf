#include "learner/layers/pooling.hpp"

#include "learner/error.hpp"
#include "learner/kernels/kernels.hpp"

namespace parley::learner {
namespace {

kernels::PoolShape kernel_shape(const Pooling& pooling) {
    return {pooling.input.height, pooling.input.width, pooling.input.channels, pooling.window, pooling.stride};
}

}  // namespace

Shape Pooling::output() const {
    return {(input.height - window) / stride + 1, (input.width - window) / stride + 1, input.channels};
}

std::string Pooling::description(const char* name) const {
    std::string text = name + std::to_string(window);
    if (stride != window) text += "/" + std::to_string(stride);
    return text;
}

void MaxPool::forward(const ForwardPass& pass) {
    const std::size_t count = pass.samples * output().size();
    if (winners.size() < count) winners.resize(count);
    kernels::max_pool(pass.x, pass.y, winners.data(), pass.samples, kernel_shape(pooling));
}

void MaxPool::backward(const BackwardPass& pass) {
    LEARNER_CHECK(winners.size() >= pass.samples * output().size());
    if (pass.dx) kernels::max_pool_gradient(pass.dy, winners.data(), pass.dx, pass.samples, kernel_shape(pooling));
}

void AveragePool::forward(const ForwardPass& pass) {
    kernels::average_pool(pass.x, pass.y, pass.samples, kernel_shape(pooling));
}

void AveragePool::backward(const BackwardPass& pass) {
    if (pass.dx) kernels::average_pool_gradient(pass.dy, pass.dx, pass.samples, kernel_shape(pooling));
}

}  // namespace parley::learner
