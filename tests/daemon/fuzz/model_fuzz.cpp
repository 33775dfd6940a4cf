// libFuzzer target of the readers of model files (.npz, .npy, and what is inside the seal of .parley): see
// tests/README.md.
#include "tests/daemon/fuzz/model_inputs.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const parley::daemon::ModelLayout layout = parley::daemon::fuzz::small_layout();
    parley::daemon::fuzz::try_model_bytes(std::as_bytes(std::span(data, size)), layout);
    return 0;
}
