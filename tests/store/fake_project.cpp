// SPDX-License-Identifier: Apache-2.0
// The project commands of `aift` with a model that is no network: a whole project takes a second. The
// true classes stand in truth.csv (path,label) beside the manifest; pictures are made from them.
#include <map>

#include <aift/io/csv.hpp>
#include <aift/store/training.hpp>

#include "loop/fake_model.hpp"
#include "src/app/console.hpp"
#include "src/app/program.hpp"
#include "src/app/project.hpp"

namespace {

using namespace aift;

void train(const app::TrainArguments& arguments) {
  store::Project project(arguments.project, app::open_options("train", arguments.wait_seconds));
  io::Dataset data = project.dataset();
  std::map<std::string, label_t> truth;
  const io::CsvTable table = io::read_csv(data.root / "truth.csv");
  for (const io::CsvRow& row : table.rows)
    truth[row.fields[0]] = static_cast<label_t>(std::stoi(row.fields[1]));
  for (std::size_t i = 0; i < data.paths.size(); ++i)
    data.labels[i] = truth.at(data.paths[i]);

  const test::ColourSource source(data, 120);
  const test::GainAugmenter augmenter(project.settings().seed);
  const test::LinearModel initial(data.classes());
  test::CentroidTrainer trainer;
  store::TrainingParts parts;
  parts.initial = &initial;
  parts.initial_hash = "zeros";
  parts.trainer = &trainer;
  parts.augmenter = &augmenter;
  parts.source = &source;
  parts.load = test::LinearModel::load;
  parts.batch = 8;
  app::ConsoleProgress progress;
  (void)store::train(project, parts, progress, arguments.partial);
}

}  // namespace

int main(int argc, char** argv) {
  return aift::app::run_program(argc, argv, [](CLI::App& app) {
    aift::app::add_project_commands(app);
    aift::app::add_train_command(app, train);
  });
}
