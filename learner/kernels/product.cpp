// Matrix products over rows that stay where they are: a convolution reads its patches out of the images themselves,
// and no operand is packed or copied. A tile of the result is held in registers while the sum runs; the loops around
// it keep a panel of the second operand in the first-level cache.
#include <algorithm>

#include "learner/kernels/kernels.hpp"
#include "learner/kernels/vector.hpp"

namespace parley::learner::kernels {
namespace {

constexpr std::size_t block_rows = 96;  // a multiple of every tile_rows
constexpr std::size_t chunk_terms = 128;  // of the sum: with a tile's columns half of a 48 KiB first-level cache

static_assert(block_rows % tile_rows == 0);

// Where some consecutive rows of A begin.
struct RowBlock {
    const float* begins[block_rows];
    std::size_t count = 0;
};

// Walks through all rows in order, block by block.
class RowWalk {
public:
    explicit RowWalk(const Rows& rows) : rows_(rows), begin_(rows.base) {}

    void fill(RowBlock& block) {
        block.count = 0;
        while (block.count < block_rows && image_ < rows_.images) {
            block.begins[block.count++] = begin_;
            begin_ += rows_.pixel_stride;
            if (++pixel_ < rows_.pixels) continue;
            pixel_ = 0;
            if (++line_ == rows_.lines) {
                line_ = 0;
                ++image_;
            }
            begin_ = rows_.base + image_ * rows_.image_stride + line_ * rows_.line_stride;
        }
    }

private:
    const Rows& rows_;
    const float* begin_;
    std::size_t image_ = 0, line_ = 0, pixel_ = 0;
};

// A part of the sum: `runs` runs, of each the terms begin .. begin + length.
struct Chunk {
    std::size_t first_run, runs, begin, length;
};

// Calls visit(chunk) for parts of about chunk_terms terms, in order.
template <class Visit>
void for_each_chunk(const Rows& rows, Visit visit) {
    if (rows.run_length > chunk_terms) {
        const std::size_t pieces = (rows.run_length + chunk_terms - 1) / chunk_terms;
        const std::size_t step = (rows.run_length + pieces - 1) / pieces;
        for (std::size_t run = 0; run < rows.runs; ++run)
            for (std::size_t begin = 0; begin < rows.run_length; begin += step)
                visit(Chunk{run, 1, begin, std::min(step, rows.run_length - begin)});
    } else {
        const std::size_t step = std::max<std::size_t>(1, chunk_terms / rows.run_length);
        for (std::size_t run = 0; run < rows.runs; run += step)
            visit(Chunk{run, std::min(step, rows.runs - run), 0, rows.run_length});
    }
}

// Covers `columns` by strips as wide as can be: of four vectors, of two, of one, of four floats, of one. Calls
// visit.template operator()<floats, vectors>(first column).
template <class Visit>
[[gnu::always_inline]] inline void for_each_strip(std::size_t columns, Visit visit) {
    std::size_t column = 0;
    for (; column + vector_floats * tile_vectors <= columns; column += vector_floats * tile_vectors)
        visit.template operator()<vector_floats, tile_vectors>(column);
    // Few columns leave few sums in flight, fewer than a multiplier needs to be kept busy.
    if constexpr (tile_vectors > 2)
        for (; column + vector_floats * 2 <= columns; column += vector_floats * 2)
            visit.template operator()<vector_floats, 2>(column);
    for (; column + vector_floats <= columns; column += vector_floats)
        visit.template operator()<vector_floats, 1>(column);
    if constexpr (vector_floats > 4)
        for (; column + 4 <= columns; column += 4)
            visit.template operator()<4, 1>(column);
    for (; column < columns; ++column)
        visit.template operator()<1, 1>(column);
}

// Calls visit.template operator()<count>() for the number of rows of a tile, which is known at run time only.
template <std::size_t Count = tile_rows, class Visit>
[[gnu::always_inline]] inline void with_count(std::size_t count, Visit visit) {
    if constexpr (Count > 0) {
        if (count == Count) return visit.template operator()<Count>();
        with_count<Count - 1>(count, visit);
    }
}

// The registers of a tile.
template <std::size_t Floats, std::size_t Vectors, std::size_t Count>
struct Tile {
    Vector<Floats> sums[Count][Vectors];

