// Matrix products. Eigen packs its operands into panels that fit the caches; what it needs for that is freed
// before it returns. It is compiled here and nowhere else, so that no other part of the program can end up
// with a copy of its inline functions that was compiled for another processor.
#include <Eigen/Core>

#include "learner/kernels/kernels.hpp"

namespace parley::learner::kernels {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Input = Eigen::Map<const Matrix>;
using Output = Eigen::Map<Matrix>;
using InputRow = Eigen::Map<const Eigen::RowVectorXf>;
using OutputRow = Eigen::Map<Eigen::RowVectorXf>;

Eigen::Index index(std::size_t value) {
    return static_cast<Eigen::Index>(value);
}

}  // namespace

void multiply_add_bias(const float* a, const float* b, const float* bias, float* c, std::size_t rows,
                       std::size_t inner, std::size_t columns) {
    Output result(c, index(rows), index(columns));
    result.rowwise() = InputRow(bias, index(columns));
    result.noalias() += Input(a, index(rows), index(inner)) * Input(b, index(inner), index(columns));
}

void multiply_transposed_right(const float* a, const float* b, float* c, std::size_t rows, std::size_t inner,
                               std::size_t columns) {
    Output(c, index(rows), index(columns)).noalias() =
        Input(a, index(rows), index(inner)) * Input(b, index(columns), index(inner)).transpose();
}

void multiply_transposed_left(const float* a, const float* b, float* c, std::size_t rows, std::size_t inner,
                              std::size_t columns, bool accumulate) {
    const Input left(a, index(inner), index(rows));
    const Input right(b, index(inner), index(columns));
    Output result(c, index(rows), index(columns));
    if (accumulate) {
        result.noalias() += left.transpose() * right;
    } else {
        result.noalias() = left.transpose() * right;
    }
}

void sum_rows(const float* a, float* sums, std::size_t rows, std::size_t columns, bool accumulate) {
    OutputRow result(sums, index(columns));
    if (!accumulate) result.setZero();
    for (std::size_t row = 0; row < rows; ++row)
        result += InputRow(a + row * columns, index(columns));
}

}  // namespace parley::learner::kernels
