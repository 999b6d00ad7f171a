// SPDX-License-Identifier: Apache-2.0
#include "src/c/guard.hpp"

#include <array>
#include <new>
#include <system_error>

namespace aift::capi {

namespace {

// A fixed size: an error can be told when there is no memory left.
thread_local std::array<char, 1024> last_error{};

}  // namespace

void set_last_error(const char* message) noexcept {
  std::size_t size = std::strlen(message);
  if (size >= last_error.size()) {
    size = last_error.size() - 1;
    const auto continues = [&](std::size_t i) {
      return (static_cast<unsigned char>(message[i]) & 0xC0U) == 0x80U;  // within a UTF-8 character
    };
    while (size > 0 && continues(size))
      --size;
  }
  std::memcpy(last_error.data(), message, size);
  last_error[size] = '\0';
}

aift_status translate_exception() noexcept {
  const auto fail = [](const std::exception& error, aift_status status) {
    set_last_error(error.what());
    return status;
  };
  try {
    throw;
  } catch (const ShapeError& error) {
    return fail(error, AIFT_SHAPE);
  } catch (const ValueError& error) {
    return fail(error, AIFT_VALUE);
  } catch (const DeviceError& error) {
    return fail(error, AIFT_DEVICE);
  } catch (const IoError& error) {
    return fail(error, AIFT_IO);
  } catch (const CancelledError& error) {
    return fail(error, AIFT_CANCELLED);
  } catch (const std::bad_alloc&) {
    set_last_error("There is not enough memory; use smaller chunks.");
    return AIFT_MEMORY;
  } catch (const std::exception& error) {
    return fail(error, AIFT_INTERNAL);
  } catch (...) {
    set_last_error("An exception of an unknown type.");
    return AIFT_INTERNAL;
  }
}

}  // namespace aift::capi

extern "C" {

uint32_t aift_abi_version(void) { return AIFT_ABI_VERSION; }

const char* aift_version(void) { return AIFT_VERSION_STRING; }

const char* aift_status_name(aift_status status) {
  switch (status) {
    case AIFT_OK:
      return "ok";
    case AIFT_SHAPE:
      return "shape";
    case AIFT_VALUE:
      return "value";
    case AIFT_DEVICE:
      return "device";
    case AIFT_IO:
      return "io";
    case AIFT_CANCELLED:
      return "cancelled";
    case AIFT_MEMORY:
      return "memory";
    case AIFT_INTERNAL:
      return "internal";
    default:
      return "unknown";
  }
}

const char* aift_last_error(void) { return aift::capi::last_error.data(); }

}  // extern "C"
