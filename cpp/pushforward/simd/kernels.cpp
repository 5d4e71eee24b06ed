// The tables of one instruction set, PF_ISA (v4, v3, v2 or base). The build compiles this file once for each, with -DEigen=Eigen_<isa>, so
// that even the aliases of types.hpp belong to one object alone. Only the two functions at the end have a name outside of it.

#include "../core/ops.hpp"
#include "gemm.hpp"
#include "influence.hpp"
#include "matvec.hpp"
#include "optimizer.hpp"
#include "own.hpp"
#include "vector.hpp"

#define PF_JOIN_(a, b) a##b
#define PF_JOIN(a, b) PF_JOIN_(a, b)

namespace pushforward {
namespace {

template <typename Scalar>
constexpr Ops<Scalar> table = {
    .matvec = matvec<Scalar>,
    .matvec_transposed = matvec_transposed<Scalar>,
    .matmul = matmul<Scalar>,
    .matmul_transposed = matmul_transposed<Scalar>,
    .axpy = axpy<Scalar>,
    .multiply = multiply<Scalar>,
    .scale_rows = scale_rows<Scalar>,
    .activate = activate<Scalar>,
    .bound = bound<Scalar>,
    .exponential = exponential<Scalar>,
    .expm1 = expm1<Scalar>,
    .all_finite = all_finite<Scalar>,
    .squared_norm = squared_norm<Scalar>,
    .optimizer_update = optimizer_update<Scalar>,
    .packed_size = packed_size,
    .pack = pack<Scalar>,
    .influence_read = influence_read<Scalar>,
    .influence_scratch = influence_scratch<Scalar>,
    .influence_move = influence_move<Scalar>,
    .own_move = own_move<Scalar>,
    .fma_probe = fma_probe<Scalar>,
};

}  // namespace

const Ops<float>* PF_JOIN(ops_f32_, PF_ISA)();
const Ops<double>* PF_JOIN(ops_f64_, PF_ISA)();

const Ops<float>* PF_JOIN(ops_f32_, PF_ISA)() { return &table<float>; }
const Ops<double>* PF_JOIN(ops_f64_, PF_ISA)() { return &table<double>; }

}  // namespace pushforward
