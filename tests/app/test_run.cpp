// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <aift/io/csv.hpp>
#include <aift/io/safetensors.hpp>

#include "tests/app/background_program.hpp"
#include "tests/app/image_set.hpp"
#include "tests/app/program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_video.hpp"

using namespace aift;
using aift::test::Arguments;
using aift::test::BackgroundProgram;
using aift::test::operator+;
using aift::test::ProgramResult;
using aift::test::read_file;
using aift::test::run_aift;
using aift::test::TempDir;
using aift::test::write_image_set;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

/// Whether this program can train at all; says why not.
bool can_train() {
  static const bool able = run_aift({"models"}).status == 0;
  if (!able) test::skip("this aift was built without LibTorch");
  return able;
}

/// A run of a second: an untrained network, tiny patches, two steps that move its last layers. One
/// thread, because several wait for each other by spinning and cost ten times as much on a machine
/// that is busy.
Arguments small_run(const fs::path& data, const fs::path& out) {
  return Arguments{"run", "--data", data.string(), "--out", out.string()} +
         Arguments{"--weights", "none", "--input-size", "32", "--views", "2"} +
         Arguments{"--budget", "6", "--rounds", "3", "--seed", "3", "--threads", "1"} +
         Arguments{"--train", "steps=2", "--train", "views=1", "--train", "probe_folds=2"} +
         Arguments{"--train", "frozen_stages=17", "--train", "guard=off"};
}

void check_one_sentence(const ProgramResult& result, const std::string& sentence) {
  CHECK(result.status == 2);
  CHECK_THAT(result.err, ContainsSubstring(sentence));
  const auto last = result.err.rfind("aift: ");
  REQUIRE(last != std::string::npos);
  CHECK((last == 0 || result.err[last - 1] == '\n'));
  CHECK(std::count(result.err.begin() + static_cast<std::ptrdiff_t>(last), result.err.end(),
                   '\n') == 1);
}

/// Refused with status 2 and one sentence; the output folder is not there afterwards.
void check_refused(const Arguments& arguments, const fs::path& out, const std::string& sentence) {
  CAPTURE(arguments);
  const ProgramResult result = run_aift(arguments);
  check_one_sentence(result, sentence);
  CHECK(result.out.empty());
  CHECK_FALSE(fs::exists(out));
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++n;
  return n;
}

}  // namespace

TEST_CASE("bad data is refused before anything is written", "[app][run]") {
  if (!can_train()) return;
  const TempDir dir;
  const fs::path out = dir / "runs" / "x";
  const auto refused = [&](const fs::path& data, const std::string& sentence,
                           const Arguments& more = {}) {
    check_refused(small_run(data, out) + more, out, sentence);
    CHECK_FALSE(fs::exists(dir / "runs"));  // nor the folder around it
  };
  fs::create_directories(dir / "empty");
  refused(dir / "empty", "empty");
  refused(dir / "missing", "missing");

  const fs::path data = write_image_set(dir, "data", 3);
  fs::create_directories(dir / "single");
  fs::copy(data / "across", dir / "single" / "across", fs::copy_options::recursive);
  refused(dir / "single", "class");
  fs::create_directories((dir / "single") / "down");
  fs::copy(data / "down" / "00.png", dir / "single" / "down" / "00.png");
  refused(dir / "single", "class");

  const auto manifest = [&](const std::string& text) { return dir.write("data/list.csv", text); };
  refused(manifest("file,label\nacross/00.png,a\n"), "path");
  refused(manifest("path,label\nacross/00.png,a\nacross/00.png,a\ndown/00.png,b\n"),
          "across/00.png");
  refused(manifest("path,label\nacross/00.png,a\nacross/77.png,a\ndown/00.png,b\n"),
          "across/77.png");
  refused(manifest(
              "path,label,split\nacross/00.png,a,pool\nacross/01.png,a,test\ndown/00.png,b,test\n"),
          "only in the test split");
  refused(manifest("path\nacross/00.png\nacross/01.png\ndown/00.png\n"), "label",
          {"--classes", "a,b"});
  refused(manifest("path,label\nacross/00.png,a\nacross/01.png,a\ndown/00.png,b\ndown/01.png,b\n"),
          "a", {"--classes", "b,c"});

  // half of the images are broken
  for (const char* name : {"down/00.png", "down/01.png", "down/02.png"})
    dir.write(std::string("data/") + name, "not an image");
  const ProgramResult result = run_aift(small_run(data, out));
  check_one_sentence(result, "3 of 6 images cannot be read");
  CHECK_THAT(result.err, ContainsSubstring("--max-bad"));
  CHECK(count(result.err, "down/01.png") == 1);
  CHECK_FALSE(fs::exists(dir / "runs"));
}

