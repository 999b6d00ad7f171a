// SPDX-License-Identifier: Apache-2.0
#include "run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string_view>
#include <system_error>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>

#include "src/io/flush.hpp"

namespace aift {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kState = "state.json";
constexpr std::string_view kStem = "model-";
constexpr std::string_view kTrial = "model-trial";

bool is_trial(std::string_view name) { return fs::path(name).stem() == kTrial; }

bool is_model(std::string_view name, std::string_view type) {
  if (name.size() <= kStem.size() + type.size() || !name.starts_with(kStem) ||
      !name.ends_with(type)) {
    return false;
  }
  if (is_trial(name)) return true;
  name.remove_prefix(kStem.size());
  name.remove_suffix(type.size());
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// A file of a run that io::AtomicFile was writing when the process was killed.
bool is_temporary(std::string_view name) {
  if (!name.ends_with(".tmp")) return false;
  for (const std::string_view stem :
       {".state.json.", ".curve.csv.", ".picks.csv.", ".times.csv.", ".predictions.csv.",
        ".config.toml.", ".report.html.", ".model-"}) {
    if (name.starts_with(stem)) return true;
  }
  return false;
}

/// Spares a resumed run the wait for the disk where everything is as it should be.
void write_if_changed(const fs::path& file, const std::string& content) {
  std::error_code error;
  if (fs::is_regular_file(file, error) && fs::file_size(file, error) == content.size() &&
      io::read_text_file(file) == content) {
    return;
  }
  io::write_file_atomically(file, content);
}

}  // namespace

RunFolder::RunFolder(fs::path folder, OpenRun open) : folder_(std::move(folder)) {
  std::error_code error;
  const bool exists = fs::exists(folder_, error);
  AIFT_EXPECT(!exists || fs::is_directory(folder_, error), IoError,
              "The run folder {} is a file; give a folder.", folder_.string());
  AIFT_EXPECT(exists || open != OpenRun::resume, IoError,
              "{} is not there, so there is no run to resume; check the path, or start a new run "
              "without resuming.",
              folder_.string());
  if (!exists) {
    fs::create_directories(folder_, error);
    made_ = !error;
    AIFT_EXPECT(!error, IoError,
                "The run folder {} cannot be made: {}; give a folder you may write.",
                folder_.string(), error.message());
    io::flush(fs::absolute(folder_).lexically_normal().parent_path());
  }

  lock_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  AIFT_EXPECT(lock_ >= 0, IoError, "The run folder {} cannot be opened: {}.", folder_.string(),
              std::generic_category().message(errno));
  try {
    // Some network file systems have no locks on folders; there the user takes care.
    AIFT_EXPECT(::flock(lock_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK, IoError,
                "Another process works in the run folder {}; wait for it to end or give another "
                "folder.",
                folder_.string());

    const bool holds_run = fs::exists(folder_ / kState, error);
    AIFT_EXPECT(!holds_run || open != OpenRun::create, IoError,
                "{} holds a run already; resume it or give another folder.", folder_.string());
    if (holds_run) {
      found_ = read_run_state(folder_);
    } else {
      // A program writes its config.toml first; killed right after, the run is still a new one.
      for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
        const std::string name = entry.path().filename().string();
        AIFT_EXPECT(name == "config.toml" || is_trial(name) || is_temporary(name), IoError,
                    "{} is not empty and holds no run (no state.json); give an empty or a new "
                    "folder.",
                    folder_.string());
      }
      AIFT_EXPECT(open != OpenRun::resume || fs::exists(folder_ / "config.toml", error), IoError,
                  "{} holds no run to resume (no state.json); start a new run without resuming.",
                  folder_.string());
    }
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

RunFolder::~RunFolder() {
  std::error_code ignored;
  if (made_) fs::remove(folder_, ignored);  // succeeds only if nothing was written into it
  ::close(lock_);
}

std::string RunFolder::model_name(index_t round, const Model& model) {
  return fmt::format("{}{:03}{}", kStem, round, model.info().file_type);
}

void RunFolder::save_model(const Model& model, const std::string& name) {
  const fs::path file = folder_ / name;
  model.save(file);
  io::flush(file);
  io::flush(folder_);
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  model_bytes_ = error ? 0 : size;
}

void RunFolder::try_saving(const Model& model) {
  const fs::path file = folder_ / (std::string(kTrial) + model.info().file_type);
  std::error_code ignored;
  try {
    model.save(file);
    const std::uintmax_t size = fs::file_size(file, ignored);
    model_bytes_ = ignored ? 0 : size;
  } catch (...) {
    fs::remove(file, ignored);
    throw;
  }
  fs::remove(file, ignored);
}

void RunFolder::expect_room() const {
  constexpr std::uintmax_t kTables = 1 << 20;  // the state, the tables and their temporary copies
  std::error_code error;
  const fs::space_info space = fs::space(folder_, error);
  if (error || space.available == static_cast<std::uintmax_t>(-1)) return;
  AIFT_EXPECT(space.available >= model_bytes_ + kTables, IoError,
              "The run folder {} needs {} MB for the next model, and the disk has {} MB left; make "
              "room and resume.",
              folder_.string(), (model_bytes_ + kTables) / 1000000 + 1, space.available / 1000000);
}

void RunFolder::write_state(const RunState& state) {
  io::write_file_atomically(folder_ / kState, to_json(state));
}

void RunFolder::write_predictions(const std::string& csv) {
  io::write_file_atomically(folder_ / "predictions.csv", csv);
}

void RunFolder::write_tables(const RunState& state) {
  write_if_changed(folder_ / "curve.csv", curve_csv(state));
  write_if_changed(folder_ / "picks.csv", picks_csv(state));
  write_if_changed(folder_ / "times.csv", times_csv(state));
}

void RunFolder::remove_orphans(const RunState& state, KeepModels keep, const std::string& type) {
  std::set<std::string> named;
  for (const RoundRecord& round : state.rounds) {
    if (round.model_file.empty()) continue;
    if (keep == KeepModels::last) named.clear();
    named.insert(round.model_file);
  }
  std::vector<fs::path> orphans;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (is_temporary(name) || (is_model(name, type) && !named.contains(name)))
      orphans.push_back(name);
  }
  for (const fs::path& name : orphans) {
    std::error_code error;
    fs::remove(folder_ / name, error);
    AIFT_EXPECT(!error, IoError, "{} cannot be removed: {}.", (folder_ / name).string(),
                error.message());
  }
}

}  // namespace aift
