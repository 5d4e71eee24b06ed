// The tables of wide_ops.hpp for one instruction set, PF_ISA. Compiled like kernels.cpp, beside it.

#include "../core/wide_ops.hpp"
#include "diagonal_net.hpp"
#include "ntk.hpp"
#include "second.hpp"

#define PF_JOIN_(a, b) a##b
#define PF_JOIN(a, b) PF_JOIN_(a, b)

namespace pushforward {
namespace {

template <typename Scalar>
constexpr WideOps<Scalar> wide_table = {
    .net_forward = net_forward<Scalar>,
    .net_backward = net_backward<Scalar>,
    .ntk_rows = ntk_rows<Scalar>,
    .ntk_lanes = lanes<Scalar>,
    .second_strip = second_strip<Scalar>,
    .second_pack = second_pack<Scalar>,
    .second_move = second_move<Scalar>,
};

}  // namespace

const WideOps<float>* PF_JOIN(wide_ops_f32_, PF_ISA)();
const WideOps<double>* PF_JOIN(wide_ops_f64_, PF_ISA)();

const WideOps<float>* PF_JOIN(wide_ops_f32_, PF_ISA)() { return &wide_table<float>; }
const WideOps<double>* PF_JOIN(wide_ops_f64_, PF_ISA)() { return &wide_table<double>; }

}  // namespace pushforward
