// SPDX-License-Identifier: Apache-2.0
// A project after many rounds: how long status, query from stored scores and a check of the record take,
// and what it occupies.
//
//   bench_project [samples] [rounds] [labels per round] [folder]
//
// The model is no network: a linear function of eight numbers that are made from a sample's id.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

#include <aift/io/atomic_file.hpp>
#include <aift/io/numbers.hpp>
#include <aift/store/audit.hpp>
#include <aift/store/tasks.hpp>
#include <aift/store/training.hpp>

namespace {

using namespace aift;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kNumbers = 8;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class NoSource final : public Source {};

/// Two views of eight numbers.
class NumberAugmenter final : public Augmenter {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "numbers"; }
  [[nodiscard]] index_t patches(Purpose purpose) const override {
    return purpose == Purpose::scoring ? 2 : 1;
  }
  [[nodiscard]] PatchPlan plan(const CandidateRef& candidate, Purpose purpose, index_t round,
                               index_t index) const override {
    PatchPlan plan;
    plan.candidate = candidate;
    plan.purpose = purpose;
    plan.round = round;
    plan.index = index;
    return plan;
  }
  void render(std::span<const PatchPlan> plans, const Source&, const PatchBuffer& out) const override {
    float* to = out.data;
    for (const PatchPlan& plan : plans) {
      std::uint64_t state = plan.candidate.id;
      for (std::size_t i = 0; i < kNumbers; ++i) {
        state = splitmix64(state + static_cast<std::uint64_t>(plan.index));
        *to++ = static_cast<float>(static_cast<double>(state >> 11) * 0x1p-53 - 0.5);
      }
    }
  }
};

class NumberModel final : public Model {
 public:
  NumberModel() {
    info_.architecture = "numbers";
    info_.classes = 2;
    info_.input.channels = 1;
    info_.input.height = 2;
    info_.input.width = 4;
  }
  [[nodiscard]] const ModelInfo& info() const noexcept override { return info_; }
  void predict(std::span<const float> patches, index_t n, std::span<float> logits,
               std::span<float>) const override {
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      float sum = 0;
      for (std::size_t j = 0; j < kNumbers; ++j)
        sum += patches[i * kNumbers + j] * weights[j];
      logits[2 * i] = -sum;
      logits[2 * i + 1] = sum;
    }
  }
  void save(const std::filesystem::path& file) const override {
    std::string text;
    for (const float w : weights)
      text += io::shortest(w) + "\n";
    io::write_file_atomically(file, text);
  }
  [[nodiscard]] std::unique_ptr<Model> clone() const override {
    return std::make_unique<NumberModel>(*this);
  }
  static std::unique_ptr<Model> load(const std::filesystem::path& file) {
    auto model = std::make_unique<NumberModel>();
    std::istringstream in(io::read_text_file(file));
    for (float& w : model->weights)
      in >> w;
    return model;
  }
  std::array<float, kNumbers> weights{};

 private:
  ModelInfo info_;
};

class NumberTrainer final : public IncrementalTrainer {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "numbers"; }
  [[nodiscard]] FitResult fit(const Model&, const TrainingRound& round, Progress&) override {
    auto model = std::make_unique<NumberModel>();
    for (std::size_t j = 0; j < kNumbers; ++j)
      model->weights[j] = static_cast<float>(
          KeyedRandom(7, Purpose::weights, round.round).uniform(static_cast<index_t>(j), -1, 1));
    FitResult result;
    result.model = std::move(model);
    return result;
  }
};

io::Dataset make_data(index_t samples) {
  io::Dataset data;
  data.root = "/nowhere";
  data.class_names = {"clear", "polyp"};
  for (index_t i = 0; i < samples; ++i) {
    data.paths.push_back("site/patient_" + std::to_string(i / 20) + "/image_" + std::to_string(i) + ".png");
    data.ids.push_back(io::candidate_id(data.paths.back()));
    if (i % 20 == 0) data.group_names.push_back("patient_" + std::to_string(i / 20));
    data.groups.push_back(i / 20);
    const bool test = (i / 20) % 50 == 0;
    data.labels.push_back(test ? static_cast<label_t>(i % 2) : kUnlabelled);
    data.split.push_back(static_cast<std::uint8_t>(test ? io::Split::test : io::Split::pool));
  }
  return data;
}

}  // namespace

