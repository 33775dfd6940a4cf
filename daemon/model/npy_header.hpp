// The header of a .npy array: a Python dictionary, of which only what NumPy itself writes is understood.
#pragma once

#include <string>
#include <string_view>

#include "daemon/model/npy.hpp"

namespace parley::daemon {

struct NpyHeader {
    std::string type;
    bool fortran_order = false;
    NpyShape shape;
};

// With the padding and the line's end that NumPy puts behind it.
Result<NpyHeader> parse_npy_header(std::string_view text);

}  // namespace parley::daemon
