// One branch a kind of read-out that learns online.
#include "readout.hpp"

#include "layers.hpp"
#include "pushforward/linalg/lms.hpp"
#include "pushforward/linalg/rls.hpp"
#include "pushforward/linalg/windowed.hpp"

namespace pushforward::bind {

template <typename Scalar>
ReadoutModel<Scalar>::ReadoutModel(const py::dict& d) {
  const auto read = [&](const char* key, auto& field) {
    if (given(d, key)) field = py::cast<std::decay_t<decltype(field)>>(d[key]);
  };
  Settings& s = settings_;
  read("kind", s.kind);
  read("n_features", s.n_features);
  read("n_outputs", s.n_outputs);
  read("n_parts", s.n_parts);
  read("intercept", s.intercept);
  read("forgetting", s.forgetting);
  read("ridge", s.ridge);
  read("learning_rate", s.learning_rate);
  read("epsilon", s.epsilon);
  read("window", s.window);
  require(s.n_features > 0, "n_features must be at least 1, got " + std::to_string(s.n_features));
  require(s.n_outputs > 0, "n_outputs must be at least 1, got " + std::to_string(s.n_outputs));
  require(s.n_parts == 1 || s.n_parts == 2, "n_parts must be 1 or 2, got " + std::to_string(s.n_parts));
  reset();
}

template <typename Scalar>
void ReadoutModel<Scalar>::reset() {
  const Settings& s = settings_;
  const ReadoutShape shape{s.n_features, s.n_outputs, s.n_parts, s.intercept};
  if (s.kind == "rls") {
    require(static_cast<Scalar>(s.forgetting) > 0 && s.forgetting <= 1, "forgetting must be in (0, 1], got " + std::to_string(s.forgetting));
    require(s.ridge > 0 && std::isfinite(static_cast<Scalar>(s.ridge)) && std::isfinite(static_cast<Scalar>(1 / s.ridge)),
            "ridge must be positive and finite in this precision, and 1 / ridge too");
    readout_ = std::make_unique<RLS<Scalar>>(shape, s.forgetting, s.ridge);
  } else if (s.kind == "window") {
    require(s.window > 0, "window must be at least 1, got " + std::to_string(s.window));
    require(static_cast<Scalar>(s.ridge) > 0 && std::isfinite(static_cast<Scalar>(s.ridge)), "ridge must be positive and finite in this precision");
    readout_ = std::make_unique<WindowedReadout<Scalar>>(shape, s.window, s.ridge);
  } else {
    require(s.kind == "lms" || s.kind == "nlms", "kind must be rls, window, lms or nlms, got '" + s.kind + "'");
    readout_ = std::make_unique<LMS<Scalar>>(shape, typename LMS<Scalar>::Settings{s.learning_rate, s.kind == "nlms", s.epsilon});
  }
}

template class ReadoutModel<float>;
template class ReadoutModel<double>;

}  // namespace pushforward::bind
