internal import CEncoder
import Foundation
import Synchronization
import VectorMath

/// The weights of a model, packed for this processor's kernels. All encoders of a process share them.
@safe final class PackedModel {
  private struct Key: Hashable {
    var directory: String
    var fingerprint: String
    var numericClass: NumericClass
    var set: InstructionSet
  }

  private struct Known { weak var model: PackedModel? }

  private static let known = Mutex<[Key: Known]>([:])

  let pointer: OpaquePointer
  let numericClass: NumericClass
  let dimension: Int
  /// The word embeddings, which are not packed: the model reads them where they are.
  private let words: FloatBuffer

  /// - Throws: `VectorError` when a tensor or the configuration does not fit, or this processor lacks the class;
  ///   Foundation's error when a file can't be read or decoded.
  static func shared(directory: String, precision: EncoderPrecision, on set: InstructionSet) throws
    -> PackedModel
  {
    let weights = try BertWeights(directory: directory)
    let key = Key(
      directory: directory, fingerprint: weights.fingerprint,
      numericClass: try precision.numericClass(weights.fingerprint, on: set), set: set)
    return try known.withLock { known in
      if let model = known[key]?.model { return model }
      let model = try PackedModel(weights, key.numericClass, set)
      known[key] = Known(model: model)
      return model
    }
  }

  private init(_ weights: BertWeights, _ numericClass: NumericClass, _ set: InstructionSet)
    throws(VectorError)
  {
    self.numericClass = numericClass
    dimension = weights.dimension
    words = weights.words
    let shape = millrace_encoder_shape(
      width: weights.dimension, head_width: weights.dimension / weights.headCount,
      inner: weights.intermediateDimension, layers: weights.layers.count, epsilon: weights.epsilon)
    // Token type 0 is that of a single text.
    guard
      let made = unsafe millrace_model_create(
        set.number, numericClass.number, shape, weights.words.pointer, weights.vocabularyCount,
        weights.positions.pointer,
        weights.positions.count / weights.dimension, weights.types.pointer,
        weights.embeddingNorm.gamma.pointer, weights.embeddingNorm.beta.pointer)
    else { throw .badModel("not enough memory for the model's weights") }
    unsafe pointer = made
    for layer in weights.layers {
      var packed = unsafe Self.described(layer)
      guard unsafe millrace_model_add(made, &packed) != 0 else {
        throw .badModel("not enough memory for the model's weights")
      }
      // So the whole file and all packed weights are never in memory at the same time.
      weights.dropPages()
    }
  }

  deinit { unsafe millrace_model_free(pointer) }

  /// The bytes of the packed weights.
  var byteCount: Int { unsafe millrace_model_bytes(pointer) }

  private static func described(_ layer: BertWeights.Layer) -> millrace_layer {
    unsafe millrace_layer(
      query: layer.query.weight.pointer, query_bias: layer.query.bias.pointer,
      key: layer.key.weight.pointer, key_bias: layer.key.bias.pointer,
      value: layer.value.weight.pointer, value_bias: layer.value.bias.pointer,
      attention_output: layer.attentionOutput.weight.pointer,
      attention_output_bias: layer.attentionOutput.bias.pointer,
      attention_gamma: layer.attentionNorm.gamma.pointer, attention_beta: layer.attentionNorm.beta.pointer,
      intermediate: layer.intermediate.weight.pointer, intermediate_bias: layer.intermediate.bias.pointer,
      output: layer.output.weight.pointer, output_bias: layer.output.bias.pointer,
      output_gamma: layer.outputNorm.gamma.pointer, output_beta: layer.outputNorm.beta.pointer)
  }
}

// Nothing is written after init.
extension PackedModel: @unchecked Sendable {}
