// SPDX-License-Identifier: Apache-2.0
// A reading project on the command line: making it, asking, taking answers back.
#include "src/app/project.hpp"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/video.hpp>
#include <aift/store/tasks.hpp>

#include "src/app/run_command.hpp"

namespace aift::app {

namespace fs = std::filesystem;

namespace {

constexpr double kWaitSeconds = 10;

/// What several commands are told.
struct Where {
  std::string project = ".";
  double wait_seconds = kWaitSeconds;
};

void add_where(CLI::App* command, Where& where) {
  command->add_option("--project,-p", where.project, "Folder of the project")
      ->type_name("FOLDER")
      ->capture_default_str();
  command
      ->add_option("--wait", where.wait_seconds,
                   "Seconds to wait for another process that works on the project")
      ->type_name("SECONDS")
      ->capture_default_str();
}

io::Dataset read_data(const RunConfig& config, const std::vector<std::string>& classes) {
  return io::read_dataset(config.data, {.classes = classes,
                                        .require_trainable = false,
                                        .times = config.min_gap > 0,
                                        .cost_column = config.cost_column,
                                        .every = config.every,
                                        .frame_labels = config.frame_labels});
}

void write_or_print(const std::string& file, const std::string& text) {
  if (file.empty() || file == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
  } else {
    io::write_file_atomically(file, text);
  }
}

// ------------------------------------------------------------------ init, add

struct InitArguments {
  Where where;
  std::string answers = "majority";
  index_t readers = 1;
  std::string gate = "auc";
  double tolerance = 1;
  bool keep_rejected = false;
};

void init(const InitArguments& arguments, const RunArguments& run) {
  RunConfig config = configuration(run);
  AIFT_EXPECT(!config.data.empty(), ValueError,
              "A project begins with images; name them with --data.");
  AIFT_EXPECT(config.first == "random", ValueError,
              "The first batch of a project is drawn at random; leave first = \"{}\" out.",
              config.first);
  config.data = fs::absolute(config.data).lexically_normal().string();
  if (!config.frame_labels.empty())
    config.frame_labels = fs::absolute(config.frame_labels).lexically_normal().string();
  if (config.max_cost > 0 && config.cost_column.empty()) config.cost_column = "cost";
  const io::Dataset data = read_data(config, config.classes);

  store::ProjectSettings settings;
  settings.classes = config.classes.empty() ? data.class_names : config.classes;
  AIFT_EXPECT(settings.classes.size() >= 2, ValueError,
              "{} names {} classes in its labels; name the classes with --classes a,b.",
              config.data, settings.classes.size());
  config.classes = settings.classes;
  settings.selector = config.selector;
  settings.selector_options = config.selector_options;
  settings.budget = config.budget;
  settings.seed = config.seed;
  settings.test_share = config.test_share;
  settings.rules = config.batch_rules();
  settings.start = config.start == "scratch"      ? StartFrom::scratch
                   : config.start == "pretrained" ? StartFrom::pretrained
                                                  : StartFrom::current;
  settings.set = config.train_set == "new"    ? TrainSet::only_new
                 : config.train_set == "hard" ? TrainSet::hard
                                              : TrainSet::all;
  settings.answers = store::answer_rule_from(arguments.answers);
  settings.answers.readers = arguments.readers;
  settings.gate.on = arguments.gate != "off";
  if (settings.gate.on) settings.gate.metric = metric_kind_from(arguments.gate);
  settings.gate.tolerance = arguments.tolerance;
  settings.keep_rejected = arguments.keep_rejected;
  settings.synthetic = data.synthetic;
  settings.application = to_toml(config);
  store::Project::create(arguments.where.project, settings, data,
                         open_options("init", arguments.where.wait_seconds));
  const store::Project project(arguments.where.project,
                               open_options("init", arguments.where.wait_seconds, false));
  print_status(project, false);
}

void add_init(CLI::App& app) {
  auto* command = app.add_subcommand(
      "init", "Makes a project: images that people will label, round by round, over months");
  auto arguments = std::make_shared<InitArguments>();
  auto run = std::make_shared<RunArguments>();
  add_config_options(command, run);
  for (const char* name : {"--rounds", "--max-labels", "--target-auc", "--patience",
                           "--already-right", "--first", "--max-bad", "--synthetic"}) {
    command->remove_option(command->get_option(name));
  }
  add_where(command, arguments->where);
  command->add_option("--config", run->config, "config.toml of a run, to begin from")
      ->type_name("FILE");
  const char* group = "Several readers, and acceptance";
  command
      ->add_option(
          "--answers", arguments->answers,
          "How several answers become a label: majority, unanimous, first, last, reader:NAME")
      ->type_name("RULE")
      ->capture_default_str()
      ->group(group);
  command->add_option("--readers", arguments->readers, "So many must answer before a label counts")
      ->type_name("N")
      ->capture_default_str()
      ->group(group);
  command
      ->add_option("--gate", arguments->gate,
                   "What a new model must not be worse in on the test set: auc, accuracy, "
                   "balanced_accuracy, log_loss, or off")
      ->type_name("METRIC")
      ->capture_default_str()
      ->group(group);
  command
      ->add_option("--tolerance", arguments->tolerance,
                   "Standard errors of the paired difference that it may lie below")
      ->type_name("N")
      ->capture_default_str()
      ->group(group);
  command
      ->add_flag("--keep-rejected", arguments->keep_rejected,
                 "Training goes on from a rejected model instead of the accepted one")
      ->group(group);
  command->footer(
      "Example:\n"
      "  aift init --project reading --data scans/manifest.csv --classes clear,polyp --budget 20\n"
      "  aift query --project reading --csv tasks.csv      (fill in the column label)\n"
      "  aift label --project reading tasks.csv --reader \"Dr A\"\n"
      "  aift train --project reading\n"
      "\n"
      "The project keeps paths of images, not images. It belongs on a local disk.");
  command->callback([arguments, run] { init(*arguments, *run); });
}

void add_add(CLI::App& app) {
  auto* command = app.add_subcommand("add", "Images join a project, at any time");
  struct Arguments {
    Where where;
    std::string data;
  };
  auto arguments = std::make_shared<Arguments>();
  add_where(command, arguments->where);
  command->add_option("data", arguments->data, "manifest.csv, or a folder")
      ->required()
      ->type_name("PATH");
  command->footer(
      "Example:\n  aift add --project reading scans-of-march/manifest.csv\n"
      "\n"
      "Images that are there already are passed over. Those of a patient in the locked test set "
      "are\n"
      "kept out of the pool.");
  command->callback([arguments] {
    store::Project project(arguments->where.project,
                           open_options("add", arguments->where.wait_seconds));
    RunConfig config = project_config(project);
    config.data = fs::absolute(arguments->data).lexically_normal().string();
    config.frame_labels.clear();
    const index_t joined = project.add(read_data(config, project.settings().classes));
    fmt::print("{} samples joined\n", joined);
  });
}

void add_move(CLI::App& app) {
  auto* command = app.add_subcommand("move", "The images of a project lie in another folder now");
  struct Arguments {
    Where where;
    std::string from;
    std::string to;
  };
  auto arguments = std::make_shared<Arguments>();
  add_where(command, arguments->where);
  command->add_option("from", arguments->from, "Folder of the manifest so far")
      ->required()
      ->type_name("FOLDER");
  command->add_option("to", arguments->to, "Folder now")->required()->type_name("FOLDER");
  command->footer("Example:\n  aift move --project reading /data/scans /archive/scans");
  command->callback([arguments] {
    store::Project project(arguments->where.project,
                           open_options("move", arguments->where.wait_seconds));
    project.move_data(arguments->from, arguments->to);
  });
}

// ------------------------------------------------------------------ query, label

struct QueryArguments {
  Where where;
  index_t budget = 0;
  bool test = false;
  std::string csv;
  std::string label_studio;
  std::string interface;
  std::string images = "path";
  std::string prefix;
  index_t thumbnail = 512;
  bool blind = false;
  bool preannotate = false;
};

void query(const QueryArguments& arguments) {
  store::Project project(arguments.where.project,
                         open_options("query", arguments.where.wait_seconds));
  store::TaskOptions options;
  AIFT_EXPECT(
      arguments.images == "path" || arguments.images == "embedded" || arguments.images == "none",
      ValueError, "--images must be path, embedded or none; got \"{}\".", arguments.images);
  options.images = arguments.images == "path"       ? store::TaskImages::path
                   : arguments.images == "embedded" ? store::TaskImages::embedded
                                                    : store::TaskImages::none;
  options.prefix = arguments.prefix;
  options.thumbnail = arguments.thumbnail;
  options.predictions = !arguments.blind;
  options.preannotate = arguments.preannotate && !arguments.blind;

  std::vector<store::StorePick> picks;
  index_t answered = 0;
  if (arguments.test) {
    picks = store::unlabelled_test_samples(project);
    AIFT_EXPECT(!picks.empty(), ValueError, "Every sample of the test set has a label.");
  } else {
    std::optional<index_t> budget;
    if (arguments.budget != 0) budget = arguments.budget;
    const bool open = project.open_query().has_value();
    picks = project.query(budget).picks;
    if (open) answered = project.status().open_answered;
  }
  // Committed; the files can be written again by calling again.
  const io::Dataset data = project.dataset();
  std::optional<io::FrameSource> source;
  if (options.images == store::TaskImages::embedded) {
    source.emplace(data, project_config(project).preparation(), fs::path());
    options.source = &*source;
  }
  if (!arguments.label_studio.empty()) {
    io::write_file_atomically(arguments.label_studio,
                              store::label_studio_tasks(project, picks, options));
  }
  if (!arguments.interface.empty()) {
    io::write_file_atomically(arguments.interface,
                              store::label_studio_interface(project.settings().classes));
  }
  if (!arguments.csv.empty() || arguments.label_studio.empty())
    write_or_print(arguments.csv, store::task_csv(project, picks, options));
  const auto asked = static_cast<index_t>(picks.size());
  fmt::print(stderr, "{} samples to label{}\n", asked,
             answered == 0       ? ""
             : answered == asked ? ", all of them answered; train next"
                                 : fmt::format(", {} of them answered", answered));
}

void add_query(CLI::App& app) {
  auto* command = app.add_subcommand(
      "query", "Whom to label next, as a table or as tasks for Label Studio; needs no network");
  auto arguments = std::make_shared<QueryArguments>();
  add_where(command, arguments->where);
  command->add_option("--budget", arguments->budget, "How many; by default the project's")
      ->type_name("N");
  command->add_flag("--test", arguments->test,
                    "The samples of the test set that have no label, all of them");
  command->add_option("--csv", arguments->csv, "The table to fill in; - for stdout")
      ->type_name("FILE");
  command->add_option("--label-studio", arguments->label_studio, "Tasks to import")
      ->type_name("FILE");
  command->add_option("--interface", arguments->interface, "Label Studio's labelling interface")
      ->type_name("FILE");
  command
      ->add_option("--images", arguments->images,
                   "path; embedded: a thumbnail in the task; none: names of the record alone")
      ->type_name("WORD")
      ->capture_default_str();
  command->add_option("--image-prefix", arguments->prefix, "Put before paths")->type_name("TEXT");
  command->add_option("--thumbnail", arguments->thumbnail, "Longer side of embedded pictures")
      ->type_name("PIXELS")
      ->capture_default_str();
  command->add_flag("--blind", arguments->blind, "Readers are not told what the network thinks");
  command->add_flag("--preannotate", arguments->preannotate,
                    "Label Studio shows the prediction as an answer to confirm");
  command->footer(
      "Example:\n"
      "  aift query --project reading --csv tasks.csv\n"
      "  aift query --project reading --label-studio tasks.json --interface interface.xml \\\n"
      "             --image-prefix /data/local-files/?d=\n"
      "\n"
      "While a query is open, the same samples are given again.");
  command->callback([arguments] { query(*arguments); });
}

struct LabelArguments {
  Where where;
  std::vector<std::string> files;
  std::string reader = "reader";
  std::string conflicts;
};

void label(const LabelArguments& arguments) {
  store::Project project(arguments.where.project,
                         open_options("label", arguments.where.wait_seconds));
  std::vector<std::vector<store::Answer>> lists;
  for (const std::string& file : arguments.files)
    lists.push_back(store::read_answers(file, project.settings().classes, arguments.reader));
  index_t taken = 0;
  index_t given = 0;
  for (const std::vector<store::Answer>& list : lists) {
    given += static_cast<index_t>(list.size());
    taken += project.label(list);
  }
  fmt::print("{} answers, {} of them new\n", given, taken);
  const std::string conflicts = store::conflict_csv(project);
  index_t count = -1;  // the header
  for (const char c : conflicts)
    count += c == '\n' ? 1 : 0;
  if (!arguments.conflicts.empty()) io::write_file_atomically(arguments.conflicts, conflicts);
  if (count > 0) fmt::print("{} samples on which readers disagree:\n{}", count, conflicts);
  fmt::print("next: {}\n", project.status().next);
}

void add_label(CLI::App& app) {
  auto* command =
      app.add_subcommand("label", "Takes answers back: tables, or Label Studio's export");
  auto arguments = std::make_shared<LabelArguments>();
  add_where(command, arguments->where);
  command->add_option("files", arguments->files, "CSV with sample,label, or JSON of Label Studio")
      ->required()
      ->type_name("FILE");
  command->add_option("--reader", arguments->reader, "Who answered, where the file does not say")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--conflicts", arguments->conflicts, "Samples on which readers disagree, CSV")
      ->type_name("FILE");
  command->footer(
      "Example:\n"
      "  aift label --project reading tasks.csv --reader \"Dr A\"\n"
      "\n"
      "A reader's second answer about a sample corrects the first; both are kept. \"?\" in the "
      "column\n"
      "label says that the reader cannot tell.");
  command->callback([arguments] { label(*arguments); });
}

void add_rollback(CLI::App& app) {
  auto* command = app.add_subcommand("rollback", "Makes an earlier accepted model the current one");
  struct Arguments {
    Where where;
    index_t model = -1;
    std::string reason;
  };
  auto arguments = std::make_shared<Arguments>();
  add_where(command, arguments->where);
  command->add_option("model", arguments->model, "Its number, see `aift status`")
      ->required()
      ->type_name("N");
  command->add_option("--reason", arguments->reason, "For the record; no names of patients")
      ->type_name("TEXT");
  command->footer("Example:\n  aift rollback --project reading 3 --reason \"worse on ward B\"");
  command->callback([arguments] {
    store::Project project(arguments->where.project,
                           open_options("rollback", arguments->where.wait_seconds));
    project.rollback(arguments->model, arguments->reason);
    fmt::print("model {} is the current one\n", arguments->model);
  });
}

void add_withdraw(CLI::App& app) {
  auto* command =
      app.add_subcommand("withdraw", "Takes samples out; says which models they touched");
  struct Arguments {
    Where where;
    std::vector<std::string> samples;
    std::string reason;
  };
  auto arguments = std::make_shared<Arguments>();
  add_where(command, arguments->where);
  command->add_option("samples", arguments->samples, "Names of the record, paths or numbers")
      ->required()
      ->type_name("SAMPLE");
  command->add_option("--reason", arguments->reason, "For the record; no names of patients")
      ->type_name("TEXT");
  command->footer(
      "Example:\n  aift withdraw --project reading img/0007.png --reason \"consent withdrawn\"\n"
      "\n"
      "Models that learnt from a sample stay until they are rolled back; `aift audit models-of` "
      "names\n"
      "them, `aift train` makes one without it.");
  command->callback([arguments] {
    store::Project project(arguments->where.project,
                           open_options("withdraw", arguments->where.wait_seconds));
    project.withdraw(arguments->samples, arguments->reason);
    fmt::print("{} samples withdrawn; ask `aift audit models-of` for the models they touched\n",
               arguments->samples.size());
  });
}

}  // namespace

store::OpenOptions open_options(const std::string& command, double wait_seconds, bool write) {
  store::OpenOptions options;
  options.write = write;
  options.wait_seconds = wait_seconds;
  options.who = "aift " + command;
  return options;
}

RunConfig project_config(const store::Project& project) {
  return parse_run_config(project.settings().application,
                          "the configuration in " + project.folder().string());
}

void add_project_commands(CLI::App& app) {
  add_init(app);
  add_add(app);
  add_move(app);
  add_query(app);
  add_label(app);
  add_rollback(app);
  add_withdraw(app);
  add_look_commands(app);
}

void add_train_command(CLI::App& app, std::function<void(const TrainArguments&)> work) {
  auto* command = app.add_subcommand(
      "train", "Trains a project's next model on all answers, tests it and scores the pool");
  auto arguments = std::make_shared<TrainArguments>();
  command->add_option("--project,-p", arguments->project, "Folder of the project")
      ->type_name("FOLDER")
      ->capture_default_str();
  command
      ->add_option("--wait", arguments->wait_seconds,
                   "Seconds to wait for another process that works on the project")
      ->type_name("SECONDS")
      ->capture_default_str();
  command->add_flag("--partial", arguments->partial,
                    "Samples that were asked about and have no answer return to the pool");
  command->footer(
      "Example:\n  aift train --project reading\n"
      "\n"
      "The new model takes the place of the one before only if it is not worse on the locked test\n"
      "set (aift init --gate). Interrupted or killed at any moment, the same call goes on.");
  command->callback([arguments, work = std::move(work)] { work(*arguments); });
}

}  // namespace aift::app
