// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>

#include <fmt/format.h>
#include <aift/augment/augmenter.hpp>

namespace aift {
namespace {

std::string purpose_name(Purpose purpose) {
  switch (purpose) {
    case Purpose::scoring:
      return "scoring";
    case Purpose::training:
      return "training";
    case Purpose::probe:
      return "probe";
    case Purpose::test:
      return "test";
    default:
      return fmt::format("purpose {}", static_cast<std::uint32_t>(purpose));
  }
}

/// -0.0 would print with its sign.
double plain(double x) { return x == 0 ? 0.0 : x; }

}  // namespace

std::string to_string(const PatchPlan& plan) {
  std::string text = fmt::format("candidate {} {} round {} patch {}:", plan.candidate.index,
                                 purpose_name(plan.purpose), plan.round, plan.index);
  const std::size_t head = text.size();
  const auto add = [&](const std::string& part) {
    text += text.size() == head ? " " : ", ";
    text += part;
  };

  if (const VolumeCut& cut = plan.cut; cut.side_mm > 0) {
    add(fmt::format("side {:.1f} mm", cut.side_mm));
    if (cut.turn_deg != 0) add(fmt::format("turn {:.1f} deg", cut.turn_deg));
    if (cut.shift_mm != std::array<double, 3>{0, 0, 0}) {
      add(fmt::format("shift {:+.2f} {:+.2f} {:+.2f} mm", plain(cut.shift_mm[0]),
                      plain(cut.shift_mm[1]), plain(cut.shift_mm[2])));
    }
    return text;
  }
  const auto& m = plan.matrix;
  const double determinant = m[0] * m[4] - m[1] * m[3];
  const bool flipped = determinant < 0;
  const double scale = std::sqrt(std::abs(determinant));
  const double a = flipped ? -m[0] : m[0];  // first column without the flip
  const double b = flipped ? -m[3] : m[3];
  const double tolerance = 1e-9 * scale;
  const bool similar =
      scale > 0 && std::abs(a - m[4]) <= tolerance && std::abs(b + m[1]) <= tolerance;
  if (similar) {
    const double degrees = std::atan2(b, a) * (180 / 3.14159265358979323846);
    if (flipped) add("flip left-right");
    if (std::abs(degrees) >= 0.05) add(fmt::format("rotate {:.1f} deg", degrees));
    if (std::abs(scale - 1) >= 5e-4) add(fmt::format("enlarge {:.3f}", 1 / scale));
  } else {
    add(fmt::format("matrix [{:.4g} {:.4g}; {:.4g} {:.4g}]", plain(m[0]), plain(m[1]), plain(m[3]),
                    plain(m[4])));
  }
  if (m[2] != 0 || m[5] != 0) {
    add(fmt::format("shift {:+.1f} % {:+.1f} %", plain(50 * m[2]), plain(50 * m[5])));
  }
  if (plan.gain != std::array<double, 3>{1, 1, 1}) {
    add(fmt::format("gain {:.3f} {:.3f} {:.3f}", plan.gain[0], plan.gain[1], plan.gain[2]));
  }
  if (plan.contrast != 1) add(fmt::format("contrast {:.3f}", plan.contrast));
  if (plan.brightness != 0) add(fmt::format("brightness {:+.3f}", plan.brightness));
  if (plan.saturation != 1) add(fmt::format("saturation {:.3f}", plan.saturation));
  if (text.size() == head) add("identity");
  if (plan.border == Border::constant) add(fmt::format("border {}", plan.border_value));
  return text;
}

}  // namespace aift
