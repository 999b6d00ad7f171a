// SPDX-License-Identifier: Apache-2.0
#include "prediction_table.hpp"

#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>

namespace aift {

PredictionTable::PredictionTable(std::span<const std::string> class_names, index_t round)
    : class_names_(class_names), round_(round) {
  std::vector<std::string> header = {"round", "split", "candidate", "path", "group", "label"};
  for (const std::string& name : class_names_)
    header.push_back("p:" + name);
  text_ = io::csv_line(header);
}

void PredictionTable::add(const Row& row) {
  std::vector<std::string> fields = {
      std::to_string(round_),
      std::string(row.split),
      std::to_string(row.candidate),
      std::string(row.path),
      std::string(row.group),
      row.label == kUnlabelled ? std::string() : class_names_[static_cast<std::size_t>(row.label)]};
  for (const double p : row.probabilities)
    fields.push_back(io::shortest(p));
  text_ += io::csv_line(fields);
}

}  // namespace aift