    [[gnu::always_inline]] void fill(const float* values) {
#pragma GCC unroll 8
        for (std::size_t r = 0; r < Count; ++r)
#pragma GCC unroll 8
            for (std::size_t v = 0; v < Vectors; ++v)
                sums[r][v] = values ? load<Floats>(values + v * Floats) : Vector<Floats>{};
    }
    [[gnu::always_inline]] void read(const float* c, std::size_t columns) {
#pragma GCC unroll 8
        for (std::size_t r = 0; r < Count; ++r)
#pragma GCC unroll 8
            for (std::size_t v = 0; v < Vectors; ++v)
                sums[r][v] = load<Floats>(c + r * columns + v * Floats);
    }
    [[gnu::always_inline]] void write(float* c, std::size_t columns) const {
#pragma GCC unroll 8
        for (std::size_t r = 0; r < Count; ++r)
#pragma GCC unroll 8
            for (std::size_t v = 0; v < Vectors; ++v)
                store<Floats>(c + r * columns + v * Floats, sums[r][v]);
    }
    // One term: factor(r) times the vectors at b.
    template <class Factor>
    [[gnu::always_inline]] void add(const float* b, Factor factor) {
        Vector<Floats> right[Vectors];
#pragma GCC unroll 8
        for (std::size_t v = 0; v < Vectors; ++v)
            right[v] = load<Floats>(b + v * Floats);
#pragma GCC unroll 8
        for (std::size_t r = 0; r < Count; ++r) {
            const float left = factor(r);
#pragma GCC unroll 8
            for (std::size_t v = 0; v < Vectors; ++v)
                sums[r][v] += left * right[v];
        }
    }
};

// c = (is_first ? bias or zero : c) + the chunk's terms, for Count rows and one strip of columns.
template <std::size_t Floats, std::size_t Vectors, std::size_t Count>
void multiply_tile(const Rows& rows, const Chunk& chunk, const float* const* begins, const float* b,
                   const float* bias, bool is_first, float* c, std::size_t columns) {
    Tile<Floats, Vectors, Count> tile;
    if (is_first) {
        tile.fill(bias);
    } else {
        tile.read(c, columns);
    }
    const float* a[Count];
    for (std::size_t run = chunk.first_run; run < chunk.first_run + chunk.runs; ++run) {
#pragma GCC unroll 8
        for (std::size_t r = 0; r < Count; ++r)
            a[r] = begins[r] + run * rows.run_stride + chunk.begin;
        const float* right = b + (run * rows.run_length + chunk.begin) * columns;
        for (std::size_t k = 0; k < chunk.length; ++k) {
            tile.add(right, [&](std::size_t r) { return a[r][k]; });
            right += columns;
        }
    }
    tile.write(c, columns);
}

// c[Count x strip] (+)= the sum over the block's rows of Count neighbouring values of A times a row of b.
template <std::size_t Floats, std::size_t Vectors, std::size_t Count>
void multiply_transposed_tile(const RowBlock& block, std::size_t offset, const float* b, bool is_first, float* c,
                              std::size_t columns) {
    Tile<Floats, Vectors, Count> tile;
    if (is_first) {
        tile.fill(nullptr);
    } else {
        tile.read(c, columns);
    }
    for (std::size_t row = 0; row < block.count; ++row) {
        const float* const a = block.begins[row] + offset;
        tile.add(b, [&](std::size_t r) { return a[r]; });
        b += columns;
    }
    tile.write(c, columns);
}

// c[i][j] = the product of row i of a and row j of b, Count x Others of them.
template <std::size_t Count, std::size_t Others>
void dot_tile(const float* a, const float* b, float* c, std::size_t inner, std::size_t columns) {
    Vector<vector_floats> sums[Count][Others] = {};
    std::size_t k = 0;
    for (; k + vector_floats <= inner; k += vector_floats) {
        Vector<vector_floats> right[Others];
#pragma GCC unroll 8
        for (std::size_t j = 0; j < Others; ++j)
            right[j] = load<vector_floats>(b + j * inner + k);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < Count; ++i) {
            const Vector<vector_floats> left = load<vector_floats>(a + i * inner + k);
#pragma GCC unroll 8
            for (std::size_t j = 0; j < Others; ++j)
                sums[i][j] += left * right[j];
        }
    }
    for (std::size_t i = 0; i < Count; ++i) {
        for (std::size_t j = 0; j < Others; ++j) {
            float sum = sum_of<vector_floats>(sums[i][j]);
            for (std::size_t rest = k; rest < inner; ++rest)
                sum += a[i * inner + rest] * b[j * inner + rest];
            c[i * columns + j] = sum;
        }
    }
}

}  // namespace

