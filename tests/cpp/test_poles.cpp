// Units that hear themselves alone, at every level this processor can run, in both precisions, against plain loops in long double.

#include "arrays.hpp"
#include "pushforward/core/stream_ops.hpp"

// Not smooth functions alone: the sums before them are compared.
static Wide answer(Activation activation, Wide a) {
  switch (activation) {
    case Activation::identity: return a;
    case Activation::relu: return a < 0 ? 0 : a;
    case Activation::tanh: return std::tanh(a);
    case Activation::sigmoid: return 1 / (1 + std::exp(-a));
    case Activation::elu: return a > 0 ? a : std::expm1(a);
  }
  return a;
}

template <typename Scalar>
struct Units {
  Index n, parts, n_inputs, input_parts, n_out, n_steps, plane, x_stride, out_stride;
  std::vector<Scalar> x, out;
  Buffer<Scalar> poles, W, b, s;

  // n_units of `parts` numbers, the last of them left out of the rows when `odd`
  Units(Index n_units, Index n_parts, Index inputs, Index parts_of_inputs, Index steps, bool odd)
      : n(n_units), parts(n_parts), n_inputs(inputs), input_parts(parts_of_inputs), n_out(n * parts - odd), n_steps(steps), plane(padded<Scalar>(n)),
        x_stride(n_inputs * input_parts + 1), out_stride(n_out + 3), x(random<Scalar>((steps - 1) * x_stride + n_inputs * input_parts)),
        out(static_cast<std::size_t>(steps * out_stride + 16), guard<Scalar>), poles(3 * plane), W(n_inputs * parts * plane), b(parts * plane),
        s(parts * plane) {
    const auto fill = [&](Buffer<Scalar>& to, double size) {
      for (Index at = 0; at < to.size(); at += plane) {
        const auto values = random<Scalar>(n, -size, size);
        std::copy(values.begin(), values.end(), to.data() + at);
      }
    };
    fill(poles, 0.6), fill(W, 1), fill(b, 0.5), fill(s, 1);
  }

  void step(Activation activation, Index first, Index last, bool shown) {
    PoleSteps<Scalar> p;
    p.n_units = n, p.n_parts = parts, p.n_inputs = n_inputs, p.n_steps = last - first, p.input_parts = input_parts, p.plane = plane;
    p.poles = poles.data(), p.W_in = W.data(), p.bias = b.data(), p.inputs = x.data() + first * x_stride, p.input_stride = x_stride;
    p.activation = activation, p.state = s.data(), p.out = shown ? out.data() + first * out_stride : nullptr, p.n_out = n_out, p.out_stride = out_stride;
    stream_ops<Scalar>().pole_steps(p);
  }

  // Number c of unit k before σ, from the state before.
  Wide sum(Index t, Index k, Index c, Wide re, Wide im) const {
    Wide a = b[c * plane + k];
    for (Index i = 0; i < n_inputs; ++i) {
      const Scalar* v = x.data() + t * x_stride + i * input_parts;
      const Wide w = W[i * parts * plane + k], w_im = parts == 2 ? W[(i * parts + 1) * plane + k] : 0, v_im = input_parts == 2 ? v[1] : 0;
      a += c ? w * v_im + w_im * Wide(v[0]) : w * Wide(v[0]) - w_im * v_im;
    }
    if (parts == 1) return a + poles[k] * re;
    const Wide q = poles[plane + k];
    return a + (c ? poles[2 * plane + k] * im + q * re : poles[k] * re - q * im);
  }
};

template <typename Scalar>
static void test_units(Index n, Index parts, Index n_inputs, Index input_parts, Index n_steps, bool odd, Activation activation) {
  Units<Scalar> u(n, parts, n_inputs, input_parts, n_steps, odd);
  const std::vector<Scalar> start(u.s.begin(), u.s.end());
  u.step(activation, 0, n_steps, true);
  CHECK(guarded(u.out, n_steps, u.n_out, u.out_stride), "pole_steps wrote beyond its rows: n %td parts %td", n, parts);
  for (Index k = 0; k < n; ++k) {
    Wide state[2] = {start[static_cast<std::size_t>(k)], parts == 2 ? start[static_cast<std::size_t>(u.plane + k)] : 0};
    for (Index t = 0; t < n_steps; ++t) {
      const Wide re = state[0], im = state[1];
      for (Index c = 0; c < parts; ++c) {
        state[c] = answer(activation, u.sum(t, k, c, re, im));
        if (k * parts + c >= u.n_out) continue;
        const Wide found = u.out[static_cast<std::size_t>(t * u.out_stride + k * parts + c)];
        CHECK(std::abs(found - state[c]) <= tolerance<Scalar>(4 * (n_inputs + 4), 2 + std::abs(state[c]) + static_cast<Wide>(n_inputs)),
              "pole_steps n %td parts %td inputs %td of %td activation %d at step %td unit %td", n, parts, n_inputs, input_parts,
              static_cast<int>(activation), t, k);
      }
    }
  }

  // In pieces, and without showing anything: to the bit.
  const std::vector<Scalar> whole = u.out, end(u.s.begin(), u.s.end());
  std::fill(u.out.begin(), u.out.end(), guard<Scalar>);
  std::copy(start.begin(), start.end(), u.s.begin());
  u.step(activation, 0, n_steps / 3, true), u.step(activation, n_steps / 3, n_steps, true);
  CHECK(u.out == whole && std::equal(end.begin(), end.end(), u.s.begin()), "pole_steps in pieces: n %td parts %td", n, parts);
  std::copy(start.begin(), start.end(), u.s.begin());
  u.step(activation, 0, n_steps, false);
  CHECK(std::equal(end.begin(), end.end(), u.s.begin()), "pole_steps without rows: n %td parts %td", n, parts);
}

template <typename Scalar>
static void test_all() {
  for (const Index n : sizes)
    for (const Index n_inputs : {0, 1, 2, 3})
      for (int a = 0; a < 5; ++a) {
        const auto activation = static_cast<Activation>(a);
        test_units<Scalar>(n, 1, n_inputs, 1, 7, false, activation);
        test_units<Scalar>(n, 2, n_inputs, 2, 7, false, activation);
        test_units<Scalar>(n, 2, n_inputs, 1, 7, n % 2, activation);
      }
  test_units<Scalar>(700, 2, 1, 2, 300, false, Activation::identity);  // more than one chunk of steps
  test_units<Scalar>(701, 2, 2, 1, 300, true, Activation::identity);
}

int main() {
  at_every_isa([] {
    test_all<float>();
    test_all<double>();
  });
  return verdict();
}
