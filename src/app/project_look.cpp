// SPDX-License-Identifier: Apache-2.0
// What can be seen of a project: status, export, audit. Nothing here waits for a process that works.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <aift/core/error.hpp>
#include <aift/store/audit.hpp>
#include <aift/store/export.hpp>

#include "src/app/console.hpp"
#include "src/app/project.hpp"

namespace aift::app {

namespace {

std::string figure(double value) {
  return std::isfinite(value) ? fmt::format("{:.4f}", value) : "n/a";
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds)) return "not known yet";
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string class_of(const store::Project& project, label_t label) {
  return label < 0 ? "none" : project.settings().classes.at(static_cast<std::size_t>(label));
}

void print_json(const store::Project& project, const store::ProjectStatus& s) {
  nlohmann::json json = {{"samples", s.samples},
                         {"pool", s.pool},
                         {"test", s.test},
                         {"kept_out", s.out},
                         {"withdrawn", s.withdrawn},
                         {"test_labelled", s.test_labelled},
                         {"labelled", s.labelled},
                         {"conflicts", s.conflicts},
                         {"answers", s.answers},
                         {"rounds", s.rounds},
                         {"open_round", s.open_round},
                         {"open_picks", s.open_picks},
                         {"open_answered", s.open_answered},
                         {"left", s.left},
                         {"unscored", s.unscored},
                         {"models", s.models},
                         {"rejected", s.rejected},
                         {"seconds_per_label", s.seconds_per_label},
                         {"seconds_per_training", s.seconds_per_training},
                         {"events", s.events},
                         {"head", s.head},
                         {"bytes", s.bytes},
                         {"synthetic", project.settings().synthetic},
                         {"next", s.next}};
  if (s.model) {
    json["model"] = {{"number", s.model->number},
                     {"round", s.model->round},
                     {"hash", s.model->hash},
                     {"auc", s.model->metrics.auc},
                     {"accuracy", s.model->metrics.accuracy},
                     {"balanced_accuracy", s.model->metrics.balanced_accuracy},
                     {"log_loss", s.model->metrics.log_loss},
                     {"tested", s.model->metrics.samples}};
  }
  fmt::print("{}\n", json.dump(1));
}

struct Look {
  std::string project = ".";
};

void add_project(CLI::App* command, Look& look) {
  command->add_option("--project,-p", look.project, "Folder of the project")
      ->type_name("FOLDER")
      ->capture_default_str();
}

store::Project open(const Look& look, const std::string& command) {
  return store::Project(look.project, open_options(command, 0, false));
}

int print_report(const store::AuditReport& report) {
  for (const std::string& problem : report.problems)
    fmt::print("{}\n", problem);
  fmt::print("{} events, {} contents, {} models checked; head {}\n{}\n", report.events,
             report.contents, report.models, report.head,
             report.problems.empty() ? "nothing was changed"
                                     : fmt::format("{} problem{}", report.problems.size(),
                                                   report.problems.size() == 1 ? "" : "s"));
  return report.problems.empty() ? kExitGood : kExitFailure;
}

void add_audit(CLI::App& app) {
  auto* audit = app.add_subcommand("audit", "Checks the record, and answers what made what");
  audit->require_subcommand(1);
  audit->footer(
      "Example:\n"
      "  aift audit verify --project reading --head 3f5a...   (a hash that was noted elsewhere)\n"
      "  aift audit samples-of --project reading 4\n"
      "  aift audit models-of --project reading img/0007.png\n"
      "  aift audit export --project reading --out record.jsonl");

  struct Arguments {
    Look look;
    std::string head;
    std::string file;
    std::string sample;
    index_t model = 0;
    std::string out;
    bool bare = false;
    bool paths = false;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* verify =
      audit->add_subcommand("verify", "Every byte that the project says, against the record");
  add_project(verify, arguments->look);
  verify->add_option("--head", arguments->head, "Hash of an event as it was noted elsewhere")
      ->type_name("HASH");
  verify->add_option("--file", arguments->file, "Checks an exported record instead")
      ->type_name("FILE");
  verify->callback([arguments] {
    const int status = print_report(arguments->file.empty()
                                        ? store::verify(arguments->look.project, arguments->head)
                                        : store::verify_export(arguments->file, arguments->head));
    if (status != kExitGood) throw CLI::RuntimeError(status);
  });

  auto* samples = audit->add_subcommand("samples-of", "Which labels made this model");
  add_project(samples, arguments->look);
  samples->add_option("model", arguments->model, "Its number")->required()->type_name("N");
  samples->add_flag("--paths", arguments->paths, "Paths too, which may identify patients");
  samples->callback([arguments] {
    const store::Project project = open(arguments->look, "audit");
    const auto uses = store::samples_of(project, arguments->model);
    fmt::print("sample,label,model,withdrawn{}\n", arguments->paths ? ",path" : "");
    for (const store::SampleUse& use : uses) {
      fmt::print("{},{},{},{}{}\n", use.sample.sid, class_of(project, use.label), use.model,
                 use.sample.withdrawn ? 1 : 0, arguments->paths ? "," + use.sample.path : "");
    }
  });

  auto* models = audit->add_subcommand("models-of", "Every model that a sample has touched");
  add_project(models, arguments->look);
  models->add_option("sample", arguments->sample, "Name of the record, path or number")
      ->required()
      ->type_name("SAMPLE");
  models->callback([arguments] {
    const store::Project project = open(arguments->look, "audit");
    const std::vector<store::StoredModel> all = project.models();
    const auto touches = store::models_of(project, project.sample(arguments->sample));
    fmt::print("model,trained,inherited,tested,current,hash\n");
    for (const store::ModelTouch& touch : touches) {
      fmt::print("{},{:d},{:d},{:d},{:d},{}\n", touch.model, touch.trained, touch.inherited,
                 touch.tested, touch.current, all[static_cast<std::size_t>(touch.model)].hash);
    }
  });

  auto* out = audit->add_subcommand("export", "The record as JSON lines, without paths and names");
  add_project(out, arguments->look);
  out->add_option("--out", arguments->out, "The file")->required()->type_name("FILE");
  out->add_flag("--bare", arguments->bare, "Events alone, without scores, picks and training sets");
  out->callback([arguments] {
    store::export_audit(open(arguments->look, "audit"), arguments->out, !arguments->bare);
  });
}

}  // namespace

void print_status(const store::Project& project, bool json) {
  const store::ProjectStatus s = project.status();
  if (json) {
    print_json(project, s);
    return;
  }
  if (!project.settings().synthetic.empty())
    fmt::print("synthetic data: {}\n", project.settings().synthetic);
  fmt::print(
      "samples   {}: {} in the pool, {} in the locked test set ({} labelled), {} kept out, {} "
      "withdrawn\n",
      s.samples, s.pool, s.test, s.test_labelled, s.out, s.withdrawn);
  fmt::print("labels    {} of the pool, from {} answers; {} conflicts\n", s.labelled, s.answers,
             s.conflicts);
  fmt::print("rounds    {}{}\n", s.rounds,
             s.open_round < 0 ? ""
                              : fmt::format("; round {} is open, {} of {} answered", s.open_round,
                                            s.open_answered, s.open_picks));
  fmt::print("models    {}, {} of them rejected\n", s.models, s.rejected);
  if (s.model) {
    const Metrics& m = s.model->metrics;
    fmt::print(
        "current   model {} of round {}: auc {}, accuracy {}, balanced {}, log loss {} on {} "
        "test samples\n",
        s.model->number, s.model->round, figure(m.auc), figure(m.accuracy),
        figure(m.balanced_accuracy), figure(m.log_loss), m.samples);
  }
  if (s.left == 0) {
    fmt::print("go on     every sample of the pool has an answer\n");
  } else {
    fmt::print("go on     {} labels a round ({}), training {}; {} of the pool are left\n",
               std::min(project.settings().budget, s.left),
               std::isfinite(s.seconds_per_label) ? duration(s.seconds_per_label) + " each"
                                                  : "time not known yet",
               duration(s.seconds_per_training), s.left);
  }
  fmt::print("record    {} events, head {}\n", s.events, s.head);
  fmt::print("size      {:.1f} MB\n", static_cast<double>(s.bytes) / 1e6);
  fmt::print("next      {}\n", s.next);
}

void add_look_commands(CLI::App& app) {
  struct StatusArguments {
    Look look;
    bool json = false;
  };
  auto status = std::make_shared<StatusArguments>();
  auto* command = app.add_subcommand("status", "Where a project stands, and what to do next");
  add_project(command, status->look);
  command->add_flag("--json", status->json, "For programs");
  command->footer("Example:\n  aift status --project reading");
  command->callback([status] { print_status(open(status->look, "status"), status->json); });

  struct ExportArguments {
    Look look;
    std::string out;
    index_t model = -1;
  };
  auto exported = std::make_shared<ExportArguments>();
  command =
      app.add_subcommand("export", "The current model, the labels, picks and metrics as files");
  add_project(command, exported->look);
  command->add_option("--out", exported->out, "Folder")->required()->type_name("FOLDER");
  command->add_option("--model", exported->model, "Another model than the current one")
      ->type_name("N");
  command->footer(
      "Example:\n  aift export --project reading --out for-the-scanner\n"
      "\n"
      "Writes model.safetensors (or model.pt), manifest.csv, picks.csv and curve.csv. As ONNX:\n"
      "  scripts/export_onnx.py --from for-the-scanner/model.safetensors --out model.onnx");
  command->callback([exported] {
    store::export_project(open(exported->look, "export"), exported->out, exported->model);
    fmt::print("{}\n", exported->out);
  });
  add_audit(app);
}

}  // namespace aift::app