int main(int argc, char** argv) {
  const index_t samples = argc > 1 ? std::atoll(argv[1]) : 100'000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 50;
  const index_t budget = argc > 3 ? std::atoll(argv[3]) : 100;
  const std::filesystem::path folder = argc > 4 ? argv[4] : "bench_project.tmp";
  std::filesystem::remove_all(folder);
  store::ProjectSettings settings;
  settings.classes = {"clear", "polyp"};
  settings.budget = budget;
  settings.gate.on = false;  // every round's model scores the whole pool

  const auto timed = [](const char* what, auto&& call) {
    const auto start = Clock::now();
    call();
    std::printf("%-34s %9.3f s\n", what, seconds_since(start));
    std::fflush(stdout);
  };
  timed("init", [&] { store::Project::create(folder, settings, make_data(samples)); });

  const NumberModel initial;
  const NumberAugmenter augmenter;
  const NoSource source;
  NumberTrainer trainer;
  Progress progress;
  store::TrainingParts parts;
  parts.initial = &initial;
  parts.initial_hash = "none";
  parts.trainer = &trainer;
  parts.augmenter = &augmenter;
  parts.source = &source;
  parts.load = NumberModel::load;
  parts.batch = 256;
  timed("all rounds", [&] {
    for (int r = 0; r < rounds; ++r) {
      store::Project project(folder);
      std::vector<store::Answer> answers;
      for (const store::StorePick& pick : project.query().picks) {
        store::Answer answer;
        answer.sample = pick.sample.sid;
        answer.label = static_cast<label_t>(pick.sample.number % 2);
        answer.lead_time = 10;
        answers.push_back(answer);
      }
      project.label(answers);
      (void)store::train(project, parts, progress);
    }
  });

  std::vector<double> status_seconds;
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    store::OpenOptions look;
    look.write = false;
    const store::Project project(folder, look);
    const store::ProjectStatus status = project.status();
    status_seconds.push_back(seconds_since(start));
    if (i == 0) {
      std::printf("%lld samples, %lld rounds, %lld models, %lld labels, %.1f MB\n",
                  static_cast<long long>(status.samples), static_cast<long long>(status.rounds),
                  static_cast<long long>(status.models), static_cast<long long>(status.labelled),
                  static_cast<double>(status.bytes) / 1e6);
    }
  }
  std::sort(status_seconds.begin(), status_seconds.end());
  std::printf("%-34s %9.3f s (median of 5, %.3f to %.3f)\n", "status, from opening on",
              status_seconds[2], status_seconds.front(), status_seconds.back());
  std::vector<double> query_seconds;
  for (int i = 0; i < 5; ++i) {
    const std::filesystem::path copy = folder.string() + ".copy";
    std::filesystem::remove_all(copy);
    std::filesystem::copy(folder, copy, std::filesystem::copy_options::recursive);
    const auto start = Clock::now();
    store::Project project(copy);
    const store::StoreQuery query = project.query();
    const std::string tasks = store::label_studio_tasks(project, query.picks);
    query_seconds.push_back(seconds_since(start));
    std::filesystem::remove_all(copy);
  }
  std::sort(query_seconds.begin(), query_seconds.end());
  std::printf("%-34s %9.3f s (median of 5, %.3f to %.3f)\n", "query, tasks written, from opening on",
              query_seconds[2], query_seconds.front(), query_seconds.back());
  timed("audit verify", [&] {
    const store::AuditReport report = store::verify(folder);
    std::printf("%lld events, %zu problems\n", static_cast<long long>(report.events),
                report.problems.size());
  });
  if (argc <= 4) std::filesystem::remove_all(folder);
  return 0;
}
