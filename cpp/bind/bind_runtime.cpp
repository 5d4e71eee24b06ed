// Instruction sets, threads and the probes that tests and benchmarks need. PUSHFORWARD_ISA is read here, once, when the module loads.
#include <cstdlib>


#include "arrays.hpp"
#include "pushforward/core/threads.hpp"
#include "register.hpp"

namespace pushforward::bind {

namespace {

template <typename Scalar>
void bind_elementwise(py::module_& m) {
  m.def("activate", [](const std::string& activation, ArrayIn<Scalar> a) {
    py::array_t<Scalar> s(a.size()), slope(a.size());
    ops<Scalar>().activate(activation_from(activation), a.size(), a.data(), s.mutable_data(), slope.mutable_data());
    return py::make_tuple(s, slope);
  }, py::arg("activation"), py::arg("a").noconvert());
  m.def("exp", [](ArrayIn<Scalar> x) {
    py::array_t<Scalar> y(x.size());
    ops<Scalar>().exponential(x.size(), x.data(), y.mutable_data());
    return y;
  }, py::arg("x").noconvert());
  m.def("matmul", [](ArrayIn<Scalar> A, ArrayIn<Scalar> B) {
    require(A.ndim() == 2 && B.ndim() == 2 && A.shape(1) == B.shape(0), "A and B must be matrices with A.shape[1] == B.shape[0], got " + shape_of(A) +
                                                                            " and " + shape_of(B));
    py::array_t<Scalar> C({A.shape(0), B.shape(1)});
    ops<Scalar>().matmul(A.shape(0), B.shape(1), A.shape(1), A.data(), A.shape(1), B.data(), B.shape(1), C.mutable_data(), B.shape(1), false);
    return C;
  }, py::arg("A").noconvert(), py::arg("B").noconvert());
}

py::dict build_info() {
  py::dict d;
#if defined(__clang__)
  d["compiler"] = "clang " __clang_version__;
#elif defined(__GNUC__)
  d["compiler"] = "gcc " __VERSION__;
#else
  d["compiler"] = "unknown";
#endif
  d["cxx_standard"] = static_cast<long>(__cplusplus);
#if defined(__SANITIZE_ADDRESS__)
  d["sanitizer"] = "address";
#elif defined(__SANITIZE_THREAD__)
  d["sanitizer"] = "thread";
#else
  d["sanitizer"] = "";
#endif
  return d;
}

}  // namespace

void bind_runtime(py::module_& m) {
  if (const char* level = std::getenv("PUSHFORWARD_ISA"); level && *level) set_isa(level);
  m.def("isa", [] { return std::string(isa()); });
  m.def("usable_isas", [] {
    std::vector<std::string> names;
    for (const auto level : usable_isas()) names.emplace_back(level);
    return names;
  });
  m.def("set_isa", [](const std::string& level) { set_isa(level); }, py::arg("level"));
  m.def("available_cpus", &available_cpus);
  m.def("default_threads", &default_threads);
  m.def("set_default_threads", &set_default_threads, py::arg("n_threads"));
  m.def("fma_probe", [](Index n_rounds, bool single) { return single ? ops<float>().fma_probe(n_rounds) : ops<double>().fma_probe(n_rounds); },
        py::arg("n_rounds"), py::arg("single"));
  m.def("build_info", &build_info);
  bind_elementwise<float>(m);
  bind_elementwise<double>(m);
}

}  // namespace pushforward::bind