void multiply(const Rows& a, const float* b, const float* bias, float* c, std::size_t columns) {
    RowWalk walk(a);
    RowBlock block;
    for (walk.fill(block); block.count > 0; walk.fill(block)) {
        bool is_first = true;
        for_each_chunk(a, [&](const Chunk& chunk) {
            for_each_strip(columns, [&]<std::size_t Floats, std::size_t Vectors>(std::size_t column) {
                const float* const start = bias ? bias + column : nullptr;
                for (std::size_t row = 0; row < block.count; row += tile_rows) {
                    with_count(std::min(tile_rows, block.count - row), [&]<std::size_t Count>() {
                        multiply_tile<Floats, Vectors, Count>(a, chunk, block.begins + row, b + column, start,
                                                              is_first, c + row * columns + column, columns);
                    });
                }
            });
            is_first = false;
        });
        c += block.count * columns;
    }
}

void multiply_transposed(const Rows& a, const float* b, float* c, std::size_t columns) {
    RowWalk walk(a);
    RowBlock block;
    bool is_first = true;
    for (walk.fill(block); block.count > 0; walk.fill(block)) {
        for_each_strip(columns, [&]<std::size_t Floats, std::size_t Vectors>(std::size_t column) {
            for (std::size_t run = 0; run < a.runs; ++run) {
                for (std::size_t k = 0; k < a.run_length; k += tile_rows) {
                    float* const to = c + (run * a.run_length + k) * columns + column;
                    with_count(std::min(tile_rows, a.run_length - k), [&]<std::size_t Count>() {
                        multiply_transposed_tile<Floats, Vectors, Count>(block, run * a.run_stride + k, b + column,
                                                                         is_first, to, columns);
                    });
                }
            }
        });
        is_first = false;
        b += block.count * columns;
    }
}

void multiply_by_transposed(const float* a, const float* b, float* c, std::size_t rows, std::size_t inner,
                            std::size_t columns) {
    constexpr std::size_t others = 4, count_max = tile_rows < 5 ? 2 : 4;  // registers again
    std::size_t column = 0;
    const auto strip = [&]<std::size_t Others>() {
        std::size_t row = 0;
        for (; row + count_max <= rows; row += count_max)
            dot_tile<count_max, Others>(a + row * inner, b + column * inner, c + row * columns + column, inner,
                                        columns);
        for (; row < rows; ++row)
            dot_tile<1, Others>(a + row * inner, b + column * inner, c + row * columns + column, inner, columns);
    };
    for (; column + others <= columns; column += others)
        strip.template operator()<others>();
    for (; column < columns; ++column)
        strip.template operator()<1>();
}

void sum_rows(const float* a, float* sums, std::size_t rows, std::size_t columns) {
    std::fill_n(sums, columns, 0.0f);
    for (std::size_t row = 0; row < rows; ++row) {
        const float* const values = a + row * columns;
        for (std::size_t column = 0; column < columns; ++column)
            sums[column] += values[column];
    }
}

}  // namespace parley::learner::kernels