TEST_CASE("bad options are refused before anything is written", "[app][run]") {
  if (!can_train()) return;
  const TempDir dir;
  const fs::path out = dir / "x";
  const fs::path data = write_image_set(dir, "data", 4);
  const auto refused = [&](const Arguments& more, const std::string& sentence) {
    check_refused(small_run(data, out) + more, out, sentence);
  };
  refused({"--selector", "afit"}, "afit");
  refused({"--model", "resnet19"}, "resnet19");
  refused({"--set", "alhpa=0.5"}, "alhpa");
  refused({"--set", "alpha=0"}, "alpha");
  refused({"--set", "alpha=1.1"}, "alpha");
  refused({"--set", "alpha=nan"}, "alpha");
  refused({"--set", "alpha"}, "key=value");
  refused({"--train", "stepz=3"}, "stepz");
  refused({"--train", "batch=0"}, "batch");
  refused({"--augment", "rotaton_deg=3"}, "did you mean 'rotation_deg'?");
  refused({"--augment", "rotation_deg=x"}, "rotation_deg");
  refused({"--augment", "rotation_deg=200"}, "rotation");
  refused({"--start", "middle"},
          "--start must be one of scratch, pretrained, current; got 'middle'");
  refused({"--train-set", "some"}, "--train-set must be one of new, all, hard");
  refused({"--first", "best"}, "--first must be one of random, imagenet");
  refused({"--first", "imagenet"}, "--first imagenet");
  refused({"--budget", "0"}, "--budget must be a whole number of at least 1; got 0");
  refused({"--test-share", "1"}, "--test-share");
  refused({"--test-share", "nan"}, "--test-share");
  refused({"--max-bad", "2"}, "--max-bad");
  refused({"--max-per-group", "-1"},
          "--max-per-group must be a whole number of at least 0; got -1");
  refused({"--min-gap", "nan"}, "--min-gap");
  refused({"--veto-similarity", "1.5"}, "--veto-similarity must be a cosine from 0 to 1");
  refused({"--against-labelled"}, "--against-labelled extends --min-gap and --veto-similarity");
  refused({"--max-cost", "3"}, "no column \"cost\"");
  refused({"--cost-column", "price"}, "--cost-column price is read for --max-cost");
  refused({"--audit-share", "2"}, "--audit-share");
  refused({"--every", "0"}, "--every");
  refused({"--crop-field"}, "holds no video");
  refused({"--weights", (dir / "none.safetensors").string()}, "none.safetensors");
  refused({"--model", (dir / "none.pt").string()}, "none.pt is not there");
  const std::string module = dir.write("module.pt", "PK\x03\x04 of another kind").string();
  refused({"--model", module, "--weights", "none"}, "module.pt is not a TorchScript module");
  const std::string hollow = dir.write("hollow.pt", "").string();
  refused({"--model", hollow}, "hollow.pt is not a TorchScript module");
  refused({"--model", module, "--weights", "none", "--first", "imagenet"},
          "--first imagenet needs a network with ImageNet's classes");

  // weights of another architecture
  const std::vector<float> values(6, 1.0F);
  const std::vector<io::TensorView> tensors = {io::tensor_view<float>("fc.weight", values, {2, 3})};
  io::write_safetensors(dir / "other.safetensors", tensors, {{"architecture", "resnet18"}});
  refused({"--weights", (dir / "other.safetensors").string()}, "other.safetensors");
  dir.write("cut.safetensors", "\x10");
  refused({"--weights", (dir / "cut.safetensors").string()}, "cut.safetensors");

  // configuration files
  refused({"--config", (dir / "none.toml").string()}, "none.toml");
  refused({"--config", dir.write("a.toml", "[run\n").string()}, "is not TOML: line 1");
  refused({"--config", dir.write("b.toml", "[run]\nbudgte = 3\n").string()},
          "did you mean budget?");
  refused({"--config", dir.write("c.toml", "[run]\nbudget = \"many\"\n").string()},
          "[run] budget must be a whole number");
  check_refused({"run", "--resume", "--out", out.string()}, out, "holds no run to resume");
}

