// SPDX-License-Identifier: Apache-2.0
// project.db with any bytes: opened, looked at and checked, or refused.
#include <aift/store/audit.hpp>
#include <aift/store/export.hpp>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aift;
  static const std::filesystem::path project = [] {
    std::filesystem::path made = fuzz::folder() / "project";
    std::filesystem::create_directories(made / "models");
    return made;
  }();
  for (const char* rest : {"project/project.db-wal", "project/project.db-shm", "project/project.db-journal"})
    std::filesystem::remove(fuzz::folder() / rest);
  fuzz::write("project/project.db", data, size);
  store::OpenOptions options;
  options.write = false;
  (void)store::verify(project);
  fuzz::refuse_or_read([&] {
    store::Project opened(project, options);
    fuzz::refuse_or_read([&] { (void)opened.status(); });
    fuzz::refuse_or_read([&] { (void)store::picks_csv(opened); });
    fuzz::refuse_or_read([&] { (void)store::manifest_csv(opened); });
    fuzz::refuse_or_read([&] { (void)store::samples_of(opened, 0); });
    fuzz::refuse_or_read([&] { (void)store::models_of(opened, opened.sample("0")); });
  });
  options.wait_seconds = 0;
  options.write = true;
  fuzz::refuse_or_read([&] {
    store::Project opened(project, options);
    fuzz::refuse_or_read([&] { (void)opened.query(); });
  });
  return 0;
}
