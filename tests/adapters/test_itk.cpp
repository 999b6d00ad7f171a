// SPDX-License-Identifier: Apache-2.0
#include <aift/adapters/itk.hpp>

#include "support/catch.hpp"

#if __has_include(<itkImage.h>)

using namespace aift;

namespace {

template <class Pixel>
typename itk::Image<Pixel, 2>::Pointer make(unsigned width, unsigned height) {
  auto image = itk::Image<Pixel, 2>::New();
  typename itk::Image<Pixel, 2>::RegionType region;
  region.SetSize({{width, height}});
  image->SetRegions(region);
  return image;
}

}  // namespace

TEST_CASE("An ITK image is viewed where it lies") {
  const auto grey = make<unsigned char>(5, 4);
  CHECK_THROWS_AS(adapters::image_view(grey.GetPointer()), ShapeError);  // nothing allocated yet
  grey->Allocate();
  const ImageView view = adapters::image_view(grey.GetPointer());
  CHECK(view.data == grey->GetBufferPointer());
  CHECK(view.width == 5);
  CHECK(view.height == 4);
  CHECK(view.stride == 5);
  const auto rgb = make<itk::RGBPixel<unsigned char>>(5, 4);
  rgb->Allocate();
  CHECK(adapters::image_view(rgb.GetPointer()).stride == 15);
  CHECK(static_cast<const void*>(adapters::image_view(rgb.GetPointer()).data) ==
        rgb->GetBufferPointer());
}

#endif
