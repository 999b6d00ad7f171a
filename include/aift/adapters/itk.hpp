// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Images of ITK as views. Empty where ITK's headers are not there.

#if __has_include(<itkImage.h>)

#include <type_traits>

#include <itkImage.h>
#include <itkRGBPixel.h>

#include <aift/augment/image.hpp>
#include <aift/core/error.hpp>

namespace aift::adapters {

/// An 8-bit image as a view of a two-dimensional itk::Image of unsigned char or of
/// itk::RGBPixel<unsigned char>, which must outlive it; nothing is copied. Other pixels do not compile.
///
/// throws ShapeError: null, empty, or not buffered as a whole (a streamed region)
template <class Pixel>
[[nodiscard]] ImageView image_view(const itk::Image<Pixel, 2>* image) {
  constexpr bool kGrey = std::is_same_v<Pixel, unsigned char>;
  static_assert(kGrey || std::is_same_v<Pixel, itk::RGBPixel<unsigned char>>,
                "8-bit grey or RGB pixels");
  AIFT_EXPECT(image != nullptr && image->GetBufferPointer() != nullptr, ShapeError,
              "An ITK image must be read (Update) before it is viewed.");
  const auto& region = image->GetBufferedRegion();
  AIFT_EXPECT(region == image->GetLargestPossibleRegion() && region.GetNumberOfPixels() > 0, ShapeError,
              "An ITK image must be buffered as a whole; {} pixels are.", region.GetNumberOfPixels());
  ImageView view;
  view.data = reinterpret_cast<const std::uint8_t*>(image->GetBufferPointer());
  view.width = static_cast<index_t>(region.GetSize(0));
  view.height = static_cast<index_t>(region.GetSize(1));
  view.order = kGrey ? ChannelOrder::grey : ChannelOrder::rgb;
  view.stride = view.width * view.channels();
  return view;
}

}  // namespace aift::adapters

#endif
