/// The instruction sets that the encoder has kernels for.
package enum InstructionSet: String, Sendable, CaseIterable {
  /// With BF16 and VNNI.
  case avx512
  case avx2
  /// Plain C, for other processors and as the reference that the others are compared with.
  case portable

  /// The best that this processor has.
  package static let best = allCases.first(where: \.isPresent) ?? .portable
}
