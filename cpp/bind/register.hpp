#pragma once
// One registration function a binding file; module.cpp calls them.

#include <pybind11/pybind11.h>

namespace pushforward::bind {

void bind_runtime(pybind11::module_& m);   // instruction sets, threads, measuring
void bind_learners(pybind11::module_& m);  // the training engine
void bind_networks(pybind11::module_& m);  // layers of fixed dynamics
void bind_readouts(pybind11::module_& m);  // read-outs that learn online
void bind_poles(pybind11::module_& m);     // poles that learn
void bind_koopman_fold(pybind11::module_& m);  // rows into the factor of a least-squares problem
void bind_koopman_lift(pybind11::module_& m);  // features of sampled layers
void bind_koopman_batched(pybind11::module_& m);  // many small least-squares problems
void bind_koopman_rollout(pybind11::module_& m);  // the closed loop of a sampled network
void bind_diagonal(pybind11::module_& m);  // wide diagonal networks
void bind_hessian_vector(pybind11::module_& m);  // second derivatives along a direction
void bind_ntk(pybind11::module_& m);  // the tangent kernel of diagonal networks
void bind_forward_hessian(pybind11::module_& m);  // second derivatives carried forward

}  // namespace pushforward::bind
