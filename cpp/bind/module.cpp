#include "register.hpp"

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  pushforward::bind::bind_runtime(m);
  pushforward::bind::bind_learners(m);
  pushforward::bind::bind_readouts(m);
  pushforward::bind::bind_networks(m);
  pushforward::bind::bind_poles(m);
  pushforward::bind::bind_koopman_fold(m);
  pushforward::bind::bind_koopman_lift(m);
  pushforward::bind::bind_koopman_batched(m);
  pushforward::bind::bind_koopman_rollout(m);
  pushforward::bind::bind_diagonal(m);
  pushforward::bind::bind_hessian_vector(m);
  pushforward::bind::bind_ntk(m);
  pushforward::bind::bind_forward_hessian(m);
}
