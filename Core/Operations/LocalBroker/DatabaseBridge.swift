internal import CSQLite

/// One connection to a database file; used by one thread at a time.
@safe final class Database {
  private let pointer: OpaquePointer
  private var statements: [String: OpaquePointer] = unsafe [:]

  init(path: String, synchronous: String, readOnly: Bool) throws(StorageError) {
    var opened: OpaquePointer?
    let flags =
      (readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX
    let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
    guard code == SQLITE_OK, let opened = unsafe opened else {
      let detail = unsafe opened.map { unsafe String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      unsafe sqlite3_close(opened)
      throw StorageError(call: "open \(path)", code: code, detail: detail)
    }
    unsafe pointer = opened
    unsafe sqlite3_busy_timeout(opened, 10_000)
    if !readOnly {
      try execute("PRAGMA auto_vacuum=INCREMENTAL")
      try execute("PRAGMA journal_mode=WAL")
      try execute("PRAGMA synchronous=\(synchronous)")
      // A separate thread runs the checkpoints, because they wait for the disk (50 ms were measured). A
      // writer runs one only when the WAL has grown to 100,000 pages (400 MB).
      try execute("PRAGMA wal_autocheckpoint=100000")
    }
    try execute("PRAGMA mmap_size=268435456")
  }

  deinit {
    unsafe statements.values.forEach { unsafe sqlite3_finalize($0) }
    unsafe sqlite3_close(pointer)
  }

  private func error(_ call: String, _ code: Int32) -> StorageError {
    StorageError(call: call, code: code, detail: unsafe String(cString: sqlite3_errmsg(pointer)))
  }

  func execute(_ sql: String) throws(StorageError) {
    let code = unsafe sqlite3_exec(pointer, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw error(sql, code) }
  }

  /// Runs a statement and passes each row to `row`. Statements are prepared once and kept.
  func run(_ sql: String, _ values: [SQLValue] = [], row: (Row) -> Void = { _ in }) throws(StorageError) {
    let statement = try unsafe prepared(sql)
    defer {
      unsafe sqlite3_reset(statement)
      unsafe sqlite3_clear_bindings(statement)
    }
    for (index, value) in values.enumerated() {
      let position = Int32(index + 1)
      let code: Int32 =
        switch value {
        case .int(let number): unsafe sqlite3_bind_int64(statement, position, number)
        // Pass the length: a text may contain NUL and must not end there.
        case .text(let text):
          unsafe sqlite3_bind_text(statement, position, text, Int32(clamping: text.utf8.count), transient)
        case .blob(let bytes):
          unsafe bytes.withUnsafeBytes {
            unsafe sqlite3_bind_blob64(statement, position, $0.baseAddress, UInt64($0.count), transient)
          }
        }
      guard code == SQLITE_OK else { throw error(sql, code) }
    }
    while true {
      let code = unsafe sqlite3_step(statement)
      if code == SQLITE_DONE { return }
      guard code == SQLITE_ROW else { throw error(sql, code) }
      row(unsafe Row(statement: statement))
    }
  }

  private func prepared(_ sql: String) throws(StorageError) -> OpaquePointer {
    if let statement = unsafe statements[sql] { return unsafe statement }
    var statement: OpaquePointer?
    let code = unsafe sqlite3_prepare_v3(pointer, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard code == SQLITE_OK, let statement = unsafe statement else { throw error(sql, code) }
    unsafe statements[sql] = statement
    return unsafe statement
  }
}

/// SQLITE_TRANSIENT: SQLite copies the bound value.
private let transient = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)

// One thread uses it at a time: a reader takes it from the pool, the write leader owns the writer, and the
// checkpoint thread owns its own.
extension Database: @unchecked Sendable {}
