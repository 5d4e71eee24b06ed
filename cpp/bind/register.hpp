#pragma once
// One registration function a binding file; module.cpp calls them.

#include <pybind11/pybind11.h>

namespace pushforward::bind {

void bind_runtime(pybind11::module_& m);   // instruction sets, threads, measuring
void bind_learners(pybind11::module_& m);  // the training engine

}  // namespace pushforward::bind
