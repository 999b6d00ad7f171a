// SPDX-License-Identifier: Apache-2.0
#include <aift/io/safetensors.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include <aift/io/atomic_file.hpp>
#include <aift/io/mapped_file.hpp>

// The format: 8 bytes, the length of the header; the header, JSON: {"name": {"dtype": "F32",
// "shape": [2, 3], "data_offsets": [begin, end]}, ..., "__metadata__": {"key": "text"}}, offsets
// counted from the end of the header; the bytes of the tensors, without gaps. Source: the
// description in the README of huggingface/safetensors.

namespace aift::io {

static_assert(std::endian::native == std::endian::little, "tensors are mapped, not converted");

namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::size_t kAlignment = 8;
constexpr std::string_view kMetadata = "__metadata__";
constexpr auto kMaxIndex = static_cast<std::uint64_t>(std::numeric_limits<index_t>::max());

struct TypeName {
  std::string_view name;
  ElementType type;
};
constexpr std::array kTypeNames = {
    TypeName{"F64", ElementType::f64}, TypeName{"F32", ElementType::f32},
    TypeName{"F16", ElementType::f16}, TypeName{"BF16", ElementType::bf16},
    TypeName{"I64", ElementType::i64}, TypeName{"I32", ElementType::i32},
    TypeName{"U8", ElementType::u8},   TypeName{"BOOL", ElementType::boolean},
};

std::string_view type_name(ElementType type) {
  for (const TypeName& known : kTypeNames) {
    if (known.type == type) return known.name;
  }
  return {};
}

std::string shape_text(std::span<const index_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

/// Bytes that such a tensor takes, or nothing when no index can count them. (An extent of 0 makes
/// it empty; the others must have a product that can be counted still.)
std::optional<std::uint64_t> bytes_of(ElementType type, std::span<const index_t> shape) {
  std::uint64_t bytes = element_size(type);
  for (const index_t extent : shape) {
    const auto factor = static_cast<std::uint64_t>(std::max<index_t>(extent, 1));
    if (extent < 0 || bytes > kMaxIndex / factor) return std::nullopt;
    bytes *= factor;
  }
  return std::find(shape.begin(), shape.end(), 0) != shape.end() ? 0 : bytes;
}

/// Parses the header; a key twice in one object is an error, which JSON itself leaves open.
Json parse_header(std::string_view text, const std::string& file) {
  std::vector<std::set<std::string>> open;
  std::optional<std::string> twice;
  const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) {
      open.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      open.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!open.back().insert(key).second && !twice) twice = key;
    }
    return true;
  };
  Json header = Json::parse(text, watch, /*allow_exceptions=*/false);
  AIFT_EXPECT(!header.is_discarded() && header.is_object(), IoError,
              "{} is not a safetensors file: its header is not a JSON object.", file);
  AIFT_EXPECT(!twice, IoError, "{} names \"{}\" twice in its header; write the file again.", file,
              *twice);
  return header;
}

/// A number that is an index, or nothing. (2.0 and -1 are none.)
std::optional<std::uint64_t> as_index(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<std::uint64_t>();
  return number <= kMaxIndex ? std::optional(number) : std::nullopt;
}

