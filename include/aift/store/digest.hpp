// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace aift::store {

/// SHA-256 (FIPS 180-4) of some bytes, 64 lower-case hexadecimal digits. throws IoError when the
/// cryptographic library refuses
[[nodiscard]] std::string sha256(std::string_view bytes);
/// The same of a file, read in pieces. throws IoError naming the file
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& file);
/// HMAC-SHA-256 (RFC 2104), 64 hexadecimal digits: names that only the holder of the key can check.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view bytes);
/// `count` bytes of the system's generator. throws IoError
[[nodiscard]] std::string random_bytes(std::size_t count);
/// Two lower-case hexadecimal digits per byte.
[[nodiscard]] std::string hexadecimal(std::string_view bytes);
/// RFC 4648, with padding.
[[nodiscard]] std::string base64(std::span<const std::byte> bytes);
/// The way back. throws IoError for text that is none
[[nodiscard]] std::string from_base64(std::string_view text);

}  // namespace aift::store
