import Foundation
import VectorMath

/// The weights of a BERT encoder. Linear layers are `output × input`, as stored in the file.
struct BertWeights: Sendable {
  struct Linear: Sendable {
    var weight: FloatBuffer
    var bias: FloatBuffer
  }

  struct Norm: Sendable {
    var gamma: FloatBuffer
    var beta: FloatBuffer
  }

  struct Layer: Sendable {
    var query: Linear
    var key: Linear
    var value: Linear
    var attentionOutput: Linear
    var attentionNorm: Norm
    var intermediate: Linear
    var output: Linear
    var outputNorm: Norm
  }

  let dimension: Int
  let headCount: Int
  let intermediateDimension: Int
  let vocabularyCount: Int
  let epsilon: Float
  let words: FloatBuffer
  let positions: FloatBuffer
  let types: FloatBuffer
  let embeddingNorm: Norm
  let layers: [Layer]
  /// A digest of the weights, whatever the model is called.
  let fingerprint: String
  private let tensors: SafeTensors

  /// - Throws: `VectorError` when a tensor or the configuration does not fit; Foundation's error when
  ///   `config.json` can't be read or decoded.
  init(directory: String) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: directory + "/config.json"))
    let config = try JSONDecoder().decode(ModelConfiguration.self, from: data)
    guard config.hidden_act == "gelu", config.num_attention_heads > 0,
      config.hidden_size % config.num_attention_heads == 0,
      config.max_position_embeddings >= Encoder.tokensMax
    else { throw VectorError.badModel("config.json: must be a BERT encoder with GELU and 256 positions") }
    for (name, value) in [
      ("hidden_size", config.hidden_size), ("intermediate_size", config.intermediate_size),
      ("hidden_size / num_attention_heads", config.hidden_size / config.num_attention_heads),
    ] where value <= 0 || value % 32 != 0 {
      throw VectorError.badModel("config.json: \(name) is \(value), and must be a multiple of 32")
    }
    for (name, value) in [
      ("vocab_size", config.vocab_size), ("type_vocab_size", config.type_vocab_size),
      ("num_hidden_layers", config.num_hidden_layers),
    ] where !(1...1 << 24).contains(value) {
      throw VectorError.badModel("config.json: \(name) is \(value), and must be from 1 to \(1 << 24)")
    }
    let tensors = try SafeTensors(path: directory + "/model.safetensors")
    let d = config.hidden_size
    let inner = config.intermediate_size
    dimension = d
    headCount = config.num_attention_heads
    intermediateDimension = inner
    vocabularyCount = config.vocab_size
    epsilon = config.layer_norm_eps
    func linear(_ name: String, _ output: Int, _ input: Int) throws -> Linear {
      Linear(
        weight: try tensors.tensor(name + ".weight", shape: [output, input]),
        bias: try tensors.tensor(name + ".bias", shape: [output]))
    }
    func norm(_ name: String) throws -> Norm {
      Norm(
        gamma: try tensors.tensor(name + ".weight", shape: [d]),
        beta: try tensors.tensor(name + ".bias", shape: [d]))
    }
    words = try tensors.tensor("embeddings.word_embeddings.weight", shape: [config.vocab_size, d])
    positions = try tensors.tensor(
      "embeddings.position_embeddings.weight", shape: [config.max_position_embeddings, d])
    types = try tensors.tensor("embeddings.token_type_embeddings.weight", shape: [config.type_vocab_size, d])
    embeddingNorm = try norm("embeddings.LayerNorm")
    layers = try (0..<config.num_hidden_layers).map { index in
      let prefix = "encoder.layer.\(index)."
      return Layer(
        query: try linear(prefix + "attention.self.query", d, d),
        key: try linear(prefix + "attention.self.key", d, d),
        value: try linear(prefix + "attention.self.value", d, d),
        attentionOutput: try linear(prefix + "attention.output.dense", d, d),
        attentionNorm: try norm(prefix + "attention.output.LayerNorm"),
        intermediate: try linear(prefix + "intermediate.dense", inner, d),
        output: try linear(prefix + "output.dense", d, inner),
        outputNorm: try norm(prefix + "output.LayerNorm"))
    }
    fingerprint = tensors.fingerprint
    self.tensors = tensors
  }

  /// Frees the memory of the file's pages. Later reads load them from the file again.
  func dropPages() { tensors.dropPages() }
}
