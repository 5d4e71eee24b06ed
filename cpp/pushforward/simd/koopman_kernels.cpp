// The tables of koopman_ops.hpp for one instruction set, PF_ISA. Compiled like kernels.cpp, beside it.

#include "../core/koopman_ops.hpp"
#include "batched.hpp"
#include "fold.hpp"
#include "givens.hpp"
#include "lift.hpp"
#include "rollout.hpp"

#define PF_JOIN_(a, b) a##b
#define PF_JOIN(a, b) PF_JOIN_(a, b)

namespace pushforward {
namespace {

template <typename Scalar>
constexpr KoopmanOps<Scalar> koopman_table = {
    .fold_panel = fold_panel<Scalar>,
    .fold_tiles = fold_tiles<Scalar>,
    .fold_group = gram_strips,
    .lift_packed_size = lift_packed_size<Scalar>,
    .lift_pack = lift_pack<Scalar>,
    .lift = lift<Scalar>,
    .rows_product = rows_product<Scalar>,
    .lstsq = lstsq_batch<Scalar>,
    .lstsq_work = lstsq_work<Scalar>,
    .insert_row = insert_row<Scalar>,
    .eliminate_row = eliminate_row<Scalar>,
    .remove_row = remove_row<Scalar>,
};

}  // namespace

const KoopmanOps<float>* PF_JOIN(koopman_ops_f32_, PF_ISA)();
const KoopmanOps<double>* PF_JOIN(koopman_ops_f64_, PF_ISA)();

const KoopmanOps<float>* PF_JOIN(koopman_ops_f32_, PF_ISA)() { return &koopman_table<float>; }
const KoopmanOps<double>* PF_JOIN(koopman_ops_f64_, PF_ISA)() { return &koopman_table<double>; }

}  // namespace pushforward
