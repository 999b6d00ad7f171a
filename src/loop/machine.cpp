// SPDX-License-Identifier: Apache-2.0
// What this machine and this build are, for the fingerprint of a run.
#include <link.h>

#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include <fmt/format.h>

#include <aift/core/version.hpp>
#include <aift/loop/run_state.hpp>

namespace aift {
namespace {

/// Hexadecimal of the build identifiers that the linker wrote into the program and, where that is
/// another file, into the library with this function. Relinking changed code changes it.
std::string build_id() {
  struct Search {
    ElfW(Addr) here;
    std::string ids;
    bool program = true;
  } search{reinterpret_cast<ElfW(Addr)>(&build_id), {}, true};

  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* data) {
        auto& search = *static_cast<Search*>(data);
        const bool program = std::exchange(search.program, false);
        bool holds_us = false;
        std::string id;
        for (int h = 0; h < object->dlpi_phnum; ++h) {
          const ElfW(Phdr)& header = object->dlpi_phdr[h];
          const ElfW(Addr) begin = object->dlpi_addr + header.p_vaddr;
          if (header.p_type == PT_LOAD && search.here >= begin &&
              search.here < begin + header.p_memsz) {
            holds_us = true;
          }
          if (header.p_type != PT_NOTE) continue;
          const ElfW(Addr) align = header.p_align == 8 ? 8 : 4;
          const auto padded = [align](ElfW(Addr) n) { return (n + align - 1) / align * align; };
          ElfW(Addr) at = begin;
          while (at + sizeof(ElfW(Nhdr)) <= begin + header.p_memsz) {
            ElfW(Nhdr) note;
            std::memcpy(&note, reinterpret_cast<const void*>(at), sizeof(note));
            const auto* name = reinterpret_cast<const char*>(at + sizeof(note));
            const auto* bytes =
                reinterpret_cast<const unsigned char*>(at + padded(sizeof(note) + note.n_namesz));
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
                std::memcmp(name, "GNU", 4) == 0) {
              for (ElfW(Word) i = 0; i < note.n_descsz; ++i)
                id += fmt::format("{:02x}", bytes[i]);
            }
            at += padded(padded(sizeof(note) + note.n_namesz) + note.n_descsz);
          }
        }
        if ((program || holds_us) && !id.empty()) {
          if (!search.ids.empty()) search.ids += '+';
          search.ids += id;
        }
        return 0;
      },
      &search);
  return search.ids.empty() ? "none" : search.ids;
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const std::size_t colon = line.find(':');
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos && colon + 2 < line.size())
      return line.substr(colon + 2);
  }
  return "unknown";
}

std::string instruction_sets() {
  std::string sets;
#if defined(__x86_64__) || defined(__i386__)
  const auto add = [&sets](bool there, const char* name) {
    if (!there) return;
    if (!sets.empty()) sets += ' ';
    sets += name;
  };
  __builtin_cpu_init();
  add(__builtin_cpu_supports("sse4.2"), "sse4.2");
  add(__builtin_cpu_supports("avx"), "avx");
  add(__builtin_cpu_supports("fma"), "fma");
  add(__builtin_cpu_supports("avx2"), "avx2");
  add(__builtin_cpu_supports("avx512f"), "avx512f");
  add(__builtin_cpu_supports("avx512bw"), "avx512bw");
  add(__builtin_cpu_supports("avx512vl"), "avx512vl");
  add(__builtin_cpu_supports("avx512vnni"), "avx512vnni");
  add(__builtin_cpu_supports("avx512bf16"), "avx512bf16");
#endif
  return sets.empty() ? "unknown" : sets;
}

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "gcc " __VERSION__;
#else
  return "unknown";
#endif
}

}  // namespace

Fingerprint machine_fingerprint(index_t threads) {
  Fingerprint machine;
  machine.add("AIFT", std::string(version()));
  machine.add("build", build_id());
  machine.add("compiler", compiler());
  machine.add("processor", processor());
  machine.add("instruction sets", instruction_sets());
  machine.add(
      "threads",
      std::to_string(threads > 0 ? threads
                                 : static_cast<index_t>(std::thread::hardware_concurrency())));
  return machine;
}

std::vector<std::string> Fingerprint::differences(const Fingerprint& now) const {
  const auto value_in = [](const Fingerprint& print,
                           const std::string& name) -> const std::string* {
    for (const auto& [key, value] : print.facts) {
      if (key == name) return &value;
    }
    return nullptr;
  };
  std::vector<std::string> out;
  for (const auto& [name, value] : facts) {
    const std::string* other = value_in(now, name);
    if (other == nullptr) {
      out.push_back(fmt::format("{}: {}, now not given", name, value));
    } else if (*other != value) {
      out.push_back(fmt::format("{}: {}, now {}", name, value, *other));
    }
  }
  for (const auto& [name, value] : now.facts) {
    if (value_in(*this, name) == nullptr)
      out.push_back(fmt::format("{}: not given, now {}", name, value));
  }
  return out;
}

}  // namespace aift