TEST_CASE("a folder that is not the run's own is left as it is", "[app][run]") {
  if (!can_train()) return;
  const TempDir dir;
  const fs::path data = write_image_set(dir, "data", 4);
  const auto refused = [&](const fs::path& out, const std::string& sentence) {
    CAPTURE(out);
    check_one_sentence(run_aift(small_run(data, out)), sentence);
  };
  refused(dir.write("file", "x"), "is a file");
  refused(dir.write("file", "x") / "below", "cannot be made");
  CHECK(read_file(dir / "file") == "x");

  dir.write("other/state.json", "{}");
  dir.write("other/config.toml", "[run]\n");
  refused(dir / "other", "holds another run");
  CHECK(read_file(dir / "other/config.toml") == "[run]\n");
  CHECK(names_in(dir / "other") == std::vector<std::string>{"config.toml", "state.json"});

  dir.write("letters/to-nobody.txt", "x");
  refused(dir / "letters", "is not empty and holds no run");
  CHECK(names_in(dir / "letters") == std::vector<std::string>{"to-nobody.txt"});

  // a run that cannot begin leaves an empty folder empty
  fs::create_directories(dir / "void");
  check_one_sentence(
      run_aift(small_run(data, dir / "void") + Arguments{"--augment", "rotation_deg=200"}),
      "rotation");
  CHECK(fs::is_empty(dir / "void"));
}

