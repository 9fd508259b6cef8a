import Foundation
import Testing

// Goal: the sources keep rules that the compiler does not check. Method: read the sources.

@Suite struct HabitTests {
  @Test("a file declares one type and is named after it")
  func filesAreNamedAfterTheirType() {
    let access = /^(?:@\w+(?:\([^)]*\))? )*(?:package |public |internal )?/
    let declaration =
      /(?:final |indirect |nonisolated )*(?:struct|class|enum|actor|protocol|typealias) (\w+)/
    var count = 0
    for file in Sources.product {
      // `Type+Aspect.swift` extends a type; `TypeBridge.swift` contains its calls to C.
      let name = file.name.hasSuffix("Bridge") ? String(file.name.dropLast(6)) : file.name
      let types = file.lines.compactMap { line -> String? in
        // Most lines are indented or empty, and regular expressions are slow in a debug build.
        guard let first = line.first, first != " ", let start = line.prefixMatch(of: access) else {
          return nil
        }
        return line[start.range.upperBound...].prefixMatch(of: declaration).map { String($0.1) }
      }
      count += types.count
      if file.name.contains("+") {
        #expect(types.isEmpty, "\(file.path) declares \(types)")
      } else {
        #expect(types.allSatisfy { $0 == name || $0 == file.name }, "\(file.path) declares \(types)")
        #expect(types.count == 1 || file.name.hasSuffix("Bridge"), "\(file.path) must declare one type")
      }
    }
    #expect(count > 250, "too few type declarations were found: \(count)")
  }

  @Test("banned calls do not occur")
  func bannedCalls() {
    for file in Sources.product {
      let source = file.code
      for banned in ["fatalError(", "try!", "Task.detached", "as!", " Task {", "= Task {"] {
        let holds = source.contains(banned)
        #expect(!holds, "\(file.path) contains \(banned)")
      }
      let prints = source.split(separator: "\n").contains { line in
        line.contains("print(") && !line.contains(".print(") && !line.contains("func print(")
      }
      #expect(file.path.hasPrefix("Workers/Millrace/") || !prints, "\(file.path) prints")
    }
  }

  /// Other files that use `unsafe`: executors and their actors, mapped memory, record codecs, system calls.
  private static let unsafeFiles: Set<String> = [
    "Core/Base/BlockingExecutor/BlockingExecutor.swift", "Core/Base/BlockingExecutor/BlockingCalls.swift",
    "Core/Connections/KafkaClient/KafkaAdmin.swift", "Core/Connections/KafkaClient/KafkaConsumer.swift",
    "Core/Connections/KafkaClient/KafkaProducer.swift", "Core/Connections/KafkaClient/ReplayReader.swift",
    "Core/Contract/Records/Wire/WireFloats.swift", "Core/Vectors/Encoder/Encoder.swift",
    "Core/Vectors/VectorMath/FloatBuffer.swift", "Core/Vectors/VectorMath/MappedFile.swift",
    "Core/Operations/Supervision/FreePort.swift", "Core/Operations/Supervision/StateLock.swift",
    "Workers/Search/SearchIndex.swift",
  ]

  @Test("unsafe occurs only in bridges to C and in the listed files")
  func unsafeIsConfined() {
    for file in Sources.product {
      if file.name.hasSuffix("Bridge") {
        let isBridge = file.uses("unsafe") || file.imports.contains { $0.wholeMatch(of: /C[A-Z]\w*/) != nil }
        #expect(isBridge, "\(file.path) is not a bridge")
      } else {
        #expect(file.uses("unsafe") == Self.unsafeFiles.contains(file.path), "\(file.path)")
      }
    }
  }

  @Test("each @unchecked Sendable has a comment that justifies it")
  func uncheckedSendableIsExplained() {
    for file in Sources.product {
      let lines = file.lines
      for (index, line) in lines.enumerated() where line.contains("@unchecked Sendable") {
        let isExplained = line.contains("//") || (index > 0 && lines[index - 1].hasPrefix("//"))
        #expect(isExplained, "\(file.path):\(index + 1)")
      }
    }
  }
}
