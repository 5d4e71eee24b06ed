// The tables of stream_ops.hpp for one instruction set, PF_ISA. Compiled like kernels.cpp, beside it.

#include "../core/stream_ops.hpp"
#include "echo.hpp"
#include "hermitian.hpp"
#include "poles.hpp"
#include "sparse.hpp"
#include "unlace.hpp"

#define PF_JOIN_(a, b) a##b
#define PF_JOIN(a, b) PF_JOIN_(a, b)

namespace pushforward {
namespace {

template <typename Scalar>
constexpr StreamOps<Scalar> stream_table = {
    .echo_update = echo_update<Scalar>,
    .interleave = interleave<Scalar>,
    .unlace = unlace<Scalar>,
    .sparse_multiply = sparse_multiply<Scalar>,
    .complex_scale = complex_scale<Scalar>,
    .hermitian_pass = hermitian_pass<Scalar>,
    .pole_steps = pole_steps<Scalar>,
};

}  // namespace

const StreamOps<float>* PF_JOIN(stream_ops_f32_, PF_ISA)();
const StreamOps<double>* PF_JOIN(stream_ops_f64_, PF_ISA)();

const StreamOps<float>* PF_JOIN(stream_ops_f32_, PF_ISA)() { return &stream_table<float>; }
const StreamOps<double>* PF_JOIN(stream_ops_f64_, PF_ISA)() { return &stream_table<double>; }

}  // namespace pushforward
