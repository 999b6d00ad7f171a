// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include <sqlite3.h>

#include "support/catch.hpp"

namespace aift::test {

/// Runs SQL on a project behind the library's back.
inline void tamper(const std::filesystem::path& folder, const std::string& sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((folder / "project.db").c_str(), &db) == SQLITE_OK);
  char* error = nullptr;
  const int code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error);
  const std::string message = error == nullptr ? "" : error;
  sqlite3_free(error);
  sqlite3_close(db);
  INFO(sql << ": " << message);
  REQUIRE(code == SQLITE_OK);
}

/// All that a database says, as text; empty when it cannot be read.
inline std::string dump_database(const std::filesystem::path& folder) {
  sqlite3* db = nullptr;
  std::string text;
  if (sqlite3_open_v2((folder / "project.db").c_str(), &db, SQLITE_OPEN_READWRITE, nullptr) ==
      SQLITE_OK) {
    const auto rows = [&](const std::string& sql, auto&& each) {
      sqlite3_stmt* s = nullptr;
      if (sqlite3_prepare_v2(db, sql.c_str(), -1, &s, nullptr) != SQLITE_OK) return false;
      int code = SQLITE_ROW;
      while ((code = sqlite3_step(s)) == SQLITE_ROW)
        each(s);
      sqlite3_finalize(s);
      return code == SQLITE_DONE;
    };
    std::vector<std::string> tables;
    bool good = rows("SELECT name, sql FROM sqlite_schema ORDER BY 1", [&](sqlite3_stmt* s) {
      const auto* sql = reinterpret_cast<const char*>(sqlite3_column_text(s, 1));
      const std::string made = sql == nullptr ? "" : sql;
      text += made + "\n";
      if (made.starts_with("CREATE TABLE"))
        tables.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(s, 0)));
    });
    for (const char* pragma : {"PRAGMA application_id", "PRAGMA user_version"})
      good = good && rows(pragma, [&](sqlite3_stmt* s) { text += std::to_string(sqlite3_column_int64(s, 0)) + "\n"; });
    for (const std::string& table : tables) {
      good = good && rows("SELECT * FROM " + table, [&](sqlite3_stmt* s) {
        for (int c = 0; c < sqlite3_column_count(s); ++c) {
          const void* bytes = sqlite3_column_blob(s, c);
          const auto size = static_cast<std::size_t>(sqlite3_column_bytes(s, c));
          text += std::to_string(sqlite3_column_type(s, c)) + ":" +
                  (bytes == nullptr ? std::string()
                                    : std::string(static_cast<const char*>(bytes), size)) + "|";
        }
        text += "\n";
      });
    }
    if (!good) text.clear();
  }
  sqlite3_close(db);
  return text;
}

inline void flip_bit(const std::filesystem::path& file, std::uintmax_t at, int bit) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(at));
  const int byte = stream.get();
  REQUIRE(byte >= 0);
  stream.seekp(static_cast<std::streamoff>(at));
  stream.put(static_cast<char>(byte ^ (1 << bit)));
}

/// What a project looked like before the second version of its tables.
inline void downgrade_to_schema_1(const std::filesystem::path& folder) {
  tamper(folder,
         "DROP INDEX picks_round; ALTER TABLE models DROP COLUMN seconds; PRAGMA user_version = 1;");
}

}  // namespace aift::test
