// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include <aift/core/types.hpp>

namespace aift::store {

/// A prepared statement: bind, then `while (s.step())`. Parameters and columns count from 0.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql, const std::string& file);
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::uint64_t value) = delete;
  Statement& bind(int parameter, int value) {
    return bind(parameter, static_cast<std::int64_t>(value));
  }
  Statement& bind(int parameter, double value);  ///< NaN is NULL
  Statement& bind(int parameter, std::string_view text);
  Statement& bind_blob(int parameter, std::string_view bytes);
  /// All parameters in order.
  template <class... Values>
  Statement& with(const Values&... values) {
    reset();
    int parameter = 0;
    (bind(parameter++, values), ...);
    return *this;
  }
  /// False: no further row.
  bool step();
  /// Runs a statement that gives no rows, and resets it.
  void run();
  void reset();
  [[nodiscard]] int columns() const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;  ///< NULL is NaN
  [[nodiscard]] std::string text(int column) const;  ///< also the bytes of a blob
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] bool is_real(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  const std::string* file_;
};

/// One connection. Its errors are IoErrors that name the file and say what is to be done.
class Database {
 public:
  enum class Mode : std::uint8_t { read, write, create, memory };
  Database() = default;
  Database(const std::filesystem::path& file, Mode mode);

  [[nodiscard]] Statement prepare(std::string_view sql) const { return {handle(), sql, *file_}; }
  void run(std::string_view sql) const;  ///< several statements, no rows
  [[nodiscard]] std::int64_t integer(std::string_view sql) const;  ///< of the first row; 0 without
  [[nodiscard]] std::string text(std::string_view sql) const;      ///< the same; empty without
  [[nodiscard]] sqlite3* handle() const noexcept { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
  };
  std::shared_ptr<const std::string> file_;  // statements refer to it
  std::unique_ptr<sqlite3, Close> handle_;
};

/// All or nothing; without commit() nothing.
class Transaction {
 public:
  explicit Transaction(const Database& database) : database_(&database) {
    database.run("BEGIN IMMEDIATE");
  }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  const Database* database_;
};

}  // namespace aift::store