/// A tensor and where it begins; its bytes are set once all offsets are known to be sound.
struct Entry {
  TensorView tensor;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

Entry parse_entry(const std::string& name, const Json& value, const std::string& file) {
  Entry entry;
  entry.tensor.name = name;
  AIFT_EXPECT(
      value.is_object() && value.contains("dtype") && value.contains("shape") &&
          value.contains("data_offsets") && value["dtype"].is_string() &&
          value["shape"].is_array() && value["data_offsets"].is_array(),
      IoError,
      "{}, tensor \"{}\": expected an entry with dtype, shape and data_offsets; the header is "
      "damaged.",
      file, name);

  const auto& dtype = value["dtype"].get_ref<const std::string&>();
  const auto known = std::find_if(kTypeNames.begin(), kTypeNames.end(),
                                  [&](const TypeName& t) { return t.name == dtype; });
  AIFT_EXPECT(
      known != kTypeNames.end(), IoError,
      "{}, tensor \"{}\": type \"{}\" is not one of F64, F32, F16, BF16, I64, I32, U8, BOOL; "
      "convert the tensor.",
      file, name, dtype);
  entry.tensor.type = known->type;

  for (const Json& extent : value["shape"]) {
    const auto number = as_index(extent);
    AIFT_EXPECT(number, IoError,
                "{}, tensor \"{}\": its shape {} is not a list of sizes; the header is damaged.",
                file, name, value["shape"].dump());
    entry.tensor.shape.push_back(static_cast<index_t>(*number));
  }
  const auto bytes = bytes_of(entry.tensor.type, entry.tensor.shape);
  AIFT_EXPECT(bytes, IoError,
              "{}, tensor \"{}\": no memory can hold its shape {}; the header is damaged.", file,
              name, shape_text(entry.tensor.shape));

  const Json& offsets = value["data_offsets"];
  const auto begin = offsets.size() == 2 ? as_index(offsets[0]) : std::nullopt;
  const auto end = offsets.size() == 2 ? as_index(offsets[1]) : std::nullopt;
  AIFT_EXPECT(
      begin && end && *begin <= *end, IoError,
      "{}, tensor \"{}\": data_offsets {} are not a begin and an end; the header is damaged.", file,
      name, offsets.dump());
  AIFT_EXPECT(*end - *begin == *bytes, IoError,
              "{}, tensor \"{}\": {} needs {} bytes; its offsets [{}, {}] leave {}.", file, name,
              entry.tensor.describe(), *bytes, *begin, *end, *end - *begin);
  entry.begin = *begin;
  entry.end = *end;
  return entry;
}

TensorMetadata parse_metadata(const Json& value, const std::string& file) {
  TensorMetadata metadata;
  AIFT_EXPECT(value.is_object(), IoError,
              "{}: __metadata__ must be an object of texts; the header is damaged.", file);
  for (const auto& [key, text] : value.items()) {
    AIFT_EXPECT(text.is_string(), IoError, "{}: __metadata__ must hold texts only; \"{}\" is none.",
                file, key);
    metadata.emplace(key, text.get<std::string>());
  }
  return metadata;
}

/// The tensors must cover the bytes behind the header exactly: no overlap, no gap, nothing left
/// over.
void expect_full_cover(std::vector<Entry>& entries, std::uint64_t size, const std::string& file) {
  for (const Entry& entry : entries) {
    AIFT_EXPECT(
        entry.end <= size, IoError,
        "{}, tensor \"{}\": its bytes [{}, {}) lie beyond the end of the file, which holds {} "
        "after the header; the file is cut short or damaged.",
        file, entry.tensor.name, entry.begin, entry.end, size);
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.tensor.name) < std::tie(b.begin, b.end, b.tensor.name);
  });
  std::uint64_t expected = 0;
  for (const Entry& entry : entries) {
    AIFT_EXPECT(
        entry.begin >= expected, IoError,
        "{}, tensor \"{}\": its bytes [{}, {}) overlap those of another tensor; the header is "
        "damaged.",
        file, entry.tensor.name, entry.begin, entry.end);
    AIFT_EXPECT(entry.begin == expected, IoError,
                "{}, tensor \"{}\": {} bytes in front of it belong to no tensor; the header is "
                "damaged.",
                file, entry.tensor.name, entry.begin - expected);
    expected = entry.end;
  }
  AIFT_EXPECT(expected == size, IoError,
              "{}: {} bytes at its end belong to no tensor; the file or its header is damaged.",
              file, size - expected);
}

}  // namespace

std::string TensorView::describe() const {
  return fmt::format("{} {}", shape_text(shape), to_string(type));
}

void TensorView::expect_type(ElementType wanted) const {
  const bool same = type == wanted || (type == ElementType::boolean && wanted == ElementType::u8);
  AIFT_EXPECT(same, ValueError, "Tensor \"{}\" must hold {}; got {}.", name, to_string(wanted),
              to_string(type));
}

void TensorView::expect_shape(std::span<const index_t> wanted) const {
  AIFT_EXPECT(std::equal(shape.begin(), shape.end(), wanted.begin(), wanted.end()), ShapeError,
              "Tensor \"{}\" must be {}; got {}.", name, shape_text(wanted), shape_text(shape));
}

