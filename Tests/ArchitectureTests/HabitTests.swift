import Foundation
import Testing

// Goal: what the style asks for and a compiler does not. Method: read the sources.

@Suite struct HabitTests {
  @Test("a file holds one type and has its name")
  func filesAreNamedAfterTheirType() {
    let declaration =
      /^(?:@\w+(?:\([^)]*\))? )*(?:package |public |internal )?(?:final |indirect |nonisolated )*(?:struct|class|enum|actor|protocol|typealias) (\w+)/
    var count = 0
    for file in Sources.product {
      // `Type+Aspect.swift` extends a type; `TypeBridge.swift` is its door to C.
      let name = file.name.hasSuffix("Bridge") ? String(file.name.dropLast(6)) : file.name
      let types = file.lines.compactMap { line in line.prefixMatch(of: declaration).map { String($0.1) } }
      count += types.count
      if file.name.contains("+") {
        #expect(types.isEmpty, "\(file.path) holds \(types)")
      } else {
        #expect(types.allSatisfy { $0 == name || $0 == file.name }, "\(file.path) holds \(types)")
        #expect(types.count == 1 || file.name.hasSuffix("Bridge"), "\(file.path) holds no type of its name")
      }
    }
    #expect(count > 250, "the sources were found: \(count)")
  }

  @Test("banned calls appear nowhere")
  func bannedCalls() {
    for file in Sources.product {
      let source = file.code
      for banned in ["fatalError(", "try!", "Task.detached", "as!", " Task {", "= Task {"] {
        let holds = source.contains(banned)
        #expect(!holds, "\(file.path) holds \(banned)")
      }
      let prints = source.split(separator: "\n").contains { line in
        line.contains("print(") && !line.contains(".print(") && !line.contains("func print(")
      }
      #expect(file.path.hasPrefix("Workers/Millrace/") || !prints, "\(file.path) prints")
    }
  }

  /// Beside the bridges: executors and the one line of their actors, mapped memory, record codecs, calls of the system.
  private static let unsafeFiles: Set<String> = [
    "Core/Base/BlockingExecutor/BlockingExecutor.swift", "Core/Base/BlockingExecutor/BlockingCalls.swift",
    "Core/Connections/KafkaClient/KafkaAdmin.swift", "Core/Connections/KafkaClient/KafkaConsumer.swift",
    "Core/Connections/KafkaClient/KafkaProducer.swift", "Core/Connections/KafkaClient/ReplayReader.swift",
    "Core/Contract/Records/Wire/WireFloats.swift", "Core/Vectors/Encoder/Encoder.swift",
    "Core/Vectors/VectorMath/FloatBuffer.swift", "Core/Vectors/VectorMath/MappedFile.swift",
    "Core/Operations/Supervision/FreePort.swift", "Core/Operations/Supervision/KernelChoice.swift",
    "Core/Operations/Supervision/StateLock.swift",
    "Workers/Search/SearchIndex.swift",
  ]

  @Test("unsafe stands in bridges to C, and in the files of the list")
  func unsafeIsConfined() {
    for file in Sources.product {
      if file.name.hasSuffix("Bridge") {
        let isBridge = file.uses("unsafe") || file.imports.contains { $0.wholeMatch(of: /C[A-Z]\w*/) != nil }
        #expect(isBridge, "\(file.path) is no bridge")
      } else {
        #expect(file.uses("unsafe") == Self.unsafeFiles.contains(file.path), "\(file.path)")
      }
    }
  }

  @Test("@unchecked Sendable says what makes it true")
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
