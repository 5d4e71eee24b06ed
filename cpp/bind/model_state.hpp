#pragma once
// Everything that evolves in a model, out to NumPy arrays and back: what a saved file holds.

#include <set>

#include "learner.hpp"

namespace pushforward::bind {

template <typename Scalar>
py::array_t<Scalar> states(Model<Scalar>& self) {
  const auto lock = self.use();
  const Index n_series = self.learner().n_series(), n_state = self.cell().n_state();
  py::array_t<Scalar> out({n_series, n_state});
  for (Index i = 0; i < n_series; ++i) std::copy_n(self.learner().series(i).state(), n_state, out.mutable_data() + i * n_state);
  return out;
}

template <typename Scalar>
void set_states(Model<Scalar>& self, ArrayIn<Scalar> states) {
  const Index n_series = self.learner().n_series(), n_state = self.cell().n_state();
  require_shape(states, "state", {n_series, n_state});
  require_finite(states.data(), n_series, 1, n_state, "state");
  const auto lock = self.use();
  for (Index i = 0; i < n_series; ++i) std::copy_n(states.data() + i * n_state, n_state, self.learner().series(i).state());
}

template <typename Scalar>
class Writer final : public Archive<Scalar> {
 public:
  void numbers(const std::string& name, Scalar* data, Index size) override { put(name, data, size); }
  void integers(const std::string& name, std::int64_t* data, Index size, std::initializer_list<Range>) override { put(name, data, size); }
  py::dict arrays;

 private:
  template <typename T>
  void put(const std::string& name, const T* data, Index size) {
    py::array_t<T> a(size);
    if (size > 0) std::copy_n(data, size, a.mutable_data());
    arrays[py::str(name)] = a;
  }
};

// Checks first (write = false), so that a bad file leaves the model as it was.
template <typename Scalar>
class Reader final : public Archive<Scalar> {
 public:
  explicit Reader(const py::dict& arrays) : arrays_(arrays) {}
  void numbers(const std::string& name, Scalar* data, Index size) override {
    const Scalar* from = take(name, data, size);
    require(write || ops<Scalar>().all_finite(size, from), "arrays: '" + name + "' must be finite");
  }
  void integers(const std::string& name, std::int64_t* data, Index size, std::initializer_list<Range> ranges) override {
    const std::int64_t* from = take(name, data, size);
    for (Index i = 0; i < size; ++i) {
      const Range& range = ranges.begin()[i % static_cast<Index>(ranges.size())];
      require(from[i] >= range.low && from[i] <= range.high, "arrays: '" + name + "' must lie in " + std::to_string(range.low) + " … " +
                                                                 std::to_string(range.high) + ", got " + std::to_string(from[i]));
    }
  }
  // After a walk: nothing else was there.
  void finish() {
    for (const auto& entry : arrays_)
      require(taken_.count(py::cast<std::string>(entry.first)) == 1, "arrays: '" + py::cast<std::string>(entry.first) + "' is not one of this model's");
  }
  bool write = false;

 private:
  template <typename T>
  const T* take(const std::string& name, T* data, Index size) {
    require(arrays_.contains(name), "arrays: '" + name + "' is missing");
    const py::object value = arrays_[py::str(name)];
    if (!py::isinstance<ArrayIn<T>>(value)) throw py::type_error("arrays: '" + name + "' has another type than the model");
    const auto a = py::reinterpret_borrow<ArrayIn<T>>(value);
    require(a.size() == size, "arrays: '" + name + "' must have " + std::to_string(size) + " numbers, got " + std::to_string(a.size()));
    if (write && size > 0) std::copy_n(a.data(), size, data);
    taken_.insert(name);
    return a.data();
  }
  const py::dict& arrays_;
  std::set<std::string> taken_;
};

template <typename Scalar>
py::dict export_state(Model<Scalar>& self) {
  const auto lock = self.use();
  Writer<Scalar> writer;
  self.learner().visit(writer);
  return writer.arrays;
}

template <typename Scalar>
void import_state(Model<Scalar>& self, const py::dict& arrays) {
  const auto lock = self.use();
  Reader<Scalar> reader(arrays);
  self.learner().visit(reader);
  reader.finish();
  reader.write = true;
  self.learner().visit(reader);
  self.learner().loaded();
}

}  // namespace pushforward::bind