Safetensors::Safetensors(const std::filesystem::path& file) : file_(file.string()) {
  const MappedFile mapped(file);
  const std::span<const std::byte> bytes = mapped.bytes();
  std::uint64_t header_size = 0;
  AIFT_EXPECT(
      bytes.size() >= sizeof header_size, IoError,
      "{} is not a safetensors file: it has {} bytes, fewer than the 8 at the start of one.", file_,
      bytes.size());
  std::memcpy(&header_size, bytes.data(), sizeof header_size);
  AIFT_EXPECT(header_size <= kMaxHeader, IoError,
              "{} is not a safetensors file: a header of {} bytes is more than the {} allowed.",
              file_, header_size, kMaxHeader);
  AIFT_EXPECT(
      header_size <= bytes.size() - sizeof header_size, IoError,
      "{} is cut short or not a safetensors file: its header should have {} bytes; {} are left.",
      file_, header_size, bytes.size() - sizeof header_size);

  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + sizeof header_size,
                              static_cast<std::size_t>(header_size));
  AIFT_EXPECT(text.starts_with('{'), IoError,
              "{} is not a safetensors file: its header is not a JSON object.", file_);
  const Json header = parse_header(text, file_);
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadata) {
      metadata_ = parse_metadata(value, file_);
    } else {
      entries.push_back(parse_entry(name, value, file_));
    }
  }
  const auto data = bytes.subspan(sizeof header_size + static_cast<std::size_t>(header_size));
  expect_full_cover(entries, data.size(), file_);

  owners_.push_back(mapped.owner());
  for (Entry& entry : entries) {
    TensorView& tensor = entry.tensor;
    tensor.bytes = data.subspan(static_cast<std::size_t>(entry.begin),
                                static_cast<std::size_t>(entry.end - entry.begin));
    if (reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % element_size(tensor.type) != 0) {
      // Allowed by the format; a copy keeps typed reads legal.
      const std::shared_ptr<std::byte[]> copy(new std::byte[tensor.bytes.size()]);
      std::memcpy(copy.get(), tensor.bytes.data(), tensor.bytes.size());
      tensor.bytes = {copy.get(), tensor.bytes.size()};
      owners_.push_back(copy);
    }
    tensors_.push_back(std::move(tensor));
  }
  std::sort(tensors_.begin(), tensors_.end(),
            [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
}

const TensorView* Safetensors::find(std::string_view name) const noexcept {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const TensorView& t, std::string_view key) { return t.name < key; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

const TensorView& Safetensors::at(std::string_view name) const {
  const TensorView* const tensor = find(name);
  AIFT_EXPECT(tensor != nullptr, IoError,
              "{} has no tensor \"{}\"; it holds the weights of another architecture.", file_,
              name);
  return *tensor;
}

void write_safetensors(const std::filesystem::path& file, std::span<const TensorView> tensors,
                       const TensorMetadata& metadata) {
  std::vector<const TensorView*> order;
  for (const TensorView& tensor : tensors) {
    AIFT_EXPECT(!tensor.name.empty() && tensor.name != kMetadata, ValueError,
                "A tensor cannot be named \"{}\"; choose another name.", tensor.name);
    const auto bytes = bytes_of(tensor.type, tensor.shape);
    AIFT_EXPECT(bytes && *bytes == tensor.bytes.size(), ShapeError,
                "Tensor \"{}\": {} does not fit {} bytes.", tensor.name, tensor.describe(),
                tensor.bytes.size());
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(), [](const TensorView* a, const TensorView* b) {
    const auto size_a = element_size(a->type);
    const auto size_b = element_size(b->type);
    return size_a != size_b ? size_a > size_b : a->name < b->name;
  });

  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header[std::string(kMetadata)] = metadata;
  std::uint64_t offset = 0;
  for (const TensorView* tensor : order) {
    AIFT_EXPECT(!header.contains(tensor->name), ValueError,
                "Two tensors are named \"{}\"; a file can hold one.", tensor->name);
    const std::uint64_t end = offset + tensor->bytes.size();
    OrderedJson entry = OrderedJson::object();
    entry["dtype"] = type_name(tensor->type);
    entry["shape"] = tensor->shape;
    entry["data_offsets"] = {offset, end};
    header[tensor->name] = std::move(entry);
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception&) {
    throw ValueError("Names and metadata of a safetensors file must be valid UTF-8.");
  }
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  const std::uint64_t header_size = text.size();
  AIFT_EXPECT(header_size <= kMaxHeader, ValueError,
              "The names and metadata need a header of {} bytes; {} are allowed.", header_size,
              kMaxHeader);

  AtomicFile out(file);
  out.write(&header_size, sizeof header_size);
  out.write(text);
  for (const TensorView* tensor : order)
    out.write(tensor->bytes);
  out.commit();
}

}  // namespace aift::io
