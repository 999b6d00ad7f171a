// SPDX-License-Identifier: Apache-2.0
#include <aift/store/digest.hpp>

#include <array>
#include <cstring>
#include <memory>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <aift/core/error.hpp>
#include <aift/io/mapped_file.hpp>

namespace aift::store {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

std::string text_of(const Digest& digest, unsigned int size) {
  return hexadecimal({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  Digest digest{};
  unsigned int size = 0;
  AIFT_EXPECT(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1,
              IoError, "SHA-256 of {} bytes could not be computed.", bytes.size());
  return text_of(digest, size);
}

std::string sha256_of_file(const std::filesystem::path& file) {
  const io::MappedFile mapped(file);
  return sha256({reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size()});
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  Digest digest{};
  unsigned int size = 0;
  AIFT_EXPECT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                   reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data(),
                   &size) != nullptr,
              IoError, "HMAC-SHA-256 of {} bytes could not be computed.", bytes.size());
  return text_of(digest, size);
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  AIFT_EXPECT(
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1,
      IoError, "The system gave no {} random bytes.", count);
  return bytes;
}

std::string base64(std::span<const std::byte> bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // one more: the function ends with a 0
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string from_base64(std::string_view text) {
  std::string bytes(3 * (text.size() / 4) + 1, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  AIFT_EXPECT(size >= 0 && text.size() % 4 == 0, IoError, "{} characters are no base64.", text.size());
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
    ++padding;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

}  // namespace aift::store
