import Foundation

/// The shape of a BERT model, from `config.json`.
struct ModelConfiguration: Decodable {
  var hidden_size: Int
  var num_hidden_layers: Int
  var num_attention_heads: Int
  var intermediate_size: Int
  var vocab_size: Int
  var max_position_embeddings: Int
  var type_vocab_size: Int
  var layer_norm_eps: Float
  var hidden_act: String
}
