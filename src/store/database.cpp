// SPDX-License-Identifier: Apache-2.0
#include "database.hpp"

#include <cmath>
#include <limits>

#include <aift/core/error.hpp>

namespace aift::store {

namespace {

[[noreturn]] void fail(sqlite3* database, const std::string& file) {
  const int code = database == nullptr ? SQLITE_NOMEM : sqlite3_errcode(database);
  const char* why = database == nullptr ? "out of memory" : sqlite3_errmsg(database);
  switch (code & 0xFF) {
    case SQLITE_FULL:
      throw IoError(fmt::format(
          "{} could not be written: the disk is full. Nothing of this step was kept; make room and "
          "repeat it.",
          file));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw IoError(fmt::format("{} is being written to by another process; try again.", file));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw IoError(fmt::format(
          "{} is damaged or no project ({}); restore it from a copy.", file, why));
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      throw IoError(fmt::format("{} could not be opened for this: {}; check path and rights.", file,
                                why));
    case SQLITE_IOERR:
      throw IoError(fmt::format(
          "{} could not be read or written: {}. Nothing of this step was kept; check the disk and "
          "repeat it.",
          file, why));
    default:
      throw IoError(fmt::format("{}: {}.", file, why));
  }
}

}  // namespace

Statement::Statement(sqlite3* database, std::string_view sql, const std::string& file)
    : file_(&file) {
  sqlite3_stmt* made = nullptr;
  const int code =
      sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &made, nullptr);
  statement_.reset(made);
  if (code != SQLITE_OK) fail(database, file);
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter + 1, value);
  return *this;
}

Statement& Statement::bind(int parameter, double value) {
  if (std::isnan(value)) {
    sqlite3_bind_null(statement_.get(), parameter + 1);
  } else {
    sqlite3_bind_double(statement_.get(), parameter + 1, value);
  }
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  if (sqlite3_bind_text64(statement_.get(), parameter + 1, text.data() == nullptr ? "" : text.data(),
                          text.size(), SQLITE_TRANSIENT, SQLITE_UTF8) != SQLITE_OK)
    fail(sqlite3_db_handle(statement_.get()), *file_);
  return *this;
}

Statement& Statement::bind_blob(int parameter, std::string_view bytes) {
  if (sqlite3_bind_blob64(statement_.get(), parameter + 1, bytes.data() == nullptr ? "" : bytes.data(),
                          bytes.size(), SQLITE_STATIC) != SQLITE_OK)
    fail(sqlite3_db_handle(statement_.get()), *file_);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) fail(sqlite3_db_handle(statement_.get()), *file_);
  return false;
}

void Statement::run() {
  step();
  reset();
}

void Statement::reset() { sqlite3_reset(statement_.get()); }
int Statement::columns() const { return sqlite3_column_count(statement_.get()); }

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const {
  if (is_null(column)) return std::numeric_limits<double>::quiet_NaN();
  return sqlite3_column_double(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr || size <= 0) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

bool Statement::is_real(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_FLOAT;
}

Database::Database(const std::filesystem::path& file, Mode mode)
    : file_(std::make_shared<const std::string>(file.string())) {
  const int flags = mode == Mode::read     ? SQLITE_OPEN_READONLY
                    : mode == Mode::write  ? SQLITE_OPEN_READWRITE
                    : mode == Mode::create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                           : SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY;
  sqlite3* opened = nullptr;
  const std::string& name = mode == Mode::memory ? ":memory:" : *file_;
  const int code = sqlite3_open_v2(name.c_str(), &opened, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(opened);
  if (code != SQLITE_OK) fail(opened, *file_);
  sqlite3_extended_result_codes(opened, 1);
  sqlite3_busy_timeout(opened, 10'000);
  // A file from somebody else may hold triggers and views: functions in them are not to be trusted,
  // and cells are checked when they are read.
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  run("PRAGMA cell_size_check = ON; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;");
  if (mode == Mode::create) run("PRAGMA journal_mode = WAL;");
}

void Database::run(std::string_view sql) const {
  if (sqlite3_exec(handle_.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    fail(handle_.get(), *file_);
}

std::int64_t Database::integer(std::string_view sql) const {
  Statement s = prepare(sql);
  return s.step() ? s.integer(0) : 0;
}

std::string Database::text(std::string_view sql) const {
  Statement s = prepare(sql);
  return s.step() ? s.text(0) : std::string();
}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  sqlite3_exec(database_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_->run("COMMIT");
  database_ = nullptr;
}

}  // namespace aift::store