TEST_CASE("a read-only or full output folder is refused", "[app][run]") {
  if (!can_train()) return;
  const TempDir dir;
  const fs::path data = write_image_set(dir, "data", 4);
  const fs::path mount = dir / "mount";
  fs::create_directories(mount);
  if (::mount("tmpfs", mount.c_str(), "tmpfs", 0, "size=64k") != 0) {
    if (::geteuid() == 0) {
      test::skip("no file system can be mounted here");
      return;
    }
    // A user: rights are enough for the one half; /dev/full does for the other.
    fs::permissions(mount, fs::perms::owner_read | fs::perms::owner_exec);
    check_one_sentence(run_aift(small_run(data, mount / "x")), "cannot be made");
    fs::permissions(mount, fs::perms::owner_all);
    fs::create_symlink("/dev/full", mount / "config.toml");
    check_one_sentence(run_aift(small_run(data, mount)), "No space left");
    return;
  }
  struct Unmount {
    fs::path path;
    ~Unmount() { ::umount(path.c_str()); }
  } unmount{mount};

  // Room for the configuration and not for a model.
  check_one_sentence(run_aift(small_run(data, mount / "x")), "No space left");
  CHECK(fs::is_empty(mount));
  // No room at all.
  {
    std::FILE* filler = std::fopen((mount / "filler").c_str(), "wb");
    const std::string block(1024, 'x');
    while (std::fwrite(block.data(), 1, block.size(), filler) == block.size() &&
           std::fflush(filler) == 0) {
    }
    std::fclose(filler);
  }
  check_one_sentence(run_aift(small_run(data, mount / "x")), "No space left");
  CHECK(names_in(mount) == std::vector<std::string>{"filler"});
  fs::remove(mount / "filler");

  REQUIRE(::mount("tmpfs", mount.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64k") == 0);
  check_one_sentence(run_aift(small_run(data, mount / "x")), "Read-only file system");
  CHECK(fs::is_empty(mount));
}

TEST_CASE("a run leaves everything that is needed to run it again", "[app][run]") {
  if (!can_train()) return;
  const TempDir dir;
  const fs::path data = write_image_set(dir, "data", 24);
  dir.write("data/down/05.png", "not an image");
  const fs::path out = dir / "runs" / "first";
  const ProgramResult result = run_aift(
      small_run(data, out) + Arguments{"--max-bad", "0.05", "--synthetic", "--set", "alpha=0.50"});
  INFO(result.err);
  REQUIRE(result.status == 0);
  CHECK(count(result.err, "down/05.png") == 1);
  CHECK_THAT(result.out, ContainsSubstring("report: " + (out / "report.html").string()));
  CHECK(std::count(result.out.begin(), result.out.end(), '\n') ==
        1 + 3 + 2);  // heading, rounds, end
  CHECK(names_in(out) ==
        std::vector<std::string>{"config.toml", "curve.csv", "model-000.safetensors",
                                 "model-001.safetensors", "model-002.safetensors", "picks.csv",
                                 "predictions.csv", "report.html", "state.json", "times.csv"});

  const io::CsvTable curve = io::read_csv(out / "curve.csv");
  CHECK(curve.header == std::vector<std::string>{"round", "labels", "auc", "accuracy",
                                                 "balanced_accuracy", "log_loss"});
  REQUIRE(curve.rows.size() == 3);
  CHECK(curve.rows[2].fields[1] == "18");
  const io::CsvTable picks = io::read_csv(out / "picks.csv");
  CHECK(picks.rows.size() == 18);
  for (const auto& row : picks.rows)
    CHECK(row.fields[3] != "down/05.png");

  const std::string html = read_file(out / "report.html");
  CHECK_THAT(html, ContainsSubstring("SYNTHETIC DATA"));
  CHECK_THAT(html, ContainsSubstring("Learning run first"));
  CHECK_THAT(html, ContainsSubstring("down/05.png"));
  CHECK(count(html, "<li class='pick' data-label=") == 18);
  const auto mistakes = count(html, "<li class='pick'>");  // shown once more, with their picture
  CHECK(count(html, "class='whole'") == 18 + mistakes);
  CHECK(count(html, "alt='view 1") == 12);    // the first batch is not scored
  CHECK(count(html, "<em>kept</em>") == 12);  // floor(0.5 * 2 + 0.5) of two views
  CHECK(count(html, "<em>dropped</em>") == 12);

#ifdef AIFT_TORCH_PROGRAM
  {  // the build that is recorded is that of the program that trains
    const auto state = nlohmann::json::parse(read_file(out / "state.json"));
    std::string id;
    for (const auto& fact : state.at("fingerprint"))
      if (fact.at(0) == "build") id = fact.at(1);
    REQUIRE(id.size() >= 16);
    std::string bytes;
    for (std::size_t i = 0; i + 1 < id.size() && id[i] != '+'; i += 2)
      bytes += static_cast<char>(std::stoi(id.substr(i, 2), nullptr, 16));
    CHECK(read_file(AIFT_TORCH_PROGRAM).find(bytes) != std::string::npos);
    CHECK(read_file(AIFT_PROGRAM).find(bytes) == std::string::npos);
  }
#endif

  const std::string config = read_file(out / "config.toml");
  CHECK_THAT(config, ContainsSubstring("[selector]"));
  CHECK_THAT(config, ContainsSubstring("alpha = 0.5\n"));

  {  // again from its configuration, byte for byte
    const fs::path again = dir / "runs" / "again";
    const ProgramResult repeated =
        run_aift({"run", "--config", (out / "config.toml").string(), "--out", again.string()});
    INFO(repeated.err);
    REQUIRE(repeated.status == 0);
    for (const char* file : {"config.toml", "curve.csv", "picks.csv"}) {
      CAPTURE(file);
      CHECK(read_file(again / file) == read_file(out / file));
    }
  }
  {  // another configuration is another run, and a finished one can go on
    const ProgramResult other = run_aift({"run", "--resume", "--seed", "4", "--out", out.string()});
    check_one_sentence(other, "seed: 3, now 4");
    CHECK(read_file(out / "config.toml") == config);
    const std::string before = read_file(out / "curve.csv");
    const ProgramResult more =
        run_aift({"run", "--resume", "--rounds", "4", "--out", out.string()});
    INFO(more.err);
    REQUIRE(more.status == 0);
    const std::string after = read_file(out / "curve.csv");
    CHECK(after.starts_with(before));
    CHECK(std::count(after.begin(), after.end(), '\n') == 5);
    CHECK_THAT(read_file(out / "config.toml"), ContainsSubstring("rounds = 4"));
    check_one_sentence(run_aift(small_run(data, out)), "holds another run");
  }
  {  // its models and its report can be looked at
    const ProgramResult models =
        run_aift({"models", (out / "model-002.safetensors").string(), "--tensors"});
    CHECK(models.status == 0);
    CHECK_THAT(models.out, ContainsSubstring("efficientnet_lite0"));
    CHECK_THAT(models.out, ContainsSubstring("across"));
    CHECK_THAT(models.out, ContainsSubstring("[2, 1280] float32"));

    const fs::path file = dir / "again.html";
    const ProgramResult report =
        run_aift({"report", out.string(), "--out", file.string(), "--no-images", "--pseudonyms"});
    CHECK(report.status == 0);
    CHECK(report.out == file.string() + "\n");
    const std::string text = read_file(file);
    CHECK(text.find("data:image") == std::string::npos);
    CHECK(text.find(".png") == std::string::npos);
    CHECK(text.find(data.string()) == std::string::npos);
    check_one_sentence(run_aift({"report", data.string(), "--out", file.string()}), "holds no run");
    CHECK(read_file(file) == text);
    check_one_sentence(run_aift({"models", (data / "across" / "00.png").string()}), "00.png");
  }
}

TEST_CASE("interrupted or killed at any moment, a run goes on to the same end",
          "[app][run][slow]") {
  if (!can_train()) return;
  const TempDir dir;
  const fs::path data = write_image_set(dir, "data", 14);
  const fs::path whole = dir / "whole";
  const auto two_rounds = [&](const fs::path& folder) {
    return small_run(data, folder) + Arguments{"--rounds", "2"};
  };
  REQUIRE(run_aift(two_rounds(whole)).status == 0);
  const fs::path out = dir / "cut";

  const auto cut = [&](const char* file, int signal) {
    BackgroundProgram program(two_rounds(out));
    REQUIRE(program.wait_until([&] { return fs::exists(out / file); }));
    program.signal(signal);
    return program.finish();
  };
  const auto check_end = [&](const Arguments& how) {
    const ProgramResult end = run_aift(how);
    INFO(end.err);
    REQUIRE(end.status == 0);
    for (const char* file : {"config.toml", "curve.csv", "picks.csv"}) {
      CAPTURE(file);
      CHECK(read_file(out / file) == read_file(whole / file));
    }
    CHECK(names_in(out) == names_in(whole));
    fs::remove_all(out);
  };

  {  // a polite end after the first round: 130 and a sentence
    const ProgramResult result = cut("model-000.safetensors", SIGINT);
    CHECK(result.status == 130);
    CHECK_THAT(result.err, ContainsSubstring("aift run --resume --out " + out.string()));
    check_end({"run", "--resume", "--out", out.string()});
  }
  {  // before anything is recorded: nothing is left, unless the run had begun a moment before
    const ProgramResult result = cut("config.toml", SIGTERM);
    CHECK(result.status == 130);
    if (fs::exists(out)) {
      check_end({"run", "--resume", "--out", out.string()});
    } else {
      CHECK_THAT(result.err, ContainsSubstring("nothing was written"));
    }
  }
  for (const char* file :
       {"config.toml", "state.json", "model-000.safetensors", "model-001.safetensors"}) {
    CAPTURE(file);
    CHECK(cut(file, SIGKILL).status == 128 + SIGKILL);
    check_end(two_rounds(out) + Arguments{"--resume"});
  }
}

TEST_CASE("a run that keeps a single view is warned about it on stderr", "[app][run]") {
  if (!can_train()) return;
  CHECK_THAT(run_aift({"run", "--help"}).out, ContainsSubstring("--views N=8"));
  const TempDir dir;
  const fs::path data = write_image_set(dir, "data", 6);
  const auto warnings = [&](const char* views) {
    const fs::path out = dir / "out";
    const ProgramResult result =
        run_aift(small_run(data, out) + Arguments{"--rounds", "1", "--views", views});
    CHECK(result.status == 0);
    fs::remove_all(out);
    return count(result.err, "warning: with ");
  };
  CHECK(warnings("4") == 1);
  CHECK(warnings("6") == 0);
}

TEST_CASE("variants of the loop run to their end", "[app][run][slow]") {
  if (!can_train()) return;
  const TempDir dir;
  const fs::path data = write_image_set(dir, "data", 10);
  const fs::path out = dir / "out";
  const auto ends_well = [&](const Arguments& more) {
    CAPTURE(more);
    const ProgramResult result = run_aift(small_run(data, out) + Arguments{"--rounds", "2"} + more);
    INFO(result.err);
    CHECK(result.status == 0);
    const std::string text = result.out;
    fs::remove_all(out);
    return text;
  };
  ends_well({"--start", "scratch", "--selector", "entropy"});
  ends_well({"--start", "pretrained", "--train-set", "hard", "--selector", "bald"});
  ends_well({"--train-set", "new", "--selector", "random", "--augment", "orientation=upright"});
  // a model of an earlier run, with its own head
  REQUIRE(run_aift(small_run(data, dir / "before") + Arguments{"--rounds", "1"}).status == 0);
  ends_well({"--model", (dir / "before" / "model-000.safetensors").string()});
  if (run_aift({"models"}).out.find("not found") == std::string::npos) {  // set up: real weights
    CHECK_THAT(ends_well({"--weights", "imagenet", "--first", "imagenet"}),
               ContainsSubstring("imagenet"));
  }
  CHECK_THAT(ends_well({"--rounds", "0", "--max-labels", "8"}), ContainsSubstring("stopped: "));
  CHECK_THAT(ends_well({"--rounds", "0", "--target-auc", "0.01"}), ContainsSubstring("stopped: "));
}

TEST_CASE("batch rules: each batch keeps to them, and a resumed run goes on with them",
          "[app][run]") {
  if (!can_train()) return;
  const TempDir dir;
  const fs::path data = write_image_set(dir, "data", 16);
  std::string text = "path,label,group,frame,minutes\n";
  for (const char* name : {"across", "down"}) {
    for (int i = 0; i < 16; ++i) {
      text += fmt::format("{0}/{1:02}.png,{0},{0}{2},{3},{4}\n", name, i, i / 4, i % 4, 1 + i % 2);
    }
  }
  const fs::path manifest = dir.write("data/manifest.csv", text);
  const Arguments rules = {"--max-per-group", "2",       "--min-gap",     "2",  "--max-cost", "8",
                           "--cost-column",   "minutes", "--audit-share", "0.3"};
  const fs::path out = dir / "x";
  const ProgramResult whole = run_aift(small_run(manifest, out) + rules);
  CAPTURE(whole.err);
  REQUIRE(whole.status == 0);
  const auto picks = io::read_csv(out / "picks.csv");
  const auto state = nlohmann::json::parse(read_file(out / "state.json"));
  for (const auto& round : state.at("rounds")) {
    double cost = 0;
    int audits = 0;
    std::map<std::string, std::vector<int>> frames;
    for (const auto& pick : round.at("picks")) {
      const int number = std::stoi(fs::path(pick.at("path").get<std::string>()).stem().string());
      cost += 1 + number % 2;
      audits += pick.value("audit", false) ? 1 : 0;
      frames[pick.at("group").get<std::string>()].push_back(number % 4);
    }
    CHECK(cost <= 8);
    CHECK(audits == 2);
    for (const auto& [group, numbers] : frames) {
      CHECK(numbers.size() <= 2);
      if (numbers.size() == 2) CHECK(std::abs(numbers[0] - numbers[1]) >= 2);
    }
    CHECK(round.at("vetoed").at("gap").get<int>() > 0);
  }

  // two rounds, then the third by --resume: config.toml has the rules
  const fs::path parts = dir / "parts";
  REQUIRE(run_aift(small_run(manifest, parts) + rules + Arguments{"--rounds", "2"}).status == 0);
  const ProgramResult resumed =
      run_aift({"run", "--resume", "--rounds", "3", "--out", parts.string()});
  CAPTURE(resumed.err);
  REQUIRE(resumed.status == 0);
  CHECK(read_file(parts / "picks.csv") == read_file(out / "picks.csv"));
  CHECK(read_file(parts / "curve.csv") == read_file(out / "curve.csv"));
  CHECK(run_aift({"run", "--resume", "--min-gap", "3", "--out", parts.string()}).status == 2);
}

TEST_CASE("a run on videos: frames are asked for, kept, and recorded in the model", "[app][run]") {
  if (!can_train()) return;
  const TempDir dir;
  fs::create_directories(dir / "v");
  std::string ranges = "path,first_frame,last_frame,label\n";
  for (int v = 0; v < 6; ++v) {
    const std::string name = fmt::format("{}.avi", v);
    REQUIRE(aift::test::write_video((dir / "v") / name, 24, "MJPG", v, [&](cv::Mat& frame, int i) {
      if (i >= 12) frame(cv::Rect(90, 70, 30, 30)).setTo(cv::Scalar(40, 60, 220));
    }));
    ranges += fmt::format("{0},0,11,clear\n{0},12,,polyp\n", name);
  }
  dir.write("v/labels.csv", ranges);
  const Arguments more = {"--every", "2", "--crop-field", "--min-gap", "6"};
  const fs::path out = dir / "x";
  const ProgramResult whole = run_aift(small_run(dir / "v", out) + more);
  CAPTURE(whole.err);
  REQUIRE(whole.status == 0);
  const auto picks = io::read_csv(out / "picks.csv");
  CHECK(picks.rows.size() == 18);
  CHECK_THAT(picks.rows[0].fields[3], ContainsSubstring(".avi#"));
  std::size_t kept = 0;
  for (const auto& entry : fs::directory_iterator(out / "frames"))
    kept += entry.path().extension() == ".png" ? 1U : 0U;
  CHECK(kept == 18);
  CHECK(io::read_csv(out / "videos.csv").rows.size() == 6);
  CHECK(io::read_safetensors(out / "model-002.safetensors").metadata().at("frame_preparation") ==
        "crop");
  const std::string html = read_file(out / "report.html");
  CHECK(count(html, "image not found") == 0);
  // Every frame that was asked for is shown; of the test frames none was kept.
  CHECK(count(html, "'><div class='none'>") == count(html, "<li class='pick'><div class='none'>"));

  const fs::path parts = dir / "parts";
  REQUIRE(run_aift(small_run(dir / "v", parts) + more + Arguments{"--rounds", "2"}).status == 0);
  REQUIRE(run_aift({"run", "--resume", "--rounds", "3", "--out", parts.string()}).status == 0);
  CHECK(read_file(parts / "picks.csv") == read_file(out / "picks.csv"));
  CHECK(read_file(parts / "curve.csv") == read_file(out / "curve.csv"));

  const ProgramResult other = run_aift(
      Arguments{"run", "--data", (dir / "v").string(), "--out", (dir / "y").string()} +
      Arguments{"--model", (out / "model-002.safetensors").string(), "--input-size", "32"} +
      Arguments{"--views", "2", "--budget", "4", "--rounds", "1", "--threads", "1", "--every",
                "6"} +
      Arguments{"--train", "steps=2", "--train", "views=1", "--train", "probe_folds=2"} +
      Arguments{"--train", "frozen_stages=17", "--train", "guard=off"});
  CAPTURE(other.err);
  CHECK(other.status == 0);
  CHECK_THAT(other.err, ContainsSubstring("trained on frames with the preparation \"crop\""));
}
