// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any headers are arranged or refused with an Error; what is arranged is a volume.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/ct/series.hpp>

namespace {

/// Numbers from bytes: mostly small ones, so that series come out that make sense.
struct Bytes {
  const unsigned char* data;
  std::size_t size;
  unsigned char byte() {
    if (size == 0) return 0;
    --size;
    return *data++;
  }
  double number() {
    const unsigned char kind = byte();
    if (kind < 200) return 0.25 * (kind - 100);
    double value = 0;
    if (kind < 240 && size >= sizeof(value)) {
      std::memcpy(&value, data, sizeof(value));
      data += sizeof(value);
      size -= sizeof(value);
      return value;
    }
    return kind % 2 == 0 ? 1 : 0;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace aift;
  Bytes in{data, size};
  const std::size_t count = in.byte() % 40;
  const bool uneven = in.byte() % 2 == 1;
  const unsigned char shape = in.byte();
  std::vector<ct::SliceHeader> slices(count);
  const double step = in.number();
  for (std::size_t i = 0; i < count; ++i) {
    ct::SliceHeader& s = slices[i];
    s.name = "s" + std::to_string(i);
    s.columns = shape & 1 ? in.byte() : 8;
    s.rows = 8;
    s.pixel_spacing = {1, shape & 2 ? in.number() : 1};
    s.position = {0, 0, step * static_cast<double>(i)};
    if (shape & 4) s.position[2] = in.number();
    if (shape & 8) s.position = {in.number(), in.number(), in.number()};
    if (shape & 16) s.row_axis = {in.number(), in.number(), in.number()};
    if (shape & 32) s.column_axis = {in.number(), in.number(), in.number()};
  }
  try {
    const ct::SeriesLayout layout = ct::arrange_slices(slices, {.allow_uneven = uneven});
    if (layout.order.size() != count || layout.places.size() != count || count < 2) std::abort();
    std::vector<bool> seen(count);
    for (std::size_t k = 0; k < count; ++k) {
      const auto i = static_cast<std::size_t>(layout.order[k]);
      if (i >= count || seen[i]) std::abort();
      seen[i] = true;
      if (k > 0 && !(layout.places[k] > layout.places[k - 1])) std::abort();
    }
    if (!(layout.spacing > 0) || !std::isfinite(layout.spacing)) std::abort();
    if (!uneven && !layout.even) std::abort();
    for (const ct::Point& axis : layout.geometry.axes) {
      if (!(std::abs(ct::norm(axis) - 1) < 1e-9)) std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
