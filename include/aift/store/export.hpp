// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <aift/store/project.hpp>

namespace aift::store {

/// What was asked, `round,rank,path,group,label,score,entropy,diversity,prediction,probability,
/// rule`, all rounds. label: the readers' verdict, empty where there is none. Times are not in it: a
/// project that was interrupted gives the same bytes as one that was not.
[[nodiscard]] std::string picks_csv(const Project& project);
/// Models in order: `model,round,parent,accepted,labels,auc,accuracy,balanced_accuracy,log_loss,tested,
/// hash`.
[[nodiscard]] std::string curve_csv(const Project& project);
/// `path,label,group,split,sample` of every sample that was not withdrawn, with the readers' verdicts.
[[nodiscard]] std::string manifest_csv(const Project& project);

/// Writes manifest.csv, picks.csv, curve.csv and, where there is an accepted model, a checked copy of
/// its file as model.<type>. Each file appears complete or not at all. These files hold paths and
/// groups. throws IoError, ValueError (a model number that does not exist)
void export_project(const Project& project, const std::filesystem::path& folder, index_t model = -1);

}  // namespace aift::store
