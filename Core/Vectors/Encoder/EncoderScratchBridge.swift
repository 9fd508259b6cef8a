internal import CEncoder
import VectorMath

/// The memory of one encoder, and the threads that work beside it. One thread at a time encodes with it.
@safe final class EncoderScratch {
  private let model: PackedModel
  private let tokensMax: Int
  private let pointer: OpaquePointer

  /// - Parameters:
  ///   - tokensMax: the most tokens of a pack.
  ///   - lengthMax: the most tokens of a sequence.
  /// - Throws: `VectorError.badModel` when memory or threads are lacking.
  init(_ model: PackedModel, tokensMax: Int, lengthMax: Int, threads: Int) throws(VectorError) {
    guard let made = unsafe millrace_scratch_create(model.pointer, tokensMax, lengthMax, threads) else {
      throw .badModel("not enough memory or threads for an encoder with \(threads) threads")
    }
    self.model = model
    self.tokensMax = tokensMax
    unsafe pointer = made
  }

  deinit { unsafe millrace_scratch_free(pointer) }

  var byteCount: Int { unsafe millrace_scratch_bytes(pointer) }

  /// - Parameter ids: the sequences, one after another.
  /// - Returns: a row of unit length for each sequence.
  func encode(_ ids: [Int32], lengths: [Int]) -> [Float] {
    precondition(ids.count <= tokensMax && lengths.reduce(0, +) == ids.count && lengths.allSatisfy { $0 > 0 })
    let count = lengths.count * model.dimension
    return unsafe [Float](unsafeUninitializedCapacity: count) { rows, initialized in
      guard let out = rows.baseAddress, count > 0 else { return }
      unsafe lengths.withUnsafeBufferPointer { lengths in
        unsafe lengths.baseAddress?.withMemoryRebound(to: UInt.self, capacity: lengths.count) { sizes in
          unsafe millrace_encode(model.pointer, pointer, ids, sizes, lengths.count, out)
        }
      }
      initialized = count
    }
  }
}
